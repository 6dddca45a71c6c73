//! When a court takes calls, and for how long a caller waits.

use songda_people::Actor;
use songda_store::{Clock, Db, audit};
use sqlx::Row;

use crate::DeskError;

const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;
/// Shanghai, which has no summer time.
const OFFSET_MS: i64 = 8 * 3_600_000;

/// When a court takes calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    /// Days of the week, 1 is Monday, in order, each once.
    pub days: Vec<u8>,
    /// Minute of the day from which on calls are taken.
    pub opens: u16,
    /// Minute of the day from which on they are not taken any more.
    pub closes: u16,
    /// Seconds that a caller waits for an agent before he may leave a message.
    pub wait_s: i64,
    /// Longest voice message, seconds; 0 where none is taken.
    pub message_s: i64,
}

/// The shortest and the longest time that a caller waits, seconds.
pub const WAIT_S: std::ops::RangeInclusive<i64> = 15..=600;
/// The longest voice message that a court can allow, seconds.
pub const MESSAGE_S: std::ops::RangeInclusive<i64> = 0..=300;

impl Default for Hours {
    fn default() -> Self {
        Self { days: vec![1, 2, 3, 4, 5], opens: 8 * 60 + 30, closes: 17 * 60 + 30, wait_s: 60, message_s: 120 }
    }
}

/// Days since the beginning of 1970 in Shanghai, and the minute of the day.
fn local(at_ms: i64) -> (i64, i64) {
    let local = at_ms + OFFSET_MS;
    (local.div_euclid(DAY_MS), local.rem_euclid(DAY_MS) / MINUTE_MS)
}

/// The day of the week, 1 is Monday; the first day of 1970 was a Thursday.
fn weekday(day: i64) -> u8 {
    (day + 3).rem_euclid(7) as u8 + 1
}

impl Hours {
    /// Whether calls are taken at this time.
    pub fn is_open(&self, at_ms: i64) -> bool {
        let (day, minute) = local(at_ms);
        self.days.contains(&weekday(day)) && (i64::from(self.opens)..i64::from(self.closes)).contains(&minute)
    }

    /// The next moment at which calls are taken: now, while they are. Now as well where no
    /// day is named: nothing would ever be called back.
    pub fn next_opening(&self, at_ms: i64) -> i64 {
        if self.is_open(at_ms) {
            return at_ms;
        }
        let (today, minute) = local(at_ms);
        let opens = i64::from(self.opens);
        (today..=today + 7)
            .filter(|day| self.days.contains(&weekday(*day)))
            .find(|day| *day > today || minute < opens)
            .map_or(at_ms, |day| day * DAY_MS - OFFSET_MS + opens * MINUTE_MS)
    }

    fn days_word(&self) -> String {
        self.days.iter().map(u8::to_string).collect()
    }
}

/// A minute of the day as people write it: `08:30`.
pub fn clock_text(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// Reads `08:30`; `24:00` is the end of the day.
pub fn clock_minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two = |part: &str| part.len() == 2 && part.bytes().all(|sign| sign.is_ascii_digit());
    if !two(hour) || !two(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (minute < 60 && hour * 60 + minute <= 24 * 60).then_some(hour * 60 + minute)
}

/// When this court takes calls.
pub async fn of(db: &Db, court: &str) -> Result<Hours, DeskError> {
    let row = sqlx::query("SELECT days, opens, closes, wait_s, message_s FROM inbound_settings WHERE court_id = $1")
        .bind(court)
        .fetch_optional(db.read())
        .await?;
    let Some(row) = row else { return Ok(Hours::default()) };
    let standard = Hours::default();
    Ok(Hours {
        days: row.get::<String, _>(0).bytes().filter_map(|day| day.checked_sub(b'0')).collect(),
        opens: clock_minute(&row.get::<String, _>(1)).unwrap_or(standard.opens),
        closes: clock_minute(&row.get::<String, _>(2)).unwrap_or(standard.closes),
        wait_s: row.get(3),
        message_s: row.get(4),
    })
}

/// Sets it; callers who wait already keep the time they have.
pub async fn change(db: &Db, clock: &Clock, actor: &Actor, to: &Hours) -> Result<(), DeskError> {
    let was = of(db, &actor.court_id).await?;
    let mut tx = db.begin().await?;
    sqlx::query(
        "INSERT INTO inbound_settings (court_id, days, opens, closes, wait_s, message_s, changed_ms, changed_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (court_id) DO UPDATE SET days = excluded.days, opens = excluded.opens, closes = excluded.closes,
             wait_s = excluded.wait_s, message_s = excluded.message_s, changed_ms = excluded.changed_ms,
             changed_by = excluded.changed_by",
    )
    .bind(&actor.court_id)
    .bind(to.days_word())
    .bind(clock_text(to.opens))
    .bind(clock_text(to.closes))
    .bind(to.wait_s)
    .bind(to.message_s)
    .bind(clock.now_ms())
    .bind(&actor.user_id)
    .execute(&mut *tx.conn())
    .await?;
    let words = |hours: &Hours| {
        serde_json::json!({ "days": hours.days_word(), "opens": clock_text(hours.opens),
                            "closes": clock_text(hours.closes), "wait_s": hours.wait_s, "message_s": hours.message_s })
    };
    let mut detail = words(to);
    detail["was"] = words(&was);
    let entry = audit::Entry {
        court: &actor.court_id,
        actor: &actor.user_id,
        actor_role: actor.role.code(),
        action: "inbound.settings",
        object_kind: "court",
        object_id: &actor.court_id,
        case_id: None,
        ip: &actor.ip,
        result: "ok",
        detail,
    };
    audit::append(&mut tx, clock, entry).await?;
    Ok(tx.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::{Hours, clock_minute, clock_text};

    /// Monday, 2026-11-23 09:00:00 +08:00.
    const NINE: i64 = 1_795_395_600_000;
    const HOUR: i64 = 3_600_000;

    #[test]
    fn a_court_is_open_on_its_days_from_the_first_minute_to_the_last() {
        let hours = Hours::default();
        assert!(hours.is_open(NINE) && hours.is_open(NINE - HOUR / 2), "08:30 is open");
        assert!(!hours.is_open(NINE - HOUR / 2 - 1) && !hours.is_open(NINE + 8 * HOUR + HOUR / 2), "17:30 is not");
        assert!(hours.is_open(NINE + 4 * 24 * HOUR) && !hours.is_open(NINE + 5 * 24 * HOUR), "no Saturday");
    }

    #[test]
    fn who_called_at_night_is_called_back_in_the_morning_and_on_friday_evening_on_monday() {
        let hours = Hours::default();
        let opening = NINE - HOUR / 2;
        assert_eq!(hours.next_opening(NINE), NINE, "open: at once");
        assert_eq!(hours.next_opening(opening - HOUR), opening, "before the opening");
        assert_eq!(hours.next_opening(NINE + 10 * HOUR), opening + 24 * HOUR);
        assert_eq!(hours.next_opening(NINE + (4 * 24 + 10) * HOUR), opening + 7 * 24 * HOUR);
        let never = Hours { days: vec![], ..hours };
        assert_eq!(never.next_opening(NINE), NINE);
    }

    #[test]
    fn times_of_the_day_are_read_as_they_are_written() {
        for text in ["00:00", "08:30", "24:00"] {
            assert_eq!(clock_minute(text).map(clock_text).as_deref(), Some(text));
        }
        for text in ["8:30", "24:01", "08:60", "0830", "+8:30", "ab:cd", ""] {
            assert_eq!(clock_minute(text), None, "{text}");
        }
    }
}
