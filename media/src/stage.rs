//! What is played to the party: announcements one after another, and what lasts when there
//! is none.

use std::{collections::VecDeque, sync::Arc};

use crate::Prompt;

/// What the party hears while no announcement plays.
#[derive(Debug, Clone)]
pub enum Rest {
    /// The agent.
    Talk,
    /// Music, over and over; the agent is not heard, and hears the party.
    Hold {
        /// Name of it in the spans.
        cue: u32,
        /// The music.
        music: Arc<Prompt>,
    },
    /// Nothing: after the last announcement of a call that ends. The agent hears the party.
    Silence,
}

/// Something that was played, as far as the party was sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// What it was.
    pub cue: u32,
    /// First frame in the recording.
    pub from_frame: u64,
    /// First frame after it.
    pub to_frame: u64,
}

/// A prompt under way.
#[derive(Debug)]
pub(crate) struct Playing {
    pub(crate) cue: u32,
    pub(crate) prompt: Arc<Prompt>,
    pub(crate) looped: bool,
    /// Next sample.
    pub(crate) at: usize,
    /// Pseudo source of the left channel, another one each time it begins.
    pub(crate) source: u64,
    /// Frame of its first sample since it began for the last time.
    pub(crate) begun: u64,
    /// What the party was sent of it, from the first time it began.
    pub(crate) sent: Option<(u64, u64)>,
}

impl Playing {
    fn new(cue: u32, prompt: Arc<Prompt>, looped: bool) -> Self {
        Self { cue, prompt, looped, at: 0, source: 0, begun: 0, sent: None }
    }

    fn span(&self) -> Option<Span> {
        self.sent.map(|(from_frame, to_frame)| Span { cue: self.cue, from_frame, to_frame })
    }
}

/// The order of what is played.
#[derive(Debug)]
pub(crate) struct Stage {
    waiting: VecDeque<(u32, Arc<Prompt>)>,
    announcing: Option<Playing>,
    music: Option<Playing>,
    silent: bool,
    spans: Vec<Span>,
    sources: u64,
}

/// Sources of our own begin where SSRCs end, so that no browser's is ever taken for one.
const OURS: u64 = 1 << 32;
/// Most spans that are kept; nobody holds a call that often.
const SPANS: usize = 1_000;

impl Stage {
    pub(crate) fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            announcing: None,
            music: None,
            silent: false,
            spans: Vec::new(),
            sources: OURS,
        }
    }

    /// Plays it once, after what was asked for before.
    pub(crate) fn announce(&mut self, cue: u32, prompt: Arc<Prompt>) {
        self.waiting.push_back((cue, prompt));
        if self.announcing.is_none() {
            self.next();
        }
    }

    /// Takes the next announcement; what is over is told.
    pub(crate) fn next(&mut self) -> Option<Span> {
        let over = self.announcing.take();
        let following = self.waiting.pop_front();
        if following.is_some() {
            // Music goes on after the announcement as a span of its own.
            self.rewind();
        }
        self.announcing = following.map(|(cue, prompt)| Playing::new(cue, prompt, false));
        over.and_then(|over| self.keep(&over))
    }

    fn keep(&mut self, over: &Playing) -> Option<Span> {
        let span = over.span()?;
        if self.spans.len() < SPANS {
            self.spans.push(span);
        }
        Some(span)
    }

    fn rewind(&mut self) {
        let Some(music) = self.music.take() else { return };
        self.keep(&music);
        self.music = Some(Playing::new(music.cue, music.prompt, true));
    }

    /// Drops every announcement; what was sent of the present one.
    pub(crate) fn hush(&mut self) -> Option<Span> {
        self.waiting.clear();
        self.next()
    }

    pub(crate) fn rest(&mut self, rest: Rest) {
        if let Some(music) = self.music.take() {
            self.keep(&music);
        }
        self.silent = matches!(rest, Rest::Silence);
        if let Rest::Hold { cue, music } = rest {
            self.music = Some(Playing::new(cue, music, true));
        }
    }

    pub(crate) fn is_announcing(&self) -> bool {
        self.announcing.is_some()
    }

    pub(crate) fn is_talk(&self) -> bool {
        self.announcing.is_none() && self.music.is_none() && !self.silent
    }

    /// What plays now.
    pub(crate) fn playing(&mut self) -> Option<&mut Playing> {
        self.announcing.as_mut().or(self.music.as_mut())
    }

    /// A number for the source of the left channel.
    pub(crate) fn source(&mut self) -> u64 {
        self.sources += 1;
        self.sources
    }

    /// Everything that was played, in order; nothing lies behind the last frame.
    pub(crate) fn finish(mut self, frames: u64) -> Vec<Span> {
        self.hush();
        self.rest(Rest::Talk);
        self.spans.retain_mut(|span| {
            span.to_frame = span.to_frame.min(frames);
            span.from_frame < span.to_frame
        });
        self.spans
    }
}
