//! The evidence vault and the keys: mechanism only, no database, no law.
//!
//! `vault` keeps each recording as an append-only file of sealed one-second blocks and
//! reads it back as WAV by byte range. `keys` holds the key file, the envelope keys for
//! sealed columns and the blind indexes.

pub mod keys;
pub mod vault;
