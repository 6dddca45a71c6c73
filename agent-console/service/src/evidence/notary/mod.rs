//! Day roots at a notary (司法链), where a court wishes it (X2): each signed root is handed in once
//! it is made, and the notary's signed receipt is kept with it.
//!
//! A root without a receipt waits, whatever happens: nothing else is written down before it is
//! handed in, so nothing can be lost, and a notary that is switched on late gets the old ones too.
//! It is handed in under a name that follows from its content: a repeat after a kill is recognised,
//! and there is one proof. A receipt is believed only when the pinned key signed it over exactly
//! what was handed in, and not before the root was there; any other is refused, written down and
//! rings. Nothing waits for the notary: while it is away, roots are made and calls go on.

mod circuit;
mod store;

use std::sync::{Arc, Mutex, PoisonError};

pub use songda_recordings::evidence::{HandIn, NotaryReceipt, ReceiptFault};
use songda_recordings::{
    evidence::DayRoot,
    keys::{KeyProvider, PublicKey},
    said::Said,
};
use songda_store::{Clock, Db, alarms};

use self::store::{Due, Failure};
pub use self::{
    circuit::Circuit,
    store::{Waits, receipts, refused, waits},
};
use super::internal;
use crate::ServiceError;

/// Roots of one round.
const ROUND: i64 = 20;
/// The alarm of a notary that is not there.
const AWAY: &str = "evidence.notary";

/// A notary.
pub trait Notary: Send + Sync {
    /// Hands a root in; a repeat is answered with the same proof. What comes back is not believed
    /// before it was checked.
    fn hand_in(&self, root: &HandIn) -> impl Future<Output = Result<NotaryReceipt, NotaryError>> + Send;
}

/// Why there is no receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotaryError {
    /// Nothing answered, or not in time.
    Unreachable(Said),
    /// It answered, but not with success.
    Refused {
        /// Status of HTTP.
        status: u16,
        /// The beginning of what it said, without long numbers.
        text: String,
    },
    /// What it answered is no receipt.
    Unreadable(Said),
}

impl std::fmt::Display for NotaryError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.said().fmt(f)
    }
}

impl std::error::Error for NotaryError {}

impl NotaryError {
    /// In words.
    pub fn said(&self) -> Said {
        match self {
            Self::Unreachable(why) => {
                Said::new("notary.unreachable", "the notary cannot be reached: {why}").with("why", why.clone())
            }
            Self::Refused { status, text } => {
                Said::new("notary.refused", "the notary answered with status {status}: {why}")
                    .with("status", *status)
                    .with("why", text.as_str())
            }
            Self::Unreadable(why) => {
                Said::new("notary.unreadable", "the notary answered with something that is no receipt: {why}")
                    .with("why", why.clone())
            }
        }
    }

    /// Whether it says something of the notary or of the way to it, and nothing of the root: every
    /// other root would meet it too.
    pub fn is_away(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Unreadable(_) => true,
            Self::Refused { status, .. } => matches!(status, 401 | 403 | 404 | 407 | 408 | 429 | 500..),
        }
    }
}

/// How it stands with the notary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Roots without a receipt.
    pub waiting: i64,
    /// Those of them for which a receipt came that was refused.
    pub refused: i64,
    /// The newest day that has a receipt.
    pub newest: Option<String>,
    /// Since when no hand-in succeeded, Unix milliseconds, and why.
    pub failing: Option<(i64, Said)>,
    /// Until when it is left alone, Unix milliseconds.
    pub open_until_ms: Option<i64>,
}

/// Where others look how it stands.
#[derive(Debug, Clone, Default)]
pub struct Notarising(Arc<Mutex<Standing>>);

impl Notarising {
    /// How it stands.
    pub fn standing(&self) -> Standing {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, change: impl FnOnce(&mut Standing)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Hands roots in.
pub struct Notariser<N> {
    /// Database.
    pub db: Db,
    /// Clock.
    pub clock: Clock,
    /// Whose signature a root must bear: one that was altered is not handed in.
    pub house: Arc<dyn KeyProvider>,
    /// Who is asked.
    pub notary: N,
    /// Whose signature a receipt must bear: the notary's public keys, which came another way.
    pub keys: Vec<PublicKey>,
    /// A root is handed in so many milliseconds after it was made: more than the two clocks may
    /// differ, for a receipt from before its root proves nothing.
    pub settle_ms: i64,
    /// Where it says how it stands.
    pub standing: Notarising,
    /// The breaker of the line.
    pub circuit: Circuit,
}

impl<N> std::fmt::Debug for Notariser<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notariser").field("circuit", &self.circuit).finish_non_exhaustive()
    }
}

impl<N: Notary> Notariser<N> {
    /// Hands in what waits, in the order of their turns, as far as the notary answers; answers how many
    /// receipts were kept.
    pub async fn round(&mut self) -> Result<usize, ServiceError> {
        let now = self.clock.now_ms();
        let mut kept = 0;
        if self.circuit.lets(now) {
            for due in store::due(&self.db, now - self.settle_ms, now, ROUND).await? {
                kept += usize::from(self.one(&due).await?);
                if !self.circuit.lets(self.clock.now_ms()) {
                    break;
                }
            }
        }
        let (waiting, refused, newest) = store::counts(&self.db).await?;
        let open_until_ms = self.circuit.open_until(self.clock.now_ms());
        self.standing.set(|standing| {
            let failing = standing.failing.take();
            *standing = Standing { waiting, refused, newest, failing, open_until_ms };
        });
        Ok(kept)
    }

    async fn one(&mut self, due: &Due) -> Result<bool, ServiceError> {
        let root = match self.genuine(due)? {
            Ok(root) => root,
            Err(why) => {
                let said =
                    Said::new("notary.not_genuine", "the root is not handed in, for it is not what was signed: {why}");
                let failure = Failure::NotGenuine(said.with("why", why));
                store::postpone(&self.db, &self.clock, due, &failure).await?;
                return Ok(false);
            }
        };
        let failure = match self.notary.hand_in(&HandIn::of(&root)).await {
            Err(error) if error.is_away() => Failure::Away(error.said()),
            Err(error) => Failure::Declined(error.said()),
            Ok(receipt) => match receipt.verify(&root, &self.keys).err() {
                None => return self.keep(&receipt).await,
                Some(fault) => Failure::Refused(fault.said()),
            },
        };
        store::postpone(&self.db, &self.clock, due, &failure).await?;
        let why = failure.why();
        tracing::warn!(court = due.court, day = due.day, tries = due.tries + 1, %why, "no receipt for a day root");
        // A notary that answers is not away, whatever it makes of this root; and a root that is not
        // genuine was no matter of its.
        match failure {
            Failure::Away(_) => {}
            Failure::NotGenuine(_) => return Ok(false),
            Failure::Declined(_) | Failure::Refused(_) => {
                self.answered().await?;
                return Ok(false);
            }
        }
        let now = self.clock.now_ms();
        self.standing.set(|standing| {
            let since = standing.failing.as_ref().map_or(now, |(since, _)| *since);
            standing.failing = Some((since, why.clone()));
        });
        if self.circuit.failed(now) {
            let text =
                "the notary is away: day roots are made as ever and wait, and it is tried again by itself: {why}";
            let said = Said::new("evidence.notary_away", text).with("why", why.clone());
            alarms::raise(&self.db, &self.clock, AWAY, "house", &said).await?;
        }
        Ok(false)
    }

    /// Keeps a receipt that holds.
    async fn keep(&mut self, receipt: &NotaryReceipt) -> Result<bool, ServiceError> {
        let new = store::keep(&self.db, &self.clock, receipt).await?;
        self.answered().await?;
        Ok(new)
    }

    /// The notary is there.
    async fn answered(&mut self) -> Result<(), ServiceError> {
        self.circuit.worked();
        self.standing.set(|standing| standing.failing = None);
        Ok(alarms::clear(&self.db, &self.clock, AWAY, "house").await?)
    }

    /// The root of a row, when it is what the house signed; why not, if not.
    fn genuine(&self, due: &Due) -> Result<Result<DayRoot, Said>, ServiceError> {
        let keys = self.house.public_keys().map_err(|error| internal("reading the public keys", error))?;
        let root: DayRoot = match serde_json::from_str(&due.body) {
            Ok(root) => root,
            Err(_) => return Ok(Err(Said::new("root.unreadable", "it cannot be read"))),
        };
        if root.court != due.court || root.day != due.day {
            return Ok(Err(Said::new("root.row", "its row says something else than what was signed")));
        }
        Ok(root.verify(&keys).map(|()| root).map_err(|fault| fault.said()))
    }
}
