//! The court pushes: sample orders go to the product's `POST /api/v1/orders`.

use std::time::Duration;

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::samples::Sample;
use crate::journal::{Journal, PushRecord, now_ms};

/// The longest answer that is kept.
const MAX_REPLY: usize = 64 * 1024;
/// How long an order waits for a product that does not listen yet.
const PATIENCE: u32 = 120;
const PAUSE: Duration = Duration::from_millis(500);

/// Where orders go and with which machine key. No `Debug`: the key is a secret.
#[derive(Clone)]
pub struct PushTarget {
    /// Base address of the product, e.g. `http://127.0.0.1:8080`.
    pub url: String,
    /// Machine key, sent as `Authorization: Bearer`.
    pub key: String,
}

/// Whether to wait for a product that does not listen yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    Wait,
    Once,
}

/// Pushes `samples` one after the other; each answer goes to the journal.
pub(crate) async fn push(
    client: &reqwest::Client,
    target: &PushTarget,
    samples: &[Sample],
    patience: Patience,
    journal: &Journal,
) -> Vec<PushRecord> {
    let mut records = Vec::with_capacity(samples.len());
    for sample in samples {
        let (status, reply) = match send(client, target, sample, patience).await {
            Ok((status, reply)) => (Some(status), reply),
            Err(error) => (None, json!({"error": error.without_url().to_string()})),
        };
        let record = PushRecord {
            at: now_ms(),
            order_no: sample.order_no.clone(),
            title: sample.title.clone(),
            expected: sample.expected,
            status,
            reply,
        };
        tracing::info!(order.no = %record.order_no, http.status = record.status, "order pushed");
        journal.push(record.clone());
        records.push(record);
    }
    records
}

async fn send(
    client: &reqwest::Client,
    target: &PushTarget,
    sample: &Sample,
    patience: Patience,
) -> Result<(u16, Value), reqwest::Error> {
    let url = format!("{}/api/v1/orders", target.url.trim_end_matches('/'));
    let mut tries = 0;
    let response = loop {
        let sent = client.post(&url).bearer_auth(&target.key).multipart(form(sample)?).send().await;
        match sent {
            Err(error) if error.is_connect() && patience == Patience::Wait && tries < PATIENCE => {
                tries += 1;
                tokio::time::sleep(PAUSE).await;
            }
            other => break other?,
        }
    };
    let status = response.status().as_u16();
    let bytes = response.bytes().await?;
    let bytes = &bytes[..bytes.len().min(MAX_REPLY)];
    let reply = serde_json::from_slice(bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(bytes)));
    Ok((status, reply))
}

fn form(sample: &Sample) -> Result<Form, reqwest::Error> {
    let order = Part::text(sample.order.to_string()).mime_str("application/json")?;
    let mut form = Form::new().part("order", order);
    for (name, file_name, bytes) in &sample.files {
        let part = Part::bytes(bytes.clone()).file_name(file_name.clone()).mime_str("application/pdf")?;
        form = form.part(name.clone(), part);
    }
    Ok(form)
}
