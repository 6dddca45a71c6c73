//! Two persons (domain 4): the administrator asks, the supervisor approves.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use songda_people::Actor;
use songda_recordings::{keys::KeyProvider, said::Said};
use songda_store::{Clock, Db, StoreError, Tx, audit, jobs, new_id};
use sqlx::{Row, any::AnyRow};

use super::{Class, Ending, JOB, Plan, plan, plan::timely, plan_end, policy, proof, reason};
use crate::ServiceError;

/// Something that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestRow {
    /// Id.
    pub id: String,
    /// `policy`, `deletion`, or `contract_end`: the deletion of everything.
    pub kind: String,
    /// The days per class, or the totals of the deletion with why it is asked for.
    pub body: Value,
    /// Version of the periods by which it was made.
    pub policy_version: i64,
    /// `waiting`, `refused`, `withdrawn`, `approved` (being carried out), `done`, or `ended` by two
    /// persons before it was done.
    pub state: String,
    /// Who asked, by id.
    pub asked_by: String,
    /// His name.
    pub asked_name: String,
    /// When, unix milliseconds.
    pub asked_ms: i64,
    /// Who decided, by id.
    pub decided_by: Option<String>,
    /// His name.
    pub decided_name: Option<String>,
    /// When, unix milliseconds.
    pub decided_ms: Option<i64>,
    /// Why it was approved or refused, by whoever did.
    pub reason: String,
    /// Why the house refused it, where no person did.
    pub refused: Option<Said>,
    /// When it was carried out, unix milliseconds.
    pub done_ms: Option<i64>,
    /// Its certificate.
    pub certificate: Option<String>,
    /// Who asked that it ends before it is done, when somebody did.
    pub ending: Option<Ending>,
}

/// A file of a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemRow {
    /// File.
    pub file_id: String,
    /// Class.
    pub class: String,
    /// Kind.
    pub kind: String,
    /// Case.
    pub case_id: String,
    /// 案号.
    pub case_number: String,
    /// Number of the task, or empty.
    pub task_number: String,
    /// Bytes.
    pub size: i64,
    /// Since when it is due, unix milliseconds.
    pub due_ms: i64,
    /// `waiting`, `deleting`, `deleted`, `kept`, or `failed`: it could not be taken away.
    pub state: String,
    /// Why it was kept, or why it could not be taken away.
    pub why: String,
}

const COLUMNS: &str = "SELECT r.id, r.kind, r.body, r.policy_version, r.state, r.asked_by, r.asked_name, r.asked_ms,
    r.decided_by, r.decided_name, r.decided_ms, r.reason, r.done_ms,
    (SELECT c.id FROM deletion_certificates c WHERE c.request_id = r.id), r.ending_by, r.ending_name, r.ending_ms,
    r.ending_reason, r.ended_name, r.refused FROM retention_requests r";

fn read(row: &AnyRow) -> RequestRow {
    RequestRow {
        id: row.get(0),
        kind: row.get(1),
        body: serde_json::from_str(&row.get::<String, _>(2)).unwrap_or_default(),
        policy_version: row.get(3),
        state: row.get(4),
        asked_by: row.get(5),
        asked_name: row.get(6),
        asked_ms: row.get(7),
        decided_by: row.get(8),
        decided_name: row.get(9),
        decided_ms: row.get(10),
        reason: row.get(11),
        done_ms: row.get(12),
        certificate: row.get(13),
        ending: Ending::read(row, 14),
        refused: Some(row.get::<String, _>(19)).filter(|said| !said.is_empty()).map(|said| Said::from_stored(&said)),
    }
}

/// What was asked for in a court, newest first.
pub async fn requests(db: &Db, court: &str) -> Result<Vec<RequestRow>, ServiceError> {
    let sql = format!("{COLUMNS} WHERE r.court_id = $1 ORDER BY r.asked_ms DESC, r.id DESC LIMIT 100");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(court).fetch_all(db.read()).await?;
    Ok(rows.iter().map(read).collect())
}

/// One of them.
pub async fn request(db: &Db, court: &str, id: &str) -> Result<RequestRow, ServiceError> {
    let sql = format!("{COLUMNS} WHERE r.id = $1 AND r.court_id = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).bind(court).fetch_optional(db.read()).await?;
    row.as_ref().map(read).ok_or(ServiceError::NotFound { kind: "request" })
}

/// The files of a deletion.
pub async fn items(db: &Db, id: &str) -> Result<Vec<ItemRow>, ServiceError> {
    let rows = sqlx::query(
        "SELECT i.file_id, i.class, i.kind, i.case_id, COALESCE(k.number, ''), COALESCE(t.number, ''), i.size, i.due_ms,
                i.state, i.why
         FROM deletion_items i LEFT JOIN cases k ON k.id = i.case_id LEFT JOIN tasks t ON t.id = i.task_id
         WHERE i.request_id = $1 ORDER BY i.file_id",
    )
    .bind(id)
    .fetch_all(db.read())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| ItemRow {
            file_id: row.get(0),
            class: row.get(1),
            kind: row.get(2),
            case_id: row.get(3),
            case_number: row.get(4),
            task_number: row.get(5),
            size: row.get(6),
            due_ms: row.get(7),
            state: row.get(8),
            why: row.get(9),
        })
        .collect())
}

/// Asks for other periods.
pub async fn ask_for_policy(
    db: &Db,
    clock: &Clock,
    actor: &Actor,
    days: &BTreeMap<Class, i64>,
) -> Result<String, ServiceError> {
    policy::checked(days)?;
    let version = super::policy(db, &actor.court_id).await?.version;
    let mut tx = db.begin().await?;
    let id = enter(&mut tx, clock, actor, "policy", &json!(days), version).await?;
    tx.commit().await?;
    Ok(id)
}

/// Asks, with a reason, for the deletion of what is due in the court, or in one case of it; the list
/// is fixed by that, and both persons see the same.
pub async fn ask_for_deletion(
    db: &Db,
    clock: &Clock,
    actor: &Actor,
    case: Option<&str>,
    why: &str,
) -> Result<String, ServiceError> {
    let why = reason(why)?;
    let plan = plan(db, clock, &actor.court_id, case).await?;
    if plan.items.is_empty() {
        let text = "nothing is due: what is under a hold, open, or not returned stays".to_owned();
        return Err(ServiceError::Refused { code: "retention.nothing", field: "", text });
    }
    list(db, clock, actor, ("deletion", why), &plan).await
}

/// Asks, with a reason, for the deletion of everything of the court at the end of the contract. All of it must
/// have been returned: exported whole since anything was last entered; and no case may be under a
/// hold.
pub async fn ask_for_contract_end(db: &Db, clock: &Clock, actor: &Actor, why: &str) -> Result<String, ServiceError> {
    let why = reason(why)?;
    let refused = |code, text: String| Err(ServiceError::Refused { code, field: "", text });
    // The list first: what is entered while this is looked at is in no list. What no deletion takes
    // and the house itself enters, a notary's receipt each day, need not be returned anew for it.
    let mut plan = plan_end(db, clock, &actor.court_id).await?;
    let returned = returned(db, &actor.court_id).await?;
    let row = sqlx::query(
        "SELECT (SELECT COUNT(*) FROM legal_holds WHERE court_id = $1 AND active_case IS NOT NULL),
                (SELECT COUNT(*) FROM evidence_files f WHERE f.court_id = $1
                  AND f.kind NOT IN ('certificate', 'notary_receipt') AND f.booked_ms >= $2),
                (SELECT COUNT(*) FROM evidence_files f WHERE f.court_id = $1 AND f.booked_ms < $2)",
    )
    .bind(&actor.court_id)
    .bind(returned.before_ms)
    .fetch_one(db.read())
    .await?;
    let (held, mut unreturned): (i64, i64) = (row.get(0), row.get(1));
    // Entered before the listing by its time, and written into the books only after it.
    unreturned += (row.get::<i64, _>(2) - returned.files).max(0);
    if held > 0 {
        return refused(
            "retention.hold",
            format!("{held} cases are under a legal hold: nothing goes before it is lifted"),
        );
    }
    if unreturned > 0 {
        let text = format!(
            "{unreturned} files were entered since everything was last returned to the court, or nothing ever was: \
             write all of it with `songda evidence export --court CODE --all --to FOLDER` first"
        );
        return refused("retention.not_exported", text);
    }
    plan.items.retain(|item| item.file.booked_ms < returned.before_ms);
    if plan.items.is_empty() {
        return refused("retention.nothing", "nothing is left that could go".to_owned());
    }
    list(db, clock, actor, ("contract_end", why), &plan).await
}

/// The last whole return of a court.
struct Returned {
    /// What was entered before this moment is in it, unix milliseconds.
    before_ms: i64,
    /// So many files were entered by then.
    files: i64,
}

/// What the last export of everything said of its listing when it had succeeded; an export of a
/// version that did not say so counts for nothing.
async fn returned(db: &Db, court: &str) -> Result<Returned, ServiceError> {
    let row = sqlx::query(
        "SELECT detail FROM audit WHERE court_id = $1 AND action = 'evidence.export' AND object_kind = 'court'
          AND result = 'ok' ORDER BY seq DESC LIMIT 1",
    )
    .bind(court)
    .fetch_optional(db.read())
    .await?;
    let detail: Value = row.and_then(|row| serde_json::from_str(&row.get::<String, _>(0)).ok()).unwrap_or_default();
    Ok(Returned {
        before_ms: detail["listed_before_ms"].as_i64().unwrap_or_default(),
        files: detail["listed_files"].as_i64().unwrap_or_default(),
    })
}

/// Enters a deletion with its list.
async fn list(
    db: &Db,
    clock: &Clock,
    actor: &Actor,
    (kind, why): (&'static str, &str),
    plan: &Plan,
) -> Result<String, ServiceError> {
    let mut tx = db.begin().await?;
    let id = enter(&mut tx, clock, actor, kind, &totals(plan, why), plan.policy.version).await?;
    for item in &plan.items {
        sqlx::query(
            "INSERT INTO deletion_items (request_id, file_id, class, kind, case_id, task_id, size, due_ms, state)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'waiting')",
        )
        .bind(&id)
        .bind(&item.file.id)
        .bind(item.class.code())
        .bind(&item.file.kind)
        .bind(&item.file.case_id)
        .bind(&item.file.task_id)
        .bind(item.file.size)
        .bind(item.due_ms)
        .execute(&mut *tx.conn())
        .await?;
    }
    tx.commit().await?;
    Ok(id)
}

/// What is asked for in numbers, and why. The approval signs this text.
fn totals(plan: &Plan, why: &str) -> Value {
    let classes: BTreeMap<&str, Value> = plan
        .totals()
        .into_iter()
        .map(|(class, total)| (class.code(), json!({ "files": total.files, "bytes": total.bytes })))
        .collect();
    json!({
        "files": plan.items.len(), "cases": plan.cases(), "bytes": plan.bytes(), "classes": classes, "reason": why,
    })
}

async fn enter(
    tx: &mut Tx,
    clock: &Clock,
    actor: &Actor,
    kind: &'static str,
    body: &Value,
    policy_version: i64,
) -> Result<String, ServiceError> {
    let id = new_id();
    let entered = sqlx::query(
        "INSERT INTO retention_requests (id, court_id, kind, live, body, policy_version, state, asked_by, asked_name,
                                         asked_ms)
         VALUES ($1, $2, $3, $4, $5, $6, 'waiting', $7, $8, $9)",
    )
    .bind(&id)
    .bind(&actor.court_id)
    .bind(kind)
    // A deletion and the end of the contract have one list at a time between them.
    .bind(format!("{}:{}", actor.court_id, if kind == "policy" { kind } else { "deletion" }))
    .bind(body.to_string())
    .bind(policy_version)
    .bind(&actor.user_id)
    .bind(&actor.name)
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await;
    match entered.map_err(StoreError::from) {
        Ok(_) => {}
        Err(StoreError::Unique) => {
            let text = "one that was asked for before waits or is being carried out: see it through first".to_owned();
            return Err(ServiceError::Refused { code: "retention.live", field: "", text });
        }
        Err(error) => return Err(error.into()),
    }
    let entry = actor.did("retention.ask", ("retention", &id), json!({ "kind": kind, "body": body }));
    audit::append(tx, clock, entry).await?;
    Ok(id)
}

pub(super) async fn waiting(tx: &mut Tx, court: &str, id: &str) -> Result<RequestRow, ServiceError> {
    let sql = format!("{COLUMNS} WHERE r.id = $1 AND r.court_id = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).bind(court).fetch_optional(&mut *tx.conn()).await?;
    row.as_ref().map(read).ok_or(ServiceError::NotFound { kind: "request" })
}

async fn settle(
    tx: &mut Tx,
    clock: &Clock,
    actor: &Actor,
    id: &str,
    state: &str,
    why: &str,
) -> Result<(), ServiceError> {
    let settled = sqlx::query(
        "UPDATE retention_requests SET state = $3, decided_by = $4, decided_name = $5, decided_ms = $6, reason = $7,
                live = CASE WHEN $3 = 'approved' THEN live ELSE NULL END,
                done_ms = CASE WHEN $3 = 'done' THEN $6 ELSE NULL END
         WHERE id = $1 AND court_id = $2 AND state = 'waiting'",
    )
    .bind(id)
    .bind(&actor.court_id)
    .bind(state)
    .bind(&actor.user_id)
    .bind(&actor.name)
    .bind(clock.now_ms())
    .bind(why)
    .execute(&mut *tx.conn())
    .await?;
    if settled.rows_affected() == 1 {
        return Ok(());
    }
    let text = "somebody decided about it already".to_owned();
    Err(ServiceError::Refused { code: "retention.decided", field: "", text })
}

/// What the second person says.
#[derive(Debug, Clone, Copy)]
pub enum Decision<'a> {
    /// Yes.
    Approve {
        /// Why; needed for a deletion.
        reason: &'a str,
        /// How many files go, as he read in the list; needed for a deletion.
        files: Option<i64>,
    },
    /// No.
    Refuse {
        /// Why.
        reason: &'a str,
    },
}

/// Approves, or refuses. A reason is needed for both, only periods are approved without; and whoever
/// approves a deletion says how many files go, so that nobody does it without the list. Whoever asked
/// decides nothing about it. The approval of a deletion is signed by the house: without that nothing
/// is carried out.
pub async fn decide(
    db: &Db,
    clock: &Clock,
    keys: &dyn KeyProvider,
    actor: &Actor,
    id: &str,
    decision: Decision<'_>,
) -> Result<(), ServiceError> {
    let mut tx = db.begin().await?;
    let found = waiting(&mut tx, &actor.court_id, id).await?;
    let destroys = matches!(decision, Decision::Approve { .. }) && found.kind != "policy";
    if destroys {
        timely(clock)?;
    }
    if found.asked_by == actor.user_id || same_person(&mut tx, &found.asked_by, actor).await? {
        let entry = actor.did("retention.decide", ("retention", id), json!({ "why": "retention.own" }));
        audit::append(&mut tx, clock, audit::Entry { result: "denied", ..entry }).await?;
        tx.commit().await?;
        let text = "another person must decide about what you asked for".to_owned();
        return Err(ServiceError::Refused { code: "retention.own", field: "", text });
    }
    let why = match decision {
        Decision::Approve { reason: "", .. } if !destroys => "",
        Decision::Approve { reason: why, .. } | Decision::Refuse { reason: why } => reason(why)?,
    };
    if let Decision::Approve { files, .. } = decision
        && destroys
        && files != found.body["files"].as_i64()
    {
        let text = "say how many files go, as the list of this request has it: look at the list first".to_owned();
        return Err(ServiceError::Refused { code: "retention.count", field: "files", text });
    }
    let state = match (decision, found.kind.as_str()) {
        (Decision::Refuse { .. }, _) => "refused",
        (Decision::Approve { .. }, "policy") => "done",
        (Decision::Approve { .. }, _) => "approved",
    };
    // First of all the row: two persons who decide at once do not both decide.
    settle(&mut tx, clock, actor, id, state, why).await?;
    match state {
        "done" => {
            let days = serde_json::from_value(found.body.clone())
                .map_err(|error| StoreError::internal("reading periods that were asked for", error))?;
            let days = policy::stored(&days);
            policy::checked(&days)?;
            policy::enter(&mut tx, clock, &actor.court_id, &days, (&found.asked_by, &found.asked_name), actor).await?;
        }
        "approved" => {
            proof::sign(tx.conn(), keys, id).await?;
            jobs::enqueue(&mut tx, clock, JOB, Some(&format!("{JOB}:{id}")), &json!({ "request": id }), clock.now_ms())
                .await?;
        }
        _ => {}
    }
    let detail = json!({ "kind": found.kind, "state": state, "asked_by": found.asked_by, "reason": why });
    audit::append(&mut tx, clock, actor.did("retention.decide", ("retention", id), detail)).await?;
    Ok(tx.commit().await?)
}

/// Whether two accounts are one person's: they have the same staff number.
pub(super) async fn same_person(tx: &mut Tx, user: &str, actor: &Actor) -> Result<bool, ServiceError> {
    let row =
        sqlx::query("SELECT COUNT(*) FROM users WHERE id = $1 AND court_id = $2 AND staff_no = $3 AND staff_no <> ''")
            .bind(user)
            .bind(&actor.court_id)
            .bind(&actor.staff_no)
            .fetch_one(&mut *tx.conn())
            .await?;
    Ok(row.get::<i64, _>(0) > 0)
}

/// Takes back what one asked for, before anybody decided. Another's is refused by deciding.
pub async fn withdraw(db: &Db, clock: &Clock, actor: &Actor, id: &str) -> Result<(), ServiceError> {
    let mut tx = db.begin().await?;
    let found = waiting(&mut tx, &actor.court_id, id).await?;
    if found.asked_by != actor.user_id {
        let text = format!("only {} who asked for it takes it back; another person refuses it", found.asked_name);
        return Err(ServiceError::Refused { code: "retention.not_own", field: "", text });
    }
    settle(&mut tx, clock, actor, id, "withdrawn", "").await?;
    audit::append(&mut tx, clock, actor.did("retention.withdraw", ("retention", id), json!({}))).await?;
    Ok(tx.commit().await?)
}
