//! SQL of the intake.

use serde_json::{Value, json};
use songda_store::{Clock, Dialect, Sealer, Tx, new_id};
use sqlx::Row;

use super::{Accepted, AcceptedTask, Intake, Missing, OrderKey, parties::insert_party};
use crate::{
    ServiceError, tasks,
    timeline::{self, By, Kind},
};

/// An order that is already there.
#[derive(Debug, Clone)]
pub struct Existing {
    /// Order.
    pub id: String,
    /// State.
    pub state: String,
    /// SHA-256 over message and files of the first push.
    pub content_hash: String,
    /// First answer, to be repeated.
    pub answer: Value,
    /// The first message, an object.
    pub body_object: String,
}

/// The order with this key, if it was pushed before.
pub async fn existing(tx: &mut Tx, court: &str, key: &OrderKey) -> Result<Option<Existing>, ServiceError> {
    let row = sqlx::query(
        "SELECT id, state, content_hash, answer, body_object FROM orders
         WHERE court_id = $4 AND source = $1 AND order_no = $2 AND revision = $3",
    )
    .bind(&key.source)
    .bind(&key.order_no)
    .bind(key.revision)
    .bind(court)
    .fetch_optional(&mut *tx.conn())
    .await?;
    Ok(row.map(|row| Existing {
        id: row.get(0),
        state: row.get(1),
        content_hash: row.get(2),
        answer: serde_json::from_str(&row.get::<String, _>(3)).unwrap_or(Value::Null),
        body_object: row.get(4),
    }))
}

/// Pushes of one order stand in line behind each other until the transaction ends.
pub async fn stand_in_line(tx: &mut Tx, court: &str, key: &OrderKey) -> Result<(), ServiceError> {
    // SQLite has one writer at a time anyway.
    if tx.dialect() == Dialect::Postgres {
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
            .bind(format!("order {court} {} {}", key.source, key.order_no))
            .execute(&mut *tx.conn())
            .await?;
    }
    Ok(())
}

/// The newest revision of an order and its state.
pub async fn last_revision(tx: &mut Tx, court: &str, key: &OrderKey) -> Result<Option<(i64, String)>, ServiceError> {
    let row = sqlx::query(
        "SELECT revision, state FROM orders WHERE court_id = $3 AND source = $1 AND order_no = $2
         ORDER BY revision DESC LIMIT 1",
    )
    .bind(&key.source)
    .bind(&key.order_no)
    .bind(court)
    .fetch_optional(&mut *tx.conn())
    .await?;
    Ok(row.map(|row| (row.get(0), row.get(1))))
}

/// Keeps an incomplete order as 待补正 with what is missing; nothing else arises.
pub async fn keep_incomplete(
    tx: &mut Tx,
    clock: &Clock,
    court: &str,
    (key, case_number): (&OrderKey, &str),
    content_hash: &str,
    body_object: &str,
    missing: &[Missing],
) -> Result<String, ServiceError> {
    let id = new_id();
    let gaps = json!(missing).to_string();
    let answer = json!({ "status": "incomplete", "order_id": id, "missing": missing });
    sqlx::query(
        "INSERT INTO orders (id, court_id, case_id, source, order_no, revision, content_hash, state, link, order_kind,
                             finish_by, urgency, remark_sealed, gaps, answer, body_object, created_ms)
         VALUES ($1, $2, (SELECT k.id FROM cases k WHERE k.court_id = $2 AND k.number = $11), $3, $4, $5, $6, '待补正', '',
                 '', '', 'normal', NULL, $7, $8, $9, $10)",
    )
    .bind(&id)
    .bind(court)
    .bind(&key.source)
    .bind(&key.order_no)
    .bind(key.revision)
    .bind(content_hash)
    .bind(gaps)
    .bind(answer.to_string())
    .bind(body_object)
    .bind(clock.now_ms())
    .bind(case_number)
    .execute(&mut *tx.conn())
    .await?;
    Ok(id)
}

/// Turns a complete order into case, parties, documents and one task per recipient, all
/// in the caller's transaction (R1.1a, R6.1a).
pub async fn accept(
    tx: &mut Tx,
    clock: &Clock,
    sealer: &Sealer,
    by: &By<'_>,
    intake: &Intake,
) -> Result<Accepted, ServiceError> {
    let now = clock.now_ms();
    // What was incomplete before is made good by this revision.
    sqlx::query(
        "UPDATE orders SET state = '已补正' WHERE court_id = $1 AND source = $2 AND order_no = $3 AND state = '待补正'",
    )
    .bind(&intake.court_id)
    .bind(&intake.key.source)
    .bind(&intake.key.order_no)
    .execute(&mut *tx.conn())
    .await?;
    let case_id = upsert_case(tx, now, intake).await?;
    let order_id = new_id();
    insert_order(tx, now, sealer, intake, &order_id, &case_id).await?;
    let mut documents = Vec::with_capacity(intake.documents.len());
    for document in &intake.documents {
        let id = new_id();
        sqlx::query(
            "INSERT INTO documents (id, order_id, ref, name, class, object_id, sha256, sm3, pages, sealed, created_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(&id)
        .bind(&order_id)
        .bind(&document.reference)
        .bind(&document.name)
        .bind(&document.class)
        .bind(&document.object_id)
        .bind(&document.sha256)
        .bind(&document.sm3)
        .bind(document.pages)
        .bind(i64::from(document.sealed))
        .bind(now)
        .execute(&mut *tx.conn())
        .await?;
        documents.push(id);
    }
    let call_wanted = intake.order_kind != "仅直接电子送达";
    let mut accepted = Vec::with_capacity(intake.parties.len());
    for (index, party) in intake.parties.iter().enumerate() {
        let (party_id, callable) = insert_party(tx, now, sealer, intake, &case_id, party).await?;
        let task = AcceptedTask {
            id: new_id(),
            number: format!("{}-{:02}", intake.key.order_no, index + 1),
            party_ref: party.reference.clone(),
            phase: tasks::first_phase(callable, call_wanted),
        };
        insert_task(tx, now, intake, &order_id, &case_id, &party_id, &task).await?;
        for (document, id) in intake.documents.iter().zip(&documents) {
            if document.recipients.is_empty() || document.recipients.contains(&party.reference) {
                sqlx::query(
                    "INSERT INTO task_documents (task_id, document_id, copies, state) VALUES ($1, $2, $3, '未送达')",
                )
                .bind(&task.id)
                .bind(id)
                .bind(document.copies)
                .execute(&mut *tx.conn())
                .await?;
            }
        }
        let detail = json!({ "order_no": intake.key.order_no, "revision": intake.key.revision,
                             "documents": intake.documents.len(), "phase": task.phase });
        timeline::append(tx, clock, &task.id, by, Kind::Received, &order_id, &detail).await?;
        if call_wanted && !callable {
            timeline::append(tx, clock, &task.id, &timeline::SYSTEM, Kind::NoNumber, &order_id, &json!({})).await?;
        }
        accepted.push(task);
    }
    let accepted = Accepted { order_id, case_id, tasks: accepted };
    sqlx::query("UPDATE orders SET answer = $2 WHERE id = $1")
        .bind(&accepted.order_id)
        .bind(accepted.answer().to_string())
        .execute(&mut *tx.conn())
        .await?;
    Ok(accepted)
}

async fn upsert_case(tx: &mut Tx, now: i64, intake: &Intake) -> Result<String, ServiceError> {
    let case = &intake.case;
    let row = sqlx::query(
        "INSERT INTO cases (id, court_id, number, number_raw, kind, cause, procedure, dept, judge_login, judge_name,
                            clerk_login, hearing_ms, hearing_room, evidence_until, secret, created_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
         ON CONFLICT (court_id, number) DO UPDATE SET
             kind = excluded.kind, cause = excluded.cause, procedure = excluded.procedure, dept = excluded.dept,
             judge_login = excluded.judge_login, judge_name = excluded.judge_name, clerk_login = excluded.clerk_login,
             hearing_ms = excluded.hearing_ms, hearing_room = excluded.hearing_room,
             evidence_until = excluded.evidence_until, secret = excluded.secret
         RETURNING id",
    )
    .bind(new_id())
    .bind(&intake.court_id)
    .bind(&case.number)
    .bind(&case.number_raw)
    .bind(&case.kind)
    .bind(&case.cause)
    .bind(&case.procedure)
    .bind(&case.dept)
    .bind(&case.judge_login)
    .bind(&case.judge_name)
    .bind(&case.clerk_login)
    .bind(case.hearing_ms)
    .bind(&case.hearing_room)
    .bind(&case.evidence_until)
    .bind(i64::from(case.secret))
    .bind(now)
    .fetch_one(&mut *tx.conn())
    .await?;
    Ok(row.get(0))
}

async fn insert_order(
    tx: &mut Tx,
    now: i64,
    sealer: &Sealer,
    intake: &Intake,
    id: &str,
    case: &str,
) -> Result<(), ServiceError> {
    let remark = if intake.remark.is_empty() {
        None
    } else {
        Some(sealer.seal(&intake.court_id, "remark", "orders", "remark_sealed", id, intake.remark.as_bytes())?)
    };
    sqlx::query(
        "INSERT INTO orders (id, court_id, case_id, source, order_no, revision, content_hash, state, link, order_kind,
                             finish_by, urgency, remark_sealed, gaps, answer, body_object, created_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, '已接收', $8, $9, $10, $11, $12, '[]', '{}', $13, $14)",
    )
    .bind(id)
    .bind(&intake.court_id)
    .bind(case)
    .bind(&intake.key.source)
    .bind(&intake.key.order_no)
    .bind(intake.key.revision)
    .bind(&intake.content_hash)
    .bind(&intake.link)
    .bind(&intake.order_kind)
    .bind(&intake.finish_by)
    .bind(&intake.urgency)
    .bind(remark)
    .bind(&intake.body_object)
    .bind(now)
    .execute(&mut *tx.conn())
    .await?;
    Ok(())
}

async fn insert_task(
    tx: &mut Tx,
    now: i64,
    intake: &Intake,
    order: &str,
    case: &str,
    party: &str,
    task: &AcceptedTask,
) -> Result<(), ServiceError> {
    sqlx::query(
        "INSERT INTO tasks (id, number, court_id, order_id, case_id, party_id, phase, result, result_rule,
                            next_call_ms, next_step, deadline, party_ref, version, created_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, '未定', '', 0, '', $8, $9, 1, $10)",
    )
    .bind(&task.id)
    .bind(&task.number)
    .bind(&intake.court_id)
    .bind(order)
    .bind(case)
    .bind(party)
    .bind(task.phase)
    .bind(&intake.finish_by)
    .bind(&task.party_ref)
    .bind(now)
    .execute(&mut *tx.conn())
    .await?;
    Ok(())
}
