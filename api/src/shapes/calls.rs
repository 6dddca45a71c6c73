//! Calls, recordings, transcripts and reports.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{RemovalView, Said};

/// A code with its words.
#[derive(Serialize, ToSchema)]
pub(crate) struct Words {
    pub(crate) code: String,
    pub(crate) zh: String,
    pub(crate) en: String,
}

/// A recording in a list of calls.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecordingBrief {
    /// `closed`, `recovered`, `incomplete`, `missing`, `altered` or `deleted`.
    pub(crate) state: String,
    pub(crate) duration_ms: i64,
    pub(crate) bytes: i64,
    pub(crate) sha256: String,
    pub(crate) sm3: String,
    /// How many holes and cuts.
    pub(crate) gaps: usize,
    /// How it went, when it is there no more.
    pub(crate) removal: Option<RemovalView>,
}

/// A transcript in a list of calls.
#[derive(Serialize, ToSchema)]
pub(crate) struct TranscriptBrief {
    /// `waiting`, `ready` or `failed`.
    pub(crate) state: String,
    pub(crate) test_model: bool,
    /// How its words went, when they are there no more.
    pub(crate) removal: Option<RemovalView>,
}

/// The outcome of a call.
#[derive(Serialize, ToSchema)]
pub(crate) struct OutcomeBrief {
    pub(crate) contact: String,
    pub(crate) business: String,
    pub(crate) heard_all: bool,
}

/// Something that a listener must know, in the recording's time.
#[derive(Serialize, ToSchema)]
pub(crate) struct MarkRow {
    /// `agent_away`, `hold`, `digit_in`, `digit_out`, `party_silent`, `transfer`, `transferred`, `three_way`, `listened`, `whispered`, `barged` or `recording_failed`.
    pub(crate) kind: String,
    pub(crate) from_ms: i64,
    /// Equal to `from_ms` for a point.
    pub(crate) to_ms: i64,
    /// Keys, masked where they may be a number, which silence it was, or how and to what it was passed on.
    pub(crate) text: String,
}

/// A step of the script that was said.
#[derive(Serialize, ToSchema)]
pub(crate) struct TickRow {
    pub(crate) step: String,
    pub(crate) title_zh: String,
    pub(crate) title_en: String,
    pub(crate) at: String,
    /// In the recording; none for one that was ticked after the call.
    pub(crate) offset_ms: Option<i64>,
}

/// The agent's network during a call.
#[derive(Serialize, ToSchema)]
pub(crate) struct NetworkRow {
    pub(crate) samples: i64,
    /// Of them fair, poor or lost.
    pub(crate) impaired: i64,
    pub(crate) rtt_ms: Option<f64>,
    pub(crate) rtt_max_ms: Option<f64>,
    pub(crate) jitter_ms: Option<f64>,
    /// Share, 0 to 1.
    pub(crate) loss: Option<f64>,
    pub(crate) loss_max: Option<f64>,
}

/// How well every leg of a call was heard, from its beginning to its end. None: there was no such leg.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct CallSound {
    /// What the party heard of the agent who had the call last.
    pub(crate) agent: Option<LegSound>,
    /// Of those who had it before him and handed it over, in that order.
    #[serde(default)]
    pub(crate) agents_before: Vec<LegSound>,
    /// What was heard of the party.
    pub(crate) party: Option<LegSound>,
    /// What was heard of whom the call was to be passed on to, or who was in it as a third.
    pub(crate) target: Option<LegSound>,
    /// What was heard of the supervisors.
    pub(crate) supervisor: Option<LegSound>,
    /// Nothing is known after this: the call goes on, or the server died in it. None: it is known to the
    /// end.
    pub(crate) until_at: Option<String>,
}

/// One leg of a call over the whole of it.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct LegSound {
    /// Opinion by the E-model (ITU-T G.107), 1 to 4.5; none before anything came. Of a supervisor who
    /// said nothing: of what he heard.
    pub(crate) mos: Option<f64>,
    /// Packets that came.
    pub(crate) received: i64,
    /// Packets that never came.
    pub(crate) lost: i64,
    /// Packets that came too late to be heard.
    pub(crate) late: i64,
    /// Jitter (RFC 3550), milliseconds.
    pub(crate) jitter_ms: f64,
    /// Round-trip time (RTCP), milliseconds; none where the other end did not report.
    pub(crate) rtt_ms: Option<f64>,
    /// What the other end said of our sound.
    pub(crate) far: Option<FarSound>,
}

/// What the other end of a leg said of our sound in its last report (RTCP).
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct FarSound {
    /// Packets that never reached it; those that came twice count against them.
    pub(crate) lost: i64,
    /// Share lost between its last two reports, 0 to 1.
    pub(crate) loss: f64,
    /// Its jitter, milliseconds.
    pub(crate) jitter_ms: f64,
}

/// A call that was handed over, or was to be.
#[derive(Serialize, ToSchema)]
pub(crate) struct TransferRow {
    pub(crate) at: String,
    /// When it was done, or came to nothing.
    pub(crate) settled_at: Option<String>,
    pub(crate) from: String,
    pub(crate) to: String,
    /// `seat` or `phone`.
    pub(crate) kind: String,
    /// `blind`, `attended` or `three_way`.
    pub(crate) mode: String,
    /// `ringing`, `consulting`, `joined`, `done`, `left` or `failed`.
    pub(crate) state: String,
    /// Why it came to nothing, or empty.
    pub(crate) reason: String,
    /// Where in the recording it was done.
    pub(crate) offset_ms: Option<i64>,
}

/// A call.
#[derive(Serialize, ToSchema)]
pub(crate) struct CallRow {
    pub(crate) id: String,
    pub(crate) at: String,
    pub(crate) answered_at: Option<String>,
    pub(crate) ended_at: Option<String>,
    pub(crate) phone_masked: String,
    pub(crate) phone_source: String,
    /// The court's own number, which is public.
    pub(crate) caller: String,
    /// `in` where the party called it, else `out`.
    pub(crate) direction: String,
    pub(crate) agent: String,
    pub(crate) technical: Option<Words>,
    pub(crate) is_attempt: bool,
    pub(crate) talk_ms: i64,
    pub(crate) ended_by: String,
    /// Where in the recording the party answered.
    pub(crate) answer_offset_ms: Option<i64>,
    pub(crate) recording: Option<RecordingBrief>,
    /// A recording was begun and is not closed (未封存): the server died in the call or the disk is full. It
    /// is closed as far as it goes at the next start, or when there is room; what stays so is broken.
    pub(crate) unsealed: bool,
    pub(crate) transcript: Option<TranscriptBrief>,
    pub(crate) outcome: Option<OutcomeBrief>,
    /// Empty where none is due; `due` in the time after the call, `owed` (待补录) or `saved`.
    pub(crate) outcome_state: String,
    /// Language of the recording notice.
    pub(crate) language: String,
    /// Script that the agent read from.
    pub(crate) script: String,
    /// What the party was told at the end: `apology`, `farewell`, `recording_failed`, or none.
    pub(crate) parting: Option<String>,
    /// Why the agent ended it politely.
    pub(crate) end_reason: Option<Words>,
    /// The line went dead in the middle of the consent.
    pub(crate) broken_consent: bool,
    /// The call whose broken consent this one took up.
    pub(crate) resumed_from: Option<String>,
    /// Handed to a colleague or to a desk phone, or tried, oldest first.
    pub(crate) transfers: Vec<TransferRow>,
    pub(crate) marks: Vec<MarkRow>,
    pub(crate) ticks: Vec<TickRow>,
    pub(crate) network: Option<NetworkRow>,
    /// How well it was heard; none where nothing is known.
    pub(crate) quality: Option<CallSound>,
}

/// A hole in a recording.
#[derive(Serialize, ToSchema)]
pub(crate) struct GapRow {
    /// `left`: what the party heard, `right`: what came from the party.
    pub(crate) channel: &'static str,
    pub(crate) from_ms: u64,
    pub(crate) to_ms: u64,
    /// `lost`: it was sent and did not come in time; `unsent`: nothing was sent, the other end was
    /// silent; `unlisted`: more holes lie in here than are listed; `cut`: sound that came was left out
    /// here, nothing is silent for it, and it begins where it ends; `unknown`.
    pub(crate) kind: &'static str,
}

/// A recording, checked against its hashes.
#[derive(Serialize, ToSchema)]
pub(crate) struct Recording {
    pub(crate) state: String,
    /// `intact`, `missing` or `altered`.
    pub(crate) verdict: &'static str,
    /// What differs.
    pub(crate) said: Option<Said>,
    pub(crate) duration_ms: u64,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    pub(crate) sm3: String,
    pub(crate) answer_offset_ms: Option<i64>,
    /// False when the list of holes was lost with the process that kept it: there may be some.
    pub(crate) gaps_known: bool,
    pub(crate) gaps: Vec<GapRow>,
}

/// The wave form.
#[derive(Serialize, ToSchema)]
pub(crate) struct Peaks {
    pub(crate) per_second: u32,
    /// Bytes, base64.
    pub(crate) left: String,
    /// Bytes, base64.
    pub(crate) right: String,
}

/// A line of a transcript.
#[derive(Serialize, ToSchema)]
pub(crate) struct TranscriptLine {
    pub(crate) no: u32,
    /// `system`, `agent` or `party`.
    pub(crate) speaker: &'static str,
    pub(crate) from_ms: u64,
    pub(crate) to_ms: u64,
    pub(crate) text: String,
    /// What the machine wrote, when it was corrected.
    pub(crate) original: Option<String>,
    pub(crate) weak: bool,
    pub(crate) hidden: bool,
    pub(crate) edited_by: Option<String>,
    pub(crate) edited_at: Option<String>,
}

/// A transcript.
#[derive(Serialize, ToSchema)]
pub(crate) struct Transcript {
    pub(crate) state: String,
    /// Made by the test model: never for real speech.
    pub(crate) test_model: bool,
    pub(crate) model_name: String,
    pub(crate) model_sha256: String,
    pub(crate) lines: Vec<TranscriptLine>,
}

/// How far a report is on its way to the case system.
#[derive(Serialize, ToSchema)]
pub(crate) struct Delivered {
    /// `waiting`, `done` or `dead`.
    pub(crate) state: String,
    pub(crate) at: Option<String>,
}

/// A version of a report.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportRow {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) version: i64,
    /// 有效 or 已被替代.
    pub(crate) state: String,
    pub(crate) sha256: String,
    pub(crate) sm3: String,
    pub(crate) pages: i64,
    pub(crate) created_at: String,
    /// 已附, 转写待补 or 无录音.
    pub(crate) transcript_state: String,
    pub(crate) template: String,
    pub(crate) template_version: String,
    pub(crate) delivered: Option<Delivered>,
    /// How its file went, when it is there no more.
    pub(crate) removal: Option<RemovalView>,
}

/// An outcome that was saved.
#[derive(Serialize, ToSchema)]
pub(crate) struct SavedOutcome {
    pub(crate) attempt_no: i64,
    pub(crate) task_phase: String,
    pub(crate) next_zh: String,
    pub(crate) next_en: String,
}
