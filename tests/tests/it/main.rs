//! The built server and its parts against the outside world.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_input;
mod carrier;
mod kills;
mod leaks;
mod push;
mod road;
mod server;
mod speech;
mod world;
