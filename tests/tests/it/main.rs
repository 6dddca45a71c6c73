//! The built server and its parts against the outside world.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod agent;
mod carrier;
mod leaks;
mod peer;
mod push;
mod road;
mod server;
mod world;
