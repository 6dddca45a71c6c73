//! Transcripts as they go into a report: corrections applied, speakers in words.

use async_trait::async_trait;
use songda_asr::Speaker;
use songda_papers::reports::{TranscriptLine, TranscriptState, TranscriptText, Transcripts};
use songda_store::{Db, Sealer};

use super::store;

/// Reads transcripts for the press.
pub struct Printed {
    /// Database.
    pub db: Db,
    /// Sealed columns.
    pub sealer: Sealer,
}

#[async_trait]
impl Transcripts for Printed {
    async fn text(&self, call: &str) -> Result<Option<TranscriptText>, String> {
        let stored = store::find(&self.db, &self.sealer, call).await.map_err(|error| error.to_string())?;
        let Some(stored) = stored else { return Ok(None) };
        let mut lines = Vec::new();
        if let Some(transcript) = &stored.transcript {
            let corrected = store::lines(&self.db, &self.sealer, call, transcript).await;
            for shown in corrected.map_err(|error| error.to_string())? {
                if shown.line.hidden {
                    continue;
                }
                lines.push(TranscriptLine {
                    from_ms: shown.line.from_ms,
                    speaker: speaker(shown.line.speaker).to_owned(),
                    weak: shown.line.weak && shown.edit.is_none(),
                    text: shown.line.text,
                });
            }
        }
        Ok(Some(TranscriptText {
            state: TranscriptState::from_word(&stored.state),
            test_model: stored.test_model,
            model: stored.model_name,
            lines,
        }))
    }
}

fn speaker(who: Speaker) -> &'static str {
    match who {
        Speaker::System => "系统",
        Speaker::Agent => "坐席",
        Speaker::Party => "当事人",
    }
}
