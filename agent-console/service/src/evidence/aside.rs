//! What a recovery set aside of a recording that never became one: no block of it opens, so there
//! is no WAV, no manifest and no row of a recording, and no deletion of one takes it along. It is
//! still sound of a call that somebody may read by hand, so it is entered by itself, with the hashes
//! of its sealed bytes, and has the time of a recording (X6).

use serde_json::json;
use songda_recordings::vault::{LostPiece, Vault, VaultError};
use songda_store::{StoreError, audit, evidence as register};
use sqlx::Row;

use super::{Examiner, FileRow, Found, internal, not_there, other_hash, other_length};
use crate::ServiceError;

impl Examiner {
    /// Enters what was set aside and is in no books yet, under the call that it is of; answers how
    /// many. What is of no call of this house is left to whoever was told when it was set aside.
    pub async fn enter_set_aside(&self) -> Result<usize, ServiceError> {
        let found = self.in_vault(Vault::only_set_aside).await?;
        let mut entered = 0;
        for (recording, name) in found {
            let id = register::set_aside_id(&name);
            let row = sqlx::query(
                "SELECT x.id, x.court_id FROM
                 (SELECT c.id, c.court_id FROM calls c WHERE c.recording_id = $1 AND c.state = 'ended'
                  UNION ALL SELECT i.id, i.court_id FROM inbound_calls i WHERE i.recording_id = $1 AND i.state = 'ended') x
                 WHERE NOT EXISTS (SELECT 1 FROM evidence_files f WHERE f.id IN ($1, $2)) LIMIT 1",
            )
            .bind(recording.as_str())
            .bind(&id)
            .fetch_optional(self.db.read())
            .await?;
            let Some(row) = row else { continue };
            let (call, court): (String, String) = (row.get(0), row.get(1));
            // One that the disk does not give keeps no other from its register; it is asked for again.
            let piece = match self.piece(&name).await {
                Ok(piece) => piece,
                Err(error) => {
                    tracing::error!(file = name, %error, "what was set aside cannot be read, and is in no register yet");
                    continue;
                }
            };
            let Some(piece) = piece else { continue };
            let mut tx = self.db.begin().await?;
            let LostPiece { bytes, sha256, sm3, .. } = &piece;
            let (kind, size) = (register::SET_ASIDE, *bytes as i64);
            let entry = register::Entry { id: &id, court: &court, kind, owner: &call, sha256, sm3, size };
            register::book(&mut tx, &self.clock, entry).await?;
            let about = json!({ "kind": kind, "call": call, "file": name, "sha256": sha256 });
            let entry = audit::Entry::of_the_house(&court, "evidence.enter_set_aside", ("evidence", &id), about);
            audit::append(&mut tx, &self.clock, entry).await?;
            tx.commit().await?;
            entered += 1;
        }
        Ok(entered)
    }

    /// What lies there against what was entered.
    pub(super) async fn set_aside(&self, file: &FileRow) -> Result<Found, ServiceError> {
        let Some(piece) = self.piece(name(file)).await? else { return Ok(not_there()) };
        Ok(if piece.bytes as i64 != file.size {
            other_length(piece.bytes, file.size)
        } else if piece.sha256 != file.sha256 || piece.sm3 != file.sm3 {
            other_hash()
        } else {
            Found::Intact
        })
    }

    pub(super) async fn set_aside_is_there(&self, file: &FileRow) -> Result<bool, ServiceError> {
        Ok(self.piece(name(file)).await?.is_some())
    }

    async fn piece(&self, name: &str) -> Result<Option<LostPiece>, ServiceError> {
        let name = name.to_owned();
        self.in_vault(move |vault| vault.piece(&name)).await
    }

    async fn in_vault<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Vault) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, ServiceError> {
        const ACTION: &str = "looking for what was set aside";
        let vault = self.vault.clone();
        let done = tokio::task::spawn_blocking(move || work(&vault)).await;
        done.map_err(|error| StoreError::internal(ACTION, error))?.map_err(|error| internal(ACTION, error))
    }
}

fn name(file: &FileRow) -> &str {
    register::set_aside_name(&file.id).unwrap_or_default()
}
