//! Call control: one actor per call joins the carrier's leg, the browser's leg, the bridge
//! and the recording.
//!
//! [`machine`](crate) decides, without I/O and with time passed in; the actor does what it
//! says. A call whose recording cannot start does not go out. No SQL, no law: what the
//! facts mean is decided elsewhere.

mod actor;
mod events;
mod facts;
mod machine;
mod recorder;
mod switchboard;

pub use events::{CallEvent, PartySilence};
pub use facts::{CallEnd, EndedBy, Facts, Fault, Mark, MarkKind, Parting, PromptSpan};
pub use songda_sip::{Number, Secret, Trunk};
pub use switchboard::{CallHandle, Dial, DialError, Notice, NoticeError, Switchboard, SwitchboardConfig};

/// The machine itself, for its tests.
#[doc(hidden)]
pub mod inside {
    pub use crate::machine::{Do, Input, Machine, Told};
}
