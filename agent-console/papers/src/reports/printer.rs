//! Setting a report and storing its next version, with everything that follows from it.

use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use songda_press::{Paper, Press, Template};
use songda_service::{
    ServiceError, tasks,
    timeline::{self, Kind, SYSTEM},
};
use songda_store::{
    Clock, Db, Objects, Sealer, Tx, audit,
    clock::{rfc3339, stamp},
    outbox,
};

use super::{
    ReportRow, Result, Transcripts,
    facts::{self, Call, Facts},
    sheet::{self, Sheet},
    store::{self, New},
};
use crate::PapersError;

/// Where finished reports go: the court's case system.
pub const SINK: &str = "case-system";
/// Topic of their messages (domain 8.1).
pub const TOPIC: &str = "report.ready";

/// How often a report is set anew because another version came first.
const ROUNDS: usize = 3;

/// Makes reports.
#[derive(Clone)]
pub struct Printer {
    /// Database.
    pub db: Db,
    /// Clock.
    pub clock: Clock,
    /// Sealed payloads.
    pub sealer: Sealer,
    /// Files.
    pub objects: Objects,
    /// The press.
    pub press: Press,
    /// Where transcripts come from.
    pub transcripts: Arc<dyn Transcripts>,
}

impl Printer {
    /// Makes the next version of a task's report from everything that is known now.
    /// Answers none when the version in force says all of it already. A served task whose
    /// report exists is done (R3.2e).
    ///
    /// # Errors
    /// The press or the store refused: nothing was stored, and the task stays as it was.
    pub async fn render(&self, task: &str, attempt: &str) -> Result<Option<ReportRow>> {
        for _ in 0..ROUNDS {
            // Read first: what is gathered after it can only be newer than that version.
            let current = store::current(&self.db, task).await?;
            let facts = facts::gather(&self.db, self.transcripts.as_ref(), task).await?;
            if !facts.calls.iter().any(|call| call.attempt.as_ref().is_some_and(|it| it.id == attempt)) {
                return Err(ServiceError::NotFound { kind: "attempt" }.into());
            }
            let sheet = sheet::write(&facts)?;
            let said = json!(sheet);
            let data_sha256 = hex::encode(Sha256::digest(said.to_string()));
            if current.as_ref().is_some_and(|report| report.data_sha256 == data_sha256) {
                return Ok(None);
            }
            let made_ms = self.clock.now_ms();
            let data = with_version(said, &facts, current.as_ref(), made_ms);
            let paper = self.press.render(Template::T3Phone, data, made_ms).await?;
            let stored = self.store(&facts, &sheet, current.as_ref(), &paper, &data_sha256).await?;
            if stored.is_some() {
                return Ok(stored);
            }
        }
        Err(PapersError::Busy { task: task.to_owned() })
    }

    /// File, row, timeline, audit, message and task in one transaction; none when another
    /// version came first.
    async fn store(
        &self,
        facts: &Facts,
        sheet: &Sheet,
        current: Option<&ReportRow>,
        paper: &Paper,
        data_sha256: &str,
    ) -> Result<Option<ReportRow>> {
        let Some((call, attempt)) = facts.latest() else {
            return Err(ServiceError::NotFound { kind: "attempt" }.into());
        };
        let (court, task) = (&facts.court.id, &facts.task.id);
        let mut tx = self.db.begin().await?;
        let object = self.objects.put(&mut tx, court, "report", "application/pdf", &paper.pdf).await?;
        let new = New {
            task,
            case: &facts.task.case_id,
            attempt: &attempt.id,
            replaces: current,
            object: &object,
            paper,
            template: Template::T3Phone,
            form: &self.press.form(Template::T3Phone)?,
            data_sha256,
            transcript_state: sheet.transcript_state,
        };
        let Some(report) = store::insert(&mut tx, &self.clock, &new).await? else { return Ok(None) };
        self.note(&mut tx, facts, &report).await?;
        outbox::put(
            &mut tx,
            &self.clock,
            &self.sealer,
            court,
            SINK,
            TOPIC,
            task,
            &message(facts, call, &report),
            Some(&report.object_id),
        )
        .await?;
        // A report of facts that were gathered before the success closes nothing.
        if facts.task.phase == tasks::AWAITING_REPORT {
            tasks::close_with_report(&mut tx, &self.clock, task).await?;
        }
        tx.commit().await?;
        Ok(Some(report))
    }

    async fn note(&self, tx: &mut Tx, facts: &Facts, report: &ReportRow) -> Result<()> {
        let detail = json!({ "version": report.version, "transcript": report.transcript_state, "pages": report.pages,
                             "supersedes": report.supersedes });
        timeline::append(tx, &self.clock, &facts.task.id, &SYSTEM, Kind::Report, &report.id, &detail).await?;
        let entry = audit::Entry {
            court: &facts.court.id,
            actor: SYSTEM.actor,
            actor_role: SYSTEM.actor,
            action: "report.render",
            object_kind: "report",
            object_id: &report.id,
            case_id: Some(&facts.task.case_id),
            ip: "",
            result: "ok",
            detail: json!({ "task": facts.task.id, "version": report.version, "sha256": report.sha256 }),
        };
        audit::append(tx, &self.clock, entry).await?;
        Ok(())
    }
}

/// The sheet becomes a report: number, version and time are added.
fn with_version(mut sheet: Value, facts: &Facts, current: Option<&ReportRow>, made_ms: i64) -> Value {
    let version = current.map_or(0, |report| report.version) + 1;
    sheet["number"] = json!(format!("{}-R{version:02}", facts.task.number));
    sheet["version"] = json!(version);
    sheet["replaces"] = json!(current.map(|report| report.version));
    sheet["made"] = json!(stamp(made_ms));
    sheet
}

/// What the case system is told (domain 8.1); the outbox adds `seq`.
fn message(facts: &Facts, latest: &Call, report: &ReportRow) -> Value {
    let attempt = latest.attempt.as_ref();
    let code = |code: Option<&str>| code.filter(|code| !code.is_empty()).map(str::to_owned);
    json!({
        "event": TOPIC,
        "source": facts.order.source,
        "order_no": facts.order.order_no,
        "revision": facts.order.revision,
        "case_no": facts.case.number,
        "party_ref": facts.task.party_ref,
        "task_id": facts.task.id,
        "at": rfc3339(report.created_ms),
        "report": {
            "id": report.id, "kind": report.kind, "version": report.version, "supersedes": report.supersedes,
            "pages": report.pages, "sha256": report.sha256, "sm3": report.sm3,
            "transcript": report.transcript_state,
        },
        "outcome": {
            "technical": latest.technical,
            "contact": code(attempt.map(|it| it.contact.as_str())),
            "business": code(attempt.map(|it| it.business.as_str())),
            "result": facts.task.result,
            "rule": facts.task.result_rule,
        },
    })
}
