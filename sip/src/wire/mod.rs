//! The wire: bytes to messages and back (RFC 3261, 7 and 18.3).
//!
//! A message that must be answered is never thrown away by the parser: it is read as far
//! as it goes, and what is wrong stands beside it as defects. Nothing is read without a
//! bound.

mod defect;
mod frame;
mod names;
mod parse;
mod print;

pub use self::{
    defect::{Defect, Serves, refuse},
    frame::{Frame, FrameError, Framer},
    parse::parse,
    print::{print_request, print_response},
};

/// Largest message, in bytes; a datagram cannot hold more than half of it.
pub const STREAM_LIMIT: usize = 128 * 1024;
/// Most headers.
pub const HEADER_LIMIT: usize = 256;
/// Longest header, its continuations joined, in bytes.
pub const LINE_LIMIT: usize = 16 * 1024;
/// Most hops.
pub const VIA_LIMIT: usize = 70;
