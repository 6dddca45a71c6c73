//! Days and times as people say them, in Shanghai, which has no summer time.

use time::{
    Date, OffsetDateTime, PrimitiveDateTime, UtcOffset, format_description::well_known::Rfc3339,
    macros::format_description,
};

const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;
const OFFSET_MS: i64 = 8 * 3_600_000;

fn offset() -> UtcOffset {
    UtcOffset::from_hms(8, 0, 0).unwrap_or(UtcOffset::UTC)
}

/// A day like `2026-11-27`, if it is one.
pub fn day(text: &str) -> Option<String> {
    let form = format_description!("[year]-[month]-[day]");
    let day = Date::parse(text, form).ok()?;
    (2000..=2100).contains(&day.year()).then(|| text.to_owned())
}

/// A time like `2026-11-27T15:30`, with or without seconds and offset, as unix milliseconds.
pub fn moment(text: &str) -> Option<i64> {
    let minutes = format_description!("[year]-[month]-[day]T[hour]:[minute]");
    let seconds = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    let local = |form| PrimitiveDateTime::parse(text, form).ok().map(|time| time.assume_offset(offset()));
    let at = OffsetDateTime::parse(text, &Rfc3339).ok().or_else(|| local(minutes)).or_else(|| local(seconds))?;
    (2000..=2100).contains(&at.year()).then(|| at.unix_timestamp() * 1_000)
}

/// The day of a moment, like `2026-11-27`.
pub fn date(at_ms: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at_ms) * 1_000_000);
    let at = at.unwrap_or(OffsetDateTime::UNIX_EPOCH).to_offset(offset());
    format!("{:04}-{:02}-{:02}", at.year(), u8::from(at.month()), at.day())
}

/// The first moment after a day like `2026-11-27`, unix milliseconds, if it is a day.
pub fn midnight_after(text: &str) -> Option<i64> {
    day(text)?;
    Some(moment(&format!("{text}T00:00"))? + DAY_MS)
}

/// The hour of the day.
pub(crate) fn hour(at_ms: i64) -> i64 {
    (at_ms + OFFSET_MS).rem_euclid(DAY_MS) / (60 * MINUTE_MS)
}

/// The beginning of the day.
pub(crate) fn midnight(at_ms: i64) -> i64 {
    at_ms - (at_ms + OFFSET_MS).rem_euclid(DAY_MS)
}

/// `08:30` of the next day.
pub(crate) fn next_day(at_ms: i64, clock: &str) -> i64 {
    let minutes = clock
        .split_once(':')
        .and_then(|(hour, minute)| Some(hour.parse::<i64>().ok()? * 60 + minute.parse::<i64>().ok()?))
        .unwrap_or(0);
    midnight(at_ms) + DAY_MS + minutes * MINUTE_MS
}

#[cfg(test)]
mod tests {
    use super::{date, day, hour, midnight, midnight_after, moment, next_day};

    /// 2026-11-23 09:00:00 +08:00.
    const NINE: i64 = 1_795_395_600_000;

    #[test]
    fn times_are_shanghai_where_nothing_else_is_said() {
        assert_eq!(moment("2026-11-23T09:00"), Some(NINE));
        assert_eq!(moment("2026-11-23T09:00:00"), Some(NINE));
        assert_eq!(moment("2026-11-23T01:00:00Z"), Some(NINE));
        assert_eq!((moment("2026-11-23"), moment("2026-13-01T09:00"), moment("9999-01-01T00:00")), (None, None, None));
        assert_eq!((day("2026-02-28").is_some(), day("2026-02-30"), day("28.2.2026")), (true, None, None));
        assert_eq!((hour(NINE), midnight(NINE)), (9, NINE - 9 * 3_600_000));
        assert_eq!((date(NINE), date(midnight(NINE)), date(midnight(NINE) - 1)), {
            let day = |text: &str| text.to_owned();
            (day("2026-11-23"), day("2026-11-23"), day("2026-11-22"))
        });
        assert_eq!(midnight_after("2026-11-22"), Some(midnight(NINE)));
        assert_eq!(midnight_after("2026-11-31"), None);
        assert_eq!(next_day(NINE, "08:30"), NINE + 24 * 3_600_000 - 1_800_000);
    }
}
