//! Time: what nobody sends is made here, each twenty milliseconds: prompts, keys, silence, and
//! the mixes of those who hear more than one.

use std::time::{Duration, Instant};

use super::{
    Bridge, MediaEvent, Mode, TICK, Wires,
    flow::send,
    left::Run,
    queue::Lack,
    table::{COUNT, Ears, HOUSE, MIX, Mouths, NOBODY, PEOPLE, RING},
};
use crate::{PACKET, digits::Turn, stage::Span, timeline::LEFT};

/// After this long without a packet of whom it hears the party gets silence from us.
const MOUTH_SILENT: Duration = Duration::from_millis(60);
/// What a late tick missed is made up for up to this much.
const BURST: Duration = Duration::from_millis(200);

/// What may be mixed in one tick.
pub(super) struct Desk {
    pub(super) frames: [[i16; PACKET]; COUNT],
    /// The timestamps at which they begin.
    pub(super) from: [Option<u32>; COUNT],
    /// The timestamps behind what was said before this tick.
    pub(super) until: [Option<u32>; COUNT],
    /// What is missing of people.
    pub(super) lacks: [Lack; PEOPLE],
    /// What is played anew from here on, from anywhere in its wave before.
    pub(super) anew: Mouths,
}

impl Bridge {
    /// To be called at least every few milliseconds: makes what nobody sends.
    pub fn tick(&mut self, now: Instant, wires: &mut impl Wires) {
        while let Some(due) = self.next_tick.filter(|due| *due <= now) {
            // After a stall of the machine the missed packets are not sent in one burst.
            self.next_tick = Some(if now.saturating_duration_since(due) > BURST { now + TICK } else { due + TICK });
            self.beat(now, wires);
        }
        if let Some(change) = self.watch.tick(now, self.party_listens) {
            self.changed(now, change);
        }
        self.miss_guests(now);
        let frame = self.frame(now);
        self.listener.tick(frame, self.keys_out.is_busy());
        while let Some(heard) = self.listener.news() {
            self.news.push_back(heard);
        }
        let (tap, failed) = (&mut self.tap, &mut self.tap_failed);
        let failed_before = *failed;
        self.timeline.flush(frame, |block| *failed |= !tap.block(block));
        if self.tap_failed && !failed_before {
            self.news.push_back(MediaEvent::RecordingFailed);
        }
    }

    /// Twenty milliseconds.
    fn beat(&mut self, now: Instant, wires: &mut impl Wires) {
        let (frames, stamps) = ([[0; PACKET]; COUNT], [None; COUNT]);
        let lacks = [Lack::default(); PEOPLE];
        let mut desk = Desk { frames, from: stamps, until: stamps, lacks, anew: NOBODY };
        self.ring(now, &mut desk, wires);
        // What plays may end here, and then others are heard again.
        let served = match self.mode {
            Mode::Waiting => true,
            Mode::Early => self.silence(now, wires),
            Mode::Open if self.sends_keys() => self.key(now, wires),
            Mode::Open if self.stage.is_talk() => false,
            Mode::Open => self.play(now, &mut desk, wires),
        };
        let ears = self.ears();
        self.gather(ears.mixed(), &mut desk);
        if !served {
            self.serve_party(now, ears.party, &desk, wires);
        } else if !ears.party.is_mixed() {
            self.mixing = None;
        }
        self.serve_house(now, ears, &desk, wires);
    }

    /// What waited of those who are mixed; of others nothing waits.
    fn gather(&mut self, mixed: Mouths, desk: &mut Desk) {
        let mut waits = [false; PEOPLE];
        for (at, _) in mixed.each().filter(|(at, _)| *at < PEOPLE) {
            waits[at] = true;
            desk.from[at] = self.queues[at].next_from();
            desk.until[at] = self.queues[at].said_to();
            desk.lacks[at] = self.queues[at].frame(&mut desk.frames[at]);
        }
        for (queue, waits) in self.queues.iter_mut().zip(waits) {
            if !waits {
                queue.clear();
            }
        }
    }

    /// While people talk: a mix, or what goes through by itself; silence where that stops.
    fn serve_party(&mut self, now: Instant, mouths: Mouths, desk: &Desk, wires: &mut impl Wires) {
        if !mouths.is_mixed() {
            self.mixing = None;
            let heard_at = self.heard_at.get(mouths.place()).copied().flatten();
            if heard_at.is_none_or(|at| now.saturating_duration_since(at) >= MOUTH_SILENT) {
                self.silence(now, wires);
            }
            return;
        }
        let (frame, source) = (self.frame(now), self.stage.source());
        self.party.mix(mouths, desk, &mut self.parcel);
        if !self.party_listens {
            // What the carrier does not take is heard by nobody.
            self.party.silence(PACKET, &mut self.parcel);
            self.parcel.samples.fill(0);
        }
        let run = self.mixing.get_or_insert_with(|| self.left.begin(&self.timeline, frame, source));
        run.catch_up(frame, source);
        let (from, _) = self.left.made(&mut self.timeline, run, MIX, false, &self.parcel.samples);
        // Others are heard there, and of this one something is missing all the same.
        for (place, _) in mouths.each().filter(|(place, _)| *place < PEOPLE && self.party_listens) {
            let Lack { lost, cut, at } = desk.lacks[place];
            let to = from + at as u64;
            self.timeline.lacks(LEFT, to.saturating_sub(lost.into()).max(run.begun), to);
            if cut {
                self.timeline.leaves_out(LEFT, to);
            }
        }
        send(self.party.to.generate(now), self.party.law.payload_type(), &self.parcel.octets[..PACKET], wires);
    }

    /// Those of the house who hear several at once.
    fn serve_house(&mut self, now: Instant, ears: Ears, desk: &Desk, wires: &mut impl Wires) {
        let parcel = &mut self.parcel;
        if ears.agent.is_mixed() {
            self.agent.mix(ears.agent, desk, parcel);
            wires.to_agent(self.agent.to.generate(now), self.agent.law.payload_type(), &parcel.octets[..PACKET]);
        }
        if let Some(target) = self.target.as_mut().filter(|_| ears.target.is_mixed()) {
            let ear = &mut target.ear;
            ear.mix(ears.target, desk, parcel);
            wires.to_target(ear.to.generate(now), ear.law.payload_type(), &parcel.octets[..PACKET]);
        }
        if let Some((guest, _)) = self.supervisor.as_mut().filter(|_| ears.supervisor.is_mixed()) {
            let ear = &mut guest.ear;
            ear.mix(ears.supervisor, desk, parcel);
            wires.to_supervisor(ear.to.generate(now), ear.law.payload_type(), &parcel.octets[..PACKET]);
        }
    }

    fn silence(&mut self, now: Instant, wires: &mut impl Wires) -> bool {
        self.party.silence(PACKET, &mut self.parcel);
        send(self.party.to.fill(now), self.party.law.payload_type(), &self.parcel.octets[..PACKET], wires);
        true
    }

    /// The agent's ring-back, which is in no recording: the party does not hear it.
    fn ring(&mut self, now: Instant, desk: &mut Desk, wires: &mut impl Wires) {
        let hears = self.ears().agent;
        let Some(ring) = &mut self.ring_back else { return };
        let Some(said) = ring.tone.packet(ring.at, self.agent.law) else {
            ring.at = 0;
            return;
        };
        desk.frames[RING.place()].copy_from_slice(said.0);
        let begins = std::mem::take(&mut ring.begins);
        if begins {
            desk.anew = desk.anew.and(RING);
        }
        if hears == RING {
            self.agent.play(RING, begins, said, &mut self.parcel);
            let octets = &self.parcel.octets[..PACKET];
            wires.to_agent(self.agent.to.generate(now), self.agent.law.payload_type(), octets);
        }
        ring.at = (ring.at + PACKET) % ring.tone.len();
    }

    /// Twenty milliseconds of a key, in the place of the agent's voice.
    fn key(&mut self, now: Instant, wires: &mut impl Wires) -> bool {
        let Some(turn) = self.keys_out.turn() else { return false };
        // What the party hears of us meanwhile is no voice, and nothing is missing.
        let (frame, source) = (self.frame(now), self.stage.source());
        self.timeline.place(LEFT, frame, source, std::iter::repeat_n(0, PACKET));
        match (turn, self.party_events) {
            (Turn::Event { payload, first }, Some(events)) => {
                self.party.interrupted();
                let head = if first { self.party.to.generate_marked(now) } else { self.party.to.again() };
                send(head, events, &payload, wires);
                true
            }
            (Turn::Pause, Some(_)) => self.silence(now, wires),
            // In the recording it is silence all the same: the keys may be a number on file.
            (turn, None) => {
                turn.sound(&mut self.parcel.samples);
                let law = self.party.law;
                for (octet, sample) in self.parcel.octets.iter_mut().zip(&self.parcel.samples) {
                    *octet = law.encode(*sample);
                }
                send(self.party.to.generate(now), law.payload_type(), &self.parcel.octets[..PACKET], wires);
                true
            }
        }
    }

    /// Twenty milliseconds of what is played.
    fn play(&mut self, now: Instant, desk: &mut Desk, wires: &mut impl Wires) -> bool {
        let frame = self.frame(now);
        let source = self.stage.source();
        let Some(playing) = self.stage.playing() else { return self.silence(now, wires) };
        if playing.looped && playing.at >= playing.prompt.len() {
            playing.at = 0;
        }
        let prompt = playing.prompt.clone();
        if !self.party_listens {
            // What nobody takes is not played: it would count as heard. And who took only a
            // part of it hears it whole when he listens again.
            playing.at = 0;
            return true;
        }
        let Some(said) = prompt.packet(playing.at, self.party.law) else {
            // One without a sample has an end too.
            let (cue, from_frame, to_frame) = (playing.cue, frame, frame);
            let span = self.stage.next().unwrap_or(Span { cue, from_frame, to_frame });
            self.news.push_back(MediaEvent::PromptFinished(span));
            return self.silence(now, wires);
        };
        // Music that goes round is one sound.
        let begins = playing.sent.is_none();
        let mut run = if playing.at == 0 {
            // Late ticks send several packets at once, and what follows is heard after them.
            self.left.begin(&self.timeline, frame, source)
        } else {
            Run { source: playing.source, begun: playing.begun, at: playing.at as u64 }
        };
        run.catch_up(frame, source);
        let (from, to) = self.left.made(&mut self.timeline, &mut run, HOUSE, begins, said.0);
        playing.sent = Some((playing.sent.map_or(from, |(from, _)| from), to));
        (playing.source, playing.begun, playing.at) = (run.source, run.begun, playing.at + PACKET);
        desk.frames[HOUSE.place()].copy_from_slice(said.0);
        if begins {
            desk.anew = desk.anew.and(HOUSE);
        }
        self.party.play(HOUSE, begins, said, &mut self.parcel);
        send(self.party.to.generate(now), self.party.law.payload_type(), &self.parcel.octets[..PACKET], wires);
        true
    }
}
