//! The edge: configuration, sign-in, and every endpoint against the matrix of roles.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bundle;
mod config;
mod document;
mod house;
mod matrix;
mod notary;
mod phones;
mod running;
mod scope;
mod settings;
mod sign_in;
mod strangers;
mod telephony;
