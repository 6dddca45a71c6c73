//! 送达报告书（电话）: the report of what was done by telephone to serve one recipient.
//!
//! `facts` gathers what happened, `sheet` says it in the words of the paper, `printer`
//! sets it and stores the next version, `store` is SQL. A report is written from rows
//! that never change (calls, attempts, recordings), from masked numbers only; nothing
//! sealed is opened for it but the transcript, which is evidence and stays as it is.

mod facts;
mod printer;
mod sheet;
mod store;

pub use printer::{Printer, SINK, TOPIC};
pub use store::{find, list, pdf};

use crate::PapersError;

/// Kind of this report in the table of reports.
pub const KIND: &str = "T3-phone";

/// The version that counts.
pub const IN_FORCE: &str = "有效";
/// A version that a later one replaced; it stays, and can still be read.
pub const REPLACED: &str = "已被替代";

/// Every transcript is in the report.
pub const ATTACHED: &str = "已附";
/// A transcript is still being made: a further version follows.
pub const TO_COME: &str = "转写待补";
/// No conversation was recorded.
pub const NO_RECORDING: &str = "无录音";

/// One version of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRow {
    /// Id.
    pub id: String,
    /// Task.
    pub task_id: String,
    /// Case of the task, for who may read it.
    pub case_id: String,
    /// The latest attempt that it tells of.
    pub attempt_id: String,
    /// [`KIND`].
    pub kind: String,
    /// From 1.
    pub version: i64,
    /// [`IN_FORCE`] or [`REPLACED`].
    pub state: String,
    /// The version that it replaced.
    pub supersedes: Option<String>,
    /// Stored file.
    pub object_id: String,
    /// SHA-256 of the file, hex.
    pub sha256: String,
    /// SM3 of the file, hex.
    pub sm3: String,
    /// Pages.
    pub pages: i64,
    /// Template and its version.
    pub template: String,
    /// Version of the template.
    pub template_version: i64,
    /// Hash over everything that it says but its own version and time.
    pub data_sha256: String,
    /// [`ATTACHED`], [`TO_COME`] or [`NO_RECORDING`].
    pub transcript_state: String,
    /// Unix milliseconds.
    pub created_ms: i64,
    /// How its way to the case system stands.
    pub delivery: Option<Delivery>,
}

/// How the way of a report to the case system stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// `waiting`, `done` or `dead`.
    pub state: String,
    /// When it arrived, unix milliseconds.
    pub done_ms: Option<i64>,
}

/// How a transcript stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TranscriptState {
    /// Still being made.
    Waiting,
    /// Its lines are there.
    Ready,
    /// It could not be made.
    Failed,
}

impl TranscriptState {
    /// From the word in the table of transcripts; an unknown word is a failed one.
    pub fn from_word(word: &str) -> Self {
        match word {
            "waiting" => Self::Waiting,
            "ready" => Self::Ready,
            _ => Self::Failed,
        }
    }
}

/// The transcript of one call, as it goes into a report.
#[derive(Debug, Clone)]
pub struct TranscriptText {
    /// How it stands.
    pub state: TranscriptState,
    /// Made by the test model: the report says so.
    pub test_model: bool,
    /// Name of the model, with its hash where that helps.
    pub model: String,
    /// Lines in the order of time; corrections applied.
    pub lines: Vec<TranscriptLine>,
}

/// One line of a transcript.
#[derive(Debug, Clone)]
pub struct TranscriptLine {
    /// Milliseconds of the recording.
    pub from_ms: u64,
    /// Who, as it is printed: 系统, 坐席, 当事人.
    pub speaker: String,
    /// What.
    pub text: String,
    /// Recognised with little confidence.
    pub weak: bool,
}

/// Where transcripts come from.
#[async_trait::async_trait]
pub trait Transcripts: Send + Sync {
    /// The transcript of a call; none when none is to be made. The error is a text
    /// without personal data.
    async fn text(&self, call: &str) -> Result<Option<TranscriptText>, String>;
}

pub(crate) type Result<T, E = PapersError> = std::result::Result<T, E>;
