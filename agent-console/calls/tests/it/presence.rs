//! An agent who is lost (E51).

use songda_calls::{
    EndedBy, Fault, Parting,
    inside::{Away, Cue, Do, Input, Rest, Told},
};
use songda_sip::{EndCause, LegEvent, Side};

use crate::call::{BROKEN_OFF, Call, answer, ended, holds, talks};

fn away(call: &Call, since: u64, until: u64) -> Do {
    Do::Tell(Told::AgentAway(Away { since: call.moment(since), until: call.moment(until) }))
}

#[test]
fn e51_the_party_of_a_lost_agent_is_held_and_talks_to_him_again() {
    for (lost, back) in [
        (Input::AgentGone, Input::AgentBack),
        (Input::BrowserLost, Input::BrowserConnected),
        (Input::PageGone, Input::PageHere),
    ] {
        let mut call = Call::talking();
        let orders = call.at(20, lost.clone());
        assert_eq!(orders[0], away(&call, 20, 50));
        assert!(holds(&orders), "{lost:?}: {orders:?}");
        let orders = call.at(45, back);
        assert!(orders.contains(&Do::Tell(Told::AgentBack)) && talks(&orders), "{lost:?}: {orders:?}");
        assert!(!orders.contains(&Do::Tell(Told::Talking)), "talk began once");
        assert_eq!(call.at(51, Input::Deadline), [], "he came back in time");
    }
}

#[test]
fn e51_an_agent_who_stays_away_for_thirty_seconds_is_apologised_for() {
    let mut call = Call::talking();
    call.at(20, Input::AgentGone);
    assert_eq!(call.at(49, Input::Deadline), []);
    assert_eq!(
        call.at(50, Input::Deadline),
        [
            Do::Rest(Rest::Silence),
            Do::Hush,
            Do::Announce(Cue::Parting(Parting::Apology)),
            Do::Tell(Told::Parting(Parting::Apology))
        ],
        "no music follows the apology"
    );
    assert_eq!(call.at(55, Input::Said(Cue::Parting(Parting::Apology))), [BROKEN_OFF]);
    call.at(56, ended(Side::Us, EndCause::HungUp, None, None));
    let facts = call.machine.facts();
    assert!(facts.abandoned && facts.by == EndedBy::System && facts.parting == Some(Parting::Apology), "{facts:?}");
    assert!(facts.answered && facts.fault.is_none(), "the call took place: {facts:?}");
}

#[test]
fn e51_the_deadline_counts_from_the_first_sign() {
    let mut call = Call::talking();
    call.at(20, Input::PageGone);
    assert_eq!(call.at(22, Input::AgentGone), [], "known already");
    assert_eq!(call.machine.deadline(), Some(call.moment(50)));
}

#[test]
fn e51_a_new_leg_alone_is_no_agent_until_his_packets_come() {
    let mut call = Call::talking();
    call.at(20, Input::AgentGone);
    assert_eq!(call.at(25, Input::Offer("new".into())), [Do::TakeOffer("new".into())]);
    call.at(25, Input::OfferTaken);
    assert_eq!(call.at(26, Input::BrowserConnected), [Do::Tell(Told::BrowserConnected)]);
    assert!(talks(&call.at(26, Input::AgentBack)));
}

#[test]
fn e51_an_offer_in_time_has_ten_seconds_to_bring_sound_and_only_once() {
    let mut call = Call::talking();
    call.at(20, Input::AgentGone);
    assert_eq!(call.at(30, Input::OfferTaken), [], "there is time enough");
    assert_eq!(call.at(49, Input::OfferTaken), [away(&call, 20, 59)]);
    assert_eq!(call.at(58, Input::OfferTaken), []);
    assert_eq!(call.at(58, Input::Deadline), []);
    assert!(call.at(59, Input::Deadline).contains(&Do::Announce(Cue::Parting(Parting::Apology))));
    assert!(matches!(call.at(60, Input::Offer("late".into()))[..], [Do::Tell(Told::OfferRefused(_))]));
}

#[test]
fn e51_an_agent_who_is_lost_while_it_rings_leaves_it_ringing() {
    let mut call = Call::dialled();
    call.at(1, Input::Leg(LegEvent::Ringing));
    assert_eq!(call.at(2, Input::AgentGone), [away(&call, 2, 32)], "nothing is played to nobody");
    let orders = call.at(8, answer());
    assert_eq!(orders.last(), Some(&Do::Rest(Rest::Hold)), "no agent after the notice: {orders:?}");
    assert!(orders.contains(&Do::Announce(Cue::Notice)), "the notice all the same: {orders:?}");
    call.at(8, Input::PartyHeard);
    assert_eq!(
        call.at(13, Input::Said(Cue::Notice)),
        [Do::Tell(Told::NoticeFinished), Do::Announce(Cue::Hold)],
        "then the hold prompt, and no talk"
    );
    let orders = call.at(20, Input::AgentBack);
    assert_eq!(
        orders,
        [Do::Tell(Told::AgentBack), Do::Rest(Rest::Talk), Do::Hush, Do::Tell(Told::Talking)],
        "talk begins when somebody talks"
    );
}

#[test]
fn e51_who_comes_back_during_the_notice_does_not_cut_it_short() {
    let mut call = Call::answered();
    call.at(6, Input::AgentGone);
    assert_eq!(call.at(8, Input::AgentBack), [Do::Tell(Told::AgentBack), Do::Rest(Rest::Talk)]);
    assert_eq!(call.at(10, Input::Said(Cue::Notice)), [Do::Tell(Told::NoticeFinished), Do::Tell(Told::Talking)]);
}

#[test]
fn e51_a_call_that_rings_for_a_lost_agent_is_given_up_and_counts_for_nothing() {
    let mut call = Call::dialled();
    call.at(2, Input::BrowserLost);
    assert_eq!(call.at(32, Input::Deadline), [BROKEN_OFF]);
    call.at(33, ended(Side::Us, EndCause::Cancelled, Some(487), None));
    let facts = call.machine.facts();
    assert!(facts.abandoned && !facts.answered && !facts.cancelled_by_agent, "{facts:?}");
    assert_eq!(facts.fault, Some(Fault::Browser));
}

#[test]
fn e51_a_party_whom_no_agent_ever_spoke_to_is_no_attempt() {
    let mut call = Call::dialled();
    call.at(2, Input::BrowserLost);
    call.at(8, answer());
    call.at(8, Input::PartyHeard);
    call.at(13, Input::Said(Cue::Notice));
    call.at(32, Input::Deadline);
    call.at(38, Input::Said(Cue::Parting(Parting::Apology)));
    call.at(39, ended(Side::Us, EndCause::HungUp, None, None));
    let facts = call.machine.facts();
    assert!(facts.answered && facts.abandoned && facts.fault == Some(Fault::Browser), "{facts:?}");
}

#[test]
fn e51_a_party_that_hangs_up_while_it_waits_ended_the_call_itself() {
    let mut call = Call::talking();
    call.at(20, Input::AgentGone);
    assert_eq!(call.at(25, ended(Side::Peer, EndCause::HungUp, None, None)), [Do::Finish]);
    let facts = call.machine.facts();
    assert!(facts.by == EndedBy::Party && !facts.abandoned && facts.parting.is_none(), "{facts:?}");
}

#[test]
fn e51_an_agent_who_comes_back_to_a_held_call_finds_it_held() {
    let mut call = Call::talking();
    call.at(20, Input::Hold(true));
    assert_eq!(call.at(30, Input::AgentGone), [away(&call, 30, 60)], "the music goes on");
    assert_eq!(call.at(40, Input::AgentBack), [Do::Tell(Told::AgentBack)]);
    assert!(talks(&call.at(50, Input::Hold(false))));
}

#[test]
fn e51_nobody_is_missed_before_anything_is_dialled() {
    let mut call = Call::new();
    for input in [Input::BrowserLost, Input::AgentGone, Input::PageGone] {
        assert_eq!(call.at(1, input), []);
    }
    assert_eq!(call.at(2, Input::Offer("again".into())), [Do::TakeOffer("again".into())]);
    assert!(call.at(3, Input::BrowserConnected).contains(&Do::Dial));
    assert_eq!(call.machine.deadline(), None);
}
