//! Pushes in, reports out, on both databases.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../service/tests/it/clear.rs"]
mod clear;
mod delivery;
mod house;
mod notary;
mod pushes;
