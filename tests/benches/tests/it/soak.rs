//! Many calls over a bad line. `--long` lets them go on for longer.

use crate::bench;

fn long() -> bool {
    std::env::var_os("SONGDA_LONG").is_some()
}

/// Two minutes of calls, with `--long` a quarter of an hour; and a minute until all is over.
#[test]
fn calls_with_mixed_endings_over_a_bad_line_leave_empty_tables_and_no_memory() {
    let _alone = crate::alone();
    let seconds = if long() { "900" } else { "180" };
    println!("{}", bench(&["soak", "--seconds", seconds]));
}

#[test]
fn an_hour_of_calls_in_virtual_time_leaves_empty_tables_and_no_memory() {
    let _alone = crate::alone();
    let minutes = if long() { "60" } else { "10" };
    println!("{}", bench(&["hour", "--minutes", minutes]));
}
