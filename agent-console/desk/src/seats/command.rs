//! What a seat is told, by its browser, by other seats and by the house.

use serde_json::Value;
use songda_calls::{CallHandle, IncomingCall, TransferFault, TransferMode};
use songda_people::Actor;
use tokio::sync::{mpsc, oneshot};

use super::{HandedCall, TransferOffer};
use crate::{
    calls::{
        Sample,
        transfers::{Taker, TargetKind},
    },
    inbound::{Came, Offer},
};

/// A command of the browser, or of the house, to a seat.
#[derive(Debug)]
pub enum Command {
    /// A browser is there; frames go to `sink`.
    Attach {
        /// Number of this line, from [`super::Seats::next_line`].
        number: u64,
        /// Who it is, with the session.
        actor: Box<Actor>,
        /// Key to seal to.
        kid: String,
        /// Public key.
        public_key: Vec<u8>,
        /// Where frames go. Closed when another browser takes over.
        sink: mpsc::Sender<Value>,
        /// Names the page's tab: a reload comes back under the same name.
        tab: String,
        /// Takes the desk from another browser without asking.
        take_over: bool,
        /// Whether the page says that the sound of its call still flows.
        sound: Option<bool>,
    },
    /// A browser that was told that another one is at work takes over.
    TakeOver {
        /// Number of its line.
        number: u64,
    },
    /// This line of a browser is gone.
    Detach {
        /// Its number.
        number: u64,
        /// The page went, and not the network.
        left: bool,
    },
    /// The session of this line is over; a live call goes on.
    SessionExpired {
        /// Number of the line.
        number: u64,
    },
    /// The house left the outcome of this call for later.
    LeftForLater {
        /// Call.
        call: String,
    },
    /// The house gave this work order back to the queue.
    Expired {
        /// Work order.
        work_order: String,
    },
    /// This session was signed out.
    SignedOut {
        /// Its session.
        session: String,
    },
    /// Ready for the next task.
    Ready,
    /// A break; gives an untouched work order back.
    Pause,
    /// The envelope was opened.
    Opened {
        /// Work order.
        work_order: String,
    },
    /// One click on a number.
    Dial {
        /// Work order.
        work_order: String,
        /// Number by id.
        phone_id: String,
        /// The browser's offer.
        sdp: String,
        /// What the party is spoken to in.
        language: Option<String>,
    },
    /// A new offer for the live call, which replaces the browser's sound.
    Resume {
        /// Call.
        call: String,
        /// The browser's offer.
        sdp: String,
    },
    /// The party hears music, or the agent again.
    Hold {
        /// On hold.
        on: bool,
    },
    /// Keys for the party.
    Keypad {
        /// `0`-`9`, `*`, `#`, `A`-`D`.
        digits: String,
    },
    /// Tells the party that the call ends, and ends it.
    EndPolitely {
        /// Why: `abuse`, `threat`, `self_harm`, `child` or `other`.
        reason: String,
    },
    /// A step of the script was said, or is taken back.
    Tick {
        /// Step.
        step: String,
        /// Said.
        on: bool,
        /// A call whose outcome is owed; none for the one at hand.
        call: Option<String>,
    },
    /// The outcome is left for later (待补录).
    Later {
        /// Call.
        call: String,
    },
    /// One more minute for the outcome.
    Extend {
        /// Call.
        call: String,
    },
    /// What the browser measured of its line.
    Samples {
        /// Call.
        call: String,
        /// The measures.
        items: Vec<Sample>,
    },
    /// What the line says is so, or is not.
    Judge {
        /// Call.
        call: String,
        /// It is so.
        confirmed: bool,
    },
    /// What the line of a call says was read from its recording.
    Heard {
        /// Call.
        call: String,
    },
    /// Hang up or cancel.
    HangUp,
    /// Microphone to the party on or off.
    Mute {
        /// Off.
        on: bool,
    },
    /// The outcome of the call was saved.
    OutcomeSaved {
        /// Call.
        call: String,
    },
    /// A call that came in rings here.
    Incoming(Box<Offer>),
    /// The agent takes the call that rings.
    Accept {
        /// Call.
        call: String,
        /// The browser's offer.
        sdp: String,
    },
    /// He leaves it to somebody else.
    Decline {
        /// Call.
        call: String,
    },
    /// The agent hands his call to a colleague or to a desk phone.
    Transfer {
        /// Call.
        call: String,
        /// At once, or after asking.
        mode: TransferMode,
        /// What rings.
        kind: TargetKind,
        /// User or desk phone.
        to: String,
    },
    /// The colleague who was asked gets the party.
    TransferComplete {
        /// Call.
        call: String,
    },
    /// The colleague or desk phone that was asked comes in to the party.
    TransferJoin {
        /// Call.
        call: String,
    },
    /// The agent goes back to the party.
    TransferCancel {
        /// Call.
        call: String,
    },
    /// The agent takes a colleague's call.
    TransferAccept {
        /// Call.
        call: String,
        /// The browser's offer.
        sdp: String,
    },
    /// He does not, or lets it go.
    TransferDecline {
        /// Call.
        call: String,
    },
    /// A colleague's call rings here.
    TransferOffered(Box<TransferOffer>),
    /// Our answer to the browser of whoever takes a colleague's call.
    TransferAnswer {
        /// Call.
        call: String,
        /// Session description.
        sdp: String,
    },
    /// Both agents hear each other.
    TransferConsulting {
        /// Call.
        call: String,
    },
    /// All three hear each other.
    TransferJoined {
        /// Call.
        call: String,
    },
    /// Who supervises the call in which this agent is as a third, as far as he may see it.
    TransferSupervised {
        /// Call.
        call: String,
        /// The `supervision` of his frame.
        shown: Option<Value>,
    },
    /// A supervisor asks for a call (R4.4b): the way to it, where it may be supervised.
    Supervise {
        /// Call.
        call: String,
        /// The way to call control, or why not.
        reply: oneshot::Sender<Result<CallHandle, &'static str>>,
    },
    /// A colleague takes the call that is handed over.
    TransferTaken {
        /// Call.
        call: String,
        /// Who.
        taker: Box<Taker>,
        /// His browser's offer.
        sdp: String,
    },
    /// A colleague does not take it.
    TransferRefused {
        /// Call.
        call: String,
        /// Who.
        agent: String,
        /// Why.
        why: TransferFault,
    },
    /// A colleague's call is this seat's from now on.
    HandedOver(Box<HandedCall>),
    /// The party of this task calls.
    CalledBack {
        /// Task.
        task: String,
        /// By which way.
        came: Came,
        /// Its call.
        incoming: Box<IncomingCall>,
        /// Takes the call back when nobody is being called here.
        reply: oneshot::Sender<Option<Box<IncomingCall>>>,
    },
}
