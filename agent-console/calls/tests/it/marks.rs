//! Marks in the side record.

use proptest::prelude::*;
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
fn r4_2a_marks_are_told_as_they_come_and_what_is_open_ends_where_it_begins() {
    let mut marks = Marks::default();
    assert_eq!(marks.news(), None);
    marks.open(MarkKind::Hold, 1_000, "");
    assert_eq!(marks.news(), Some(vec![mark(MarkKind::Hold, 1_000, 1_000, "")]));
    assert_eq!(marks.news(), None, "told once");
    marks.close(MarkKind::Hold, 4_000);
    assert_eq!(marks.news(), Some(vec![mark(MarkKind::Hold, 1_000, 4_000, "")]));
}

#[test]
fn r4_4b_a_party_who_presses_thousands_of_keys_hides_no_mark_of_a_supervisor() {
    let mut marks = Marks::default();
    for at in 0..3_000 {
        marks.point(MarkKind::DigitIn, at, "1");
    }
    marks.open(MarkKind::Whispered, 4_000, "赵主管");
    marks.close(MarkKind::Whispered, 5_000);
    let all = marks.finish(9_000);
    assert_eq!(all.len(), 1_001, "keys have a limit");
    assert_eq!(all.last(), Some(&mark(MarkKind::Whispered, 4_000, 5_000, "赵主管")));
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

const KINDS: [MarkKind; 3] = [MarkKind::AgentAway, MarkKind::Hold, MarkKind::PartySilent];

proptest! {
    #[test]
    fn whatever_begins_and_ends_marks_stand_in_order_and_one_kind_never_overlaps_itself(
        steps in prop::collection::vec((0_u64..3_000, 0_usize..3, 0_u8..3), 0..50)
    ) {
        let mut marks = Marks::default();
        let mut at = 0;
        for (wait, kind, what) in steps {
            at += wait;
            match what {
                0 => marks.open(KINDS[kind], at, ""),
                1 => marks.close(KINDS[kind], at),
                _ => marks.point(MarkKind::DigitIn, at, "1"),
            }
        }
        // The recording may have ended before what was seen last.
        let end = at.saturating_sub(500);
        let all = marks.finish(end);
        prop_assert!(all.is_sorted_by_key(|mark| mark.from_ms));
        prop_assert!(all.iter().all(|mark| mark.from_ms <= mark.to_ms && mark.to_ms <= end));
        for kind in KINDS {
            let own: Vec<_> = all.iter().filter(|mark| mark.kind == kind).collect();
            prop_assert!(own.windows(2).all(|pair| pair[0].to_ms <= pair[1].from_ms), "{own:?}");
        }
    }
}
