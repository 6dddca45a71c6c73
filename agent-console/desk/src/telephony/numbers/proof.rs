//! The file that proves that a number is the court's: its contract or licence.

use songda_store::{Objects, Tx};

use crate::{DeskError, telephony::Unfit};

/// Largest proof, bytes.
pub const PROOF_LIMIT: usize = 10 << 20;

/// The media type of a PDF, PNG or JPEG, by its first bytes and its last: what a name says of
/// a file proves nothing.
pub fn media_type(content: &[u8]) -> Option<&'static str> {
    let ends_soon = |mark: &[u8]| {
        let tail = &content[content.len().saturating_sub(1_024)..];
        tail.windows(mark.len()).any(|window| window == mark)
    };
    if content.starts_with(b"%PDF-1.") || content.starts_with(b"%PDF-2.") {
        return ends_soon(b"%%EOF").then_some("application/pdf");
    }
    if content.starts_with(b"\x89PNG\r\n\x1a\n") {
        return ends_soon(b"IEND").then_some("image/png");
    }
    if content.starts_with(&[0xff, 0xd8, 0xff]) {
        return ends_soon(&[0xff, 0xd9]).then_some("image/jpeg");
    }
    None
}

/// Stores a proof, sealed; answers its id. It counts once a number that names it is in the
/// register.
pub async fn keep_proof(tx: &mut Tx, objects: &Objects, court: &str, content: &[u8]) -> Result<String, DeskError> {
    if content.len() > PROOF_LIMIT {
        return Err(Unfit::field("proof", "must be at most 10 MiB").into());
    }
    let kind = media_type(content).ok_or_else(|| Unfit::field("proof", "must be a whole PDF, PNG or JPEG file"))?;
    Ok(objects.put(tx, court, "number_proof", kind, content).await?.id)
}
