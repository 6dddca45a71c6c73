//! The law of service in tables, and on both databases.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod case_numbers;
mod clear;
mod decided;
mod evidence;
mod far;
mod going;
mod house;
mod lawful;
mod marks;
mod notary;
mod outcomes;
mod queue;
mod reach;
mod retention;
mod shelf;
mod technical;
