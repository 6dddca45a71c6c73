//! Pushes in, reports out, on both databases.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod delivery;
mod house;
mod pushes;
