//! A call that is passed on within the house.

use songda_calls::{
    EndedBy, Parting, TransferFault, TransferMode,
    inside::{Away, Cue, Do, Input, Rest, Target, Told},
};
use songda_sip::{EndCause, Ended, LegEvent, Side};

use crate::call::{BROKEN_OFF, CLEARED, Call, ended, holds, talks};

const BLIND: TransferMode = TransferMode::Blind;
const ATTENDED: TransferMode = TransferMode::Attended;

fn failed(why: TransferFault) -> Do {
    Do::Tell(Told::TransferFailed(why))
}

fn phone_ended(by: Side, cause: EndCause, status: Option<u16>) -> Input {
    let ended = Ended { by, cause, status, q850: None, rang: None, provisional: true, retry_after: None };
    Input::Phone(LegEvent::Ended(ended))
}

/// Rings since 20.
fn rings(mode: TransferMode, target: Target) -> Call {
    let mut call = Call::talking();
    let orders = call.at(20, Input::Transfer(mode, target));
    let mut expected =
        vec![Do::Rest(Rest::Hold), Do::Announce(Cue::Hold), Do::RingAgent, Do::Tell(Told::TransferRinging(mode))];
    if target == Target::Phone {
        expected.push(Do::RingPhone);
    }
    assert_eq!(orders, expected, "the party is held at once, the agent hears that it rings");
    call
}

/// The target's sound is up at 25.
fn answers(call: &mut Call, target: Target) -> Vec<Do> {
    match target {
        Target::Desk => {
            assert_eq!(call.at(24, Input::TransferTaken("offer".into())), [Do::TakeTarget("offer".into())]);
            call.at(25, Input::TargetUp)
        }
        Target::Phone => {
            assert_eq!(call.at(22, Input::Phone(LegEvent::Ringing)), []);
            let answered = Input::Phone(LegEvent::Answered { sdp: "200".into() });
            assert_eq!(call.at(25, answered), [Do::PhoneAnswer("200".into())]);
            call.at(25, Input::PhoneListens(true))
        }
    }
}

#[test]
fn r4_1a_a_desk_phone_that_changes_its_description_while_it_rings_has_not_answered() {
    for mode in [BLIND, ATTENDED] {
        let mut call = rings(mode, Target::Phone);
        let update = Input::Phone(LegEvent::Reoffered { sdp: "update".into() });
        assert_eq!(call.at(23, update), [Do::PhoneAnswer("update".into())]);
        assert_eq!(call.at(23, Input::PhoneListens(true)), [], "nobody picked it up");
        assert!(!answers(&mut call, Target::Phone).is_empty());
    }
}

fn consulting(target: Target) -> Call {
    let mut call = rings(ATTENDED, target);
    assert_eq!(answers(&mut call, target), [Do::Consult, Do::Tell(Told::TransferConsulting)]);
    call
}

/// The target has the party since 30.
fn transferred(target: Target) -> Call {
    let mut call = consulting(target);
    assert_eq!(call.at(30, Input::CompleteTransfer), [Do::HandOver, Do::Rest(Rest::Talk), Do::Hush]);
    assert_eq!(call.at(30, Input::HandedOver), [Do::Tell(Told::Transferred(target))]);
    call
}

const BOTH: [Target; 2] = [Target::Desk, Target::Phone];

#[test]
fn r4_1a_a_blind_transfer_gives_the_party_to_whoever_answers() {
    for target in BOTH {
        let mut call = rings(BLIND, target);
        assert_eq!(answers(&mut call, target), [Do::HandOver, Do::Rest(Rest::Talk), Do::Hush]);
        assert_eq!(call.at(25, Input::HandedOver), [Do::Tell(Told::Transferred(target))]);
        assert_eq!(call.machine.deadline(), None);
        call.at(60, Input::HangUp);
        call.at(61, ended(Side::Us, EndCause::HungUp, None, None));
        let facts = call.machine.facts();
        assert!(facts.by == EndedBy::Agent && facts.answered && facts.fault.is_none(), "{facts:?}");
    }
}

#[test]
fn r4_1a_an_attended_transfer_waits_for_the_agents_word() {
    for target in BOTH {
        let mut call = rings(ATTENDED, target);
        assert_eq!(call.at(21, Input::CompleteTransfer), [], "nobody is there yet");
        assert_eq!(answers(&mut call, target), [Do::Consult, Do::Tell(Told::TransferConsulting)]);
        assert_eq!(call.machine.deadline(), None, "they may talk as long as they like");
        call.at(300, Input::CompleteTransfer);
        assert_eq!(call.at(300, Input::CompleteTransfer), [], "once");
        assert_eq!(call.at(300, Input::HandedOver), [Do::Tell(Told::Transferred(target))]);
    }
}

#[test]
fn r4_1a_a_transfer_that_fails_gives_the_party_back_at_once() {
    use TransferFault::{Busy, Cancelled, Declined, Lost, NoAnswer, Unreachable};
    let refused = |status| phone_ended(Side::Peer, EndCause::Refused, Some(status));
    let cases = [
        (rings(BLIND, Target::Desk), Input::TransferRefused(Declined), Declined),
        (rings(BLIND, Target::Phone), Input::TransferRefused(Unreachable), Unreachable),
        (rings(BLIND, Target::Phone), refused(486), Busy),
        (rings(BLIND, Target::Phone), refused(600), Busy),
        (rings(BLIND, Target::Phone), refused(480), NoAnswer),
        (rings(BLIND, Target::Phone), refused(603), Declined),
        (rings(BLIND, Target::Phone), refused(503), Unreachable),
        (rings(ATTENDED, Target::Phone), phone_ended(Side::Timer, EndCause::Timeout, None), Unreachable),
        (rings(ATTENDED, Target::Phone), phone_ended(Side::Us, EndCause::RingLimit, None), NoAnswer),
        (rings(ATTENDED, Target::Phone), Input::PhoneGone, Unreachable),
        (rings(ATTENDED, Target::Desk), Input::TransferRefused(Cancelled), Cancelled),
        (consulting(Target::Desk), Input::TransferRefused(Cancelled), Cancelled),
        (consulting(Target::Desk), Input::TargetLost, Lost),
        (consulting(Target::Phone), phone_ended(Side::Peer, EndCause::HungUp, None), Lost),
        (consulting(Target::Phone), Input::PhoneGone, Lost),
    ];
    for (mut call, input, why) in cases {
        let orders = call.at(30, input.clone());
        assert_eq!(orders[..2], [Do::DropTarget, failed(why)], "{input:?}");
        assert!(talks(&orders) && orders.len() == 4, "{input:?}: {orders:?}");
        assert_eq!(call.machine.deadline(), None, "{input:?}");
        // Another try may follow.
        assert!(call.at(31, Input::Transfer(BLIND, Target::Desk)).contains(&Do::RingAgent));
    }
}

#[test]
fn r4_1a_a_target_that_does_not_answer_for_25_seconds_does_not_answer() {
    let mut call = rings(BLIND, Target::Desk);
    assert_eq!(call.machine.deadline(), Some(call.moment(45)));
    assert_eq!(call.at(44, Input::Deadline), []);
    let orders = call.at(45, Input::Deadline);
    assert!(orders.contains(&failed(TransferFault::NoAnswer)) && talks(&orders), "{orders:?}");
    // Who took it must be heard in time.
    let mut call = rings(BLIND, Target::Desk);
    call.at(44, Input::TransferTaken("offer".into()));
    assert_eq!(call.at(53, Input::Deadline), []);
    assert!(call.at(54, Input::Deadline).contains(&failed(TransferFault::Lost)));
}

#[test]
fn a_call_that_was_held_before_a_transfer_that_fails_is_held_after_it() {
    let mut call = Call::talking();
    assert!(holds(&call.at(15, Input::Hold(true))));
    let orders = call.at(20, Input::Transfer(BLIND, Target::Desk));
    assert_eq!(orders, [Do::RingAgent, Do::Tell(Told::TransferRinging(BLIND))], "the music goes on");
    assert_eq!(call.at(21, Input::Hold(false)), [], "nothing to change meanwhile");
    let orders = call.at(22, Input::TransferRefused(TransferFault::Declined));
    assert_eq!(orders, [Do::DropTarget, failed(TransferFault::Declined)]);
    assert!(talks(&call.at(30, Input::Hold(false))));
}

#[test]
fn what_the_agent_wished_for_himself_ends_with_him() {
    let mut call = Call::talking();
    call.at(15, Input::Hold(true));
    call.at(16, Input::Mute(true));
    call.at(20, Input::Transfer(BLIND, Target::Desk));
    let orders = answers(&mut call, Target::Desk);
    let expected = [
        Do::HandOver,
        Do::Mute(false),
        Do::Tell(Told::Muted(false)),
        Do::Tell(Told::Held(false)),
        Do::Rest(Rest::Talk),
        Do::Hush,
    ];
    assert_eq!(orders, expected);
}

#[test]
fn a_call_is_passed_on_while_both_talk_and_once_at_a_time() {
    for mut call in [Call::new(), Call::dialled(), Call::answered()] {
        assert_eq!(call.at(9, Input::Transfer(BLIND, Target::Desk)), [failed(TransferFault::NotNow)]);
    }
    let mut call = rings(ATTENDED, Target::Desk);
    assert_eq!(call.at(21, Input::Transfer(BLIND, Target::Phone)), [failed(TransferFault::NotNow)]);
    assert!(matches!(call.at(21, Input::Press("1".into()))[..], [Do::Tell(Told::KeysRefused(_))]));
    assert_eq!(answers(&mut call, Target::Desk), [Do::Consult, Do::Tell(Told::TransferConsulting)], "it goes on");
}

#[test]
fn r4_1a_after_a_transfer_to_a_browser_every_order_is_one_of_its_agent() {
    let mut call = transferred(Target::Desk);
    let orders = call.at(40, Input::AgentGone);
    assert_eq!(
        orders[0],
        Do::Tell(Told::AgentAway(Away { since: call.moment(40), until: call.moment(70) })),
        "the new one is missed as the old one was (E51)"
    );
    assert!(holds(&orders));
    assert_eq!(call.at(41, Input::Offer("again".into())), [Do::TakeOffer("again".into())]);
    assert!(talks(&call.at(42, Input::AgentBack)));
    assert_eq!(call.at(43, Input::Mute(true)), [Do::Mute(true), Do::Tell(Told::Muted(true))]);
    assert_eq!(call.at(44, Input::Press("7".into())), [Do::Press("7".into())]);
    assert!(holds(&call.at(45, Input::Hold(true))) && talks(&call.at(46, Input::Hold(false))));
    // And he may pass it on.
    call.at(50, Input::Transfer(BLIND, Target::Phone));
    call.at(55, Input::Phone(LegEvent::Answered { sdp: "200".into() }));
    assert!(call.at(55, Input::PhoneListens(true)).contains(&Do::HandOver));
    assert_eq!(call.at(55, Input::HandedOver), [Do::Tell(Told::Transferred(Target::Phone))]);
}

#[test]
fn r4_1a_a_desk_phone_ends_the_call_when_it_hangs_up_and_nothing_of_a_browser_counts() {
    let mut call = transferred(Target::Phone);
    for input in [Input::AgentGone, Input::BrowserLost, Input::PageGone, Input::BrowserConnected, Input::AgentBack] {
        assert_eq!(call.at(40, input.clone()), [], "{input:?}");
    }
    for input in [Input::Mute(true), Input::Hold(true), Input::TargetLost, Input::CompleteTransfer] {
        assert_eq!(call.at(41, input.clone()), [], "{input:?}");
    }
    assert!(matches!(call.at(42, Input::Offer("late".into()))[..], [Do::Tell(Told::OfferRefused(_))]));
    assert!(matches!(call.at(42, Input::Press("1".into()))[..], [Do::Tell(Told::KeysRefused(_))]));
    assert_eq!(call.at(43, Input::Transfer(BLIND, Target::Desk)), [failed(TransferFault::NotNow)]);
    assert_eq!(call.machine.deadline(), None);
    assert_eq!(call.at(90, phone_ended(Side::Peer, EndCause::HungUp, None)), [Do::DropTarget, CLEARED]);
    call.at(91, ended(Side::Us, EndCause::HungUp, None, None));
    let facts = call.machine.facts();
    assert!(facts.by == EndedBy::Agent && !facts.abandoned && facts.fault.is_none(), "{facts:?}");
}

#[test]
fn a_desk_phone_that_is_lost_is_apologised_for() {
    for lost in [phone_ended(Side::Timer, EndCause::Timeout, None), Input::PhoneGone] {
        let mut call = transferred(Target::Phone);
        let orders = call.at(90, lost);
        assert!(orders.contains(&Do::Announce(Cue::Parting(Parting::Apology))), "{orders:?}");
        assert_eq!(call.at(95, Input::Said(Cue::Parting(Parting::Apology))), [Do::DropTarget, BROKEN_OFF]);
        assert!(call.machine.facts().abandoned);
    }
}

#[test]
fn a_desk_phone_that_holds_lets_the_party_hear_our_music() {
    let mut call = transferred(Target::Phone);
    let held = Input::Phone(LegEvent::Reoffered { sdp: "sendonly".into() });
    assert_eq!(call.at(40, held), [Do::PhoneAnswer("sendonly".into())]);
    let orders = call.at(40, Input::PhoneListens(false));
    assert!(orders[0] == Do::Tell(Told::Held(true)) && holds(&orders), "{orders:?}");
    assert!(talks(&call.at(50, Input::PhoneListens(true))));
    // A farewell is heard whole, whoever puts down his phone meanwhile.
    call.at(60, Input::EndPolitely);
    assert_eq!(call.at(61, phone_ended(Side::Peer, EndCause::HungUp, None)), []);
    assert_eq!(call.at(65, Input::Said(Cue::Parting(Parting::Farewell))), [Do::DropTarget, CLEARED]);
}

#[test]
fn r4_1a_a_party_that_hangs_up_ends_everything() {
    let hung_up = || ended(Side::Peer, EndCause::HungUp, None, None);
    for target in BOTH {
        for mut call in [rings(BLIND, target), consulting(target)] {
            let orders = call.at(30, hung_up());
            assert_eq!(orders, [Do::DropTarget, failed(TransferFault::Cancelled), Do::Finish]);
            assert_eq!(call.machine.facts().by, EndedBy::Party);
        }
    }
    assert_eq!(transferred(Target::Phone).at(40, hung_up()), [Do::DropTarget, Do::Finish]);
    assert_eq!(transferred(Target::Desk).at(40, hung_up()), [Do::Finish]);
}

#[test]
fn an_agent_who_hangs_up_ends_everything_too() {
    for mut call in [rings(BLIND, Target::Phone), consulting(Target::Desk)] {
        let orders = call.at(30, Input::HangUp);
        assert_eq!(orders, [Do::DropTarget, failed(TransferFault::Cancelled), CLEARED]);
    }
    let mut call = consulting(Target::Phone);
    let orders = call.at(30, Input::RecordingFailed);
    assert!(orders.contains(&Do::DropTarget), "{orders:?}");
    assert!(orders.contains(&Do::Announce(Cue::Parting(Parting::RecordingFailed))), "{orders:?}");
}

#[test]
fn e51_who_answers_for_an_agent_who_was_lost_gets_the_party_in_either_mode() {
    for (mode, target) in [(BLIND, Target::Desk), (ATTENDED, Target::Desk), (ATTENDED, Target::Phone)] {
        let mut call = rings(mode, target);
        let orders = call.at(21, Input::BrowserLost);
        assert!(matches!(orders[..], [Do::Tell(Told::AgentAway(_))]), "{orders:?}");
        let orders = answers(&mut call, target);
        assert_eq!(orders, [Do::HandOver, Do::Tell(Told::AgentBack), Do::Rest(Rest::Talk), Do::Hush], "{mode:?}");
    }
}

#[test]
fn e51_an_agent_who_was_lost_and_for_whom_nobody_answers_is_apologised_for_as_ever() {
    let mut call = rings(BLIND, Target::Desk);
    call.at(21, Input::BrowserLost);
    let orders = call.at(45, Input::Deadline);
    assert_eq!(orders, [Do::DropTarget, failed(TransferFault::NoAnswer)], "the party waits on");
    assert!(call.at(51, Input::Deadline).contains(&Do::Announce(Cue::Parting(Parting::Apology))));
    // Who took it as the time was up comes too late.
    let mut call = rings(BLIND, Target::Desk);
    call.at(20, Input::BrowserLost);
    call.at(44, Input::TransferTaken("offer".into()));
    let orders = call.at(50, Input::Deadline);
    assert!(orders.contains(&Do::DropTarget), "{orders:?}");
    assert!(orders.contains(&Do::Announce(Cue::Parting(Parting::Apology))), "{orders:?}");
}

#[test]
fn e51_an_agent_who_is_lost_while_he_consults_leaves_the_party_to_the_target() {
    for target in BOTH {
        let mut call = consulting(target);
        call.at(40, Input::BrowserLost);
        assert_eq!(call.at(69, Input::Deadline), []);
        let orders = call.at(70, Input::Deadline);
        assert_eq!(orders, [Do::HandOver, Do::Tell(Told::AgentBack), Do::Rest(Rest::Talk), Do::Hush]);
        assert_eq!(call.at(70, Input::HandedOver), [Do::Tell(Told::Transferred(target))]);
        assert!(!call.machine.facts().abandoned);
    }
    let mut call = consulting(Target::Desk);
    call.at(40, Input::BrowserLost);
    call.at(45, Input::AgentBack);
    assert_eq!(call.at(70, Input::Deadline), [], "who came back goes on as he likes");
}

#[test]
fn what_the_sound_says_before_it_has_changed_sides_is_about_the_agent_before() {
    let mut call = rings(BLIND, Target::Desk);
    answers(&mut call, Target::Desk);
    for input in [Input::BrowserLost, Input::AgentGone, Input::PageGone, Input::TransferRefused(TransferFault::Lost)] {
        assert_eq!(call.at(25, input.clone()), [], "{input:?}");
    }
    assert!(matches!(call.at(25, Input::Offer("old".into()))[..], [Do::Tell(Told::OfferRefused(_))]));
    assert_eq!(call.at(25, Input::TargetLost), [], "and this about the target, who has the party already");
    let orders = call.at(25, Input::HandedOver);
    assert_eq!(orders[0], Do::Tell(Told::Transferred(Target::Desk)));
    assert!(matches!(orders[1], Do::Tell(Told::AgentAway(_))) && holds(&orders), "{orders:?}");
}
