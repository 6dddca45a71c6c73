//! Who is still there: an agent whose packets stop, a party that sends nothing or nothing
//! but silence (E50, E51).

use std::time::{Duration, Instant};

/// Without a packet of the browser for this long the agent is away.
pub(crate) const AWAY: Duration = Duration::from_secs(2);
/// Without sound of the party for this long somebody must be told (E50).
const SILENT: Duration = Duration::from_secs(5);
/// Samples up to this are digital silence in either law.
const NOTHING: u16 = 16;

/// What is missing from the party.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// No packet comes.
    NoPackets,
    /// Packets come, and nothing was ever in them.
    Mute,
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    AgentGone,
    AgentBack,
    PartySilent(Silence),
    PartyHeardAgain,
}

#[derive(Debug, Default)]
pub(crate) struct Watch {
    agent_at: Option<Instant>,
    agent_gone: bool,
    /// The agent's place has a desk phone, whose packets may stop: a muted one sends none.
    phone: bool,
    /// From here on the party must be heard.
    answered_at: Option<Instant>,
    party_at: Option<Instant>,
    party_loud: bool,
    told: Option<Silence>,
}

impl Watch {
    /// The browser's leg is up: from here on its packets are missed.
    pub(crate) fn agent_connected(&mut self, now: Instant) {
        self.agent_at.get_or_insert(now);
    }

    /// Somebody else has the agent's place: a browser whose leg is up, or a desk phone.
    pub(crate) fn agent_replaced(&mut self, now: Instant, phone: bool) {
        (self.phone, self.agent_gone) = (phone, false);
        self.agent_at = (!phone).then_some(now);
    }

    pub(crate) fn agent_packet(&mut self, now: Instant) -> Option<Change> {
        if self.phone {
            return None;
        }
        self.agent_at = Some(now);
        std::mem::take(&mut self.agent_gone).then_some(Change::AgentBack)
    }

    /// What was heard before was the network's: ring-back is no sign of the party.
    pub(crate) fn answered(&mut self, now: Instant) {
        self.answered_at = Some(now);
        self.party_loud = false;
    }

    pub(crate) fn party_packet(&mut self, now: Instant, samples: impl Iterator<Item = i16>) -> Option<Change> {
        self.party_at = Some(now);
        self.party_loud = self.party_loud || samples.into_iter().any(|sample| sample.unsigned_abs() > NOTHING);
        let over = match self.told? {
            Silence::NoPackets => true,
            Silence::Mute => self.party_loud,
        };
        over.then(|| {
            self.told = None;
            Change::PartyHeardAgain
        })
    }

    /// What time alone changed. `party_may_send` is false while the carrier holds us.
    pub(crate) fn tick(&mut self, now: Instant, party_may_send: bool) -> Option<Change> {
        let since = |at: Instant| now.saturating_duration_since(at);
        if !self.agent_gone && self.agent_at.is_some_and(|at| since(at) >= AWAY) {
            self.agent_gone = true;
            return Some(Change::AgentGone);
        }
        let answered = self.answered_at?;
        if !party_may_send {
            // Silence that was agreed is missed from its end on.
            self.party_at = self.party_at.map(|_| now);
            return None;
        }
        let last = self.party_at.map_or(answered, |at| at.max(answered));
        let silence = if since(last) >= SILENT {
            Silence::NoPackets
        } else if !self.party_loud && since(answered) >= SILENT {
            Silence::Mute
        } else {
            return None;
        };
        if self.told == Some(silence) || (self.told.is_some() && silence == Silence::Mute) {
            return None;
        }
        self.told = Some(silence);
        Some(Change::PartySilent(silence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn e50_a_party_that_sends_nothing_is_told_after_five_seconds_and_once() {
        let t0 = Instant::now();
        let mut watch = Watch::default();
        watch.answered(t0);
        assert_eq!(watch.tick(t0 + 4_999 * MS, true), None);
        assert_eq!(watch.tick(t0 + 5_000 * MS, true), Some(Change::PartySilent(Silence::NoPackets)));
        assert_eq!(watch.tick(t0 + 6_000 * MS, true), None);
        assert_eq!(watch.party_packet(t0 + 7_000 * MS, [500].into_iter()), Some(Change::PartyHeardAgain));
        assert_eq!(watch.tick(t0 + 11_999 * MS, true), None);
        assert_eq!(watch.tick(t0 + 12_000 * MS, true), Some(Change::PartySilent(Silence::NoPackets)));
    }

    #[test]
    fn e50_packets_with_nothing_in_them_are_told_until_the_first_sound() {
        let t0 = Instant::now();
        let mut watch = Watch::default();
        watch.answered(t0);
        let mut told = Vec::new();
        for ms in (0..8_000).step_by(20) {
            let loud = if ms >= 7_000 { 900 } else { 8 };
            told.extend(watch.party_packet(t0 + ms * MS, [loud].into_iter()).map(|change| (ms, change)));
            told.extend(watch.tick(t0 + ms * MS, true).map(|change| (ms, change)));
        }
        let silent = (5_000, Change::PartySilent(Silence::Mute));
        assert_eq!(told, [silent, (7_000, Change::PartyHeardAgain)]);
        // Somebody who was heard once may be as quiet as he likes.
        assert_eq!(watch.party_packet(t0 + 8_000 * MS, [0].into_iter()), None);
        assert_eq!(watch.tick(t0 + 12_000 * MS, true), None);
    }

    #[test]
    fn e50_ring_back_before_the_answer_is_no_sign_of_the_party() {
        let t0 = Instant::now();
        let mut watch = Watch::default();
        assert_eq!(watch.party_packet(t0, [9_000].into_iter()), None);
        watch.answered(t0 + 10 * MS);
        for ms in (20..5_010).step_by(10) {
            assert_eq!(watch.party_packet(t0 + ms * MS, [8].into_iter()), None);
            assert_eq!(watch.tick(t0 + ms * MS, true), None);
        }
        assert_eq!(watch.tick(t0 + 5_010 * MS, true), Some(Change::PartySilent(Silence::Mute)));
    }

    #[test]
    fn e51_an_agent_without_packets_for_two_seconds_is_away_until_the_next_one() {
        let t0 = Instant::now();
        let mut watch = Watch::default();
        assert_eq!(watch.tick(t0, true), None, "nobody is missed before he was there");
        watch.agent_connected(t0);
        assert_eq!(watch.tick(t0 + 1_999 * MS, true), None);
        assert_eq!(watch.tick(t0 + 2_000 * MS, true), Some(Change::AgentGone));
        assert_eq!(watch.tick(t0 + 3_000 * MS, true), None);
        assert_eq!(watch.agent_packet(t0 + 4_000 * MS), Some(Change::AgentBack));
        assert_eq!(watch.agent_packet(t0 + 4_020 * MS), None);
    }

    #[test]
    fn r4_1a_whoever_takes_the_agents_place_is_missed_anew_and_a_desk_phone_never() {
        let t0 = Instant::now();
        let mut watch = Watch::default();
        watch.agent_connected(t0);
        assert_eq!(watch.tick(t0 + 2_000 * MS, true), Some(Change::AgentGone));
        watch.agent_replaced(t0 + 3_000 * MS, false);
        assert_eq!(watch.tick(t0 + 4_999 * MS, true), None);
        assert_eq!(watch.tick(t0 + 5_000 * MS, true), Some(Change::AgentGone), "the new browser's own silence");
        watch.agent_replaced(t0 + 6_000 * MS, true);
        assert_eq!(watch.agent_packet(t0 + 6_020 * MS), None);
        assert_eq!(watch.tick(t0 + 60_000 * MS, true), None, "a muted phone sends nothing");
    }

    #[test]
    fn a_carrier_that_holds_us_owes_no_sound() {
        let t0 = Instant::now();
        let mut watch = Watch::default();
        watch.answered(t0);
        assert_eq!(watch.party_packet(t0 + MS, [900].into_iter()), None);
        for ms in (0..20_000).step_by(20) {
            assert_eq!(watch.tick(t0 + ms * MS, false), None);
        }
        assert_eq!(watch.tick(t0 + 24_000 * MS, true), None, "counted from the end of the hold");
        assert!(watch.tick(t0 + 25_000 * MS, true).is_some());
    }
}
