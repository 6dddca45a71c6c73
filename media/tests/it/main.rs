//! Tests of the sound of a call, in virtual time and over real sockets.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bridge;
mod engine;
mod prompts;
mod timeline;
