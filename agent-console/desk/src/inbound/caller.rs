//! Whom a caller's number belongs to.
//!
//! The number is looked for by its blind index among the numbers of the court's open tasks.
//! A number is no proof of a person: it decides who takes the call and what he sees, and he
//! asks who is speaking before he says anything of the case.

use songda_store::{Db, Sealer, Tx, masked::Phone};
use sqlx::{Row, any::AnyRow};

use crate::DeskError;

/// The number of a caller, as carriers write it, in normal form. A mobile number of another
/// area comes with a 0 before it, the country code with and without its `+`.
pub fn caller_number(text: &str) -> Option<Phone> {
    let mobile = |digits: &str| {
        digits.len() == 11 && digits.starts_with('1') && digits.bytes().all(|digit| digit.is_ascii_digit())
    };
    let bare = [text.strip_prefix("86"), text.strip_prefix('0'), text.strip_prefix("086")];
    let national = bare.into_iter().flatten().find(|rest| mobile(rest)).unwrap_or(text);
    Phone::parse(national).ok()
}

/// The open task to which a caller belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// Task.
    pub task: String,
    /// Its number shown to people.
    pub task_number: String,
    /// His number by id.
    pub phone: String,
    /// Who he is, for the person lock.
    pub person: String,
    /// The agent who has his work order now.
    pub holder: Option<String>,
    /// The agent who last had a call with him.
    pub last_agent: Option<String>,
}

fn read(row: &AnyRow) -> Match {
    Match {
        task: row.get(0),
        task_number: row.get(1),
        phone: row.get(2),
        person: row.get(3),
        holder: row.get(4),
        last_agent: row.get(5),
    }
}

/// The blind index of a caller's number.
pub fn index(sealer: &Sealer, court: &str, number: &Phone) -> Result<String, DeskError> {
    Ok(sealer.phone_index(court, number)?)
}

/// The open task of this court that a caller with this number calls about: the one that an
/// agent has in hand, else the one that was worked on last. A number that is known to have
/// gone over to somebody else finds nothing, and neither does a person who is on the line
/// here already.
pub async fn find(tx: &mut Tx, court: &str, index: &str) -> Result<Option<Match>, DeskError> {
    let row = sqlx::query(
        "SELECT t.id, t.number, n.id, p.person_index,
                (SELECT w.active_agent FROM work_orders w WHERE w.active_task = t.id),
                (SELECT c.agent_id FROM calls c WHERE c.task_id = t.id ORDER BY c.created_ms DESC, c.id DESC LIMIT 1)
         FROM phones n JOIN parties p ON p.id = n.party_id JOIN tasks t ON t.party_id = p.id
         WHERE n.number_index = $1 AND n.state <> '易主' AND t.court_id = $2
           AND t.phase IN ('待外呼', '外呼中', '查找中', '待转渠道')
           AND NOT EXISTS (SELECT 1 FROM inbound_calls i WHERE i.live_person = p.person_index)
           AND NOT EXISTS (SELECT 1 FROM calls c JOIN tasks o ON o.id = c.live_task JOIN parties q ON q.id = o.party_id
                           WHERE q.person_index = p.person_index AND c.answered_ms IS NOT NULL)
         ORDER BY CASE WHEN t.phase = '外呼中' THEN 0 ELSE 1 END,
                  (SELECT CAST(COALESCE(MAX(c.created_ms), 0) AS BIGINT) FROM calls c WHERE c.task_id = t.id) DESC,
                  t.created_ms DESC, t.id DESC
         LIMIT 1",
    )
    .bind(index)
    .bind(court)
    .fetch_optional(&mut *tx.conn())
    .await?;
    Ok(row.as_ref().map(read))
}

/// The court that owns a number which was called, written as the carrier writes it, the
/// number, and the trunk that carries it. A carrier that names the account of its trunk means
/// that trunk's number. Demo trunks serve demo mode only (X5).
pub async fn called(
    db: &Db,
    called: &str,
    trunk: Option<&str>,
    demo: bool,
) -> Result<Option<(String, String, String)>, DeskError> {
    let number = caller_number(called);
    let rows = sqlx::query(
        "SELECT n.court_id, n.number, t.id FROM court_numbers n JOIN trunks t ON t.id = n.trunk_id
         WHERE n.active = 1 AND t.demo = $1 ORDER BY n.created_ms",
    )
    .bind(i64::from(demo))
    .fetch_all(db.read())
    .await?;
    let ours: Vec<(String, String, String)> = rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let same = |own: &str| number.is_some() && caller_number(own) == number;
    let by_number = ours.iter().find(|(_, own, _)| same(own));
    let found = by_number.or_else(|| ours.iter().find(|(_, _, id)| Some(id.as_str()) == trunk)).cloned();
    // The way it came is the way by which its leg is ended.
    Ok(found.map(|(court, own, id)| (court, own, trunk.map_or(id, str::to_owned))))
}

#[cfg(test)]
mod tests {
    use super::caller_number;

    #[test]
    fn r4_4a_a_number_is_the_same_however_the_carrier_writes_it() {
        for text in ["13800001234", "+8613800001234", "8613800001234", "013800001234", "008613800001234"] {
            assert_eq!(caller_number(text).unwrap().reveal(), "13800001234", "{text}");
        }
        for text in ["02988001234", "+862988001234"] {
            assert_eq!(caller_number(text).unwrap().reveal(), "02988001234", "{text}");
        }
        for text in ["anonymous", "", "sip"] {
            assert!(caller_number(text).is_none(), "{text}");
        }
    }
}
