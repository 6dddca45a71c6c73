//! The evidence vault and the keys: mechanism only, no database, no law.
//!
//! `vault` keeps each recording as an append-only file of sealed one-second blocks and
//! reads it back as WAV by byte range. `keys` holds the key file, the envelope keys for
//! sealed columns, the blind indexes and the signatures. `evidence` makes and checks the
//! signed roots of days over the files that were kept. `said` is how faults are told to people.

pub mod evidence;
pub mod keys;
pub mod said;
pub mod vault;
