//! Desk phones as signalling keeps them.

use std::{sync::Arc, time::Duration};

use songda_calls::sip::PhoneAccount;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::accounts;
use crate::Ground;

/// Rows are looked at so often: also those that another process changed.
const LOOK: Duration = Duration::from_secs(3);

/// Keeps the registrar at what the rows say, until `cancel`; at once when `changed` is told.
pub async fn watch(ground: Ground, realm: Arc<str>, changed: Arc<Notify>, cancel: CancellationToken) {
    let mut told: Option<Vec<PhoneAccount>> = None;
    loop {
        match accounts(&ground.db, &ground.sealer, &realm).await {
            Ok(wanted) if told.as_ref() != Some(&wanted) => {
                tracing::info!(phones = wanted.len(), "the desk phones are told to signalling");
                ground.switchboard.endpoint().set_phones(wanted.clone()).await;
                told = Some(wanted);
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "the desk phones could not be read"),
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            () = changed.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}
