//! Where calls are placed: everything that must be in order before the carrier is asked.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use songda_media::{CallMedia, Engine, EngineError, MediaEvent, Prompt, PromptError};
use songda_recordings::vault::{RecordingId, Vault, VaultError};
use songda_sip::{Endpoint, Number, Trunk};
use tokio::sync::mpsc;

use crate::{
    actor::{Actor, Order},
    events::CallEvent,
    recorder::Recorder,
};

/// What calls need.
#[derive(Debug)]
pub struct SwitchboardConfig {
    /// Signalling.
    pub endpoint: Endpoint,
    /// Sound.
    pub engine: Engine,
    /// Recordings.
    pub vault: Arc<Vault>,
    /// The recording notice: a sound file, with its words in a text file of the same name.
    pub notice: PathBuf,
    /// Given up after this long without an answer.
    pub ring_limit: Duration,
}

/// Places calls. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Switchboard {
    ground: Arc<SwitchboardConfig>,
    live: Arc<Mutex<HashSet<String>>>,
}

/// A call to place.
#[derive(Debug)]
pub struct Dial {
    /// Id of the call.
    pub call: String,
    /// Id of its recording.
    pub recording: String,
    /// Over which trunk.
    pub trunk: Arc<Trunk>,
    /// The court's own number.
    pub caller: Number,
    /// The number to dial.
    pub callee: Number,
    /// The browser's session description.
    pub browser_offer: String,
    /// The court, whose own prompts are played where it has any.
    pub court: String,
    /// What the party is spoken to in: `zh`, `en`.
    pub language: String,
}

/// Why a call does not go out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// No recording, no call.
    #[error("the recording cannot start, so the call does not go out: {0}")]
    RecordingUnavailable(#[source] VaultError),
    /// No notice, no call.
    #[error("the recording notice cannot be played, so the call does not go out: {0}")]
    NoticeMissing(#[from] NoticeError),
    /// The browser's offer cannot be used.
    #[error("the browser's sound cannot be used: {0}")]
    BrowserOffer(#[source] EngineError),
    /// Sound cannot be set up on our side.
    #[error("sound cannot be set up: {0}")]
    Media(#[source] EngineError),
    /// This call is live already.
    #[error("this call is live already")]
    AlreadyLive,
    /// The system refused a thread.
    #[error("the system refused what a call needs: {0}")]
    System(String),
}

/// Why the notice cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoticeError {
    /// The sound.
    #[error(transparent)]
    Sound(#[from] PromptError),
    /// Its words.
    #[error("the words of the notice cannot be read from {path}: {source}; the text file stands beside the sound")]
    Words {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
}

/// The recording notice.
#[derive(Debug, Clone)]
pub struct Notice {
    /// What is played.
    pub prompt: Arc<Prompt>,
    /// What it says.
    pub text: String,
}

impl Notice {
    /// Reads `path` and the text file of the same name beside it.
    pub fn load(path: &Path) -> Result<Self, NoticeError> {
        let prompt = Arc::new(Prompt::load(path)?);
        let words = path.with_extension("txt");
        let text = std::fs::read_to_string(&words).map_err(|source| NoticeError::Words { path: words, source })?;
        Ok(Self { prompt, text: text.trim().to_owned() })
    }
}

/// Speaks to a live call.
#[derive(Debug, Clone)]
pub struct CallHandle {
    orders: mpsc::Sender<Order>,
}

impl CallHandle {
    /// Hangs up, or gives up while it rings.
    pub fn hang_up(&self) {
        self.tell(Order::HangUp);
    }

    /// Tells the party that the call ends, then hangs up; gives up while it rings.
    pub fn end_politely(&self) {
        self.tell(Order::EndPolitely);
    }

    /// The party does not hear the agent.
    pub fn mute(&self, on: bool) {
        self.tell(Order::Mute(on));
    }

    /// The party hears the hold prompt and music instead of the agent, or the agent again.
    pub fn hold(&self, on: bool) {
        self.tell(Order::Hold(on));
    }

    /// Presses keys: `0`-`9`, `*`, `#`, `A`-`D`.
    pub fn digits(&self, digits: String) {
        self.tell(Order::Digits(digits));
    }

    /// A new offer of the agent's browser, which replaces its sound.
    pub fn resume(&self, offer: String) {
        self.tell(Order::Resume(offer));
    }

    /// The agent's browser is known to be gone: the party is not left in silence until its
    /// packets are missed.
    pub fn away(&self) {
        self.tell(Order::Away);
    }

    /// The same page is there again, and its sound never stopped.
    pub fn here(&self) {
        self.tell(Order::Here);
    }

    fn tell(&self, order: Order) {
        // A full queue holds earlier orders of the same agent; a closed one a call that is over.
        if let Err(error) = self.orders.try_send(order) {
            tracing::debug!(%error, "an order came too late or too often");
        }
    }
}

/// Marks a call as live as long as it exists.
pub(crate) struct Live {
    set: Arc<Mutex<HashSet<String>>>,
    call: String,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.set.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.call);
        metrics::gauge!("songda_calls_live").decrement(1.0);
    }
}

impl Switchboard {
    /// A switchboard over these parts.
    pub fn new(ground: SwitchboardConfig) -> Self {
        Self { ground: Arc::new(ground), live: Arc::default() }
    }

    /// Signalling, for probes of a trunk.
    pub fn endpoint(&self) -> &Endpoint {
        &self.ground.endpoint
    }

    /// Reads the notice as a call would, for the health page.
    pub fn notice(&self) -> Result<Notice, NoticeError> {
        Notice::load(&self.ground.notice)
    }

    /// Calls under way.
    pub fn live(&self) -> usize {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Places a call: the notice first, then the recording, then the browser's sound, then the
    /// carrier. The last event is [`CallEvent::Ended`].
    pub async fn dial(&self, dial: Dial) -> Result<(CallHandle, mpsc::Receiver<CallEvent>), DialError> {
        let live = self.enter(&dial.call)?;
        let notice = self.load_notice().await?;
        let (recorder, media, news) = self.open(&dial.recording).await?;
        let answer = match media.browser_offer(dial.browser_offer.clone()).await {
            Ok(answer) => answer,
            Err(error) => {
                discard(recorder, media).await;
                return Err(DialError::BrowserOffer(error));
            }
        };
        let offer = match media.trunk_offer().await {
            Ok(offer) => offer,
            Err(error) => {
                discard(recorder, media).await;
                return Err(DialError::Media(error));
            }
        };
        let (orders, inbox) = mpsc::channel(16);
        let (events, receiver) = mpsc::channel(64);
        let actor =
            Actor { ground: self.ground.clone(), dial, notice, recorder, media, news, inbox, events, live, offer };
        tokio::spawn(actor.run(answer));
        Ok((CallHandle { orders }, receiver))
    }

    fn enter(&self, call: &str) -> Result<Live, DialError> {
        if !self.live.lock().unwrap_or_else(PoisonError::into_inner).insert(call.to_owned()) {
            return Err(DialError::AlreadyLive);
        }
        metrics::gauge!("songda_calls_live").increment(1.0);
        Ok(Live { set: self.live.clone(), call: call.to_owned() })
    }

    async fn load_notice(&self) -> Result<Notice, DialError> {
        let path = self.ground.notice.clone();
        let loaded = tokio::task::spawn_blocking(move || Notice::load(&path)).await;
        Ok(loaded.map_err(|error| DialError::System(error.to_string()))??)
    }

    async fn open(&self, recording: &str) -> Result<(Recorder, CallMedia, mpsc::Receiver<MediaEvent>), DialError> {
        let id = RecordingId::new(recording).map_err(DialError::RecordingUnavailable)?;
        let vault = self.ground.vault.clone();
        let begun = tokio::task::spawn_blocking(move || vault.begin(&id, unix_ms())).await;
        let writer =
            begun.map_err(|error| DialError::System(error.to_string()))?.map_err(DialError::RecordingUnavailable)?;
        let (recorder, tap) = Recorder::start(writer).map_err(|error| DialError::System(error.to_string()))?;
        match self.ground.engine.open(tap) {
            Ok((media, news)) => Ok((recorder, media, news)),
            Err(error) => {
                let _ = tokio::task::spawn_blocking(move || recorder.finish(&[])).await;
                Err(DialError::Media(error))
            }
        }
    }
}

/// Removes what was opened for a call that does not go out.
async fn discard(recorder: Recorder, media: CallMedia) {
    let _ = media.close().await;
    let finished = tokio::task::spawn_blocking(move || recorder.finish(&[])).await;
    if let Ok(Err(error)) = finished {
        tracing::warn!(%error, "an empty recording could not be removed");
    }
}

pub(crate) fn unix_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
