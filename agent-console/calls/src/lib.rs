//! Call control: one actor per call joins the carrier's leg, the browser's leg, the bridge
//! and the recording.
//!
//! [`machine`](crate) decides, without I/O and with time passed in; the actor does what it
//! says. A call whose recording cannot start, or that could not say what it must, does not
//! go out. A browser that is lost ends no call: the party waits, and the agent comes back by
//! a new offer. No SQL, no law: what the facts mean is decided elsewhere.

mod actor;
mod causes;
mod clock;
mod events;
mod facts;
mod figures;
mod machine;
mod marks;
pub mod numbering;
pub mod progress;
mod recorder;
mod sounds;
mod switchboard;

pub use actor::carrier_sound;
pub use causes::refusal;
pub use events::{CallEvent, PartySilence};
pub use facts::{
    CallEnd, EndedBy, Facts, Farewell, Fault, Mark, MarkKind, Parting, PromptSpan, SupervisionEnd, TransferFault,
    TransferMode,
};
pub use machine::Welcome;
pub use songda_asr::Reader;
pub use songda_media::Supervision;
pub use songda_sip::{FinishError, IncomingCall, Number, Rejection, SavedLeg, Secret, Source, Target, Trunk};

/// What signalling takes, for whoever keeps the trunks.
pub mod sip {
    pub use songda_sip::{
        Device, PhoneAccount,
        machine::{Algorithm, Ha1s},
    };
    pub use songda_sip::{
        FromForm, HeaderPolicy, Identity, IdentityUri, MediaSource, Protocol, Registration, Srtp, Trunk, TrunkSettings,
        TrunkSound, TrunkState, Why, account,
    };
}

pub use songda_media::{Moment, Moments};
pub use sounds::{Library, Sound, SoundError, Sounds};
pub use switchboard::{
    Answer, CallHandle, DeskPhone, Dial, DialError, Overseer, OverseerNews, Route, Switchboard, SwitchboardConfig,
    TransferTo,
};

/// The machine itself, for its tests.
#[doc(hidden)]
pub mod inside {
    pub use crate::{
        machine::{Away, Cue, Do, Input, Machine, Rest, Target, Told, Welcome},
        marks::Marks,
    };
}
