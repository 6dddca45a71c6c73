//! SQL of what is read.

use songda_store::Db;
use sqlx::{Row, any::AnyRow};

use super::{CaseRow, DocumentRow, OrderRow, PartyRow, PhoneRow, Scope};
use crate::{ServiceError, case_number::CaseNumber};

const CASE: &str = "c.id, c.number, c.cause, c.kind, c.procedure, c.dept, c.judge_name, c.judge_login, c.clerk_login, \
     c.hearing_ms, c.hearing_room, c.evidence_until, \
     (SELECT COUNT(*) FROM parties p WHERE p.case_id = c.id), \
     (SELECT COUNT(*) FROM tasks t WHERE t.case_id = c.id), \
     (SELECT COUNT(*) FROM tasks t WHERE t.case_id = c.id AND t.phase = '送达完成'), \
     (SELECT CAST(COALESCE(MAX(e.at_ms), 0) AS BIGINT) FROM events e JOIN tasks t ON t.id = e.task_id \
       WHERE t.case_id = c.id)";

fn case_row(row: &AnyRow) -> CaseRow {
    CaseRow {
        id: row.get(0),
        number: row.get(1),
        cause: row.get(2),
        kind: row.get(3),
        procedure: row.get(4),
        dept: row.get(5),
        judge_name: row.get(6),
        judge_login: row.get(7),
        clerk_login: row.get(8),
        hearing_ms: row.get(9),
        hearing_room: row.get(10),
        evidence_until: row.get(11),
        parties: row.get(12),
        tasks: row.get(13),
        done: row.get(14),
        last_event_ms: row.get(15),
    }
}

fn login(scope: Scope<'_>) -> Option<&str> {
    match scope {
        Scope::Court => None,
        Scope::Own(login) => Some(login),
    }
}

/// Cases of a court within the scope, newest first; `search` matches number, cause and
/// recipients' names.
pub async fn cases(
    db: &Db,
    court: &str,
    scope: Scope<'_>,
    search: Option<&str>,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<CaseRow>, ServiceError> {
    let like = search.map(|text| format!("%{}%", text.replace(['%', '_'], "")));
    let sql = format!(
        "SELECT {CASE} FROM cases c WHERE c.court_id = $1
           AND (CAST($2 AS TEXT) IS NULL OR c.judge_login = $2 OR c.clerk_login = $2)
           AND (CAST($3 AS TEXT) IS NULL OR c.number LIKE $3 OR c.cause LIKE $3
                OR EXISTS (SELECT 1 FROM parties p WHERE p.case_id = c.id AND p.name LIKE $3))
           AND (CAST($4 AS TEXT) IS NULL OR c.id < $4)
         ORDER BY c.id DESC LIMIT $5"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(court)
        .bind(login(scope))
        .bind(like)
        .bind(before)
        .bind(limit)
        .fetch_all(db.read())
        .await?;
    Ok(rows.iter().map(case_row).collect())
}

/// One case within the scope.
pub async fn case(db: &Db, court: &str, scope: Scope<'_>, id: &str) -> Result<CaseRow, ServiceError> {
    let sql = format!(
        "SELECT {CASE} FROM cases c WHERE c.court_id = $1 AND c.id = $3
           AND (CAST($2 AS TEXT) IS NULL OR c.judge_login = $2 OR c.clerk_login = $2)"
    );
    let row =
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(court).bind(login(scope)).bind(id).fetch_optional(db.read()).await?;
    row.as_ref().map(case_row).ok_or(ServiceError::NotFound { kind: "case" })
}

/// The id of a court's case with this number, as it was typed or in canonical form.
pub async fn case_by_number(db: &Db, court: &str, number: &str) -> Result<Option<String>, ServiceError> {
    let canonical = CaseNumber::parse(number).map_or_else(|_| number.to_owned(), |found| found.canonical);
    let row = sqlx::query("SELECT id FROM cases WHERE court_id = $1 AND number IN ($2, $3)")
        .bind(court)
        .bind(number)
        .bind(canonical)
        .fetch_optional(db.read())
        .await?;
    Ok(row.map(|row| row.get(0)))
}

const ORDER: &str =
    "id, source, order_no, revision, state, link, order_kind, finish_by, urgency, gaps, created_ms FROM orders";

fn order_row(row: &AnyRow) -> OrderRow {
    OrderRow {
        id: row.get(0),
        source: row.get(1),
        order_no: row.get(2),
        revision: row.get(3),
        state: row.get(4),
        link: row.get(5),
        order_kind: row.get(6),
        finish_by: row.get(7),
        urgency: row.get(8),
        gaps: serde_json::from_str(&row.get::<String, _>(9)).unwrap_or_default(),
        created_ms: row.get(10),
    }
}

/// One order.
pub async fn order(db: &Db, id: &str) -> Result<OrderRow, ServiceError> {
    let sql = format!("SELECT {ORDER} WHERE id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).fetch_optional(db.read()).await?;
    row.as_ref().map(order_row).ok_or(ServiceError::NotFound { kind: "order" })
}

/// Orders of a case, oldest first.
pub async fn orders_of_case(db: &Db, case: &str) -> Result<Vec<OrderRow>, ServiceError> {
    let sql = format!("SELECT {ORDER} WHERE case_id = $1 ORDER BY created_ms");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(case).fetch_all(db.read()).await?;
    Ok(rows.iter().map(order_row).collect())
}

/// Orders of a court that wait for correction, newest first.
pub async fn incomplete_orders(db: &Db, court: &str) -> Result<Vec<OrderRow>, ServiceError> {
    let sql = format!("SELECT {ORDER} WHERE court_id = $1 AND state = '待补正' ORDER BY created_ms DESC LIMIT 200");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(court).fetch_all(db.read()).await?;
    Ok(rows.iter().map(order_row).collect())
}

/// One recipient.
pub async fn party(db: &Db, id: &str) -> Result<PartyRow, ServiceError> {
    let row =
        sqlx::query("SELECT id, ref, name, position, kind, id_type, id_masked, id_state FROM parties WHERE id = $1")
            .bind(id)
            .fetch_optional(db.read())
            .await?
            .ok_or(ServiceError::NotFound { kind: "party" })?;
    Ok(PartyRow {
        id: row.get(0),
        reference: row.get(1),
        name: row.get(2),
        position: row.get(3),
        kind: row.get(4),
        id_type: row.get(5),
        id_masked: row.get(6),
        id_state: row.get(7),
    })
}

/// The other recipients of the case: position and name.
pub async fn other_parties(db: &Db, case: &str, party: &str) -> Result<Vec<(String, String)>, ServiceError> {
    let rows = sqlx::query(
        "SELECT position, name FROM parties WHERE case_id = $1 AND id <> $2 ORDER BY position, created_ms LIMIT 100",
    )
    .bind(case)
    .bind(party)
    .fetch_all(db.read())
    .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

const PHONE: &str = "id, party_id, masked, source, label, state, last_result, number_sealed FROM phones";

fn phone_row(row: &AnyRow) -> PhoneRow {
    PhoneRow {
        id: row.get(0),
        party_id: row.get(1),
        masked: row.get(2),
        source: row.get(3),
        label: row.get(4),
        state: row.get(5),
        last_result: row.get(6),
        sealed: row.get(7),
    }
}

/// Numbers of a recipient in the order of dialling.
pub async fn phones(db: &Db, party: &str) -> Result<Vec<PhoneRow>, ServiceError> {
    let sql = format!("SELECT {PHONE} WHERE party_id = $1 ORDER BY rank, created_ms");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(party).fetch_all(db.read()).await?;
    Ok(rows.iter().map(phone_row).collect())
}

/// One number.
pub async fn phone(db: &Db, id: &str) -> Result<PhoneRow, ServiceError> {
    let sql = format!("SELECT {PHONE} WHERE id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).fetch_optional(db.read()).await?;
    row.as_ref().map(phone_row).ok_or(ServiceError::NotFound { kind: "phone" })
}

/// Documents of a task.
pub async fn documents(db: &Db, task: &str) -> Result<Vec<DocumentRow>, ServiceError> {
    let rows = sqlx::query(
        "SELECT d.id, d.name, d.class, d.pages, t.copies, d.sha256, d.sm3, t.state, d.object_id
         FROM task_documents t JOIN documents d ON d.id = t.document_id WHERE t.task_id = $1 ORDER BY d.ref",
    )
    .bind(task)
    .fetch_all(db.read())
    .await?;
    Ok(rows
        .iter()
        .map(|row| DocumentRow {
            id: row.get(0),
            name: row.get(1),
            class: row.get(2),
            pages: row.get(3),
            copies: row.get(4),
            sha256: row.get(5),
            sm3: row.get(6),
            state: row.get(7),
            object_id: row.get(8),
        })
        .collect())
}
