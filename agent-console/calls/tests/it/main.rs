//! Tests of call control.

mod machine;
mod notice;
