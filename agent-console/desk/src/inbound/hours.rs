//! When a court takes calls, and for how long a caller waits.

use std::collections::BTreeMap;

use songda_people::Actor;
use songda_store::{Clock, Db, StoreError, Tx, audit};
use sqlx::Row;
use time::{Date, macros::format_description};

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
    /// Days on which it is otherwise than the day of the week says, by the day since 1970:
    /// whether calls are taken. Holidays, and the days that are worked instead (调休).
    pub exceptions: BTreeMap<i64, bool>,
    /// Seconds that a caller waits for an agent before he may leave a message.
    pub wait_s: i64,
    /// Longest voice message, seconds; 0 where none is taken.
    pub message_s: i64,
}

/// The shortest and the longest time that a caller waits, seconds.
pub const WAIT_S: std::ops::RangeInclusive<i64> = 15..=600;
/// The longest voice message that a court can allow, seconds.
pub const MESSAGE_S: std::ops::RangeInclusive<i64> = 0..=300;
/// Days that may be named one by one: more than two years of holidays.
pub const EXCEPTIONS: usize = 100;
/// The next opening is looked for so far ahead: longer than any holiday.
const AHEAD: i64 = 31;

impl Default for Hours {
    fn default() -> Self {
        Self {
            days: vec![1, 2, 3, 4, 5],
            opens: 8 * 60 + 30,
            closes: 17 * 60 + 30,
            exceptions: BTreeMap::new(),
            wait_s: 60,
            message_s: 120,
        }
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
        self.is_worked(day) && (i64::from(self.opens)..i64::from(self.closes)).contains(&minute)
    }

    fn is_worked(&self, day: i64) -> bool {
        self.exceptions.get(&day).copied().unwrap_or_else(|| self.days.contains(&weekday(day)))
    }

    /// The next moment at which calls are taken: now, while they are. Now as well where none
    /// is near: nothing would ever be called back.
    pub fn next_opening(&self, at_ms: i64) -> i64 {
        if self.is_open(at_ms) {
            return at_ms;
        }
        let (today, minute) = local(at_ms);
        let opens = i64::from(self.opens);
        (today..=today + AHEAD)
            .filter(|day| self.is_worked(*day))
            .find(|day| *day > today || minute < opens)
            .map_or(at_ms, |day| day * DAY_MS - OFFSET_MS + opens * MINUTE_MS)
    }

    fn days_word(&self) -> String {
        self.days.iter().map(u8::to_string).collect()
    }

    fn exceptions_word(&self) -> String {
        let named = self.exceptions.iter().map(|(day, open)| (day_text(*day), *open)).collect::<BTreeMap<_, _>>();
        serde_json::json!(named).to_string()
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

const FIRST: Date = time::macros::date!(1970 - 01 - 01);

/// A day since 1970 as people write it: `2026-10-01`.
pub fn day_text(day: i64) -> String {
    let date = FIRST.checked_add(time::Duration::days(day)).unwrap_or(FIRST);
    date.format(format_description!("[year]-[month]-[day]")).unwrap_or_default()
}

/// Reads `2026-10-01`.
pub fn day_of(text: &str) -> Option<i64> {
    let date = Date::parse(text, format_description!("[year]-[month]-[day]")).ok()?;
    Some((date - FIRST).whole_days()).filter(|day| *day >= 0)
}

/// When this court takes calls.
pub async fn of(db: &Db, court: &str) -> Result<Hours, DeskError> {
    let row = sqlx::query(
        "SELECT days, opens, closes, wait_s, message_s, exceptions FROM inbound_settings WHERE court_id = $1",
    )
    .bind(court)
    .fetch_optional(db.read())
    .await?;
    let Some(row) = row else { return Ok(Hours::default()) };
    let standard = Hours::default();
    let exceptions: BTreeMap<String, bool> = serde_json::from_str(&row.get::<String, _>(5))
        .map_err(|error| StoreError::internal("reading the days off of a court", error))?;
    Ok(Hours {
        days: row.get::<String, _>(0).bytes().filter_map(|day| day.checked_sub(b'0')).collect(),
        opens: clock_minute(&row.get::<String, _>(1)).unwrap_or(standard.opens),
        closes: clock_minute(&row.get::<String, _>(2)).unwrap_or(standard.closes),
        exceptions: exceptions.iter().filter_map(|(day, open)| Some((day_of(day)?, *open))).collect(),
        wait_s: row.get(3),
        message_s: row.get(4),
    })
}

/// Writes it down for a court, in the name of this user.
pub async fn set(tx: &mut Tx, clock: &Clock, court: &str, by: &str, to: &Hours) -> Result<(), DeskError> {
    sqlx::query(
        "INSERT INTO inbound_settings (court_id, days, opens, closes, wait_s, message_s, changed_ms, changed_by, exceptions)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (court_id) DO UPDATE SET days = excluded.days, opens = excluded.opens, closes = excluded.closes,
             exceptions = excluded.exceptions, wait_s = excluded.wait_s, message_s = excluded.message_s, changed_ms = excluded.changed_ms,
             changed_by = excluded.changed_by",
    )
    .bind(court)
    .bind(to.days_word())
    .bind(clock_text(to.opens))
    .bind(clock_text(to.closes))
    .bind(to.wait_s)
    .bind(to.message_s)
    .bind(clock.now_ms())
    .bind(by)
    .bind(to.exceptions_word())
    .execute(&mut *tx.conn())
    .await?;
    Ok(())
}

/// Changes it; callers who wait already keep the time they have.
pub async fn change(db: &Db, clock: &Clock, actor: &Actor, to: &Hours) -> Result<(), DeskError> {
    let was = of(db, &actor.court_id).await?;
    let mut tx = db.begin().await?;
    set(&mut tx, clock, &actor.court_id, &actor.user_id, to).await?;
    let words = |hours: &Hours| {
        serde_json::json!({ "days": hours.days_word(), "opens": clock_text(hours.opens),
                            "closes": clock_text(hours.closes), "exceptions": hours.exceptions_word(), "wait_s": hours.wait_s, "message_s": hours.message_s })
    };
    let mut detail = words(to);
    detail["was"] = words(&was);
    let entry = actor.did("inbound.settings", ("court", &actor.court_id), detail);
    audit::append(&mut tx, clock, entry).await?;
    Ok(tx.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::{Hours, clock_minute, clock_text, day_of, day_text};

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
    fn on_a_holiday_nobody_takes_calls_and_on_the_sunday_that_is_worked_instead_somebody_does() {
        let day = |text: &str| day_of(text).unwrap();
        let exceptions = [(day("2026-11-24"), false), (day("2026-11-25"), false), (day("2026-11-29"), true)];
        let hours = Hours { exceptions: exceptions.into(), ..Hours::default() };
        let days = |days: i64| NINE + days * 24 * HOUR;
        assert!(hours.is_open(NINE) && !hours.is_open(days(1)) && !hours.is_open(days(2)) && hours.is_open(days(3)));
        assert!(!hours.is_open(days(5)) && hours.is_open(days(6)), "Saturday as always, Sunday worked");
        assert_eq!(hours.next_opening(NINE + 10 * HOUR), days(3) - HOUR / 2, "called back behind the holiday");
    }

    #[test]
    fn days_are_read_as_they_are_written() {
        for text in ["1970-01-01", "2026-10-01", "2028-02-29"] {
            assert_eq!(day_of(text).map(day_text).as_deref(), Some(text));
        }
        for text in ["2026-02-29", "2026-2-1", "1969-12-31", "01.10.2026", ""] {
            assert_eq!(day_of(text), None, "{text}");
        }
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
