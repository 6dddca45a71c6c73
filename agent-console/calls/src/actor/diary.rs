//! What a call leaves behind beside its sound: times, marks and the words of prompts.
//!
//! Sound tells its frame of the recording; what comes from elsewhere is dated by the moment
//! it is seen, counted from the recording's first frame.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use songda_media::{RATE, Span, Summary, Supervision};

use crate::{
    clock::{CallClock, span_ms},
    events::CallEvent,
    facts::{Mark, MarkKind, PromptSpan, TransferFault},
    machine::{Cue, Target, Told},
    marks::Marks,
    sounds::Sounds,
};

/// The agent's packets are missed this long after the last one.
const MISSED: Duration = Duration::from_secs(2);
/// The party's sound is missed this long after the last one, or after the answer.
const SILENT: Duration = Duration::from_secs(5);
/// Keys of the agent that stand in the side record as they are; a longer run is no menu's
/// choice but a number, and a number on file is nobody's to read.
const CLEAR_KEYS: usize = 4;

/// Some carriers tell a key in the sound and by INFO: what comes the other way within this time is the
/// same, and an INFO that is sent when a key is let go comes later by as long as it was held.
const TWICE: Duration = Duration::from_secs(1);
/// A key that is held longer than this is told as if it were not.
const HELD: Duration = Duration::from_secs(10);
/// Keys of the party that may wait for their twins; an older one has none any more.
const TWINS: usize = 32;

/// By what a key of the party is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyWay {
    Sound,
    Signalling,
}

pub(super) struct Diary {
    clock: CallClock,
    recording_from: Option<Instant>,
    talk_from: Option<Instant>,
    /// Where in the recording the present input belongs, when the sound said so.
    frame_ms: Option<u64>,
    notice: Option<PromptSpan>,
    marks: Marks,
    /// Keys of the party that were told a moment ago, and that nothing told a second time yet.
    untwinned: VecDeque<(char, KeyWay, Instant)>,
    /// Name of the supervisor.
    supervisor: String,
}

impl Diary {
    pub(super) fn new(clock: CallClock) -> Self {
        Self {
            clock,
            recording_from: None,
            talk_from: None,
            frame_ms: None,
            notice: None,
            marks: Marks::default(),
            untwinned: VecDeque::with_capacity(TWINS),
            supervisor: String::new(),
        }
    }

    pub(super) fn recording_began(&mut self, at: Instant) -> CallEvent {
        self.recording_from = Some(at);
        CallEvent::RecordingStarted { at_ms: self.clock.at(at), at }
    }

    /// The present input belongs to this frame.
    pub(super) fn at(&mut self, frame: u64) {
        self.frame_ms = Some(ms(frame));
    }

    /// The agent was seen to be gone at this frame; his sound ended before.
    pub(super) fn agent_gone(&mut self, frame: u64) {
        self.before(frame, MISSED);
    }

    /// The party was seen to be silent at this frame; its sound ended before.
    pub(super) fn party_silent(&mut self, frame: u64) {
        self.before(frame, SILENT);
    }

    fn before(&mut self, frame: u64, by: Duration) {
        self.frame_ms = Some(ms(frame).saturating_sub(by.as_millis() as u64));
    }

    /// The present input is seen to.
    pub(super) fn settle(&mut self) {
        self.frame_ms = None;
    }

    /// Where in the recording we are.
    fn offset_ms(&mut self) -> u64 {
        let live = || self.recording_from.map_or(0, |from| span_ms(from, Instant::now()));
        self.frame_ms.take().unwrap_or_else(live)
    }

    /// A key of the party in its sound, or beside it; none when signalling told it.
    pub(super) fn digit(&mut self, digit: char, frame: u64) -> Option<CallEvent> {
        self.key(digit, KeyWay::Sound, Instant::now(), Duration::ZERO, Some(frame))
    }

    /// A key of the party that signalling told, held for so many milliseconds; none when the sound told it.
    pub(super) fn digit_now(&mut self, digit: char, held_ms: u32) -> Option<CallEvent> {
        let held = Duration::from_millis(u64::from(held_ms)).min(HELD);
        self.key(digit, KeyWay::Signalling, Instant::now(), held, None)
    }

    fn key(&mut self, digit: char, way: KeyWay, now: Instant, held: Duration, frame: Option<u64>) -> Option<CallEvent> {
        self.untwinned.retain(|(.., at)| now < *at + TWICE + HELD);
        // Each one that was told has one twin at most, and the first of two is the first one's.
        let twin = |(told, by, at): &(char, KeyWay, Instant)| *told == digit && *by != way && now < *at + TWICE + held;
        if let Some(at) = self.untwinned.iter().position(twin) {
            self.untwinned.remove(at);
            return None;
        }
        if self.untwinned.len() == TWINS {
            self.untwinned.pop_front();
        }
        self.untwinned.push_back((digit, way, now));
        if let Some(frame) = frame {
            self.at(frame);
        }
        let offset_ms = self.offset_ms();
        self.marks.point(MarkKind::DigitIn, offset_ms, &digit.to_string());
        Some(CallEvent::Digit { digit, offset_ms })
    }

    pub(super) fn pressed(&mut self, digits: String) -> CallEvent {
        let offset_ms = self.offset_ms();
        let shown = if digits.len() > CLEAR_KEYS { "*".repeat(digits.len()) } else { digits.clone() };
        self.marks.point(MarkKind::DigitOut, offset_ms, &shown);
        CallEvent::DigitsSent { digits, offset_ms }
    }

    /// Who supervises.
    pub(super) fn supervised_by(&mut self, name: &str) {
        name.clone_into(&mut self.supervisor);
    }

    /// What a supervisor does ends, and he does this instead.
    fn supervision(&mut self, what: Option<Supervision>) {
        let at = self.offset_ms();
        for kind in [MarkKind::Listened, MarkKind::Whispered, MarkKind::Barged] {
            self.marks.close(kind, at);
        }
        let kind = match what {
            Some(Supervision::Listen) => MarkKind::Listened,
            Some(Supervision::Whisper) => MarkKind::Whispered,
            Some(Supervision::Barge) => MarkKind::Barged,
            None => return,
        };
        self.marks.open(kind, at, &self.supervisor);
    }

    /// An announcement is over.
    pub(super) fn played(&mut self, span: &Span, sounds: &Sounds) {
        if sounds.parts(Cue::Notice).any(|(number, _)| number == span.cue) {
            let part = prompt(span, sounds);
            self.notice = Some(match self.notice.take() {
                None => part,
                Some(first) => PromptSpan {
                    from_ms: first.from_ms,
                    to_ms: part.to_ms,
                    text: format!("{}\n{}", first.text, part.text),
                },
            });
        }
    }

    /// What the machine tells, with its data and dates.
    pub(super) fn told(&mut self, told: Told) -> CallEvent {
        let now = Instant::now();
        match told {
            Told::BrowserConnected => CallEvent::BrowserConnected,
            Told::OfferRefused(reason) => CallEvent::OfferRefused { reason: reason.into() },
            Told::Dialling => CallEvent::Dialling,
            Told::Ringing => CallEvent::Ringing { at_ms: self.clock.at(now) },
            Told::EarlyMedia => CallEvent::EarlyMedia { at_ms: self.clock.at(now) },
            Told::Answered => CallEvent::Answered { at_ms: self.clock.at(now) },
            Told::NoticeStarted => CallEvent::NoticeStarted,
            Told::NoticeFinished => CallEvent::NoticeFinished { span: self.notice.clone().unwrap_or_else(nothing) },
            Told::Talking => {
                self.talk_from = Some(now);
                CallEvent::Talking { at_ms: self.clock.at(now) }
            }
            Told::Muted(on) => CallEvent::Muted(on),
            Told::Held(on) => {
                self.span(MarkKind::Hold, on, "");
                CallEvent::Held(on)
            }
            Told::AgentAway(away) => {
                self.span(MarkKind::AgentAway, true, "");
                CallEvent::AgentAway { since_ms: self.clock.at(away.since), until_ms: self.clock.at(away.until) }
            }
            Told::AgentBack => {
                self.span(MarkKind::AgentAway, false, "");
                CallEvent::AgentBack
            }
            Told::KeysRefused(reason) => CallEvent::DigitsRefused { reason: reason.into() },
            Told::PartySilent(kind) => {
                self.span(MarkKind::PartySilent, true, kind.as_str());
                CallEvent::PartySilent { kind }
            }
            Told::PartyHeard => {
                self.span(MarkKind::PartySilent, false, "");
                CallEvent::PartyHeard
            }
            Told::Parting(why) => CallEvent::Parting { why },
            Told::CalledBack => CallEvent::CalledBack,
            Told::MessageBegan => CallEvent::MessageBegan { at_ms: self.clock.at(now) },
            Told::TransferRinging(mode) => {
                self.span(MarkKind::Transfer, true, mode.as_str());
                CallEvent::TransferRinging
            }
            Told::TransferConsulting => CallEvent::TransferConsulting,
            Told::ThreeWay => {
                let at = self.offset_ms();
                self.marks.close(MarkKind::Transfer, at);
                self.marks.open(MarkKind::ThreeWay, at, "");
                CallEvent::ThreeWay
            }
            Told::Supervised(what) => {
                self.supervision(Some(what));
                CallEvent::Supervised { what, by: self.supervisor.clone() }
            }
            Told::SupervisionOver(_) => {
                self.supervision(None);
                CallEvent::Unsupervised
            }
            Told::TransferFailed(why) => {
                // A second one that is refused does not end the first.
                if why != TransferFault::NotNow {
                    let at = self.offset_ms();
                    self.marks.close(MarkKind::Transfer, at);
                    self.marks.close(MarkKind::ThreeWay, at);
                }
                CallEvent::TransferFailed { why }
            }
            Told::Transferred(target) => {
                let at = self.offset_ms();
                self.marks.close(MarkKind::Transfer, at);
                self.marks.close(MarkKind::ThreeWay, at);
                self.marks.point(MarkKind::Transferred, at, target.as_str());
                CallEvent::Transferred { at_ms: self.clock.at(now), phone: target == Target::Phone }
            }
            Told::RecordingFailed => {
                let at = self.offset_ms();
                self.marks.point(MarkKind::RecordingFailed, at, "");
                CallEvent::RecordingFailed
            }
        }
    }

    fn span(&mut self, kind: MarkKind, on: bool, text: &str) {
        let at = self.offset_ms();
        if on {
            self.marks.open(kind, at, text);
        } else {
            self.marks.close(kind, at);
        }
    }

    /// The marks so far, when there is a new one.
    pub(super) fn news(&mut self) -> Option<CallEvent> {
        self.marks.news().map(CallEvent::Marked)
    }

    /// From the first moment of talk to the end.
    pub(super) fn talk_ms(&self, ended: Instant) -> i64 {
        self.talk_from.map_or(0, |from| span_ms(from, ended) as i64)
    }

    /// What stands beside the recording, also where that could not be closed: who listened, and
    /// when, is known by nothing else (R4.4b). Without a summary the marks end with the call.
    pub(super) fn side_record(
        self,
        summary: Option<&Summary>,
        sounds: &Sounds,
        ended: Instant,
    ) -> (Vec<PromptSpan>, Vec<Mark>) {
        let played = summary.map_or(&[][..], |summary| &summary.played);
        let spans = played.iter().map(|span| prompt(span, sounds)).collect();
        let live = || self.recording_from.map_or(0, |from| span_ms(from, ended));
        let end_ms = summary.map_or_else(live, |summary| ms(summary.frames));
        (spans, self.marks.finish(end_ms))
    }
}

fn prompt(span: &Span, sounds: &Sounds) -> PromptSpan {
    PromptSpan { from_ms: ms(span.from_frame), to_ms: ms(span.to_frame), text: sounds.words(span.cue).to_owned() }
}

/// A notice that was over before anything of it was sent.
fn nothing() -> PromptSpan {
    PromptSpan { from_ms: 0, to_ms: 0, text: String::new() }
}

fn ms(frame: u64) -> u64 {
    frame * 1000 / u64::from(RATE)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::sounds::Library;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn r4_4b_who_listened_stands_in_the_marks_whatever_became_of_sound_and_recording() {
        let library = Library::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts"));
        let sounds = library.sounds("", "zh").unwrap();
        let from = Instant::now();
        let summaries = [None, Some(five_seconds())];
        for (summary, end_ms) in summaries.into_iter().zip([9_000, 5_000]) {
            let mut diary = Diary::new(CallClock::new(from, 0));
            diary.recording_began(from);
            diary.supervised_by("赵主管");
            diary.at(2 * u64::from(RATE));
            diary.told(Told::Supervised(Supervision::Listen));
            let (_, marks) = diary.side_record(summary.as_ref(), &sounds, from + 9 * SECOND);
            let text = "赵主管".to_owned();
            assert_eq!(marks, [Mark { kind: MarkKind::Listened, from_ms: 2_000, to_ms: end_ms, text }]);
        }
    }

    fn five_seconds() -> Summary {
        Summary {
            frames: 5 * u64::from(RATE),
            gaps: Vec::new(),
            legs: songda_media::Legs::default(),
            late_samples: 0,
            slips: 0,
            played: Vec::new(),
        }
    }

    #[test]
    fn a_key_that_is_told_in_the_sound_and_by_info_is_one_key_and_a_second_press_is_two() {
        let t0 = Instant::now();
        let mut diary = Diary::new(CallClock::new(t0, 0));
        let mut told = |digit: char, way: KeyWay, ms: u64| {
            diary.key(digit, way, t0 + Duration::from_millis(ms), Duration::ZERO, None).is_some()
        };
        assert!(told('5', KeyWay::Sound, 0) && !told('5', KeyWay::Signalling, 90), "the same press");
        assert!(told('5', KeyWay::Sound, 300) && !told('5', KeyWay::Signalling, 400), "pressed again");
        assert!(told('6', KeyWay::Signalling, 600), "another key");
        assert!(told('6', KeyWay::Signalling, 800), "twice by INFO alone");
        assert!(told('6', KeyWay::Sound, 1_801), "long after");
    }

    #[test]
    fn keys_that_are_pressed_fast_are_told_once_each_whichever_way_comes_behind_and_however_long_they_are_held() {
        let t0 = Instant::now();
        for (first, behind) in [(KeyWay::Sound, KeyWay::Signalling), (KeyWay::Signalling, KeyWay::Sound)] {
            let mut diary = Diary::new(CallClock::new(t0, 0));
            let mut told = String::new();
            let mut press = |digit: char, way: KeyWay, ms: u64, held_ms: u64| {
                let (now, held) = (t0 + Duration::from_millis(ms), Duration::from_millis(held_ms));
                told.extend(diary.key(digit, way, now, held, None).map(|_| digit));
            };
            for (no, digit) in (0..).zip("1553".chars()) {
                press(digit, first, no * 150, 0);
            }
            for (no, digit) in (0..).zip("1553".chars()) {
                press(digit, behind, 500 + no * 150, 0);
            }
            // Pressed once more, and held for three seconds before the INFO comes.
            press('3', KeyWay::Sound, 4_000, 0);
            press('3', KeyWay::Signalling, 7_200, 3_000);
            assert_eq!(told, "15533");
        }
    }
}
