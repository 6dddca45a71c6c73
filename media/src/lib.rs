//! Sound of a call: RTP to the carrier, WebRTC to the browser or RTP to a desk phone, the
//! bridge between them and the timeline of the recording.
//!
//! Everything but [`engine`](Engine) is sans-IO: packets and the time go in, packets and
//! blocks come out. The engine is one plain thread, or a few, that sweep those of their sockets
//! that have something every millisecond, because waking up for each packet is what relaying
//! costs. Knows nothing of
//! SIP, SQL or courts; recordings leave through [`Tap`].

mod bridge;
mod codec;
mod digits;
mod egress;
mod engine;
mod entrances;
mod probation;
pub mod progress;
mod prompt;
mod quality;
mod rate;
mod reception;
mod rtcp;
mod rtp;
mod sdp;
mod srtp;
mod stage;
mod timeline;
mod watch;
mod web;

pub use bridge::{MediaEvent, Summary, Supervision, Tap};
pub use codec::Law;
pub use engine::{CallMedia, CarrierSound, Engine, EngineConfig, EngineError, GuestLeg, ThreadFigures, UnixMs};
pub use prompt::{Prompt, PromptError};
pub use quality::{FarEnd, Legs, Moment, Moments, Quality};
pub use rtp::MediaSource;
pub use sdp::SdpError;
pub use srtp::Security;
pub use stage::{Rest, Span};
pub use timeline::{Gap, GapKind};
pub use watch::Silence;

/// Samples per second of everything in here.
pub const RATE: u32 = 8_000;

/// Samples in one packet of 20 ms.
pub(crate) const PACKET: usize = 160;

/// The inside, for property tests and benches of this crate.
#[doc(hidden)]
pub mod inside {
    pub use crate::{
        bridge::{Bridge, View, Wires},
        egress::{Egress, Head},
        entrances::{BrowserDoor, CarrierDoor, Reports, SecuredDoor, browser_answer, read_rtp, unframed},
        reception::Reception,
        sdp::{Remote, offer, only_telephone},
        timeline::Timeline,
    };
}
