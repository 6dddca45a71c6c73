//! A few seconds of the signalling bench. What it says about cost is worth nothing in a build
//! without optimisation beside other tests; that every part of it measures something is.

use std::path::Path;

use crate::bench;

/// Whether this machine lets us hold a server to a share of its core.
fn has_control_groups() -> bool {
    let groups = Path::new("/sys/fs/cgroup");
    let root = if groups.join("cgroup.controllers").exists() { groups.to_path_buf() } else { groups.join("cpu") };
    let probe = root.join(format!("songda-bench-probe-{}", std::process::id()));
    std::fs::create_dir(&probe).and_then(|()| std::fs::remove_dir(&probe)).is_ok()
}

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
    for fault in ["not completed", "void"] {
        assert!(!table.contains(fault), "{fault}: {table}");
    }
    assert_eq!(table.contains("highest rate without failure"), has_control_groups(), "{table}");
}
