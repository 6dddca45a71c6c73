//! One call that rings at several telephones of a person: the first that answers has it
//! (RFC 3261, 16.7, as a proxy that forks would do it).

use super::{EndCause, Ended, LegEvent, Reason, Side};

/// What follows from the news of one leg.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Follows {
    /// News of the call as a whole.
    Tell(LegEvent),
    /// This leg is not wanted any more.
    HangUp(usize, Reason),
}

/// How far one leg is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It rings, or talks.
    Live,
    /// It is over for us.
    Ended,
    /// It is over at the other end too; whether that said so.
    Down(bool),
}

/// All legs of one call, by their place in the order in which they were placed.
#[derive(Debug)]
pub(crate) struct Forks {
    legs: Vec<Standing>,
    winner: Option<usize>,
    /// The end that tells most, of those that came before any answer.
    ended: Option<Ended>,
    trying_told: bool,
    ringing_told: bool,
    given_up: bool,
}

/// A telephone that somebody answered takes the call from the others: they shall not show it as
/// missed (RFC 3326, 2).
const ELSEWHERE: Reason = Reason { q850: None, sip: Some(200) };

impl Forks {
    pub(crate) fn new(legs: usize) -> Self {
        Self {
            legs: vec![Standing::Live; legs],
            winner: None,
            ended: None,
            trying_told: false,
            ringing_told: false,
            given_up: false,
        }
    }

    /// The leg that has the call.
    pub(crate) fn winner(&self) -> Option<usize> {
        self.winner
    }

    /// Nothing of any leg is waited for.
    pub(crate) fn is_down(&self) -> bool {
        self.legs.iter().all(|leg| matches!(leg, Standing::Down(_)))
    }

    /// Whoever called gives it up: these legs are hung up.
    pub(crate) fn hang_up(&mut self) -> Vec<usize> {
        self.given_up = true;
        match self.winner {
            Some(winner) => vec![winner],
            None => (0..self.legs.len()).collect(),
        }
    }

    /// News of one leg.
    pub(crate) fn event(&mut self, leg: usize, event: LegEvent) -> Vec<Follows> {
        match event {
            LegEvent::Down { answered } => self.down(leg, answered),
            event if self.winner == Some(leg) => {
                if matches!(event, LegEvent::Ended(_)) {
                    self.legs[leg] = Standing::Ended;
                }
                vec![Follows::Tell(event)]
            }
            LegEvent::Ended(ended) => self.ended(leg, ended),
            _ if self.winner.is_some() => Vec::new(),
            LegEvent::Trying => tell_once(&mut self.trying_told, LegEvent::Trying),
            // Sound of one telephone says nothing of the others.
            LegEvent::Ringing | LegEvent::EarlyMedia { .. } => tell_once(&mut self.ringing_told, LegEvent::Ringing),
            // One that changes its description, or tells a key, while it rings has not answered.
            LegEvent::Reoffered { .. } | LegEvent::Digit { .. } => Vec::new(),
            answer => {
                self.winner = Some(leg);
                let mut follows = self.others(leg, ELSEWHERE);
                follows.push(Follows::Tell(answer));
                follows
            }
        }
    }

    fn others(&self, leg: usize, reason: Reason) -> Vec<Follows> {
        let live = |other: &usize| *other != leg && self.legs[*other] == Standing::Live;
        (0..self.legs.len()).filter(live).map(|other| Follows::HangUp(other, reason)).collect()
    }

    fn ended(&mut self, leg: usize, ended: Ended) -> Vec<Follows> {
        self.legs[leg] = Standing::Ended;
        if self.winner.is_some() {
            return Vec::new();
        }
        let everywhere = ended.status.is_some_and(|status| status >= 600) && !self.given_up;
        let rang = self.ended.as_ref().and_then(|so_far| so_far.rang).max(ended.rang);
        let provisional = ended.provisional || self.ended.as_ref().is_some_and(|so_far| so_far.provisional);
        let tells_most = match self.ended.take() {
            Some(so_far) if self.weight(&so_far) >= self.weight(&ended) => so_far,
            _ => ended,
        };
        let merged = Ended { rang, provisional, ..tells_most };
        if self.legs.contains(&Standing::Live) {
            self.ended = Some(merged);
            // Whoever says "decline" says it for all his telephones (16.7, 5).
            return if everywhere { self.others(leg, Reason::default()) } else { Vec::new() };
        }
        vec![Follows::Tell(LegEvent::Ended(merged))]
    }

    fn down(&mut self, leg: usize, answered: bool) -> Vec<Follows> {
        self.legs[leg] = Standing::Down(answered);
        if !self.is_down() {
            return Vec::new();
        }
        let answered = self.legs.iter().all(|leg| *leg == Standing::Down(true));
        vec![Follows::Tell(LegEvent::Down { answered })]
    }

    /// Which of two ends tells more: that of a person before that of a machine.
    fn weight(&self, ended: &Ended) -> u8 {
        match (ended.by, ended.cause, ended.status) {
            (Side::Us, ..) if self.given_up => 7,
            (_, EndCause::Refused, Some(600..)) => 6,
            (_, EndCause::Refused, Some(486)) => 5,
            (_, EndCause::RingLimit, _) => 4,
            (_, EndCause::Refused, _) => 3,
            (Side::Us, ..) => 2,
            (_, EndCause::Timeout, _) => 1,
            _ => 0,
        }
    }
}

fn tell_once(told: &mut bool, event: LegEvent) -> Vec<Follows> {
    if std::mem::replace(told, true) { Vec::new() } else { vec![Follows::Tell(event)] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(by: Side, cause: EndCause, status: Option<u16>) -> LegEvent {
        LegEvent::Ended(Ended { by, cause, status, q850: None, retry_after: None, rang: None, provisional: false })
    }

    fn refused(status: u16) -> LegEvent {
        end(Side::Peer, EndCause::Refused, Some(status))
    }

    fn answered() -> LegEvent {
        LegEvent::Answered { sdp: "theirs".into() }
    }

    #[test]
    fn the_first_that_answers_has_the_call_and_the_others_are_told_that_it_was_answered_elsewhere() {
        let mut forks = Forks::new(3);
        assert_eq!(forks.event(0, LegEvent::Ringing), [Follows::Tell(LegEvent::Ringing)]);
        assert_eq!(forks.event(1, LegEvent::EarlyMedia { sdp: "other".into() }), []);
        assert_eq!(forks.event(2, refused(486)), []);
        // By UPDATE, before anybody picked it up.
        assert_eq!(forks.event(0, LegEvent::Reoffered { sdp: "new".into() }), []);
        assert_eq!(forks.event(1, answered()), [Follows::HangUp(0, ELSEWHERE), Follows::Tell(answered())]);
        // Its answer crossed the word that it is not wanted.
        assert_eq!(forks.event(0, answered()), []);
        assert_eq!(forks.event(0, end(Side::Us, EndCause::HungUp, None)), []);
        assert_eq!((forks.winner(), forks.hang_up()), (Some(1), vec![1]));
        let over = end(Side::Us, EndCause::HungUp, None);
        assert_eq!(forks.event(1, over.clone()), [Follows::Tell(over)]);
        for leg in [0, 1] {
            assert_eq!(forks.event(leg, LegEvent::Down { answered: leg != 0 }), []);
        }
        assert_eq!(
            forks.event(2, LegEvent::Down { answered: true }),
            [Follows::Tell(LegEvent::Down { answered: false })]
        );
        assert!(forks.is_down());
    }

    #[test]
    fn when_nobody_answers_the_end_that_tells_most_counts() {
        let no_answer = || end(Side::Timer, EndCause::RingLimit, Some(487));
        let gone = || end(Side::Timer, EndCause::Transport, None);
        for (ends, counts) in [
            ([refused(486), no_answer(), gone()], refused(486)),
            ([gone(), no_answer(), refused(480)], no_answer()),
            ([gone(), refused(480), gone()], refused(480)),
        ] {
            let mut forks = Forks::new(3);
            let mut told = Vec::new();
            for (leg, ended) in ends.into_iter().enumerate() {
                told.extend(forks.event(leg, ended));
            }
            assert_eq!(told, [Follows::Tell(counts)]);
        }
    }

    #[test]
    fn who_declines_declines_for_all_his_telephones() {
        let mut forks = Forks::new(2);
        assert_eq!(forks.event(0, refused(603)), [Follows::HangUp(1, Reason::default())]);
        assert_eq!(forks.event(1, end(Side::Us, EndCause::Cancelled, Some(487))), [Follows::Tell(refused(603))]);
    }
}
