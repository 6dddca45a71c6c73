//! A few seconds of the signalling bench. What it says about cost is worth nothing in a build
//! without optimisation beside other tests; that every call completes is.

use crate::bench;

#[test]
fn a_small_run_of_the_signalling_bench_completes_every_call_and_prints_its_table() {
    let _alone = crate::alone();
    let table = bench(&[
        "signalling",
        "--rate",
        "20",
        "--seconds",
        "2",
        "--rounds",
        "1",
        "--steps",
        "2",
        "--step-seconds",
        "1",
        "--double-seconds",
        "3",
    ]);
    println!("{table}");
    for wanted in ["kamailio, tm and rr", "songda-bench bridge", "CPU per call against the peer", "without a server"] {
        assert!(table.contains(wanted), "{wanted}: {table}");
    }
    assert!(!table.contains("not completed"), "{table}");
}
