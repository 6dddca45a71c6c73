//! `songda-walk URL`: walks one call through a served demo house as an agent would, and
//! looks for its report as the judge. Leaves 0 when the report is there.

use std::{io::Write as _, time::Duration};

use serde_json::{Value, json};
use songda_tests::agent::{Agent, cookie, http, until};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = std::env::args().nth(1).ok_or("say the address of the house: songda-walk http://127.0.0.1:8080")?;
    let mut out = std::io::stdout();
    let mut agent = Agent::sign_in(&url).await;
    let order = agent.current_or_next().await;
    writeln!(out, "opened {} of {}", order["task_number"], order["case"]["number"])?;
    agent.dial().await;
    agent.ended(Duration::from_secs(3)).await;
    let technical = agent.call["end"]["technical"]["code"].clone();
    writeln!(out, "called {}: {technical}", agent.call["phone_masked"])?;
    let choice = if technical == "C01" { json!({ "contact": "W1", "business": "B12" }) } else { json!({}) };
    let (status, saved) = agent.save(choice).await;
    if status != 200 {
        return Err(format!("the outcome was refused: {saved}").into());
    }
    let judge = cookie(&url, "J0001").await;
    let path = format!("{url}/api/v1/tasks/{}", order["task_id"].as_str().unwrap_or_default());
    let reports = async || -> Result<Value, reqwest::Error> {
        let text = http().get(&path).header("cookie", &judge).send().await?.text().await?;
        Ok(serde_json::from_str::<Value>(&text).unwrap_or_default()["reports"].take())
    };
    let seen = until(reports, |reports| reports.as_ref().is_ok_and(|reports| reports[0].is_object())).await;
    let Ok(Ok(reports)) = seen else {
        return Err(format!("no report within a minute: {seen:?}").into());
    };
    let report = &reports[0];
    writeln!(out, "report {} of {} pages, {}", report["version"], report["pages"], report["transcript_state"])?;
    Ok(())
}
