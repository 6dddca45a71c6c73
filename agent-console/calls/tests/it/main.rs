//! Tests of call control.

mod any_order;
mod call;
mod machine;
mod marks;
mod presence;
mod sounds;
