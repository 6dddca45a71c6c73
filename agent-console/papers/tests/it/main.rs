//! Reports as they arise from outcomes and transcripts, on both databases.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod house;
mod reports;
