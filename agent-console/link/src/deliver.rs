//! Outbox to the case system: at least once, in order per task, idempotent by key.
//!
//! Each message leaves as `multipart/form-data`: part `event` is JSON, part `report` the
//! PDF. The outbox id is the `Idempotency-Key`, so that a repeat after a lost answer is
//! recognised by the receiver. A receiver that is down costs time, never a message.

use std::time::Duration;

use reqwest::multipart::{Form, Part};
use songda_service::{ServiceError, timeline};
use songda_store::{Clock, Db, Objects, Said, Sealer, StoreError, alarms, http, outbox};

/// The sink under which messages for the case system stand in the outbox.
pub const SINK: &str = "case-system";

/// How long one message may be in flight before another worker takes it.
const LEASE_MS: i64 = 60_000;

/// The court's case system.
#[derive(Clone)]
pub struct CaseSystem {
    /// Where events are posted to.
    pub url: String,
    /// Bearer key that it gave us.
    pub key: String,
}

/// Delivers what waits.
#[derive(Clone)]
pub struct Deliverer {
    /// Database.
    pub db: Db,
    /// Clock.
    pub clock: Clock,
    /// Sealed payloads.
    pub sealer: Sealer,
    /// Files.
    pub objects: Objects,
    /// Outbound HTTP.
    pub http: http::Client,
    /// Receiver.
    pub target: CaseSystem,
}

/// Why a message could not be delivered.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// Nothing answered.
    #[error("the case system cannot be reached: {0}")]
    Unreachable(String),
    /// It answered, but not with success.
    #[error("the case system refused the message with status {0}")]
    Refused(u16),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The timeline could not be written.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl Deliverer {
    /// Delivers everything that is due; answers how many messages got through.
    pub async fn run_once(&self) -> Result<usize, DeliverError> {
        let mut delivered = 0;
        for message in outbox::claim(&self.db, &self.clock, SINK, LEASE_MS, 16).await? {
            match self.send(&message).await {
                Ok(()) => {
                    self.note_delivery(&message).await?;
                    delivered += 1;
                }
                Err(error) => {
                    outbox::retry(&self.db, &self.clock, &message, &error.to_string()).await?;
                    tracing::warn!(message = %message.id, topic = %message.topic, attempts = message.attempts + 1, %error, "delivery failed");
                    if message.attempts >= 3 {
                        let text = "a report could not be handed to the case system, {tries} times so far: {why}";
                        let said = Said::new("link.delivery", text)
                            .with("tries", message.attempts + 1)
                            .with("why", error.to_string());
                        alarms::raise(&self.db, &self.clock, "link.delivery", &message.id, &said).await?;
                    }
                }
            }
        }
        Ok(delivered)
    }

    async fn send(&self, message: &outbox::Message) -> Result<(), DeliverError> {
        let payload = message.open(&self.sealer)?;
        let event = Part::text(payload.to_string())
            .mime_str("application/json")
            .map_err(|error| DeliverError::Unreachable(error.to_string()))?;
        let mut form = Form::new().part("event", event);
        if let Some(object) = &message.object_id {
            let bytes = self.objects.get(&self.db, object).await?;
            let file = Part::bytes(bytes.clone())
                .file_name("report.pdf")
                .mime_str("application/pdf")
                .map_err(|error| DeliverError::Unreachable(error.to_string()))?;
            form = form.part("report", file);
        }
        let answer = self
            .http
            .post(&self.target.url)
            .header("Idempotency-Key", &message.id)
            .bearer_auth(&self.target.key)
            .timeout(Duration::from_secs(30))
            .multipart(form)
            .send()
            .await
            .map_err(|error| DeliverError::Unreachable(error.without_url().to_string()))?;
        if answer.status().is_success() { Ok(()) } else { Err(DeliverError::Refused(answer.status().as_u16())) }
    }

    async fn note_delivery(&self, message: &outbox::Message) -> Result<(), DeliverError> {
        let mut tx = self.db.begin().await?;
        outbox::done(&mut tx, &self.clock, &message.id).await?;
        timeline::append(
            &mut tx,
            &self.clock,
            &message.order_key,
            &timeline::SYSTEM,
            timeline::Kind::Delivered,
            &message.id,
            &serde_json::json!({ "topic": message.topic }),
        )
        .await?;
        tx.commit().await?;
        alarms::clear(&self.db, &self.clock, "link.delivery", &message.id).await?;
        Ok(())
    }
}
