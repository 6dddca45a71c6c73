//! Whatever happens, in whatever order: the call ends, and what it did makes sense.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use songda_calls::{
    Fault, Parting, PartySilence, Supervision, SupervisionEnd, TransferFault, TransferMode,
    inside::{Cue, Do, Input, Machine, Rest, Target, Told},
};
use songda_sip::{EndCause, LegEvent, Side};

use crate::call::{answer, ended};

fn input() -> impl Strategy<Value = Input> {
    let partings = [Parting::Apology, Parting::Farewell, Parting::RecordingFailed];
    prop_oneof![
        6 => Just(Input::BrowserConnected),
        2 => Just(Input::BrowserLost),
        2 => Just(Input::AgentGone),
        3 => Just(Input::AgentBack),
        2 => Just(Input::PageGone),
        2 => Just(Input::PageHere),
        1 => Just(Input::Offer("offer".into())),
        2 => Just(Input::OfferTaken),
        1 => Just(Input::OfferNotTaken),
        2 => Just(Input::Leg(LegEvent::Ringing)),
        1 => Just(Input::Leg(LegEvent::EarlyMedia { sdp: "183".into() })),
        5 => Just(answer()),
        1 => Just(Input::Leg(LegEvent::Reoffered { sdp: "re".into() })),
        1 => Just(ended(Side::Peer, EndCause::HungUp, None, None)),
        1 => Just(Input::NotPlaced(Fault::Carrier, "no".into())),
        1 => Just(Input::NeverDialled),
        1 => Just(Input::BadAnswer("no".into())),
        2 => Just(Input::PartyHeard),
        1 => Just(Input::PartySilent(PartySilence::NoPackets)),
        1 => Just(Input::PartyHeardAgain),
        5 => Just(Input::Said(Cue::Notice)),
        2 => Just(Input::Said(Cue::Hold)),
        2 => prop::sample::select(partings.to_vec()).prop_map(|why| Input::Said(Cue::Parting(why))),
        1 => Just(Input::RecordingFailed),
        1 => Just(Input::HangUp),
        1 => Just(Input::EndPolitely),
        1 => Just(Input::Abandoned),
        1 => Just(Input::HouseCloses),
        1 => any::<bool>().prop_map(Input::Mute),
        3 => any::<bool>().prop_map(Input::Hold),
        2 => Just(Input::Press("1".into())),
        4 => Just(Input::Deadline),
    ]
}

const WATCHES: [Supervision; 3] = [Supervision::Listen, Supervision::Whisper, Supervision::Barge];

fn transfer() -> impl Strategy<Value = Input> {
    let modes = [TransferMode::Blind, TransferMode::Attended, TransferMode::ThreeWay];
    let targets = [Target::Desk, Target::Phone];
    let start = (prop::sample::select(modes.to_vec()), prop::sample::select(targets.to_vec()));
    let Input::Leg(phone_ended) = ended(Side::Peer, EndCause::HungUp, None, None) else { unreachable!() };
    prop_oneof![
        6 => start.prop_map(|(mode, target)| Input::Transfer(mode, target)),
        3 => Just(Input::TransferTaken("offer".into())),
        3 => Just(Input::TargetUp),
        1 => Just(Input::TargetLost),
        1 => Just(Input::Forsaken),
        1 => Just(Input::TransferRefused(TransferFault::Declined)),
        3 => Just(Input::CompleteTransfer),
        3 => Just(Input::JoinAll),
        2 => prop::sample::select(WATCHES.to_vec()).prop_map(|what| Input::Supervise(what, "offer".into())),
        2 => prop::sample::select(WATCHES.to_vec()).prop_map(Input::Supervision),
        2 => Just(Input::SupervisorUp),
        1 => Just(Input::SupervisorGone(SupervisionEnd::Lost)),
        4 => Just(Input::HandedOver),
        2 => Just(Input::Phone(LegEvent::Answered { sdp: "200".into() })),
        2 => any::<bool>().prop_map(Input::PhoneListens),
        1 => Just(Input::Phone(phone_ended)),
        1 => Just(Input::PhoneGone),
    ]
}

/// Everything that a machine said, and what must hold for it.
#[derive(Default)]
struct Witness {
    orders: Vec<Do>,
}

impl Witness {
    fn count(&self, what: &Do) -> usize {
        self.orders.iter().filter(|order| *order == what).count()
    }

    fn first(&self, what: &Do) -> Option<usize> {
        self.orders.iter().position(|order| order == what)
    }

    fn take(&mut self, orders: Vec<Do>) {
        // The notice is cut short by the end of the call, and by nothing else.
        if let Some(hush) = orders.iter().position(|order| *order == Do::Hush) {
            let parts = matches!(orders.get(hush + 1), Some(Do::Announce(Cue::Parting(_))));
            assert!(parts || self.first(&Do::Tell(Told::NoticeFinished)).is_some(), "{orders:?}");
        }
        for order in orders {
            assert_eq!(self.count(&Do::Finish), 0, "after the end came {order:?}");
            self.check(&order);
            self.orders.push(order);
        }
    }

    fn check(&self, order: &Do) {
        let dialled = self.first(&Do::Dial).is_some();
        let answered = self.first(&Do::Tell(Told::Answered)).is_some();
        let noticed = self.first(&Do::Tell(Told::NoticeFinished)).is_some();
        let parted = self.orders.iter().any(|order| matches!(order, Do::Tell(Told::Parting(_))));
        let hung_up = self.orders.iter().any(|order| matches!(order, Do::HangUp(_)));
        match order {
            Do::Dial => assert!(!dialled, "dialled twice"),
            Do::HangUp(why) => {
                assert!(dialled && !hung_up, "nothing to hang up, or twice");
                assert!(matches!(why.q850, Some(16 | 31)), "and no word why: {why:?}");
            }
            Do::Announce(cue) => {
                assert!(answered && !hung_up, "{cue:?} to nobody");
                match cue {
                    Cue::Notice => assert_eq!(self.count(order), 0, "the notice twice"),
                    Cue::Hold => assert!(noticed && !parted && self.rest() == Rest::Hold),
                    Cue::Parting(_) => {
                        assert!(!parted && self.rest() == Rest::Silence, "one reason to part, then silence");
                    }
                    _ => panic!("{cue:?} is for callers"),
                }
            }
            Do::Rest(rest) => assert!(answered && !parted && !hung_up && *rest != self.rest()),
            Do::Press(_) => assert!(noticed && !parted && !hung_up && self.rest() == Rest::Talk),
            Do::RingAgent => assert!(noticed && !parted && !self.has_target() && self.rest() == Rest::Hold),
            Do::RingPhone | Do::TakeTarget(_) | Do::Consult => {
                assert!(self.has_target() && self.rest() == Rest::Hold, "the party hears nothing of it");
            }
            Do::HandOver => assert!(self.has_target() && !parted && !hung_up),
            Do::Tell(Told::Transferred(_)) => {
                let last = self.orders.iter().rev().find(|order| matches!(order, Do::HandOver | Do::RingAgent));
                assert_eq!(last, Some(&Do::HandOver));
            }
            Do::Finish => assert!(!self.has_target(), "the target is left behind"),
            Do::Tell(Told::Talking) => {
                assert!(noticed && self.count(order) == 0 && self.rest() == Rest::Talk);
            }
            Do::Tell(Told::AgentBack) => {
                let seen = |told: fn(&Told) -> bool| {
                    self.orders.iter().rposition(|order| matches!(order, Do::Tell(what) if told(what)))
                };
                let (away, back) =
                    (seen(|told| matches!(told, Told::AgentAway(_))), seen(|told| *told == Told::AgentBack));
                assert!(away > back, "back without having been away");
            }
            _ => {}
        }
    }

    /// Somebody rings or is consulted, and was neither let go nor given the party.
    fn has_target(&self) -> bool {
        let last = |order: &&Do| matches!(order, Do::RingAgent | Do::DropTarget | Do::HandOver);
        self.orders.iter().rev().find(last) == Some(&Do::RingAgent)
    }

    fn rest(&self) -> Rest {
        let last = self.orders.iter().rev().find_map(|order| match order {
            Do::Rest(rest) => Some(*rest),
            _ => None,
        });
        last.unwrap_or(Rest::Talk)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_call_ends_and_makes_sense(
        steps in prop::collection::vec((0_u64..15_000, prop_oneof![4 => input(), 1 => transfer()]), 0..60)
    ) {
        let mut now = Instant::now();
        let mut machine = Machine::new(now);
        let mut witness = Witness::default();
        for (wait, input) in steps {
            now += Duration::from_millis(wait);
            witness.take(machine.handle(now, input));
        }
        // Everybody leaves, and nobody answers any more: only the deadlines are left.
        witness.take(machine.handle(now, Input::Abandoned));
        for _ in 0..3 {
            let Some(due) = machine.deadline() else { break };
            now = now.max(due);
            witness.take(machine.handle(now, Input::Deadline));
        }
        prop_assert_eq!(witness.count(&Do::Finish), 1, "{:?}", witness.orders);
        prop_assert_eq!(machine.deadline(), None);
        let facts = machine.facts();
        prop_assert!(!(facts.cancelled_by_agent && facts.answered));
        prop_assert_eq!(
            facts.parting.is_some(),
            witness.orders.iter().any(|order| matches!(order, Do::Tell(Told::Parting(_))))
        );
    }

    #[test]
    fn e51_a_lost_agent_never_holds_the_party_for_ever(
        steps in prop::collection::vec((0_u64..5_000, input()), 0..40)
    ) {
        let mut now = Instant::now();
        let mut machine = Machine::new(now);
        let mut witness = Witness::default();
        for (wait, input) in steps {
            now += Duration::from_millis(wait);
            witness.take(machine.handle(now, input));
        }
        // The agent is gone, and the party stays on the line.
        witness.take(machine.handle(now, Input::AgentGone));
        let gone = now;
        for _ in 0..4 {
            let Some(due) = machine.deadline() else { break };
            now = now.max(due);
            witness.take(machine.handle(now, Input::Deadline));
        }
        prop_assert_eq!(witness.count(&Do::Finish), 1, "{:?}", witness.orders);
        // Forty seconds until the parting, thirty to say it, forty for the leg.
        prop_assert!(now.duration_since(gone) <= Duration::from_secs(110));
    }
}
