//! Keys and the vault: what a kill, a flip or a cut leaves, and that WAV is WAV.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod copies;
mod evidence;
mod first;
mod hours;
mod kept;
mod keys;
mod notary;
mod s3;
mod said;
mod servers;
mod syncs;
mod tails;
mod vault;
mod versions;
