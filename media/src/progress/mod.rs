//! Call progress: what the party's side sounds like before the answer and just after it.
//!
//! Three layers over blocks of 20 ms, without I/O and by the recording's own frames: the tones of
//! the line and their rhythm (`cadence`), where a voice or music is (`voice`), and what follows
//! from both (`judge`). A class is a suggestion with a confidence and the span that shows it; what
//! is said in that span is for others to read ([`Heard::Speech`]).

mod cadence;
mod judge;
mod spectrum;
mod voice;

use std::collections::VecDeque;

use self::{
    cadence::Cadence,
    judge::{Judge, Seen},
    spectrum::{Bank, Pitch, Spectrum},
    voice::{Change, Voice},
};
use crate::{PACKET, RATE};

/// What a sound is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SoundClass {
    /// 450 Hz, 1 s and 4 s, or its kin abroad.
    RingBack,
    /// 450 Hz, 0.35 s and 0.35 s.
    Busy,
    /// 450 Hz, 0.7 s and 0.7 s.
    Congestion,
    /// 450 Hz, three times 0.1 s and then 0.4 s (空号音).
    NoSuchNumberTone,
    /// 450 Hz without end.
    DialTone,
    /// 950, 1400 and 1800 Hz, before a notice (ITU-T E.180).
    Information,
    /// Music: a ring-back tune (彩铃), or music on hold.
    Music,
    /// Somebody speaks before the answer: a notice of the network.
    Announcement,
    /// Nothing is heard for five seconds.
    Silence,
    /// Somebody answers as persons do.
    Person,
    /// Something speaks as machines do: long, or with a beep after it.
    Machine,
    /// 1100 Hz of a fax that calls, 2100 Hz of one that answers.
    Fax,
    /// 2100 Hz with reversals of its phase (ITU-T V.8).
    Modem,
}

impl SoundClass {
    /// As it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RingBack => "ring_back",
            Self::Busy => "busy",
            Self::Congestion => "congestion",
            Self::NoSuchNumberTone => "no_such_number_tone",
            Self::DialTone => "dial_tone",
            Self::Information => "information",
            Self::Music => "music",
            Self::Announcement => "announcement",
            Self::Silence => "silence",
            Self::Person => "person",
            Self::Machine => "machine",
            Self::Fax => "fax",
            Self::Modem => "modem",
        }
    }
}

/// What a stretch of sound seems to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub class: SoundClass,
    /// How surely, per cent.
    pub confidence: u8,
    /// First frame of the recording that shows it.
    pub from_frame: u64,
    /// First frame after it.
    pub to_frame: u64,
    /// Where in the call it is.
    pub place: Place,
    /// Who spoke says nothing more, for as long as one waits who wants an answer.
    pub waits: bool,
}

/// Where in the call it is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Before the answer: whoever speaks is the network.
    Early,
    /// After it, or after keys were pressed.
    Answered,
}

/// News of an [`Ear`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// It seems to be something else than before, or more surely the same.
    Class(Finding),
    /// A voice begins or ends.
    Voice {
        /// It begins.
        on: bool,
        /// When.
        frame: u64,
    },
    /// The line's tone has been on for 0.3 s.
    Tone {
        /// Now.
        frame: u64,
    },
    /// Keys went out: what is heard from here on says who answers them, and what was heard before does not.
    Anew {
        /// From when.
        frame: u64,
    },
    /// Something was said that may be read: as soon as it is over, or 6 s of it are there.
    Speech {
        /// 8 kHz, one channel.
        samples: Vec<i16>,
        /// Frame of its first sample.
        from_frame: u64,
        /// Where it was said.
        place: Place,
    },
}

/// Longest piece of speech that is handed out: 6 s.
const PIECE: usize = 6 * RATE as usize;
/// Pieces of one place.
const PIECES: usize = 2;
/// What comes before the first sound of an utterance, and is part of it: 0.3 s.
const LEAD: usize = 15 * PACKET;
/// The shortest utterance that is worth reading: 0.3 s.
const WORTH: u64 = 15;
/// After this long behind the answer nothing new is found out: 30 s.
const LISTENS: u64 = 1_500;
/// A sender that is silent for so long is taken to send silence: 0.2 s.
const LATE: u64 = RATE as u64 / 5;
/// A source whose time disagrees with its arrival by more begins anew: 1 s.
const JUMP: i64 = RATE as i64;
/// Blocks after which a tone of the line is told: 0.3 s.
const TONE: u32 = 15;
/// News that may wait.
const NEWS: usize = 32;

/// Where the packets of a source stand.
#[derive(Debug, Clone, Copy)]
struct Source {
    ssrc: u32,
    timestamp: u32,
    frame: u64,
}

/// A tone under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    pitch: Pitch,
    from: u64,
    to: u64,
    /// Blocks inside that were not the tone.
    dips: u32,
}

/// Listens to the party's side of one call.
#[derive(Debug)]
pub struct Ear {
    place: Place,
    source: Option<Source>,
    /// Frame of the first block.
    began: u64,
    /// Frame that comes next.
    next: u64,
    block: [i16; PACKET],
    filled: usize,
    /// Blocks so far.
    blocks: u64,
    bank: Bank,
    before: Spectrum,
    cadence: Cadence,
    run: Option<Run>,
    voice: Voice,
    judge: Judge,
    /// The last [`LEAD`] samples, as a ring.
    lead: [i16; LEAD],
    piece: Option<(u64, Vec<i16>)>,
    /// Room for a piece that was not worth reading, and how many more pieces there may be.
    spare: Option<Vec<i16>>,
    pieces: usize,
    news: VecDeque<Heard>,
}

impl Ear {
    /// One that begins to listen at this frame of the recording. Memory for what is said is taken when
    /// somebody begins to speak, for a piece at once.
    pub fn new(place: Place, frame: u64) -> Self {
        Self {
            place,
            source: None,
            began: frame,
            next: frame,
            block: [0; PACKET],
            filled: 0,
            blocks: 0,
            bank: Bank::new(),
            before: Spectrum::EMPTY,
            cadence: Cadence::new(),
            run: None,
            voice: Voice::new(place),
            judge: Judge::new(place),
            lead: [0; LEAD],
            piece: None,
            spare: None,
            pieces: PIECES,
            news: VecDeque::with_capacity(NEWS),
        }
    }

    /// Whether there is nothing more to find out.
    pub fn is_done(&self) -> bool {
        self.place == Place::Answered && self.blocks >= LISTENS
    }

    /// The next thing that it heard.
    pub fn news(&mut self) -> Option<Heard> {
        self.news.pop_front()
    }

    /// A packet of the party. `frame` is the recording's live one; a packet that came twice or too
    /// late is passed over, one that is lost is silence.
    pub fn packet(&mut self, frame: u64, ssrc: u32, timestamp: u32, samples: impl ExactSizeIterator<Item = i16>) {
        let arrived = frame.saturating_sub(samples.len() as u64);
        let by_time = self.source.filter(|source| source.ssrc == ssrc).map(|source| {
            let step = i64::from(timestamp.wrapping_sub(source.timestamp) as i32);
            source.frame as i64 + step
        });
        let at = if let Some(at) = by_time.filter(|at| (at - arrived as i64).abs() <= JUMP) {
            at.max(0) as u64
        } else {
            let at = arrived.max(self.next);
            self.source = Some(Source { ssrc, timestamp, frame: at });
            at
        };
        self.pad(at);
        let known = (self.next - at) as usize;
        self.samples(samples.skip(known));
    }

    /// What time alone tells: who sends nothing is silent.
    pub fn tick(&mut self, frame: u64) {
        if frame > self.next + LATE {
            self.pad(frame - LATE / 2);
        }
    }

    /// The sound is over: what may still be read is handed out.
    pub fn finish(&mut self) {
        self.hand_out();
    }

    fn pad(&mut self, to: u64) {
        // An hour of nothing is no reason to count it block by block.
        if to > self.next + 60 * u64::from(RATE) {
            self.next = to - 60 * u64::from(RATE);
            self.began = self.next - self.blocks * PACKET as u64 - self.filled as u64;
        }
        if to > self.next {
            self.samples(std::iter::repeat_n(0, (to - self.next) as usize));
        }
    }

    fn samples(&mut self, mut samples: impl ExactSizeIterator<Item = i16>) {
        while samples.len() > 0 {
            let len = samples.len().min(PACKET - self.filled);
            for (place, sample) in self.block[self.filled..self.filled + len].iter_mut().zip(&mut samples) {
                *place = sample;
            }
            self.filled += len;
            self.next += len as u64;
            if self.filled == PACKET {
                self.filled = 0;
                self.whole_block();
                self.blocks += 1;
            }
        }
    }

    /// The frame at which a block begins.
    fn frame(&self, block: u64) -> u64 {
        self.began + block * PACKET as u64
    }

    fn whole_block(&mut self) {
        let at = self.blocks;
        let spectrum = self.bank.look(&self.block);
        let ended = self.follow_tone(at, &spectrum);
        let toned = self.run.is_some_and(|run| run.to == at + 1 && run.to - run.from >= 2);
        let line = matches!(spectrum.pitch, Some(Pitch::Line));
        let sound = self.voice.is_sound(spectrum.level);
        let rhythm = self.cadence.block(line && sound, sound && !line);
        if self.cadence.on_for() == TONE {
            self.tell(Heard::Tone { frame: self.next });
        }
        let change = self.voice.block(at, &spectrum, &self.before, toned || self.cadence.is_on());
        self.keep(at, change);
        let seen = Seen {
            at,
            rhythm,
            change,
            utterance: self.voice.utterance(),
            ended: ended.map(|run| (run.pitch, run.from, run.to)),
            holds: self.run.map(|run| (run.pitch, run.from, run.to, run.dips)),
            sound,
        };
        if let Some(found) = self.judge.block(&seen) {
            let finding = Finding {
                class: found.class,
                confidence: found.confidence,
                from_frame: self.frame(found.from),
                to_frame: self.frame(found.to),
                place: self.place,
                waits: found.waits,
            };
            self.tell(Heard::Class(finding));
        }
        self.before = spectrum;
    }

    /// Follows a tone through lost packets; gives one that is over.
    fn follow_tone(&mut self, at: u64, spectrum: &Spectrum) -> Option<Run> {
        let same = |a: Pitch, b: Pitch| match (a, b) {
            (Pitch::Beep(a), Pitch::Beep(b)) => a.abs_diff(b) <= 50,
            _ => a == b,
        };
        let pitch = spectrum.pitch.filter(|_| self.voice.is_sound(spectrum.level));
        let mut over = None;
        if let Some(run) = &mut self.run {
            if pitch.is_some_and(|pitch| same(run.pitch, pitch)) {
                // What is as loud and not pure in between is the tone turning over (V.8).
                if at > run.to && self.before.level > -50.0 {
                    run.dips += 1;
                }
                run.to = at + 1;
            } else if at >= run.to + 2 {
                over = self.run.take();
            }
        }
        if self.run.is_none() {
            self.run = pitch.map(|pitch| Run { pitch, from: at, to: at + 1, dips: 0 });
        }
        over
    }

    /// Keeps what is being said, and hands it out when it is over or long enough.
    fn keep(&mut self, at: u64, change: Option<Change>) {
        match change {
            Some(Change::Began) => {
                self.tell(Heard::Voice { on: true, frame: self.frame(at) });
                self.begin_piece(at);
            }
            Some(Change::Ended(said)) => {
                self.tell(Heard::Voice { on: false, frame: self.frame(said.to) });
                if said.to - said.from >= WORTH && !said.music {
                    self.hand_out();
                } else {
                    self.forget_piece();
                }
            }
            None => {}
        }
        if let Some((from, piece)) = &mut self.piece {
            piece.extend_from_slice(&self.block);
            if piece.len() >= PIECE {
                let music = self.voice.utterance().is_some_and(|said| said.music);
                if music {
                    // A notice may follow the tune without a pause.
                    piece.clear();
                    *from = at + 1;
                } else {
                    self.hand_out();
                    self.piece = self.room().map(|piece| (at + 1, piece));
                }
            }
        }
        let place = at as usize * PACKET % LEAD;
        self.lead[place..place + PACKET].copy_from_slice(&self.block);
    }

    /// Room for a piece, as long as there may be one more.
    fn room(&mut self) -> Option<Vec<i16>> {
        self.spare.take().or_else(|| {
            self.pieces = self.pieces.checked_sub(1)?;
            Some(Vec::with_capacity(PIECE + LEAD + PACKET))
        })
    }

    fn forget_piece(&mut self) {
        if let Some((_, mut piece)) = self.piece.take() {
            piece.clear();
            self.spare = Some(piece);
        }
    }

    /// Takes what came just before, so that no first sound is cut off.
    fn begin_piece(&mut self, at: u64) {
        let Some(mut piece) = self.room() else { return };
        let blocks = (LEAD / PACKET) as u64;
        let from = at.saturating_sub(blocks);
        for block in from..at {
            let place = block as usize * PACKET % LEAD;
            piece.extend_from_slice(&self.lead[place..place + PACKET]);
        }
        self.piece = Some((from, piece));
    }

    fn hand_out(&mut self) {
        let heard = |(_, samples): &(u64, Vec<i16>)| samples.len() as u64 > WORTH * PACKET as u64;
        if !self.piece.as_ref().is_some_and(heard) || self.news.len() >= NEWS {
            self.forget_piece();
            return;
        }
        let Some((from, samples)) = self.piece.take() else { return };
        let (from_frame, place) = (self.frame(from), self.place);
        self.tell(Heard::Speech { samples, from_frame, place });
    }

    fn tell(&mut self, heard: Heard) {
        if self.news.len() < NEWS {
            self.news.push_back(heard);
        }
    }
}
