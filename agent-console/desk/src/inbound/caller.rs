//! Whom a caller's number belongs to.
//!
//! The number is looked for by its blind index among the numbers of the court's open tasks: those that
//! take a call, and those that are past their calls, for who agreed on a channel calls back too.
//! A number is no proof of a person: it decides who takes the call and what he sees, and he
//! asks who is speaking before he says anything of the case.

use songda_calls::sip::account;
use songda_store::{Db, Sealer, Tx, masked::Phone};
use sqlx::{Row, any::AnyRow};

use crate::DeskError;

/// The number of a caller, as carriers write it, in normal form. A mobile number of another
/// area comes with a 0 before it, the country code with and without its `+`; behind it an area
/// code stands without its 0.
pub fn caller_number(text: &str) -> Option<Phone> {
    let digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    let mobile = |rest: &str| rest.len() == 11 && rest.starts_with('1') && digits(rest);
    let bare = [text.strip_prefix("86"), text.strip_prefix('0'), text.strip_prefix("086")];
    if let Some(rest) = bare.into_iter().flatten().find(|rest| mobile(rest)) {
        return Phone::parse(rest).ok();
    }
    let behind = ["+86", "0086", "86"].into_iter().find_map(|code| text.strip_prefix(code));
    let national = match behind.filter(|rest| digits(rest)) {
        Some(toll) if toll.len() == 10 && (toll.starts_with("400") || toll.starts_with("800")) => toll.to_owned(),
        Some(whole) if matches!(whole.len(), 11 | 12) && whole.starts_with('0') => whole.to_owned(),
        Some(area) if matches!(area.len(), 10 | 11) && !area.starts_with(['0', '1']) => format!("0{area}"),
        // 010 is the only area code that begins with 1.
        Some(area) if area.len() == 10 && area.starts_with("10") => format!("0{area}"),
        _ => text.to_owned(),
    };
    Phone::parse(&national).ok()
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

/// The open task of this court that a caller with this number calls about: one that takes a call before
/// one that is past its calls; the one that an agent has in hand, else the one that was worked on last. Who has an extension on file calls
/// under the number of his switchboard; whose own number it is comes before him. A number that is known to have
/// gone over to somebody else finds nothing, and neither does a person who is on the line
/// here already.
pub async fn find(tx: &mut Tx, court: &str, index: &str) -> Result<Option<Match>, DeskError> {
    let row = sqlx::query(
        "SELECT t.id, t.number, n.id, p.person_index,
                (SELECT w.active_agent FROM work_orders w WHERE w.active_task = t.id),
                (SELECT c.agent_id FROM calls c WHERE c.task_id = t.id ORDER BY c.created_ms DESC, c.id DESC LIMIT 1)
         FROM phones n JOIN parties p ON p.id = n.party_id JOIN tasks t ON t.party_id = p.id
         WHERE (n.number_index = $1 OR n.main_index = $1) AND n.state <> '易主' AND t.court_id = $2
           AND t.phase IN ('待外呼', '外呼中', '查找中', '待转渠道', '待核实', '已约定渠道', '挂起', '待出报告')
           AND NOT EXISTS (SELECT 1 FROM inbound_calls i WHERE i.live_person = p.person_index)
           AND NOT EXISTS (SELECT 1 FROM calls c JOIN tasks o ON o.id = c.live_task JOIN parties q ON q.id = o.party_id
                           WHERE q.person_index = p.person_index AND c.answered_ms IS NOT NULL)
         ORDER BY CASE WHEN n.number_index = $1 THEN 0 ELSE 1 END,
                  CASE WHEN t.phase = '外呼中' THEN 0 WHEN t.phase IN ('待外呼', '查找中', '待转渠道') THEN 1 ELSE 2 END,
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
/// number, and the trunk that carries it. A number is the court's as long as it is in the
/// register, in use or not. A carrier that names the account of its trunk, as our Contact there
/// does, means that trunk's first number. Demo trunks serve demo mode only (X5).
pub async fn called(
    db: &Db,
    called: &str,
    trunk: Option<&str>,
    demo: bool,
) -> Result<Option<(String, String, String)>, DeskError> {
    let number = caller_number(called);
    let rows = sqlx::query(
        "SELECT n.court_id, n.number, t.id, t.username FROM court_numbers n
         JOIN number_trunks l ON l.number_id = n.id JOIN trunks t ON t.id = l.trunk_id WHERE t.demo = $1
         ORDER BY n.active DESC, CASE WHEN n.trunk_id = t.id THEN 0 ELSE 1 END, n.created_ms, n.id",
    )
    .bind(i64::from(demo))
    .fetch_all(db.read())
    .await?;
    let text = |row: &AnyRow, at: usize| row.get::<String, _>(at);
    let same = |row: &&AnyRow| number.is_some() && caller_number(&text(row, 1)) == number;
    let account =
        |row: &&AnyRow| Some(text(row, 2).as_str()) == trunk && !called.is_empty() && account(&text(row, 3)) == called;
    let found = rows.iter().find(same).or_else(|| rows.iter().find(account));
    // The way it came is the way by which its leg is ended.
    Ok(found.map(|row| (text(row, 0), text(row, 1), trunk.map_or_else(|| text(row, 2), str::to_owned))))
}

#[cfg(test)]
mod tests {
    use super::caller_number;

    #[test]
    fn r4_4a_a_number_is_the_same_however_the_carrier_writes_it() {
        for text in ["13800001234", "+8613800001234", "8613800001234", "013800001234", "008613800001234"] {
            assert_eq!(caller_number(text).unwrap().reveal(), "13800001234", "{text}");
        }
        for text in ["02988001234", "+862988001234", "862988001234", "8602988001234", "00862988001234"] {
            assert_eq!(caller_number(text).unwrap().reveal(), "02988001234", "{text}");
        }
        for (text, number) in [
            ("861088001234", "01088001234"),
            ("8691788001234", "091788001234"),
            ("869173261234", "09173261234"),
            ("864008001234", "4008001234"),
            ("86298800", "86298800"),
            ("+85223456789", "+85223456789"),
        ] {
            assert_eq!(caller_number(text).unwrap().reveal(), number, "{text}");
        }
        for text in ["anonymous", "", "sip"] {
            assert!(caller_number(text).is_none(), "{text}");
        }
    }
}
