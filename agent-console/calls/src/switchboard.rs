//! Where calls are placed: everything that must be in order before the carrier is asked.

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use songda_asr::Reader;
use songda_media::{CallMedia, Engine, EngineError, MediaEvent, Supervision};
use songda_recordings::vault::{RecordingId, Vault, VaultError};
use songda_sip::{Endpoint, IncomingCall, Number, Srtp, Target, Trunk};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::spawn_blocking,
};

use crate::{
    actor::{Actor, Begin, Gallery, Hearing, Order, Phone, Wish},
    clock::CallClock,
    events::CallEvent,
    facts::{SupervisionEnd, TransferFault, TransferMode},
    figures,
    machine::Welcome,
    recorder::Recorder,
    sounds::{Library, SoundError, Sounds},
};

/// What calls need.
pub struct SwitchboardConfig {
    /// Signalling.
    pub endpoint: Endpoint,
    /// Sound.
    pub engine: Engine,
    /// Recordings.
    pub vault: Arc<Vault>,
    /// The folder with prompts and music; see `prompts/README.md`.
    pub prompts: PathBuf,
    /// Given up after this long without an answer.
    pub ring_limit: Duration,
    /// Whether sound to desk phones that registered under TLS is secured.
    pub phone_srtp: Srtp,
    /// Reads what is said before the talk, when there is a model for it.
    pub reader: Option<Arc<Reader>>,
    /// The house's clock, Unix milliseconds. It is read once per call, at its beginning.
    pub now_ms: Arc<dyn Fn() -> i64 + Send + Sync>,
}

impl std::fmt::Debug for SwitchboardConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SwitchboardConfig").field("prompts", &self.prompts).finish_non_exhaustive()
    }
}

/// Places calls. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Switchboard {
    ground: Arc<SwitchboardConfig>,
    library: Arc<Library>,
    live: Arc<watch::Sender<HashSet<String>>>,
    /// True once no call is waited for any more.
    parts: Arc<watch::Sender<bool>>,
}

/// A call to place.
#[derive(Debug)]
pub struct Dial {
    /// Id of the call.
    pub call: String,
    /// Id of its recording.
    pub recording: String,
    /// Ways to the party, in the order in which they are tried: the next one when a trunk
    /// fails before it rings.
    pub routes: Vec<Route>,
    /// Keys that are pressed after the answer, before the notice (E39).
    pub extension: Option<String>,
    /// The browser's session description.
    pub browser_offer: String,
    /// The court's code, which names the folder of its own prompts.
    pub court: String,
    /// What the party is spoken to in: `zh`, `en`.
    pub language: String,
}

/// A way to a party: over which trunk, under which number, and the number as this trunk takes
/// it.
#[derive(Debug, Clone)]
pub struct Route {
    /// The trunk's id at signalling: the call takes a place there, which counts against the
    /// limits of the trunk, and goes to the host and by the route at which it stands now.
    pub id: String,
    /// Over which trunk; as it stands here while signalling does not know it. Its codecs are offered
    /// in their order, and no other.
    pub trunk: Arc<Trunk>,
    /// The court's own number.
    pub caller: Number,
    /// The number to dial.
    pub callee: Number,
}

/// A call that comes in, to be answered.
#[derive(Debug)]
pub struct Answer {
    /// Id of the call.
    pub call: String,
    /// Id of its recording.
    pub recording: String,
    /// The call as signalling gave it.
    pub incoming: Box<IncomingCall>,
    /// The court's code, which names the folder of its own prompts.
    pub court: String,
    /// What the caller is spoken to in: `zh`, `en`.
    pub language: String,
    /// How the court meets him.
    pub welcome: Welcome,
}

/// To whom a call is passed on.
#[derive(Debug, Clone)]
pub enum TransferTo {
    /// A colleague's browser; it rings at the desk, and its offer comes by
    /// [`CallHandle::transfer_taken`].
    Desk,
    /// A desk phone, rung by us.
    Phone(DeskPhone),
}

/// A desk phone to be rung.
#[derive(Debug, Clone)]
pub struct DeskPhone {
    /// Its account.
    pub user: String,
    /// Its devices, as [`Endpoint::phone`] tells them.
    pub targets: Vec<Target>,
    /// What the phone shows: a name or a word. Never a number on file.
    pub caller_name: String,
}

/// A supervisor who comes into a call (R4.4b).
#[derive(Debug)]
pub struct Overseer {
    /// User.
    pub id: String,
    /// His name, for the marks of the call.
    pub name: String,
    /// Where he is told what becomes of it, the only sender that there is: when it is gone, so is his
    /// place in the call, whether or not that found room. Who closes the other end has left.
    pub news: mpsc::Sender<OverseerNews>,
}

/// What a supervisor is told.
#[derive(Debug)]
pub enum OverseerNews {
    /// Our answer to his browser's offer: a session description.
    Answer(String),
    /// He hears, and is heard as this says.
    On(Supervision),
    /// He is not in the call, or not any more.
    Over(SupervisionEnd),
}

impl Overseer {
    pub(crate) fn tell(&self, news: OverseerNews) {
        let _ = self.news.try_send(news);
    }
}

/// Wishes of supervisors that may wait for a call.
const WISHES: usize = 4;

/// Why a call does not go out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// No recording, no call.
    #[error("the recording cannot start, so the call does not go out: {0}")]
    RecordingUnavailable(#[source] VaultError),
    /// A call that cannot play the notice, or what it may have to say later, does not go out.
    #[error("a prompt cannot be played, so the call does not go out: {0}")]
    NoticeMissing(#[from] SoundError),
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

/// Speaks to a live call.
#[derive(Debug, Clone)]
pub struct CallHandle {
    orders: mpsc::Sender<Order>,
    wishes: mpsc::Sender<Wish>,
}

impl CallHandle {
    /// Takes the call of a caller who waits, with this offer of the agent's browser.
    pub fn join(&self, offer: String) {
        self.tell(Order::Join(offer));
    }

    /// Nobody waits for our answer to that offer any more: the caller waits on, and the next
    /// agent may take him.
    pub fn nobody_took(&self) {
        self.tell(Order::NobodyTook);
    }

    /// The party of this call calls us while he is being called (E46): his call takes the place
    /// of ours. It comes back where this call does not take it: it was answered meanwhile, by
    /// whomever, or it is over.
    pub fn called_back(&self, incoming: Box<IncomingCall>, back: oneshot::Sender<Option<Box<IncomingCall>>>) {
        let order = Order::CalledBack(incoming, back);
        if let Err(error) = self.orders.try_send(order)
            && let Order::CalledBack(incoming, back) = error.into_inner()
        {
            let _ = back.send(Some(incoming));
        }
    }

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
        self.tell(Order::Press(digits));
    }

    /// A new offer of the agent's browser, which replaces its sound.
    pub fn resume(&self, offer: String) {
        self.tell(Order::Offer(offer));
    }

    /// Passes the call on: the party hears music at once, and the agent that it rings. One at a
    /// time, and only while both talk or the call is held.
    pub fn transfer(&self, mode: TransferMode, to: TransferTo) {
        self.tell(Order::Transfer(mode, to));
    }

    /// The colleague takes it, with this offer of his browser.
    pub fn transfer_taken(&self, offer: String) {
        self.tell(Order::TransferTaken(offer));
    }

    /// The colleague does not take it, or is gone.
    pub fn transfer_refused(&self, why: TransferFault) {
        self.tell(Order::TransferRefused(why));
    }

    /// The agent has spoken to the target, who gets the party now.
    pub fn complete_transfer(&self) {
        self.tell(Order::CompleteTransfer);
    }

    /// Whom the agent consults comes in: all three talk.
    pub fn join_all(&self) {
        self.tell(Order::JoinAll);
    }

    /// A supervisor comes in, with this offer of his browser; one at a time. He comes in again by
    /// another page of his. Answers the number of this entry. Waits while others wait before him.
    pub async fn supervise(&self, overseer: Overseer, what: Supervision, offer: String) -> u64 {
        static ENTRIES: AtomicU64 = AtomicU64::new(1);
        let entry = ENTRIES.fetch_add(1, Ordering::Relaxed);
        self.wish(Wish::Come(entry, Box::new(overseer), what, offer)).await;
        entry
    }

    /// The supervisor of this entry listens, whispers or barges in.
    pub async fn supervision(&self, entry: u64, what: Supervision) {
        self.wish(Wish::Change(entry, what)).await;
    }

    async fn wish(&self, wish: Wish) {
        // What a call that is over does not take is dropped, and so he hears that it is over.
        if self.wishes.send(wish).await.is_err() {
            tracing::debug!("a supervisor came to a call that is over");
        }
    }

    /// Nobody of the house is left with the party: it is told so, and the call ends.
    pub fn forsaken(&self) {
        self.tell(Order::Forsaken);
    }

    /// Back to the party; the target is let go, or the third.
    pub fn cancel_transfer(&self) {
        self.tell(Order::TransferRefused(TransferFault::Cancelled));
    }

    /// The house closes: the call ends, and that was nobody's wish.
    pub fn close(&self) {
        self.tell(Order::Close);
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
    set: Arc<watch::Sender<HashSet<String>>>,
    call: String,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.set.send_if_modified(|live| live.remove(&self.call));
        metrics::gauge!("songda_calls_live").decrement(1.0);
    }
}

impl Switchboard {
    /// A switchboard over these parts.
    pub fn new(ground: SwitchboardConfig) -> Self {
        let library = Arc::new(Library::new(ground.prompts.clone()));
        Self { ground: Arc::new(ground), library, live: Arc::default(), parts: Arc::default() }
    }

    /// Signalling, for probes of a trunk.
    pub fn endpoint(&self) -> &Endpoint {
        &self.ground.endpoint
    }

    /// Tells what the media threads do, every few seconds, until it is dropped.
    pub async fn tell_figures(&self) {
        figures::tell(&self.ground.engine).await;
    }

    /// Everything that a call of this court would play in Chinese, as a call reads it.
    pub fn sounds(&self, court: &str) -> Result<Sounds, SoundError> {
        self.library.sounds(court, "zh")
    }

    /// Languages in which this court can give its notice, Chinese first.
    pub fn languages(&self, court: &str) -> Vec<String> {
        self.library.languages(court)
    }

    /// Calls under way.
    pub fn live(&self) -> usize {
        self.live.borrow().len()
    }

    /// Waits until no call is under way.
    pub async fn quiet(&self) {
        // The sender is ours: the channel does not close.
        let _ = self.live.subscribe().wait_for(HashSet::is_empty).await;
    }

    /// Ends every call: whoever was answered is told so first. For a house that closes; what is
    /// placed later ends at once.
    pub fn part_all(&self) {
        self.parts.send_replace(true);
    }

    /// Places a call: its sounds first, then the recording, then the browser's sound, then the
    /// carrier. The last event is [`CallEvent::Ended`].
    pub async fn dial(&self, dial: Dial) -> Result<(CallHandle, mpsc::Receiver<CallEvent>), DialError> {
        let clock = CallClock::new(Instant::now(), (self.ground.now_ms)());
        let live = self.enter(&dial.call)?;
        let sounds = self.load_sounds(&dial).await?;
        let opened = self.open(&dial.recording, clock).await?;
        let answer = match opened.media.browser_offer(dial.browser_offer.clone()).await {
            Ok(answer) => answer,
            Err(error) => {
                discard(opened.recorder, opened.media).await;
                return Err(DialError::BrowserOffer(error));
            }
        };
        let call = Opening { call: dial.call.clone(), sounds, opened, live, clock };
        Ok(self.start(call, Some(dial), None, Begin::Dial { answer }))
    }

    /// Answers a call that comes in: its sounds first, then the recording, then the carrier. A
    /// call that cannot be recorded, or could not say what it must, is not answered. The last
    /// event is [`CallEvent::Ended`].
    pub async fn answer(&self, answer: Answer) -> Result<(CallHandle, mpsc::Receiver<CallEvent>), DialError> {
        let Answer { call, recording, incoming, court, language, welcome } = answer;
        let clock = CallClock::new(Instant::now(), (self.ground.now_ms)());
        let live = self.enter(&call)?;
        let library = self.library.clone();
        let sounds = spawn_blocking(move || library.caller_sounds(&court, &language)).await.map_err(system)??;
        let opened = self.open(&recording, clock).await?;
        let call = Opening { call, sounds, opened, live, clock };
        Ok(self.start(call, None, Some(incoming), Begin::Answer(welcome)))
    }

    /// The task that owns the call from here on.
    fn start(
        &self,
        opening: Opening,
        dial: Option<Dial>,
        caller: Option<Box<IncomingCall>>,
        begin: Begin,
    ) -> (CallHandle, mpsc::Receiver<CallEvent>) {
        let Opening { call, sounds, opened, live, clock } = opening;
        let Opened { recorder, recording, media, news } = opened;
        let (orders, inbox) = mpsc::channel(16);
        let (wishing, wishes) = mpsc::channel(WISHES);
        let (events, receiver) = mpsc::channel(64);
        let actor = Actor {
            ground: self.ground.clone(),
            call,
            dial,
            caller,
            phone: Phone::default(),
            gallery: Gallery::default(),
            sounds,
            recorder,
            recording,
            media,
            news,
            inbox,
            wishes,
            events,
            parts: self.parts.subscribe(),
            live,
            clock,
            hearing: Hearing::new(self.ground.reader.clone()),
        };
        tokio::spawn(actor.run(begin));
        (CallHandle { orders, wishes: wishing }, receiver)
    }

    fn enter(&self, call: &str) -> Result<Live, DialError> {
        if !self.live.send_if_modified(|live| live.insert(call.to_owned())) {
            return Err(DialError::AlreadyLive);
        }
        metrics::gauge!("songda_calls_live").increment(1.0);
        Ok(Live { set: self.live.clone(), call: call.to_owned() })
    }

    async fn load_sounds(&self, dial: &Dial) -> Result<Sounds, DialError> {
        let (library, court, language) = (self.library.clone(), dial.court.clone(), dial.language.clone());
        let loaded = spawn_blocking(move || library.sounds(&court, &language)).await;
        Ok(loaded.map_err(system)??)
    }

    async fn open(&self, recording: &str, clock: CallClock) -> Result<Opened, DialError> {
        let id = RecordingId::new(recording).map_err(DialError::RecordingUnavailable)?;
        let vault = self.ground.vault.clone();
        let begun = spawn_blocking(move || vault.begin(&id, clock.begun_ms())).await;
        let writer = begun.map_err(system)?.map_err(DialError::RecordingUnavailable)?;
        let (recorder, tap, recording) = Recorder::start(writer, clock).map_err(system)?;
        match self.ground.engine.open(tap) {
            Ok((media, news)) => Ok(Opened { recorder, recording, media, news }),
            Err(error) => {
                let _ = spawn_blocking(move || recorder.finish(&[])).await;
                Err(DialError::Media(error))
            }
        }
    }
}

/// A call that is about to begin.
struct Opening {
    call: String,
    sounds: Sounds,
    opened: Opened,
    live: Live,
    clock: CallClock,
}

/// What was opened for a call.
struct Opened {
    recorder: Recorder,
    recording: oneshot::Receiver<Instant>,
    media: CallMedia,
    news: mpsc::Receiver<MediaEvent>,
}

fn system(error: impl std::fmt::Display) -> DialError {
    DialError::System(error.to_string())
}

/// Removes what was opened for a call that does not go out.
async fn discard(recorder: Recorder, media: CallMedia) {
    let _ = media.close().await;
    let finished = spawn_blocking(move || recorder.finish(&[])).await;
    if let Ok(Err(error)) = finished {
        tracing::warn!(%error, "an empty recording could not be removed");
    }
}
