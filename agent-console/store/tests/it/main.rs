//! The ground, on SQLite and PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod chains;
mod claim;
mod clock;
mod copies;
mod full;
mod masks;
mod queues;
mod sealing;
