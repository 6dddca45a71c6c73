//! Transcripts of calls: made by a child process, stored as the machine wrote them,
//! corrected beside the original.

mod inbound;
mod job;
mod printed;
mod store;

pub use inbound::enqueue_inbound;
pub use job::{JOB, Transcriber};
pub use printed::Printed;
pub use store::{Corrected, Edit, Stored, correct, enqueue, find, lines, state};
