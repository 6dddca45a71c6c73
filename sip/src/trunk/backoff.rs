//! How long to wait before another try (after RFC 5626, 4.5).

use std::time::Duration;

/// After the first failure.
const BASE: Duration = Duration::from_secs(10);
/// Never longer.
const MOST: Duration = Duration::from_mins(5);

/// Doubled with every failure in a row, then 50 to 100 % of it, by a random number: a carrier
/// that comes back is not met by everybody at once.
pub(super) fn wait(failures: u32, random: u64) -> Duration {
    let doubled = BASE.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(MOST);
    share(doubled, 500, 1_000, random)
}

/// A random share of a time, between two thousandths.
pub(super) fn share(of: Duration, least: u64, most: u64, random: u64) -> Duration {
    let thousandths = least + random % (most - least + 1);
    let millis = u64::try_from(of.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(millis.saturating_mul(thousandths) / 1_000)
}
