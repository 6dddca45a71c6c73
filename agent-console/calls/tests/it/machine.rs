use std::time::{Duration, Instant};

use songda_calls::{
    EndedBy, Fault,
    inside::{Do, Input, Machine, Told},
};
use songda_sip::{EndCause, Ended, LegEvent, Side};

struct Call {
    machine: Machine,
    t0: Instant,
}

impl Call {
    fn new() -> Self {
        let t0 = Instant::now();
        Self { machine: Machine::new(t0), t0 }
    }

    fn at(&mut self, seconds: u64, input: Input) -> Vec<Do> {
        self.machine.handle(self.t0 + Duration::from_secs(seconds), input)
    }

    fn dialled() -> Self {
        let mut call = Self::new();
        call.at(0, Input::BrowserConnected);
        call
    }

    fn answered() -> Self {
        let mut call = Self::dialled();
        call.at(1, Input::Leg(LegEvent::Ringing));
        call.at(5, Input::Leg(LegEvent::Answered { sdp: "200".into() }));
        call.at(5, Input::PartyHeard);
        call
    }
}

fn ended(by: Side, cause: EndCause, status: Option<u16>, q850: Option<u8>) -> Input {
    let rang = Some(Duration::from_secs(4));
    Input::Leg(LegEvent::Ended(Ended { by, cause, status, q850, rang, provisional: true }))
}

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
    assert_eq!(call.at(1, Input::Leg(LegEvent::Ringing)), [Do::Tell(Told::Ringing)]);
    assert_eq!(
        call.at(2, Input::Mute(true)),
        [Do::Mute(true), Do::Tell(Told::Muted(true))],
        "who mutes before the answer is not heard after it"
    );
    assert_eq!(
        call.at(5, Input::Leg(LegEvent::Answered { sdp: "200".into() })),
        [Do::TrunkAnswer("200".into()), Do::Tell(Told::Answered), Do::PlayNotice, Do::Tell(Told::NoticeStarted)]
    );
    call.at(6, Input::PartyHeard);
    assert_eq!(call.at(10, Input::NoticeFinished), [Do::Tell(Told::Talking)]);
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
    assert_eq!(call.at(8, ended(Side::Peer, EndCause::Refused, Some(404), Some(1))), [Do::Finish]);
    let facts = call.machine.facts();
    assert_eq!((facts.sip_status, facts.q850, facts.rang_ms), (Some(404), Some(1), 4_000));
    assert!(facts.fault.is_none() && !facts.answered);
}

#[test]
fn giving_up_while_it_rings_is_the_agents_doing() {
    let mut call = Call::dialled();
    call.at(1, Input::Leg(LegEvent::Ringing));
    assert_eq!(call.at(3, Input::HangUp), [Do::HangUp]);
    assert_eq!(call.at(3, Input::HangUp), [], "a second click does nothing");
    call.at(4, ended(Side::Us, EndCause::Cancelled, Some(487), None));
    let facts = call.machine.facts();
    assert!(facts.cancelled_by_agent && facts.by == EndedBy::Agent && facts.provisional, "{facts:?}");
}

#[test]
fn giving_up_while_the_carrier_is_looked_for_ends_the_call_at_once() {
    let mut call = Call::dialled();
    assert_eq!(call.at(1, Input::NeverDialled), [], "only after a hang-up");
    assert_eq!(call.at(2, Input::HangUp), [Do::HangUp]);
    assert_eq!(call.at(2, Input::NeverDialled), [Do::Finish]);
    let facts = call.machine.facts();
    assert!(facts.cancelled_by_agent && facts.fault.is_none() && facts.sip_status.is_none(), "{facts:?}");
}

#[test]
fn an_answer_that_crosses_the_cancel_counts_as_answered_and_plays_nothing() {
    let mut call = Call::dialled();
    call.at(3, Input::HangUp);
    assert_eq!(call.at(3, Input::Leg(LegEvent::Answered { sdp: "200".into() })), []);
    call.at(4, ended(Side::Us, EndCause::HungUp, None, None));
    let facts = call.machine.facts();
    assert!(facts.answered && !facts.cancelled_by_agent, "{facts:?}");
}

#[test]
fn a_lost_browser_has_a_grace_and_then_the_call_ends() {
    let mut call = Call::answered();
    call.at(10, Input::NoticeFinished);
    assert_eq!(call.at(20, Input::BrowserLost), [Do::Tell(Told::BrowserLost)]);
    assert_eq!(call.at(25, Input::BrowserConnected), [Do::Tell(Told::BrowserConnected)]);
    assert_eq!(call.at(31, Input::Deadline), [], "it came back in time");
    call.at(40, Input::BrowserLost);
    assert_eq!(call.at(50, Input::Deadline), [Do::HangUp]);
    call.at(50, ended(Side::Us, EndCause::HungUp, None, None));
    let facts = call.machine.facts();
    assert!(
        facts.answered && facts.by == EndedBy::System && facts.fault.is_none(),
        "an answered call stays one: {facts:?}"
    );
}

#[test]
fn a_recording_that_fails_ends_the_call() {
    let mut call = Call::answered();
    assert_eq!(call.at(20, Input::RecordingFailed), [Do::Tell(Told::RecordingFailed), Do::HangUp]);
    assert_eq!(call.at(21, Input::RecordingFailed), [Do::Tell(Told::RecordingFailed)]);
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
    assert_eq!(call.at(1, Input::NotPlaced("no such host".into())).last(), Some(&Do::Finish));
    let facts = call.machine.facts();
    assert!(facts.fault == Some(Fault::Carrier) && facts.cause.contains("no such host"), "{facts:?}");
    assert_eq!(call.at(2, Input::HangUp), [], "it is over");
}

#[test]
fn after_the_end_nothing_more_is_asked_for() {
    let mut call = Call::answered();
    call.at(9, ended(Side::Peer, EndCause::HungUp, None, None));
    for input in [Input::HangUp, Input::BrowserLost, Input::RecordingFailed, Input::Abandoned, Input::Mute(true)] {
        let orders = call.at(10, input);
        assert!(!orders.iter().any(|order| matches!(order, Do::HangUp | Do::Finish | Do::Dial)), "{orders:?}");
    }
}

#[test]
fn our_own_failure_between_the_answer_and_the_talk_stays_ours() {
    let mut call = Call::answered();
    call.at(6, Input::BadAnswer("no codec".into()));
    call.at(7, ended(Side::Us, EndCause::HungUp, None, None));
    assert_eq!(call.machine.facts().fault, Some(Fault::Carrier), "nobody was spoken to");
    let mut call = Call::answered();
    call.at(9, Input::NoticeFinished);
    call.at(20, Input::RecordingFailed);
    call.at(21, ended(Side::Us, EndCause::HungUp, None, None));
    assert_eq!(call.machine.facts().fault, None, "the talk took place");
}

#[test]
fn a_line_on_which_the_party_was_never_heard_is_a_fault_of_the_line() {
    let mut call = Call::dialled();
    call.at(5, Input::Leg(LegEvent::Answered { sdp: "200".into() }));
    call.at(10, Input::NoticeFinished);
    call.at(40, Input::HangUp);
    call.at(41, ended(Side::Us, EndCause::HungUp, None, None));
    let facts = call.machine.facts();
    assert!(facts.fault == Some(Fault::Carrier) && facts.cause.contains("no sound"), "{facts:?}");
}
