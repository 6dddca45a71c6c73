//! Who is let in, for how long, and what each role may do.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod roles;
mod sign_in;
