//! How a case stands: whether anything of it may be deleted, and from when on.

use std::collections::HashSet;

use sqlx::{AnyConnection, Row, any::AnyRow};

use crate::ServiceError;

/// The sink of the court's case system in the outbox: what is done there has come back to the
/// court.
const CASE_SYSTEM: &str = "case-system";

/// How a case stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) case_id: String,
    pub(super) case_number: String,
    tasks: i64,
    open: i64,
    unreturned: i64,
    under_way: i64,
    returned_ms: Option<i64>,
    held: i64,
    live: i64,
}

/// Why nothing of a case is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    Hold,
    Open,
    Live,
    NotReturned,
    /// A caller whose call waits to be settled.
    Unsettled,
    /// A caller who was linked to a case: its own rules hold.
    Linked,
}

impl Block {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Open => "open_task",
            Self::Live => "live_call",
            Self::NotReturned => "not_returned",
            Self::Unsettled => "unsettled",
            Self::Linked => "linked",
        }
    }

    pub(super) fn refused(self, number: &str) -> ServiceError {
        let (code, text) = match self {
            Self::Hold => ("retention.hold", format!("{number} is under a legal hold: nothing of it is deleted")),
            Self::Open => ("retention.open", format!("{number} has an open task: nothing of it is deleted yet")),
            Self::Live => {
                ("retention.live_call", format!("{number} has a call that is up or whose outcome is owed: wait for it"))
            }
            Self::Unsettled | Self::Linked => ("retention.unsettled", format!("{number} waits to be settled")),
            Self::NotReturned => {
                ("retention.not_returned", format!("{number} is not returned to the court yet: its evidence stays"))
            }
        };
        ServiceError::Refused { code, field: "", text }
    }
}

impl Standing {
    /// When its evidence came back to the court, or why none of it may go.
    pub(super) fn returned(&self) -> Result<i64, Block> {
        if self.held > 0 {
            return Err(Block::Hold);
        }
        if self.tasks == 0 || self.open > 0 {
            return Err(Block::Open);
        }
        if self.live > 0 {
            return Err(Block::Live);
        }
        match self.returned_ms {
            Some(at_ms) if self.unreturned == 0 && self.under_way == 0 => Ok(at_ms),
            _ => Err(Block::NotReturned),
        }
    }
}

impl Standing {
    /// Whether its evidence may go at the end of the contract.
    pub(super) fn ends(&self) -> Result<i64, Block> {
        match (self.held, self.live) {
            (1.., _) => Err(Block::Hold),
            (_, 1..) => Err(Block::Live),
            _ => Ok(self.returned_ms.unwrap_or_default()),
        }
    }
}

fn read(row: &AnyRow) -> Standing {
    Standing {
        case_id: row.get(0),
        case_number: row.get(1),
        tasks: row.get(2),
        open: row.get(3),
        unreturned: row.get(4),
        under_way: row.get(5),
        returned_ms: row.get(6),
        held: row.get(7),
        live: row.get(8),
    }
}

/// The cases of a court, or one of them.
pub(super) async fn standings(
    conn: &mut AnyConnection,
    court: &str,
    case: Option<&str>,
) -> Result<Vec<Standing>, ServiceError> {
    // An order that waits for correction will bring tasks: it counts as an open one. A hold that was
    // set and that nobody lifted, as the audit log has it, stands, whatever became of its row.
    let rows = sqlx::query(
        "SELECT k.id, k.number,
                (SELECT COUNT(*) FROM tasks t WHERE t.case_id = k.id),
                (SELECT COUNT(*) FROM tasks t WHERE t.case_id = k.id AND t.closed_ms IS NULL)
                  + (SELECT COUNT(*) FROM orders o WHERE o.case_id = k.id AND o.state = '待补正'),
                (SELECT COUNT(*) FROM tasks t WHERE t.case_id = k.id AND NOT EXISTS
                  (SELECT 1 FROM outbox b WHERE b.sink = $3 AND b.order_key = t.id AND b.state = 'done')),
                (SELECT COUNT(*) FROM outbox b JOIN tasks t ON t.id = b.order_key
                  WHERE t.case_id = k.id AND b.sink = $3 AND b.state <> 'done'),
                (SELECT MAX(b.done_ms) FROM outbox b JOIN tasks t ON t.id = b.order_key
                  WHERE t.case_id = k.id AND b.sink = $3),
                (SELECT COUNT(*) FROM legal_holds h WHERE h.active_case = k.id)
                  + CASE WHEN (SELECT a.action FROM audit a
                    WHERE a.object_kind = 'case' AND a.object_id = k.id AND a.action IN ('hold.set', 'hold.lift')
                      AND a.result = 'ok' ORDER BY a.seq DESC LIMIT 1) = 'hold.set' THEN 1 ELSE 0 END,
                (SELECT COUNT(*) FROM calls c JOIN tasks t ON t.id = c.task_id
                  WHERE t.case_id = k.id AND (c.state <> 'ended' OR c.outcome_state = 'owed'))
                  + (SELECT COUNT(*) FROM inbound_calls i JOIN tasks t ON t.id = i.task_id
                  WHERE t.case_id = k.id AND (i.state <> 'ended' OR i.list_state = 'open'))
         FROM cases k WHERE k.court_id = $1 AND (CAST($2 AS TEXT) IS NULL OR k.id = $2) ORDER BY k.id",
    )
    .bind(court)
    .bind(case)
    .bind(CASE_SYSTEM)
    .fetch_all(&mut *conn)
    .await?;
    Ok(rows.iter().map(read).collect())
}

/// One case, its row held until the transaction ends: a hold that is being set waits, or is seen.
pub(super) async fn locked(conn: &mut AnyConnection, court: &str, case: &str) -> Result<Standing, ServiceError> {
    sqlx::query("UPDATE cases SET cause = cause WHERE id = $1 AND court_id = $2")
        .bind(case)
        .bind(court)
        .execute(&mut *conn)
        .await?;
    standings(conn, court, Some(case)).await?.pop().ok_or(ServiceError::NotFound { kind: "case" })
}

/// Callers of a court who belong to no case and of whom nothing goes yet: their call is up, or
/// waits to be settled.
pub(super) async fn unsettled(conn: &mut AnyConnection, court: &str) -> Result<HashSet<String>, ServiceError> {
    let rows = sqlx::query(
        "SELECT id FROM inbound_calls WHERE court_id = $1 AND task_id IS NULL AND (state <> 'ended' OR list_state = 'open')",
    )
    .bind(court)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| row.get(0)).collect())
}

/// Callers of a court who are on the line.
pub(super) async fn live_callers(conn: &mut AnyConnection, court: &str) -> Result<HashSet<String>, ServiceError> {
    let rows = sqlx::query("SELECT id FROM inbound_calls WHERE court_id = $1 AND state <> 'ended'")
        .bind(court)
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().map(|row| row.get(0)).collect())
}

/// Whether a file of a caller without a case may go, its row held until the transaction ends. Its
/// period counts from its own entry: it has no return. At the end of the contract nobody settles
/// anything any more, and what is of no call at all goes too.
pub(super) async fn caller(
    conn: &mut AnyConnection,
    file: &str,
    is_end: bool,
) -> Result<Result<i64, Block>, ServiceError> {
    let row = sqlx::query(
        "UPDATE inbound_calls SET state = state WHERE id = (SELECT f.owner_id FROM evidence_files f WHERE f.id = $1)
         RETURNING state, list_state, CASE WHEN task_id IS NULL THEN 0 ELSE 1 END",
    )
    .bind(file)
    .fetch_optional(conn)
    .await?;
    let row = match row {
        Some(row) => row,
        None if is_end => return Ok(Ok(0)),
        None => return Err(ServiceError::NotFound { kind: "inbound call" }),
    };
    let (state, list, linked): (String, String, i64) = (row.get(0), row.get(1), row.get(2));
    Ok(match (state.as_str(), list.as_str()) {
        _ if linked > 0 => Err(Block::Linked),
        ("ended", "open") if !is_end => Err(Block::Unsettled),
        ("ended", _) => Ok(0),
        _ => Err(Block::Live),
    })
}
