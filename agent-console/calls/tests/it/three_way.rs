//! A third in the call, and a supervisor beside it.

use songda_calls::{
    Parting, Supervision, SupervisionEnd, TransferFault, TransferMode,
    inside::{Cue, Do, Input, Rest, Target, Told},
};
use songda_sip::{EndCause, LegEvent, Side};

use crate::call::{CLEARED, Call, ended, holds, talks};

const BOTH: [Target; 2] = [Target::Desk, Target::Phone];

fn answers(call: &mut Call, target: Target) -> Vec<Do> {
    if target == Target::Desk {
        call.at(24, Input::TransferTaken("offer".into()));
        return call.at(25, Input::TargetUp);
    }
    call.at(25, Input::Phone(LegEvent::Answered { sdp: "200".into() }));
    call.at(25, Input::PhoneListens(true))
}

/// All three talk since 30.
fn joined(target: Target) -> Call {
    let mut call = Call::talking();
    call.at(20, Input::Transfer(TransferMode::Attended, target));
    assert_eq!(answers(&mut call, target), [Do::Consult, Do::Tell(Told::TransferConsulting)]);
    let orders = call.at(30, Input::JoinAll);
    assert_eq!(orders, [Do::Join, Do::Tell(Told::ThreeWay), Do::Rest(Rest::Talk), Do::Hush]);
    call
}

#[test]
fn r4_1a_whom_the_agent_consults_comes_in_at_his_word_and_one_who_is_asked_in_at_once() {
    for target in BOTH {
        let mut call = joined(target);
        assert_eq!(call.at(31, Input::JoinAll), [], "once");
        assert_eq!(call.machine.deadline(), None, "they may talk as long as they like");
        let mut call = Call::talking();
        let orders = call.at(20, Input::Transfer(TransferMode::ThreeWay, target));
        assert!(orders.contains(&Do::Rest(Rest::Hold)) && orders.contains(&Do::RingAgent), "{orders:?}");
        assert_eq!(call.at(21, Input::JoinAll), [], "nobody is there yet");
        let orders = answers(&mut call, target);
        assert_eq!(orders, [Do::Join, Do::Tell(Told::ThreeWay), Do::Rest(Rest::Talk), Do::Hush]);
    }
}

#[test]
fn r4_1a_an_agent_who_leaves_three_has_handed_the_call_over_and_one_who_hangs_up_ends_it() {
    for target in BOTH {
        let mut call = joined(target);
        assert_eq!(call.at(40, Input::CompleteTransfer), [Do::HandOver]);
        assert_eq!(call.at(40, Input::HandedOver), [Do::Tell(Told::Transferred(target))]);
        let mut call = joined(target);
        let orders = call.at(40, Input::HangUp);
        assert!(orders.contains(&Do::DropTarget) && orders.ends_with(&[CLEARED]), "{orders:?}");
    }
}

#[test]
fn r4_4b_a_whisper_ends_when_somebody_else_takes_the_agents_place() {
    for target in BOTH {
        let mut call = joined(target);
        call.at(31, Input::Supervise(Supervision::Whisper, "offer".into()));
        call.at(32, Input::SupervisorUp);
        let listens = Supervision::Listen;
        let orders = [Do::Supervision(listens), Do::Tell(Told::Supervised(listens)), Do::HandOver];
        assert_eq!(call.at(40, Input::CompleteTransfer), orders);
    }
}

#[test]
fn r4_1a_the_third_leaves_the_others_talking_however_he_goes() {
    let hung_up = || {
        let Input::Leg(event) = ended(Side::Peer, EndCause::HungUp, None, None) else { unreachable!() };
        Input::Phone(event)
    };
    for (target, gone, why) in [
        (Target::Desk, Input::TransferRefused(TransferFault::Declined), TransferFault::Declined),
        (Target::Desk, Input::TransferRefused(TransferFault::Cancelled), TransferFault::Cancelled),
        (Target::Desk, Input::TargetLost, TransferFault::Lost),
        (Target::Phone, hung_up(), TransferFault::Lost),
        (Target::Phone, Input::PhoneGone, TransferFault::Lost),
    ] {
        let mut call = joined(target);
        assert_eq!(call.at(40, gone), [Do::DropTarget, Do::Tell(Told::TransferFailed(why))], "and nobody waits");
        assert!(holds(&call.at(41, Input::Hold(true))), "it is a call of two again");
    }
}

#[test]
fn r4_1a_three_are_held_and_parted_from_as_two_are() {
    let mut call = joined(Target::Phone);
    assert!(holds(&call.at(31, Input::Hold(true))));
    assert!(talks(&call.at(32, Input::Hold(false))));
    assert_eq!(call.at(33, Input::Mute(true)), [Do::Mute(true), Do::Tell(Told::Muted(true))]);
    assert_eq!(call.at(33, Input::Press("1".into())), [Do::Press("1".into())]);
    let orders = call.at(34, Input::Transfer(TransferMode::Blind, Target::Desk));
    assert_eq!(orders, [Do::Tell(Told::TransferFailed(TransferFault::NotNow))]);
    let orders = call.at(40, Input::EndPolitely);
    assert!(orders.contains(&Do::DropTarget) && orders.contains(&Do::Announce(Cue::Parting(Parting::Farewell))));
}

#[test]
fn e51_the_third_talks_on_while_the_agent_is_away_and_has_the_party_when_he_does_not_come_back() {
    let mut call = joined(Target::Phone);
    let orders = call.at(40, Input::AgentGone);
    assert!(matches!(orders[..], [Do::Tell(Told::AgentAway(_))]), "nobody is held: {orders:?}");
    assert_eq!(call.at(45, Input::AgentBack), [Do::Tell(Told::AgentBack)]);
    call.at(50, Input::AgentGone);
    let orders = call.at(80, Input::Deadline);
    assert!(orders.starts_with(&[Do::HandOver]), "{orders:?}");
    // But who is alone with the party and goes leaves it on hold.
    let mut call = joined(Target::Desk);
    call.at(40, Input::AgentGone);
    assert!(holds(&call.at(41, Input::TargetLost)));
}

fn supervised(what: Supervision) -> Call {
    let mut call = Call::talking();
    assert_eq!(call.at(20, Input::Supervise(what, "offer".into())), [Do::Supervise(what, "offer".into())]);
    assert_eq!(call.at(21, Input::SupervisorUp), [Do::Tell(Told::Supervised(what))]);
    call
}

#[test]
fn r4_4b_a_supervisor_comes_into_an_answered_call_and_no_other() {
    let offer = || Input::Supervise(Supervision::Listen, "offer".into());
    assert_eq!(Call::dialled().at(2, offer()), []);
    let mut parting = Call::talking();
    parting.at(20, Input::EndPolitely);
    assert_eq!(parting.at(21, offer()), []);
    assert!(!parting.machine.takes_supervisor());
    // While the notice plays he may: it is what he listens for.
    assert!(!Call::answered().at(6, offer()).is_empty());
}

#[test]
fn r4_4b_what_a_supervisor_does_changes_nothing_for_the_party_and_is_told_each_time() {
    use Supervision::{Barge, Listen, Whisper};
    let mut call = supervised(Listen);
    for (at, what) in [(22, Whisper), (23, Barge), (24, Listen)] {
        assert_eq!(call.at(at, Input::Supervision(what)), [Do::Supervision(what), Do::Tell(Told::Supervised(what))]);
        assert_eq!(call.at(at, Input::Supervision(what)), [], "once");
    }
    for why in [SupervisionEnd::Left, SupervisionEnd::Lost] {
        let mut call = supervised(Barge);
        let gone = [Do::DropSupervisor, Do::Tell(Told::SupervisionOver(why))];
        assert_eq!(call.at(30, Input::SupervisorGone(why)), gone, "the call is untouched");
        assert_eq!(call.at(30, Input::SupervisorGone(why)), [], "once");
    }
}

#[test]
fn r4_4b_a_supervisor_stays_through_holds_and_transfers_and_goes_with_the_call() {
    let mut call = supervised(Supervision::Listen);
    call.at(22, Input::Hold(true));
    call.at(23, Input::Hold(false));
    call.at(24, Input::Transfer(TransferMode::Blind, Target::Desk));
    answers(&mut call, Target::Desk);
    call.at(26, Input::HandedOver);
    assert!(call.machine.is_supervised());
    let orders = call.at(30, Input::HangUp);
    assert_eq!(orders, [Do::DropSupervisor, Do::Tell(Told::SupervisionOver(SupervisionEnd::CallOver)), CLEARED]);
    // One whose sound does not come up in time is none, and nobody is hung up on for it.
    let mut call = Call::talking();
    call.at(20, Input::Supervise(Supervision::Listen, "offer".into()));
    assert_eq!(call.machine.deadline(), Some(call.moment(30)));
    let gone = [Do::DropSupervisor, Do::Tell(Told::SupervisionOver(SupervisionEnd::Lost))];
    assert_eq!(call.at(30, Input::Deadline), gone);
    assert_eq!(call.machine.deadline(), None);
}

#[test]
fn r4_1a_a_desk_phone_that_holds_is_heard_by_nobody_and_holds_the_party_once_it_has_it() {
    let holds = |call: &mut Call, at, listens| call.at(at, Input::PhoneListens(listens));
    let mut call = joined(Target::Phone);
    assert_eq!(holds(&mut call, 31, false), [Do::HoldTarget(true)], "the party hears the agent, and no music of his");
    assert_eq!(holds(&mut call, 31, false), [], "once");
    assert_eq!(holds(&mut call, 32, true), [Do::HoldTarget(false)]);
    holds(&mut call, 33, false);
    // The agent leaves it to a phone that still holds: the party hears our music, and no silence.
    let orders = call.at(40, Input::CompleteTransfer);
    assert_eq!(orders[..2], [Do::HandOver, Do::Tell(Told::Held(true))]);
    assert!(holds_music(&orders), "{orders:?}");
    call.at(40, Input::HandedOver);
    let orders = holds(&mut call, 45, true);
    assert_eq!(orders[0], Do::Tell(Told::Held(false)));
    assert!(talks(&orders), "{orders:?}");
}

fn holds_music(orders: &[Do]) -> bool {
    orders.contains(&Do::Rest(Rest::Hold))
}

#[test]
fn r4_1a_a_party_whom_agent_and_colleague_left_at_once_hears_an_apology() {
    let mut call = joined(Target::Desk);
    call.at(40, Input::CompleteTransfer);
    // The colleague's leave comes when the call is his already.
    assert_eq!(call.at(40, Input::TransferRefused(TransferFault::Declined)), []);
    call.at(40, Input::HandedOver);
    let orders = call.at(41, Input::Forsaken);
    assert!(orders.contains(&Do::Announce(Cue::Parting(Parting::Apology))), "{orders:?}");
    let orders = call.at(45, Input::Said(Cue::Parting(Parting::Apology)));
    assert!(matches!(orders[..], [Do::HangUp(_)]), "{orders:?}");
    assert!(call.machine.facts().abandoned);
}
