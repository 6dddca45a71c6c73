//! The acceptance suite: the built server against real peers and `songda-sim`. The tests
//! stand under `tests/it`; the scenarios of SIPp lie in `sipp`, the simulator in `sim`. Here
//! is what tests and `songda-walk` share: an agent without a screen, and a network to cut.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

pub mod agent;
pub mod peer;
pub mod proxy;
pub mod score;
pub mod supervisor;
mod webrtc;
