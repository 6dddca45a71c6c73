//! A call that comes in (R4.4a), and one that crosses a call of ours (E46).

use std::time::{Duration, Instant};

use proptest::prelude::*;
use songda_calls::{
    Fault, Parting,
    inside::{Cue, Do, Input, Machine, Rest, Told, Welcome},
};
use songda_sip::{EndCause, LegEvent, Side};

use crate::call::{BROKEN_OFF, CLEARED, Call, answer, ended};

const OPEN: Welcome = Welcome { open: true, wait: Duration::from_mins(1), message: Some(Duration::from_mins(2)) };

/// A caller whose call was answered and acknowledged, and who heard the notice at 5.
struct Guest {
    machine: Machine,
    t0: Instant,
}

impl Guest {
    fn new(welcome: Welcome) -> Self {
        let t0 = Instant::now();
        let mut machine = Machine::incoming(t0, welcome);
        assert_eq!(machine.begin(), [Do::Answer]);
        Self { machine, t0 }
    }

    fn at(&mut self, seconds: u64, input: Input) -> Vec<Do> {
        self.machine.handle(self.t0 + Duration::from_secs(seconds), input)
    }

    fn waiting() -> Self {
        let mut guest = Self::new(OPEN);
        guest.at(0, Input::Leg(LegEvent::Acknowledged));
        guest.at(0, Input::PartyHeard);
        guest.at(5, Input::Said(Cue::Notice));
        guest
    }
}

#[test]
fn r4_4a_a_caller_hears_the_notice_first_then_that_he_waits_then_music_and_is_told_so_again() {
    let mut guest = Guest::new(OPEN);
    assert_eq!(
        guest.at(0, Input::Leg(LegEvent::Acknowledged)),
        [Do::Tell(Told::Answered), Do::Announce(Cue::Notice), Do::Tell(Told::NoticeStarted), Do::Rest(Rest::Hold)]
    );
    assert_eq!(guest.at(5, Input::Said(Cue::Notice)), [Do::Tell(Told::NoticeFinished), Do::Announce(Cue::Waiting)]);
    assert_eq!(guest.at(34, Input::Deadline), []);
    assert_eq!(guest.at(35, Input::Deadline), [Do::Announce(Cue::StillWaiting)]);
}

#[test]
fn r4_4a_an_agent_who_takes_the_call_is_heard_as_soon_as_his_sound_is_up() {
    let mut guest = Guest::waiting();
    assert_eq!(guest.at(9, Input::Join("offer".into())), [Do::TakeOffer("offer".into())]);
    assert_eq!(
        guest.at(10, Input::BrowserConnected),
        [Do::Tell(Told::BrowserConnected), Do::Rest(Rest::Talk), Do::Hush, Do::Tell(Told::Talking)]
    );
    guest.at(40, ended(Side::Peer, EndCause::HungUp, None, None));
    let facts = guest.machine.facts();
    assert!(facts.answered && facts.fault.is_none(), "{facts:?}");
}

#[test]
fn r4_2f_who_takes_the_call_during_the_notice_is_heard_after_it() {
    let mut guest = Guest::new(OPEN);
    guest.at(0, Input::Leg(LegEvent::Acknowledged));
    guest.at(1, Input::Join("offer".into()));
    let orders = guest.at(2, Input::BrowserConnected);
    assert!(!orders.contains(&Do::Hush) && !orders.contains(&Do::Tell(Told::Talking)), "{orders:?}");
    assert_eq!(guest.at(5, Input::Said(Cue::Notice)), [Do::Tell(Told::NoticeFinished), Do::Tell(Told::Talking)]);
}

#[test]
fn r4_4a_nobody_in_time_leads_to_the_message_and_it_ends_at_its_limit() {
    let mut guest = Guest::waiting();
    guest.at(35, Input::Deadline);
    assert_eq!(
        guest.at(60, Input::Deadline),
        [
            Do::Hush,
            Do::Rest(Rest::Talk),
            Do::Announce(Cue::Nobody),
            Do::Announce(Cue::LeaveMessage),
            Do::Announce(Cue::Beep)
        ]
    );
    assert_eq!(guest.at(61, Input::Join("late".into())).len(), 1, "refused");
    assert_eq!(guest.at(70, Input::Said(Cue::Beep)), [Do::Tell(Told::MessageBegan)]);
    assert_eq!(guest.at(189, Input::Deadline), []);
    let orders = guest.at(190, Input::Deadline);
    assert_eq!(
        orders[..3],
        [Do::Rest(Rest::Silence), Do::Hush, Do::Announce(Cue::Parting(Parting::MessageKept))],
        "{orders:?}"
    );
    assert_eq!(guest.at(195, Input::Said(Cue::Parting(Parting::MessageKept))), [CLEARED]);
}

#[test]
fn r4_4a_out_of_hours_the_message_follows_the_notice_and_a_court_that_takes_none_says_so() {
    let closed = Welcome { open: false, ..OPEN };
    let mut guest = Guest::new(closed);
    guest.at(0, Input::Leg(LegEvent::Acknowledged));
    let orders = guest.at(5, Input::Said(Cue::Notice));
    assert!(orders.contains(&Do::Announce(Cue::Closed)) && orders.ends_with(&[Do::Announce(Cue::Beep)]), "{orders:?}");
    let mut guest = Guest::new(Welcome { message: None, ..closed });
    guest.at(0, Input::Leg(LegEvent::Acknowledged));
    let orders = guest.at(5, Input::Said(Cue::Notice));
    assert!(orders.contains(&Do::Announce(Cue::Parting(Parting::Closed))), "{orders:?}");
}

#[test]
fn e51_an_agent_whose_sound_never_comes_up_is_given_the_time_of_one_who_was_lost() {
    let mut guest = Guest::waiting();
    guest.at(9, Input::Join("offer".into()));
    let orders = guest.at(19, Input::Deadline);
    assert!(matches!(orders[..], [Do::Tell(Told::AgentAway(_)), ..]), "{orders:?}");
    let orders = guest.at(49, Input::Deadline);
    assert!(orders.contains(&Do::Announce(Cue::Parting(Parting::Apology))), "{orders:?}");
}

#[test]
fn r4_4a_a_caller_whose_taker_is_refused_waits_on_and_is_taken_by_the_next() {
    let mut guest = Guest::waiting();
    guest.at(9, Input::Join("bad".into()));
    assert_eq!(guest.at(9, Input::OfferNotTaken), [], "the music plays on");
    assert_eq!(guest.at(35, Input::Deadline), [Do::Announce(Cue::StillWaiting)], "he is told so as before");
    assert_eq!(guest.at(36, Input::Join("good".into())), [Do::TakeOffer("good".into())]);
    guest.at(36, Input::OfferTaken);
    let orders = guest.at(37, Input::BrowserConnected);
    assert!(orders.contains(&Do::Tell(Told::Talking)), "{orders:?}");
    // A page that offers anew and is refused then leaves the call his.
    guest.at(40, Input::Offer("bad".into()));
    assert_eq!(guest.at(40, Input::OfferNotTaken), []);
    assert_eq!(guest.at(41, Input::Join("other".into())).len(), 1, "refused");
}

#[test]
fn r4_4a_a_refused_taker_costs_the_caller_none_of_his_wait() {
    let mut guest = Guest::waiting();
    guest.at(59, Input::Join("bad".into()));
    guest.at(61, Input::OfferNotTaken);
    let orders = guest.at(61, Input::Deadline);
    assert!(orders.contains(&Do::Announce(Cue::LeaveMessage)), "{orders:?}");
}

#[test]
fn r4_4a_a_taker_who_is_gone_before_his_browser_was_answered_leaves_the_caller_to_the_next() {
    let mut guest = Guest::waiting();
    guest.at(9, Input::Join("offer".into()));
    guest.at(9, Input::OfferTaken);
    assert_eq!(guest.at(14, Input::NobodyTook), []);
    guest.at(15, Input::Join("offer".into()));
    guest.at(15, Input::OfferTaken);
    // Told late, when he is missed already.
    guest.at(25, Input::Deadline);
    assert_eq!(guest.at(26, Input::NobodyTook), [Do::Tell(Told::AgentBack)]);
    guest.at(27, Input::Join("offer".into()));
    guest.at(27, Input::OfferTaken);
    guest.at(28, Input::BrowserConnected);
    assert_eq!(guest.at(29, Input::NobodyTook), [], "he is there");
    assert_eq!(guest.at(30, Input::Join("other".into())).len(), 1, "refused");
}

#[test]
fn r4_2f_a_notice_that_ends_while_a_taker_is_refused_leads_to_what_it_would_have() {
    let mut guest = Guest::new(OPEN);
    guest.at(0, Input::Leg(LegEvent::Acknowledged));
    guest.at(4, Input::Join("bad".into()));
    guest.at(5, Input::Said(Cue::Notice));
    assert_eq!(guest.at(6, Input::OfferNotTaken), [Do::Announce(Cue::Waiting)]);

    let mut guest = Guest::new(Welcome { wait: Duration::from_secs(3), ..OPEN });
    guest.at(0, Input::Leg(LegEvent::Acknowledged));
    guest.at(3, Input::Deadline);
    guest.at(4, Input::Join("bad".into()));
    guest.at(5, Input::Said(Cue::Notice));
    let orders = guest.at(6, Input::OfferNotTaken);
    assert!(orders.contains(&Do::Announce(Cue::Nobody)), "{orders:?}");
}

#[test]
fn e46_who_calls_while_he_is_called_takes_the_place_of_that_call() {
    let mut call = Call::dialled();
    call.at(1, Input::Leg(LegEvent::Ringing));
    assert!(call.machine.gives_way());
    assert_eq!(call.at(2, Input::CalledBack), [Do::GiveWay, Do::Tell(Told::CalledBack)]);
    // The 200 that crosses our CANCEL is hung up by signalling, and is nobody's answer.
    assert_eq!(call.at(3, answer()), []);
    assert_eq!(call.at(3, ended(Side::Us, EndCause::HungUp, Some(200), None)), [Do::Answer]);
    assert_eq!(
        call.at(4, Input::Leg(LegEvent::Acknowledged)),
        [Do::Tell(Told::Answered), Do::Announce(Cue::Notice), Do::Tell(Told::NoticeStarted)]
    );
    call.at(4, Input::PartyHeard);
    assert_eq!(call.at(9, Input::Said(Cue::Notice)), [Do::Tell(Told::NoticeFinished), Do::Tell(Told::Talking)]);
    assert!(!call.machine.gives_way(), "he talks to us already");
    assert_eq!(call.at(10, Input::CalledBack), []);
}

#[test]
fn e46_who_calls_before_anything_was_dialled_is_answered_when_the_agents_sound_is_up() {
    let mut call = Call::new();
    assert_eq!(call.at(0, Input::CalledBack), [Do::Tell(Told::CalledBack)]);
    assert_eq!(call.at(1, Input::BrowserConnected), [Do::Tell(Told::BrowserConnected), Do::Answer]);
}

#[test]
fn e46_an_agent_who_hangs_up_while_the_calls_cross_hangs_up_both() {
    let mut call = Call::dialled();
    call.at(2, Input::CalledBack);
    assert_eq!(call.at(2, Input::HangUp), [CLEARED]);
    assert_eq!(call.at(3, ended(Side::Us, EndCause::Cancelled, Some(487), None)), [Do::Finish]);
}

#[test]
fn a_house_that_closes_apologises_to_who_waits_and_keeps_what_was_said_to_it() {
    let mut guest = Guest::waiting();
    let orders = guest.at(20, Input::HouseCloses);
    assert!(orders.contains(&Do::Announce(Cue::Parting(Parting::Apology))), "{orders:?}");
    assert_eq!(guest.at(24, Input::Said(Cue::Parting(Parting::Apology))), [BROKEN_OFF]);
    let mut guest = Guest::waiting();
    guest.at(60, Input::Deadline);
    guest.at(70, Input::Said(Cue::Beep));
    let orders = guest.at(80, Input::HouseCloses);
    assert!(orders.contains(&Do::Announce(Cue::Parting(Parting::MessageKept))), "{orders:?}");
    assert_eq!(guest.at(84, Input::Said(Cue::Parting(Parting::MessageKept))), [CLEARED]);
    guest.at(85, ended(Side::Us, EndCause::HungUp, None, None));
    assert!(guest.machine.facts().fault.is_none(), "a message that was left is no failure");
}

fn input() -> impl Strategy<Value = Input> {
    let cues = [Cue::Notice, Cue::Waiting, Cue::StillWaiting, Cue::Closed, Cue::Nobody, Cue::LeaveMessage, Cue::Beep];
    let partings = [Parting::Apology, Parting::RecordingFailed, Parting::Closed, Parting::Nobody, Parting::MessageKept];
    prop_oneof![
        5 => Just(Input::Leg(LegEvent::Acknowledged)),
        3 => Just(Input::Join("offer".into())),
        3 => Just(Input::BrowserConnected),
        2 => Just(Input::BrowserLost),
        1 => Just(Input::AgentGone),
        1 => Just(Input::AgentBack),
        2 => Just(Input::OfferTaken),
        2 => Just(Input::OfferNotTaken),
        1 => Just(Input::NobodyTook),
        2 => Just(Input::CalledBack),
        1 => Just(Input::Leg(LegEvent::Ringing)),
        2 => Just(answer()),
        1 => Just(Input::Leg(LegEvent::ReofferAnswered { sdp: "re".into() })),
        1 => Just(ended(Side::Peer, EndCause::HungUp, None, None)),
        1 => Just(Input::NeverDialled),
        1 => Just(Input::NotPlaced(Fault::Carrier, "no".into())),
        1 => Just(Input::BadAnswer("no".into())),
        2 => Just(Input::PartyHeard),
        6 => prop::sample::select(cues.to_vec()).prop_map(Input::Said),
        2 => prop::sample::select(partings.to_vec()).prop_map(|why| Input::Said(Cue::Parting(why))),
        1 => Just(Input::RecordingFailed),
        1 => Just(Input::HouseCloses),
        1 => Just(Input::HangUp),
        1 => Just(Input::EndPolitely),
        1 => any::<bool>().prop_map(Input::Hold),
        1 => Just(Input::Press("1".into())),
        4 => Just(Input::Deadline),
    ]
}

/// Whoever is on a leg of this machine: it was answered or dialled, and never hung up.
fn is_up(orders: &[Do]) -> bool {
    let last = |what: &Do| orders.iter().rposition(|order| order == what);
    let begun = last(&Do::Dial).max(last(&Do::Answer));
    begun.is_some() && !orders.iter().any(|order| matches!(order, Do::HangUp(_)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_inputs_leaves_a_callers_leg_up(
        ours in any::<bool>(),
        open in any::<bool>(),
        takes_messages in any::<bool>(),
        steps in prop::collection::vec((0_u64..15_000, input()), 0..60)
    ) {
        let mut now = Instant::now();
        let welcome = Welcome { open, message: OPEN.message.filter(|_| takes_messages), ..OPEN };
        let mut machine = if ours { Machine::new(now) } else { Machine::incoming(now, welcome) };
        let mut orders = machine.begin();
        let mut gone = false;
        for (wait, input) in steps {
            now += Duration::from_millis(wait);
            gone |= matches!(&input, Input::Leg(LegEvent::Ended(_)) | Input::NotPlaced(..));
            orders.extend(machine.handle(now, input));
        }
        // Everybody leaves, and nobody answers any more: only the deadlines are left.
        orders.extend(machine.handle(now, Input::Abandoned));
        for _ in 0..3 {
            let Some(due) = machine.deadline() else { break };
            now = now.max(due);
            orders.extend(machine.handle(now, Input::Deadline));
        }
        prop_assert_eq!(orders.iter().filter(|order| **order == Do::Finish).count(), 1, "{:?}", orders);
        prop_assert_eq!(orders.last(), Some(&Do::Finish));
        prop_assert_eq!(machine.deadline(), None);
        prop_assert!(gone || !is_up(&orders), "{:?}", orders);
        let notices = orders.iter().filter(|order| **order == Do::Announce(Cue::Notice)).count();
        prop_assert!(notices <= 1, "{:?}", orders);
        // Nothing but the notice is said before it is over, and nobody is asked to speak unheard.
        let noticed = orders.iter().position(|order| *order == Do::Tell(Told::NoticeFinished));
        for cue in [Cue::Waiting, Cue::Nobody, Cue::Closed, Cue::LeaveMessage] {
            let said = orders.iter().position(|order| *order == Do::Announce(cue));
            prop_assert!(said.is_none() || noticed < said && noticed.is_some(), "{:?}", orders);
        }
        prop_assert!(orders.iter().filter(|order| **order == Do::Answer).count() <= 1, "answered twice");
    }

    #[test]
    fn nobody_waits_for_ever(steps in prop::collection::vec((0_u64..5_000, input()), 0..40)) {
        let mut now = Instant::now();
        let mut machine = Machine::incoming(now, OPEN);
        machine.begin();
        machine.handle(now, Input::Leg(LegEvent::Acknowledged));
        machine.handle(now, Input::Said(Cue::Notice));
        for (wait, input) in steps {
            now += Duration::from_millis(wait);
            machine.handle(now, input);
        }
        // The agent is gone, whoever he was; the caller stays on the line and speaks.
        machine.handle(now, Input::AgentGone);
        machine.handle(now, Input::Said(Cue::Beep));
        let left = now;
        for _ in 0..12 {
            let Some(due) = machine.deadline() else { break };
            now = now.max(due);
            machine.handle(now, Input::Deadline);
        }
        prop_assert_eq!(machine.deadline(), None);
        // A minute's wait, one until the tone, two to speak, half a one to part, and the leg's.
        prop_assert!(now.duration_since(left) <= Duration::from_secs(60 + 60 + 120 + 30 + 40));
    }
}
