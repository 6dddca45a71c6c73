//! A few seconds of the media bench. What it says about cost is worth nothing in a build without
//! optimisation beside other tests; that every part of it measures something is.

use crate::bench;

#[test]
fn a_small_run_of_the_media_bench_relays_every_packet_and_prints_its_table() {
    let _alone = crate::alone();
    let folder = tempfile::tempdir().unwrap();
    let table = bench(&[
        "media",
        "--calls",
        "4",
        "--browsers",
        "11",
        "--seconds",
        "1",
        "--rounds",
        "1",
        "--patience",
        "0",
        "--record-in",
        folder.path().to_str().unwrap(),
    ]);
    println!("{table}");
    let kinds = ["rtpengine, relay", "ours, relay ", "ours, relay recorded", "ours, browsers recorded"];
    for kind in kinds {
        assert!(table.lines().any(|line| line.starts_with(kind)), "{kind}: {table}");
    }
    assert!(!table.contains("not measured"), "{table}");
    assert!(table.lines().next().is_some_and(|first| first.contains("beside rtpengine ")), "{table}");
    let json = table.lines().find(|line| line.starts_with('{')).unwrap();
    let measured: serde_json::Value = serde_json::from_str(json).unwrap();
    for round in measured["rounds"].as_array().unwrap() {
        assert!(round["report"]["received"].as_u64().unwrap() > 0 && round["cpu"].as_f64().unwrap() > 0.0, "{round}");
        assert_eq!(round["dropped"], 0, "{round}");
    }
}
