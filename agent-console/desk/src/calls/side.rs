//! What stands beside a recording: marks, and what the agent's network did.

use serde::Serialize;
use serde_json::{Value, json};
use songda_calls::{CallEnd, Mark, MarkKind};
use songda_store::{Db, Tx, clock::rfc3339};
use sqlx::Row;

use crate::DeskError;

/// A run of keys this long may be a number: it is kept without its digits.
const NUMBER: usize = 7;

/// Marks as they are stored. Keys of the party, or of the agent, that may be a number lose their
/// digits, whether they were pressed one by one or at once.
pub fn marks_to_store(marks: &[Mark]) -> Value {
    let mut kept = json!(marks);
    for (kind, name) in [(MarkKind::DigitIn, "digit_in"), (MarkKind::DigitOut, "digit_out")] {
        let keys: usize = marks.iter().filter(|mark| mark.kind == kind).map(|mark| mark.text.chars().count()).sum();
        if keys < NUMBER {
            continue;
        }
        for mark in kept.as_array_mut().into_iter().flatten().filter(|mark| mark["kind"] == name) {
            let hidden = "*".repeat(mark["text"].as_str().unwrap_or_default().chars().count());
            mark["text"] = json!(hidden);
        }
    }
    kept
}

/// Marks of a call that ended, as they are stored; null where nobody is left who knew them.
pub(crate) fn marks_of(end: &CallEnd) -> Value {
    if end.lost { Value::Null } else { marks_to_store(&end.marks) }
}

/// Its prompts, in the same way.
pub(crate) fn prompts_of(end: &CallEnd) -> Value {
    if end.lost { Value::Null } else { json!(end.prompt_spans) }
}

/// Marks that last, as they are stored.
const SPANS: [&str; 8] =
    ["agent_away", "hold", "party_silent", "transfer", "three_way", "listened", "whispered", "barged"];

/// Marks that a killed call left, for a recording of this length in milliseconds: what had not
/// ended goes on to its end, and nothing lies behind it. Where nobody knows the end, they stand as
/// they were told.
pub fn marks_until(stored: &str, end_ms: Option<i64>) -> Value {
    let mut marks: Vec<Value> = serde_json::from_str(stored).unwrap_or_default();
    let Some(end_ms) = end_ms else { return json!(marks) };
    for mark in &mut marks {
        let at = |name: &str| mark[name].as_i64().unwrap_or_default();
        let (from, to) = (at("from_ms"), at("to_ms"));
        let spans = SPANS.contains(&mark["kind"].as_str().unwrap_or_default());
        let to = if spans && to == from { end_ms } else { to };
        mark["from_ms"] = json!(from.min(end_ms));
        mark["to_ms"] = json!(to.min(end_ms));
    }
    json!(marks)
}

/// What was written down of a call while it was on the line.
pub(crate) struct Written {
    pub(crate) marks: String,
    pub(crate) prompt_spans: String,
    /// With `until_at`, where anything was measured.
    pub(crate) quality: String,
    /// Its first frame, Unix milliseconds.
    pub(crate) recording_from_ms: Option<i64>,
}

impl Written {
    /// Prompt spans, marks and quality to store of a call that ended then: as its end tells them, and as
    /// they were written down where it does not.
    pub(crate) fn unless_known(
        self,
        prompt_spans: &Value,
        marks: &Value,
        quality: &Value,
        ended_ms: i64,
    ) -> (String, String, String) {
        let length_ms = self.recording_from_ms.map(|from| (ended_ms - from).max(0));
        let marks = if marks.is_null() { &marks_until(&self.marks, length_ms) } else { marks };
        let known = |told: &Value, written: String| if told.is_null() { written } else { told.to_string() };
        (known(prompt_spans, self.prompt_spans), marks.to_string(), known(quality, self.quality))
    }
}

/// What was measured of a live call until then, as it is stored: it says until when, for a kill leaves
/// nothing else.
pub fn measured_until(quality: &Value, at_ms: i64) -> Value {
    let mut kept = quality.clone();
    kept["until_at"] = json!(rfc3339(at_ms));
    kept
}

/// What a browser measured of its line.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Round trip, milliseconds.
    pub rtt_ms: Option<f64>,
    /// Jitter, milliseconds.
    pub jitter_ms: Option<f64>,
    /// Share of lost packets, 0 to 1.
    pub loss: Option<f64>,
    /// `good`, `fair`, `poor` or `lost`.
    pub quality: String,
}

/// Samples that are kept of one call at most: four hours, one every three seconds.
const MOST_SAMPLES: i64 = 5_000;

/// Keeps samples of a call of this agent; answers how many were kept.
pub async fn keep_samples(tx: &mut Tx, agent: &str, call: &str, samples: &[Sample]) -> Result<i64, DeskError> {
    let row = sqlx::query(
        "SELECT CAST(COALESCE(MAX(s.seq), 0) AS BIGINT) FROM calls c LEFT JOIN call_samples s ON s.call_id = c.id
         WHERE c.id = $1 AND c.agent_id = $2 GROUP BY c.id",
    )
    .bind(call)
    .bind(agent)
    .fetch_optional(&mut *tx.conn())
    .await?;
    let Some(row) = row else { return Ok(0) };
    let last: i64 = row.get(0);
    let mut kept = 0;
    for (seq, sample) in (last + 1..=MOST_SAMPLES).zip(samples) {
        sqlx::query(
            "INSERT INTO call_samples (call_id, seq, at_ms, rtt_ms, jitter_ms, loss, quality)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(call)
        .bind(seq)
        .bind(sample.at_ms)
        .bind(sample.rtt_ms)
        .bind(sample.jitter_ms)
        .bind(sample.loss)
        .bind(&sample.quality)
        .execute(&mut *tx.conn())
        .await?;
        kept += 1;
    }
    Ok(kept)
}

/// The agent's network during a call, in a line.
#[derive(Debug, Clone, Serialize)]
pub struct Network {
    /// Samples.
    pub samples: i64,
    /// Of them fair, poor or lost.
    pub impaired: i64,
    /// Mean round trip, milliseconds.
    pub rtt_ms: Option<f64>,
    /// Worst round trip, milliseconds.
    pub rtt_max_ms: Option<f64>,
    /// Mean jitter, milliseconds.
    pub jitter_ms: Option<f64>,
    /// Mean share of lost packets.
    pub loss: Option<f64>,
    /// Worst share of lost packets.
    pub loss_max: Option<f64>,
}

/// What is known of the agent's network during a call; none where nothing was measured.
pub async fn network(db: &Db, call: &str) -> Result<Option<Network>, DeskError> {
    let row = sqlx::query(
        "SELECT COUNT(*), COUNT(*) FILTER (WHERE quality <> 'good'), AVG(rtt_ms), MAX(rtt_ms), AVG(jitter_ms),
                AVG(loss), MAX(loss) FROM call_samples WHERE call_id = $1",
    )
    .bind(call)
    .fetch_one(db.read())
    .await?;
    let samples: i64 = row.get(0);
    Ok((samples > 0).then(|| Network {
        samples,
        impaired: row.get(1),
        rtt_ms: row.get(2),
        rtt_max_ms: row.get(3),
        jitter_ms: row.get(4),
        loss: row.get(5),
        loss_max: row.get(6),
    }))
}
