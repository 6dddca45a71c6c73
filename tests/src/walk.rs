//! `songda-walk URL`: walks one call through a served demo house as an agent would, and
//! looks for its report as the judge. Leaves 0 when the report is there.
//!
//! `songda-walk URL --clicks N`: clicks so often and prints how long it takes from the click to the
//! ring (R4.1a); with `--strict` it fails where one of them took too long.

use std::{
    fmt::Write as _,
    io::Write as _,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use songda_tests::agent::{Agent, cookie, http, until};

/// R4.1a: from the click to the ring at most this long, whichever call it is.
const GOAL: Duration = Duration::from_secs(3);

/// What came of the clicks, in words; and whether each of them met the goal.
fn judged(took: &[Duration]) -> (String, bool) {
    let mut sorted = took.to_vec();
    sorted.sort_unstable();
    let (Some(worst), Some(middle)) = (sorted.last(), sorted.get(sorted.len() / 2)) else {
        return ("no call rang".into(), false);
    };
    let met = *worst < GOAL;
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = write!(
        text,
        "from the click to the ring, {} calls: {} ms in the middle, {} ms at worst; goal under {} ms: {}",
        took.len(),
        middle.as_millis(),
        worst.as_millis(),
        GOAL.as_millis(),
        if met { "met" } else { "missed" },
    );
    (text, met)
}

/// Clicks, and hangs up as soon as it rings.
async fn clicks(url: &str, most: usize) -> Vec<Duration> {
    let mut agent = Agent::sign_in(url).await;
    agent.current_or_next().await;
    let mut took = Vec::new();
    while took.len() < most {
        let clicked = Instant::now();
        agent.dial().await;
        // Some are refused by the exchange before they ring.
        let rang = loop {
            match agent.frame_past_errors("call").await["phase"].as_str() {
                Some("ringing" | "early" | "notice" | "talking") => break true,
                Some("ended") => break false,
                _ => {}
            }
        };
        if rang {
            took.push(clicked.elapsed());
            agent.hang_up().await;
            agent.phase_or_error("ended").await;
        }
        if agent.call["end"]["is_attempt"] == true {
            agent.save(json!({ "contact": "", "business": "" })).await;
            let envelope = agent.frame_past_errors("work_order").await["envelope"].clone();
            agent.open(&envelope).await;
        }
    }
    took
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = std::env::args().nth(1).ok_or("say the address of the house: songda-walk http://127.0.0.1:8080")?;
    if let Some(at) = std::env::args().position(|word| word == "--clicks") {
        let most = std::env::args().nth(at + 1).ok_or("say how often: --clicks 12")?.parse()?;
        let (text, met) = judged(&clicks(&url, most).await);
        writeln!(std::io::stdout(), "{text}")?;
        let strict = std::env::args().any(|word| word == "--strict");
        return if met || !strict { Ok(()) } else { Err("the goal is missed".into()) };
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r4_1a_the_slowest_click_is_what_is_judged() {
        let ms = |all: &[u64]| all.iter().copied().map(Duration::from_millis).collect::<Vec<_>>();
        let (text, met) = judged(&ms(&[300, 2_999, 100]));
        assert!(met && text.contains("3 calls: 300 ms in the middle, 2999 ms at worst"), "{text}");
        let (text, met) = judged(&ms(&[100, 100, 100, 3_000]));
        assert!(!met && text.ends_with("missed"), "{text}");
        assert_eq!(judged(&[]), ("no call rang".into(), false));
    }
}
