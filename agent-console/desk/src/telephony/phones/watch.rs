//! Desk phones as signalling keeps them.

use std::{sync::Arc, time::Duration};

use songda_calls::sip::PhoneAccount;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::accounts;
use crate::Ground;

/// Rows are looked at so often: also those that another process changed.
const LOOK: Duration = Duration::from_secs(3);

/// Changes that wait at once.
const WAITING: usize = 16;

/// Tells the registrar of a change of the rows.
#[derive(Debug, Clone)]
pub struct Changed(mpsc::Sender<oneshot::Sender<()>>);

/// What [`watch`] hears of it by.
#[derive(Debug)]
pub struct Changes(mpsc::Receiver<oneshot::Sender<()>>);

/// Both ends.
pub fn changes() -> (Changed, Changes) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Changed(sender), Changes(receiver))
}

impl Changed {
    /// Waits until the registrar knows what the rows say now: whoever was just shown a password
    /// can register with it. At once where nobody keeps the registrar.
    pub async fn tell(&self) {
        let (done, known) = oneshot::channel();
        if self.0.send(done).await.is_ok() {
            let _ = known.await;
        }
    }
}

/// Keeps the registrar at what the rows say, until `cancel`; at once when a change is told.
pub async fn watch(ground: Ground, realm: Arc<str>, mut changes: Changes, cancel: CancellationToken) {
    let mut told: Option<Vec<PhoneAccount>> = None;
    let mut waits: Option<oneshot::Sender<()>> = None;
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
        if let Some(waits) = waits.take() {
            let _ = waits.send(());
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            changed = changes.0.recv() => match changed {
                Some(asked) => waits = Some(asked),
                None => return,
            },
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}
