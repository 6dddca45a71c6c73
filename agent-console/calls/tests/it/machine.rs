//! The road of a call, from the click to its end.

use songda_calls::{
    EndedBy, Fault, Parting, PartySilence,
    inside::{Cue, Do, Input, Rest, Told},
};
use songda_media::Supervision;
use songda_sip::{EndCause, LegEvent, Side};

use crate::call::{BROKEN_OFF, CLEARED, Call, answer, ended, holds, talks};

#[test]
fn nothing_is_dialled_before_the_browser_is_heard_and_then_once() {
    let mut call = Call::new();
    assert_eq!(
        call.at(1, Input::BrowserConnected),
        [Do::Tell(Told::BrowserConnected), Do::Dial, Do::Tell(Told::Dialling)]
    );
    assert!(!call.at(2, Input::BrowserConnected).contains(&Do::Dial), "a browser that comes back dials nothing");
}

#[test]
fn a_browser_that_never_connects_is_our_own_failure() {
    let mut call = Call::new();
    assert!(call.at(9, Input::Deadline).is_empty(), "not before its time");
    assert_eq!(call.at(10, Input::Deadline), [Do::Finish]);
    let facts = call.machine.facts();
    assert!(facts.fault == Some(Fault::Browser) && !facts.answered && facts.by == EndedBy::System, "{facts:?}");
}

#[test]
fn r4_2f_the_notice_plays_at_the_answer_and_talk_begins_after_it() {
    let mut call = Call::dialled();
    assert_eq!(call.at(1, Input::Leg(LegEvent::Ringing)), [Do::RingBack, Do::Tell(Told::Ringing)]);
    assert_eq!(
        call.at(2, Input::Mute(true)),
        [Do::Mute(true), Do::Tell(Told::Muted(true))],
        "who mutes before the answer is not heard after it"
    );
    assert_eq!(
        call.at(5, answer()),
        [
            Do::TrunkAnswer("200".into()),
            Do::Tell(Told::Answered),
            Do::Announce(Cue::Notice),
            Do::Tell(Told::NoticeStarted)
        ]
    );
    call.at(6, Input::PartyHeard);
    assert_eq!(call.at(10, Input::Said(Cue::Notice)), [Do::Tell(Told::NoticeFinished), Do::Tell(Told::Talking)]);
    assert_eq!(call.at(11, Input::Mute(false)), [Do::Mute(false), Do::Tell(Told::Muted(false))]);
    assert_eq!(call.at(60, ended(Side::Peer, EndCause::HungUp, None, None)), [Do::Finish]);
    let facts = call.machine.facts();
    assert!(facts.answered && facts.by == EndedBy::Party && facts.fault.is_none(), "{facts:?}");
}

#[test]
fn r2_1a_early_media_is_opened_once_and_follows_each_new_description() {
    let mut call = Call::dialled();
    assert_eq!(
        call.at(1, Input::Leg(LegEvent::EarlyMedia { sdp: "183".into() })),
        [Do::TrunkAnswer("183".into()), Do::OpenEarly, Do::Tell(Told::EarlyMedia)]
    );
    assert_eq!(call.at(2, Input::Leg(LegEvent::EarlyMedia { sdp: "again".into() })), [Do::TrunkAnswer("again".into())]);
    // An announcement of another machine of the carrier is said by UPDATE; no answer will ever come.
    assert_eq!(call.at(3, Input::Leg(LegEvent::Reoffered { sdp: "moved".into() })), [Do::TrunkMoved("moved".into())]);
    assert_eq!(call.at(8, ended(Side::Peer, EndCause::Refused, Some(404), Some(1))), [Do::Finish]);
    let facts = call.machine.facts();
    assert_eq!((facts.sip_status, facts.q850, facts.rang_ms), (Some(404), Some(1), 4_000));
    assert!(facts.fault.is_none() && !facts.answered);
}

#[test]
fn giving_up_while_it_rings_is_the_agents_doing() {
    let mut call = Call::dialled();
    call.at(1, Input::Leg(LegEvent::Ringing));
    assert_eq!(call.at(3, Input::HangUp), [CLEARED]);
    assert_eq!(call.at(3, Input::HangUp), [], "a second click does nothing");
    call.at(4, ended(Side::Us, EndCause::Cancelled, Some(487), None));
    let facts = call.machine.facts();
    assert!(facts.cancelled_by_agent && facts.by == EndedBy::Agent && facts.provisional, "{facts:?}");
}

#[test]
fn giving_up_while_the_carrier_is_looked_for_ends_the_call_at_once() {
    let mut call = Call::dialled();
    assert_eq!(call.at(1, Input::NeverDialled), [], "only after a hang-up");
    assert_eq!(call.at(2, Input::HangUp), [CLEARED]);
    assert_eq!(call.at(2, Input::NeverDialled), [Do::Finish]);
    let facts = call.machine.facts();
    assert!(facts.cancelled_by_agent && facts.fault.is_none() && facts.sip_status.is_none(), "{facts:?}");
}

#[test]
fn an_answer_that_crosses_the_cancel_counts_as_answered_and_plays_nothing() {
    let mut call = Call::dialled();
    call.at(3, Input::HangUp);
    assert_eq!(call.at(3, answer()), []);
    call.at(4, ended(Side::Us, EndCause::HungUp, None, None));
    let facts = call.machine.facts();
    assert!(facts.answered && !facts.cancelled_by_agent, "{facts:?}");
}

#[test]
fn e52_r4_2a_a_recording_that_fails_is_told_to_the_party_and_ends_the_call() {
    let mut call = Call::talking();
    assert_eq!(
        call.at(20, Input::RecordingFailed),
        [
            Do::Tell(Told::RecordingFailed),
            Do::Rest(Rest::Silence),
            Do::Hush,
            Do::Announce(Cue::Parting(Parting::RecordingFailed)),
            Do::Tell(Told::Parting(Parting::RecordingFailed))
        ]
    );
    assert_eq!(call.at(21, Input::RecordingFailed), [Do::Tell(Told::RecordingFailed)], "said once");
    assert_eq!(call.at(27, Input::Said(Cue::Parting(Parting::RecordingFailed))), [BROKEN_OFF]);
    call.at(28, ended(Side::Us, EndCause::HungUp, None, None));
    let facts = call.machine.facts();
    assert!(facts.parting == Some(Parting::RecordingFailed) && facts.by == EndedBy::System, "{facts:?}");
}

#[test]
fn r4_2a_a_recording_that_fails_while_it_rings_gives_the_call_up() {
    let mut call = Call::dialled();
    call.at(1, Input::Leg(LegEvent::EarlyMedia { sdp: "183".into() }));
    assert_eq!(call.at(3, Input::RecordingFailed), [Do::Tell(Told::RecordingFailed), BROKEN_OFF]);
    call.at(4, ended(Side::Us, EndCause::Cancelled, Some(487), None));
    assert_eq!(call.machine.facts().fault, Some(Fault::Recording));
}

#[test]
fn e49_a_polite_end_is_spoken_and_then_the_call_ends() {
    let mut call = Call::talking();
    assert_eq!(
        call.at(20, Input::EndPolitely),
        [
            Do::Rest(Rest::Silence),
            Do::Hush,
            Do::Announce(Cue::Parting(Parting::Farewell)),
            Do::Tell(Told::Parting(Parting::Farewell))
        ],
        "nobody is heard after the last word"
    );
    assert_eq!(call.at(21, Input::EndPolitely), [], "a second click changes nothing");
    assert_eq!(call.at(26, Input::Said(Cue::Parting(Parting::Farewell))), [CLEARED]);
    call.at(27, ended(Side::Us, EndCause::HungUp, None, None));
    let facts = call.machine.facts();
    assert!(facts.by == EndedBy::Agent && facts.parting == Some(Parting::Farewell) && !facts.abandoned, "{facts:?}");
}

#[test]
fn a_house_that_closes_tells_who_was_answered_and_gives_up_what_rings() {
    let mut call = Call::talking();
    let orders = call.at(20, Input::HouseCloses);
    assert!(orders.contains(&Do::Announce(Cue::Parting(Parting::Apology))), "{orders:?}");
    assert_eq!(call.at(21, Input::HouseCloses), [], "once");
    assert_eq!(call.at(24, Input::Said(Cue::Parting(Parting::Apology))), [BROKEN_OFF]);
    call.at(25, ended(Side::Us, EndCause::HungUp, None, None));
    let facts = call.machine.facts();
    assert!(facts.by == EndedBy::System && facts.parting == Some(Parting::Apology), "{facts:?}");
    assert!(facts.fault.is_none() && !facts.abandoned, "they talked, and no agent was lost: {facts:?}");
    let mut call = Call::dialled();
    assert_eq!(call.at(3, Input::HouseCloses), [BROKEN_OFF], "nobody is there to be told");
    let mut call = Call::new();
    assert_eq!(call.at(1, Input::HouseCloses), [Do::Finish], "nothing went out");
}

/// RFC 3326, 2: the other end, and every exchange between, hears why a call ends.
#[test]
fn our_bye_says_why() {
    let ends = [
        (Input::HangUp, None, CLEARED),
        (Input::Abandoned, None, BROKEN_OFF),
        (Input::BadAnswer("no".into()), None, BROKEN_OFF),
        (Input::EndPolitely, Some(Parting::Farewell), CLEARED),
        (Input::RecordingFailed, Some(Parting::RecordingFailed), BROKEN_OFF),
        (Input::HouseCloses, Some(Parting::Apology), BROKEN_OFF),
    ];
    for (end, said, wanted) in ends {
        let mut call = Call::talking();
        let mut orders = call.at(20, end.clone());
        if let Some(said) = said {
            orders = call.at(24, Input::Said(Cue::Parting(said)));
        }
        assert_eq!(orders.last(), Some(&wanted), "{end:?}");
    }
    let mut call = Call::dialled();
    assert_eq!(call.at(3, Input::HangUp), [CLEARED], "and so does a CANCEL");
}

#[test]
fn e49_who_does_not_want_to_hear_the_farewell_hangs_up() {
    let mut call = Call::talking();
    call.at(20, Input::EndPolitely);
    assert_eq!(call.at(21, Input::HangUp), [CLEARED]);
    let mut call = Call::dialled();
    assert_eq!(call.at(2, Input::EndPolitely), [CLEARED], "nobody to be polite to while it rings");
}

#[test]
fn a_farewell_that_is_never_over_is_cut_short() {
    let mut call = Call::talking();
    call.at(20, Input::EndPolitely);
    assert_eq!(call.at(49, Input::Deadline), []);
    assert_eq!(call.at(50, Input::Deadline), [CLEARED]);
    assert_eq!(call.at(90, Input::Deadline), [Do::Finish]);
}

#[test]
fn who_is_held_hears_the_prompt_and_music_and_then_the_agent_again() {
    let mut call = Call::talking();
    let orders = call.at(20, Input::Hold(true));
    assert!(orders[0] == Do::Tell(Told::Held(true)) && holds(&orders), "{orders:?}");
    assert_eq!(call.at(21, Input::Hold(true)), [], "held already");
    assert!(talks(&call.at(30, Input::Hold(false))));
}

#[test]
fn a_hold_during_the_notice_begins_after_it() {
    let mut call = Call::answered();
    let orders = call.at(6, Input::Hold(true));
    assert!(!orders.contains(&Do::Announce(Cue::Hold)) && !orders.contains(&Do::Hush), "{orders:?}");
    let orders = call.at(10, Input::Said(Cue::Notice));
    assert_eq!(orders, [Do::Tell(Told::NoticeFinished), Do::Announce(Cue::Hold)]);
    let orders = call.at(15, Input::Hold(false));
    assert_eq!(orders.last(), Some(&Do::Tell(Told::Talking)), "talk begins with the first word: {orders:?}");
}

#[test]
fn keys_are_pressed_while_both_talk_and_at_no_other_time() {
    let refused = |orders: &[Do]| matches!(orders, [Do::Tell(Told::KeysRefused(_))]);
    let mut call = Call::answered();
    assert!(refused(&call.at(6, Input::Press("1".into()))), "the notice plays");
    let mut call = Call::talking();
    assert_eq!(call.at(20, Input::Press("12*#A".into())), [Do::Press("12*#A".into())]);
    let long = "1".repeat(33);
    for keys in ["", "x", "1 2", "E", long.as_str()] {
        assert!(refused(&call.at(20, Input::Press(keys.into()))), "{keys}");
    }
    call.at(21, Input::Hold(true));
    assert!(refused(&call.at(22, Input::Press("1".into()))), "the party hears music");
}

#[test]
fn a_leg_that_never_ends_is_given_up() {
    let mut call = Call::answered();
    call.at(20, Input::HangUp);
    assert_eq!(call.at(59, Input::Deadline), []);
    assert_eq!(call.at(60, Input::Deadline), [Do::Finish]);
}

#[test]
fn r4_3c_refused_credentials_are_our_own_failure() {
    let mut call = Call::dialled();
    call.at(1, ended(Side::Peer, EndCause::AuthenticationFailed, Some(401), None));
    let facts = call.machine.facts();
    assert!(facts.fault == Some(Fault::Credentials) && facts.cause.contains("authentication"), "{facts:?}");
}

#[test]
fn a_call_that_cannot_be_placed_is_over_at_once_and_says_why() {
    let mut call = Call::dialled();
    assert_eq!(call.at(1, Input::NotPlaced(Fault::Carrier, "no such host".into())).last(), Some(&Do::Finish));
    let facts = call.machine.facts();
    assert!(facts.fault == Some(Fault::Carrier) && facts.cause.contains("no such host"), "{facts:?}");
    assert_eq!(call.at(2, Input::HangUp), [], "it is over");
}

#[test]
fn after_the_end_nothing_more_is_asked_for() {
    let mut call = Call::answered();
    call.at(9, ended(Side::Peer, EndCause::HungUp, None, None));
    for input in [Input::HangUp, Input::BrowserLost, Input::RecordingFailed, Input::Abandoned, Input::Mute(true)] {
        assert_eq!(call.at(10, input), []);
    }
}

#[test]
fn our_own_failure_between_the_answer_and_the_talk_stays_ours() {
    let mut call = Call::answered();
    call.at(6, Input::BadAnswer("no codec".into()));
    call.at(7, ended(Side::Us, EndCause::HungUp, None, None));
    assert_eq!(call.machine.facts().fault, Some(Fault::Carrier), "nobody was spoken to");
    let mut call = Call::talking();
    call.at(20, Input::RecordingFailed);
    call.at(21, ended(Side::Us, EndCause::HungUp, None, None));
    assert_eq!(call.machine.facts().fault, None, "the talk took place");
}

#[test]
fn e50_a_line_on_which_the_party_was_never_heard_is_a_fault_of_the_line() {
    let silences = [None, Some(PartySilence::NoPackets), Some(PartySilence::Mute)];
    for silence in silences {
        let mut call = Call::dialled();
        call.at(5, answer());
        call.at(10, Input::Said(Cue::Notice));
        if silence == Some(PartySilence::Mute) {
            call.at(10, Input::PartyHeard);
        }
        if let Some(kind) = silence {
            assert_eq!(call.at(10, Input::PartySilent(kind)), [Do::Tell(Told::PartySilent(kind))]);
        }
        call.at(40, Input::HangUp);
        call.at(41, ended(Side::Us, EndCause::HungUp, None, None));
        let facts = call.machine.facts();
        assert!(facts.fault == Some(Fault::Carrier) && facts.cause.contains("no sound"), "{silence:?}: {facts:?}");
    }
}

#[test]
fn e50_ring_back_before_the_answer_is_no_sound_of_the_party() {
    let mut call = Call::dialled();
    call.at(2, Input::Leg(LegEvent::EarlyMedia { sdp: "sdp".into() }));
    call.at(2, Input::PartyHeard);
    call.at(5, answer());
    call.at(10, Input::Said(Cue::Notice));
    call.at(10, Input::PartySilent(PartySilence::NoPackets));
    call.at(40, Input::HangUp);
    call.at(41, ended(Side::Us, EndCause::HungUp, None, None));
    assert_eq!(call.machine.facts().fault, Some(Fault::Carrier), "nobody was heard since the answer");
}

#[test]
fn e50_a_party_that_is_heard_again_was_spoken_to() {
    let mut call = Call::talking();
    call.at(20, Input::PartySilent(PartySilence::NoPackets));
    assert_eq!(call.at(25, Input::PartyHeardAgain), [Do::Tell(Told::PartyHeard)]);
    call.at(30, Input::PartySilent(PartySilence::NoPackets));
    call.at(40, Input::HangUp);
    call.at(41, ended(Side::Us, EndCause::HungUp, None, None));
    assert_eq!(call.machine.facts().fault, None, "it was heard before");
}

#[test]
fn e39_an_extension_is_pressed_after_the_answer_and_the_notice_waits_for_it() {
    let mut call = Call::new();
    call.machine = std::mem::replace(&mut call.machine, Call::new().machine).with_extension(Some("8012".into()));
    call.at(0, Input::BrowserConnected);
    assert_eq!(
        call.at(5, answer()),
        [Do::TrunkAnswer("200".into()), Do::Tell(Told::Answered), Do::Mute(true), Do::Rest(Rest::Talk)],
        "no notice yet, and nobody hears the agent"
    );
    assert_eq!(call.at(6, Input::Mute(false)), [Do::Tell(Told::Muted(false))]);
    let barges = |call: &mut Call, at| call.at(at, Input::Supervise(Supervision::Barge, "offer".into()));
    assert_eq!(barges(&mut call, 6), [], "nor a supervisor");
    assert!(call.at(6, Input::Deadline).is_empty(), "the exchange does not listen yet");
    assert_eq!(call.at(7, Input::Deadline), [Do::Extension("8012".into())]);
    call.at(7, Input::PartyHeard);
    assert_eq!(call.machine.deadline(), Some(call.moment(14)), "a second for the keys, six until it is answered");
    assert_eq!(barges(&mut call, 13), []);
    assert_eq!(
        call.at(14, Input::Deadline),
        [Do::Mute(false), Do::Announce(Cue::Notice), Do::Tell(Told::NoticeStarted)]
    );
    assert_eq!(call.machine.deadline(), None);
    assert!(call.at(20, Input::Said(Cue::Notice)).contains(&Do::Tell(Told::Talking)));
}

/// A call whose extension was pressed in its seventh second.
fn pressed() -> Call {
    let mut call = Call::new();
    call.machine = std::mem::replace(&mut call.machine, Call::new().machine).with_extension(Some("8012".into()));
    call.at(0, Input::BrowserConnected);
    call.at(5, answer());
    call.at(6, Input::Voice(true));
    assert_eq!(call.at(7, Input::Deadline), [Do::Extension("8012".into())]);
    call
}

#[test]
fn e39_the_notice_begins_when_somebody_answers_the_extension_and_not_while_it_rings() {
    let notice = [Do::Mute(false), Do::Announce(Cue::Notice), Do::Tell(Told::NoticeStarted)];
    let mut call = pressed();
    for ring in [9, 14, 19, 24] {
        call.at(ring, Input::Tone);
        assert!(call.at(ring + 4, Input::Deadline).is_empty(), "it rings");
    }
    call.at(27, Input::Voice(true));
    assert!(call.at(28, Input::Deadline).is_empty(), "he says his name");
    call.at(29, Input::Voice(false));
    assert_eq!(call.at(29, Input::Deadline), notice);

    let mut call = pressed();
    call.at(9, Input::Tone);
    assert_eq!(call.at(15, Input::Deadline), notice, "the ring-back ended: somebody is there and says nothing");
}

#[test]
fn e39_the_words_of_an_exchange_are_no_answer_when_it_rings_after_them() {
    let mut call = pressed();
    call.at(9, Input::Voice(true));
    call.at(11, Input::Voice(false));
    call.at(12, Input::Tone);
    assert!(call.at(16, Input::Deadline).is_empty());
    call.at(17, Input::Tone);
    call.at(20, Input::Voice(true));
    call.at(21, Input::Voice(false));
    assert!(call.at(21, Input::Deadline).contains(&Do::Announce(Cue::Notice)));

    let mut call = pressed();
    for ring in (9..100).step_by(5) {
        call.at(ring, Input::Tone);
        if call.at(ring + 1, Input::Deadline).contains(&Do::Announce(Cue::Notice)) {
            assert!((68..=70).contains(&ring), "after a minute at the latest: {ring}");
            return;
        }
    }
    panic!("the notice must come");
}

#[test]
fn e39_who_hangs_up_before_the_extension_is_reached_presses_nothing_more() {
    let mut call = Call::new();
    call.machine = std::mem::replace(&mut call.machine, Call::new().machine).with_extension(Some("8012".into()));
    call.at(0, Input::BrowserConnected);
    call.at(5, answer());
    assert_eq!(call.at(6, Input::HangUp), [CLEARED]);
    assert!(call.at(7, Input::Deadline).is_empty());
}
