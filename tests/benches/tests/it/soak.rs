//! Many calls over a bad line. `--long` lets them go on for longer.

use crate::bench;

fn long() -> bool {
    std::env::var_os("SONGDA_LONG").is_some()
}

/// A quarter of an hour: with `--long` only.
#[test]
fn calls_with_mixed_endings_over_a_bad_line_leave_empty_tables_and_no_memory() {
    let _alone = crate::alone();
    if long() {
        println!("{}", bench(&["soak", "--seconds", "900"]));
    }
}

#[test]
fn an_hour_of_calls_in_virtual_time_leaves_empty_tables_and_no_memory() {
    let _alone = crate::alone();
    let minutes = if long() { "60" } else { "10" };
    println!("{}", bench(&["hour", "--minutes", minutes]));
}
