//! Tests of call control.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod any_order;
mod call;
mod classifier;
mod heard;
mod incoming;
mod machine;
mod marks;
mod numbering;
mod presence;
mod sounds;
mod three_way;
mod transfer;
