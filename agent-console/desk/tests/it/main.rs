//! What the desk keeps, on SQLite and PostgreSQL, and what a seat does.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../service/tests/it/clear.rs"]
mod clear;
#[path = "../../../service/tests/it/house.rs"]
#[expect(dead_code, reason = "the house of the law's own tests; the desk needs a part of it")]
mod house;

mod callers;
mod checklist;
mod click;
mod desk;
mod drafts;
mod escalations;
mod heard;
mod inbound;
mod legs;
mod lines;
mod marks;
mod owed;
mod phones;
mod profiles;
mod quality;
mod seats;
mod settings;
mod shares;
mod transfers;
mod work_orders;
mod wrap_up;
