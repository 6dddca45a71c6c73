//! What the desk keeps, on SQLite and PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../service/tests/it/house.rs"]
#[expect(dead_code, reason = "the house of the law's own tests; the desk needs a part of it")]
mod house;
mod work_orders;
