//! The notary (司法链) over HTTP: one POST for each day root, answered with the signed receipt.
//!
//! The body is the JSON of [`HandIn`] and nothing else. `Idempotency-Key` follows from it, so that
//! a repeat, after a lost answer or a kill, is recognised and answered with the same proof. What
//! goes out and what comes back is logged: day, name of the hand-in, status, time taken; of a
//! refusal the beginning, without long numbers. Neither our credentials nor the address are.

use std::time::{Duration, Instant};

use songda_service::evidence::notary::{HandIn, Notary, NotaryError, NotaryReceipt};
use songda_store::{Said, http, masked::mask_digits};

/// How long one hand-in may take, if nothing else is said.
pub const TIMEOUT: Duration = Duration::from_secs(20);
/// The longest answer that is read.
const MOST: usize = 64 << 10;
/// So much of a refusal is shown.
const SHOWN: usize = 200;

/// A notary that is reached over HTTP.
#[derive(Clone)]
pub struct HttpNotary {
    /// Outbound HTTP.
    pub http: http::Client,
    /// Where roots are posted to.
    pub url: String,
    /// Bearer key that it gave us.
    pub key: String,
    /// How long one hand-in may take: [`TIMEOUT`].
    pub timeout: Duration,
}

impl std::fmt::Debug for HttpNotary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpNotary").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Notary for HttpNotary {
    async fn hand_in(&self, root: &HandIn) -> Result<NotaryReceipt, NotaryError> {
        let (name, begun) = (root.key(), Instant::now());
        tracing::info!(court = root.court, day = root.day, name, "a day root is handed in");
        let answered = self.post(root, &name).await;
        let ms = begun.elapsed().as_millis() as u64;
        match &answered {
            Ok(receipt) => tracing::info!(
                court = root.court,
                day = root.day,
                name,
                ms,
                block = receipt.block,
                "the notary answered with a receipt"
            ),
            Err(error) => tracing::info!(court = root.court, day = root.day, name, ms, %error, "no receipt came"),
        }
        answered
    }
}

impl HttpNotary {
    async fn post(&self, root: &HandIn, name: &str) -> Result<NotaryReceipt, NotaryError> {
        let request = self
            .http
            .post(&self.url)
            .header("Idempotency-Key", name)
            .bearer_auth(&self.key)
            .timeout(self.timeout)
            .json(root);
        let mut answer = request.send().await.map_err(|error| self.unreachable(error))?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|error| self.unreachable(error))? {
            if body.len() + piece.len() > MOST {
                let said = Said::new("notary.too_long", "it is longer than {kib} KiB").with("kib", MOST >> 10);
                return Err(NotaryError::Unreadable(said));
            }
            body.extend_from_slice(&piece);
        }
        if !status.is_success() {
            return Err(NotaryError::Refused { status: status.as_u16(), text: shown(&body) });
        }
        // What serde says of a wrong answer may repeat it: only where it is wrong is told.
        serde_json::from_slice(&body).map_err(|error| {
            let said = Said::new("notary.no_receipt", "line {line}, column {column}");
            NotaryError::Unreadable(said.with("line", error.line()).with("column", error.column()))
        })
    }

    fn unreachable(&self, error: reqwest::Error) -> NotaryError {
        let why = if error.is_timeout() {
            Said::new("notary.no_answer", "no answer within {seconds} s").with("seconds", self.timeout.as_secs_f64())
        } else if error.is_connect() {
            Said::new("notary.no_connection", "no connection")
        } else {
            Said::new("notary.broken_off", "the connection broke: {why}").with("why", error.without_url().to_string())
        };
        NotaryError::Unreachable(why)
    }
}

/// The beginning of what a stranger said, on one line and without long numbers.
fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let plain: String = text.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect();
    let shown: String = mask_digits(plain.trim()).chars().take(SHOWN).collect();
    if shown.is_empty() { "nothing was said".to_owned() } else { shown }
}
