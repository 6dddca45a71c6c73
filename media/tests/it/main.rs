//! Tests of the sound of a call, in virtual time and over real sockets.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod any_order;
mod bridge;
mod browser;
mod dropped;
mod engine;
#[path = "../../../tests/sim/src/impair.rs"]
mod impair;
mod impaired;
mod left;
mod legs;
mod line;
mod long_call;
mod marker_tones;
mod mixed_loss;
mod modes;
mod nothing_lost;
mod progress;
mod prompts;
mod quality;
mod restarts;
mod ring_back;
mod rooms;
mod timeline;
mod transfer;
mod ways;
#[path = "../../../tests/src/webrtc.rs"]
mod webrtc;
mod whose_sound;
mod wraps;
