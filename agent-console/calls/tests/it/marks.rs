//! Marks in the side record.

use songda_calls::{Mark, MarkKind, inside::Marks};

fn mark(kind: MarkKind, from_ms: u64, to_ms: u64, text: &str) -> Mark {
    Mark { kind, from_ms, to_ms, text: text.into() }
}

#[test]
fn marks_stand_in_order_of_time_and_end_with_the_recording() {
    let mut marks = Marks::default();
    marks.open(MarkKind::AgentAway, 3_000, "");
    marks.open(MarkKind::Hold, 1_000, "");
    marks.point(MarkKind::DigitIn, 2_000, "5");
    marks.open(MarkKind::AgentAway, 3_500, "again");
    marks.close(MarkKind::AgentAway, 4_000);
    marks.close(MarkKind::PartySilent, 4_100);
    marks.point(MarkKind::RecordingFailed, 9_500, "");
    assert_eq!(
        marks.finish(9_000),
        [
            mark(MarkKind::Hold, 1_000, 9_000, ""),
            mark(MarkKind::DigitIn, 2_000, 2_000, "5"),
            mark(MarkKind::AgentAway, 3_000, 4_000, ""),
            mark(MarkKind::RecordingFailed, 9_000, 9_000, ""),
        ]
    );
}

#[test]
fn kinds_are_stored_by_these_names() {
    let names = [
        MarkKind::AgentAway,
        MarkKind::Hold,
        MarkKind::DigitIn,
        MarkKind::DigitOut,
        MarkKind::PartySilent,
        MarkKind::RecordingFailed,
    ];
    assert_eq!(
        serde_json::to_string(&names).unwrap(),
        r#"["agent_away","hold","digit_in","digit_out","party_silent","recording_failed"]"#
    );
}
