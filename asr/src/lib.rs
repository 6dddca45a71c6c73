//! Speech to text: two channels of a call in, a transcript with speakers and times out.
//!
//! Each channel is decoded apart, so the speaker is known without guessing. Voice activity
//! comes first: where nobody speaks nothing is decoded, and nothing can be invented. What
//! looks wrong is marked, never dropped: a transcript is an aid, the recording is the
//! evidence. Knows nothing of SQL, HTTP or courts.

mod gates;
mod model;
mod reader;
mod resample;
mod transcribe;
mod transcript;
mod voice;
pub mod words;
pub mod worker;

pub use model::{Model, ModelError};
pub use reader::{Reader, Reading};
pub use transcribe::{PromptSpan, Request};
pub use transcript::{Line, ModelInfo, Speaker, Transcript};
pub use worker::{Worker, WorkerConfig, WorkerError};
