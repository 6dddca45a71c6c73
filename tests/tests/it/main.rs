//! The built server and its parts against the outside world.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_input;
mod browser;
mod carrier;
mod desk;
mod faults;
mod kills;
mod leaks;
mod peers;
mod push;
mod road;
mod server;
mod speech;
mod switchboard;
mod world;
