//! The register of evidence files (X2): one row per file, with both hashes, for ever.
//!
//! A row is written in the transaction that makes the file known, and is never changed. What a
//! later look finds is compared with it; nothing is hashed a second time to make it fit.

use sha2::{Digest, Sha256};

use crate::{Clock, StoreError, Tx};

/// Kind of a recording in the register.
pub const RECORDING: &str = "recording";
/// Kind of a transcript.
pub const TRANSCRIPT: &str = "transcript";
/// Kind of what a call belongs to: its task and case, as a text of its own.
pub const CALL: &str = "call";
/// Kind of a person's correction of a line of a transcript.
pub const CORRECTION: &str = "correction";
/// Kind of what a recovery set aside of a recording that never became one: sealed bytes.
pub const SET_ASIDE: &str = "set_aside";
/// Kind of a notary's receipt for a day root (存证回执).
pub const NOTARY_RECEIPT: &str = "notary_receipt";
/// Kind of a deletion certificate, which is a stored file.
pub const CERTIFICATE: &str = "certificate";

/// A file about to be entered.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Recording, object, [`transcript_id`], [`binding_id`], [`correction_id`] or [`set_aside_id`].
    pub id: &'a str,
    /// Court.
    pub court: &'a str,
    /// [`RECORDING`], [`TRANSCRIPT`], [`CALL`], [`CORRECTION`], [`SET_ASIDE`], or the kind of a stored file.
    pub kind: &'a str,
    /// The call of a recording or transcript; empty for stored files.
    pub owner: &'a str,
    /// SHA-256 of the clear content, hex; of what was set aside, of its bytes as they lie there.
    pub sha256: &'a str,
    /// SM3 of the same, hex.
    pub sm3: &'a str,
    /// Bytes of the same.
    pub size: i64,
}

/// The id under which the transcript of a call stands in the register.
pub fn transcript_id(call: &str) -> String {
    format!("T{call}")
}

/// The id under which a call itself stands in the register.
pub fn binding_id(call: &str) -> String {
    format!("B{call}")
}

/// The id under which a correction stands in the register.
pub fn correction_id(edit: &str) -> String {
    format!("E{edit}")
}

/// The id under which a piece of this name that was set aside stands in the register.
pub fn set_aside_id(name: &str) -> String {
    format!("L{name}")
}

/// The name of the piece that has this id; none when it is no such id.
pub fn set_aside_name(id: &str) -> Option<&str> {
    id.strip_prefix('L')
}

/// The id under which a notary's receipt for the root of a court's day stands in the register.
pub fn notary_receipt_id(court: &str, day: &str) -> String {
    format!("N{court}-{day}")
}

/// SHA-256 and SM3 of some content, hex.
pub fn hashes(content: &[u8]) -> (String, String) {
    (hex::encode(Sha256::digest(content)), hex::encode(sm3::Sm3::digest(content)))
}

/// Enters a file. One that is there already stays as it was entered first.
pub async fn book(tx: &mut Tx, clock: &Clock, entry: Entry<'_>) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO evidence_files (id, court_id, kind, owner_id, sha256, sm3, size, booked_ms)
         SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS TEXT),
                CAST($6 AS TEXT), CAST($7 AS BIGINT), CAST($8 AS BIGINT)
         WHERE NOT EXISTS (SELECT 1 FROM evidence_files WHERE id = $1) ON CONFLICT (id) DO NOTHING",
    )
    .bind(entry.id)
    .bind(entry.court)
    .bind(entry.kind)
    .bind(entry.owner)
    .bind(entry.sha256)
    .bind(entry.sm3)
    .bind(entry.size)
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    // It stands first in the line of those that are looked at.
    sqlx::query(
        "INSERT INTO evidence_checks (file_id, checked_ms, verdict) VALUES ($1, 0, 'new') ON CONFLICT (file_id) DO NOTHING",
    )
    .bind(entry.id)
    .execute(&mut *tx.conn())
    .await?;
    Ok(())
}
