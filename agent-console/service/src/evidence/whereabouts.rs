//! Where a file of the register is kept: where a look at it looked.

use songda_recordings::vault::RecordingId;
use songda_store::evidence as register;

use super::{Examiner, FileRow};

impl Examiner {
    /// The path of the sealed file, or the table in whose row it is kept, whether it is there or not.
    pub fn place(&self, file: &FileRow) -> String {
        match file.kind.as_str() {
            register::RECORDING => match RecordingId::new(&file.id) {
                Ok(id) => {
                    let path = self.vault.path(&id).display().to_string();
                    match self.vault.s3() {
                        Some(remote) => format!("{path}, or its copy on {}", remote.place()),
                        None => path,
                    }
                }
                Err(_) => "no place: its id is none of a recording".to_owned(),
            },
            register::SET_ASIDE => {
                let name = register::set_aside_name(&file.id).unwrap_or_default();
                self.vault.piece_path(name).display().to_string()
            }
            register::TRANSCRIPT => "the table transcripts or inbound_transcripts of the database".to_owned(),
            register::CORRECTION => "the table transcript_edits of the database".to_owned(),
            register::CALL => "the table evidence_calls of the database".to_owned(),
            register::NOTARY_RECEIPT => "the table evidence_notary_receipts of the database".to_owned(),
            _ => self.objects.path(&file.id).display().to_string(),
        }
    }
}
