//! The parties: who answers, who does not, and what they say.
//!
//! The last four digits of a number of the demo range decide; [`TABLE`] is the whole
//! list, printed by `--help` and read by [`behaviour`].

pub(crate) mod player;
pub(crate) mod voices;

use player::{Plan, Step};
use voices::Clip;

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// Answers and talks from script `0..=4`, then stays or hangs up.
    Talk { script: u16, then: Then },
    /// Rings until the caller gives up.
    NoAnswer,
    /// A final answer at once or after ringing.
    Reject { ring_ms: u64, status: u16, q850: Option<u8> },
    /// A spoken announcement in 183, then a final answer. Of a way that only the caller can open
    /// nothing comes before a packet of his.
    Announce { clip: &'static str, status: u16, q850: u8, way: Way },
    /// The busy tone in 183, then a final answer.
    Engaged { status: u16, q850: Option<u8> },
    /// Answers, begins a sentence and hangs up in the middle of it.
    CutOff,
    /// Answers and says nothing.
    Silent,
    /// A mailbox: answers, greets, beeps, records, hangs up.
    Voicemail,
    /// A machine that takes calls for its owner.
    Assistant,
    /// Answers and presses keys.
    Digits(As),
    /// Answers and sends white noise.
    Noise,
    /// Answers and sends 1000 Hz.
    Tone,
    /// Answers and never sends a packet.
    OneWay,
    /// Answers, talks and hears nothing.
    Deaf,
    /// Answers and plays the file given for this number.
    Speaker,
}

/// Which way sound comes before the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It is open.
    Open,
    /// The caller's first packet opens it, as gateways that look where he is do it.
    Caller,
}

/// How keys are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum As {
    /// As telephone-events (RFC 4733).
    Events,
    /// As tones in the sound (ITU-T Q.23); no telephone-event is agreed on.
    Tones,
}

/// What a party who calls the court does beside what its number says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Errand {
    /// Keys pressed after the answer, one each second, after so many milliseconds.
    pub(crate) keys: Option<(u32, std::sync::Arc<str>)>,
    /// How long after the answer it hangs up, if it does so by itself.
    pub(crate) hang_up_after: Option<std::time::Duration>,
}

impl Errand {
    /// The party's plan with what comes before it.
    pub(crate) fn before(&self, plan: Plan) -> Plan {
        match &self.keys {
            Some((ms, keys)) => plan.after(vec![Step::Wait { ms: *ms }, Step::Keys(keys.clone())]),
            None => plan,
        }
    }
}

/// What a party does when its script is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Stay,
    HangUp,
}

/// One row of the table of behaviours.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// First ending of the range.
    pub from: u16,
    /// Last ending of the range.
    pub to: u16,
    /// Name of the behaviour, as the journal shows it.
    pub name: &'static str,
    /// What happens, in words.
    pub what: &'static str,
    kind: Behaviour,
}

const fn row(from: u16, to: u16, name: &'static str, what: &'static str, kind: Behaviour) -> Row {
    Row { from, to, name, what, kind }
}

const fn reject(ring_ms: u64, status: u16, q850: Option<u8>) -> Behaviour {
    Behaviour::Reject { ring_ms, status, q850 }
}

const fn announce(clip: &'static str, status: u16, q850: u8) -> Behaviour {
    Behaviour::Announce { clip, status, q850, way: Way::Open }
}

const fn talk(then: Then) -> Behaviour {
    Behaviour::Talk { script: 0, then }
}

/// How a number behaves, by its last four digits.
pub const TABLE: &[Row] = &[
    row(
        0,
        999,
        "talk",
        "answers, talks by script (ending modulo 5: 0 consents, man; 1 consents, woman; 2 wants paper by mail; 3 doubts and asks to be called later; 4 colleague at a company), then stays until BYE",
        talk(Then::Stay),
    ),
    row(
        1000,
        1999,
        "talk-hang-up",
        "the same five scripts, hangs up itself when the script is over",
        talk(Then::HangUp),
    ),
    row(2000, 2999, "no-answer", "180 for ever, until CANCEL", Behaviour::NoAnswer),
    row(3000, 3399, "busy", "486 with Reason Q.850 cause 17, at once, no 180", reject(0, 486, Some(17))),
    row(
        3400,
        3499,
        "busy-tone",
        "183 with the busy tone (450 Hz, 0.35 s on and off) for 5 s, then 486 without Reason",
        Behaviour::Engaged { status: 486, q850: None },
    ),
    row(3500, 3999, "refuse", "180, after 4 s 603 with Q.850 cause 21", reject(4_000, 603, Some(21))),
    row(
        4000,
        4499,
        "empty-number",
        "183 with SDP and the announcement 空号, then 404 with Q.850 cause 1",
        announce("notice-empty", 404, 1),
    ),
    row(
        4500,
        4589,
        "switched-off",
        "183 with the announcement 已关机, then 480 with Q.850 cause 20",
        announce("notice-off", 480, 20),
    ),
    row(
        4590,
        4599,
        "switched-off-once-heard",
        "183, the announcement 已关机 only from the caller's first packet on, then 480 with Q.850 cause 20",
        Behaviour::Announce { clip: "notice-off", status: 480, q850: 20, way: Way::Caller },
    ),
    row(
        4600,
        4699,
        "out-of-service",
        "183 with the announcement 已停机, then 480 with Q.850 cause 27",
        announce("notice-stopped", 480, 27),
    ),
    row(
        4700,
        4799,
        "in-a-call",
        "183 with the announcement 正在通话中, then 486 with Q.850 cause 17",
        announce("notice-talking", 486, 17),
    ),
    row(
        4800,
        4999,
        "unreachable",
        "183 with the announcement 暂时无法接通, then 480 with Q.850 cause 18",
        announce("notice-unreachable", 480, 18),
    ),
    row(
        5000,
        5999,
        "cut-off",
        "answers, begins to speak and hangs up in the middle of a sentence, 4.5 s after the answer",
        Behaviour::CutOff,
    ),
    row(6000, 6499, "barred", "180, after 1 s 403", reject(1_000, 403, None)),
    row(6500, 6999, "line-fault", "503 with Q.850 cause 34, at once", reject(0, 503, Some(34))),
    row(7000, 7499, "silent", "answers, sends silence, stays until BYE", Behaviour::Silent),
    row(
        7500,
        7599,
        "voicemail",
        "a mailbox: answers, greets, beeps (1000 Hz, 0.5 s), records for 20 s and hangs up",
        Behaviour::Voicemail,
    ),
    row(
        7600,
        7699,
        "assistant",
        "a call assistant: answers, says that it is one, listens, says so again, stays until BYE",
        Behaviour::Assistant,
    ),
    row(
        7700,
        7749,
        "digits",
        "answers, presses 1 2 3 4 # (RFC 4733, one each second), sends silence, stays until BYE",
        Behaviour::Digits(As::Events),
    ),
    row(
        7750,
        7799,
        "digits-as-tones",
        "answers without telephone-event, presses 1 2 3 4 # as tones (Q.23, one each second), sends silence, stays until BYE",
        Behaviour::Digits(As::Tones),
    ),
    row(7800, 7999, "noise", "answers, sends white noise of -40 dBFS, stays until BYE", Behaviour::Noise),
    row(8000, 8399, "tone", "answers, sends 1000 Hz, stays until BYE", Behaviour::Tone),
    row(8400, 8449, "one-way", "answers, hears, never sends a packet, stays until BYE", Behaviour::OneWay),
    row(
        8450,
        8499,
        "deaf",
        "answers, asks who is there again and again, hears nothing, stays until BYE",
        Behaviour::Deaf,
    ),
    row(
        8500,
        8999,
        "speaker",
        "answers, plays the WAV given with --say for this number once, stays until BYE or the given time",
        Behaviour::Speaker,
    ),
    row(9000, 9999, "unknown", "404 at once, no announcement, no Reason", reject(0, 404, None)),
];

/// The behaviour of a number that ends in `ending`, and its name.
pub(crate) fn behaviour(ending: u16) -> (Behaviour, &'static str) {
    let row = TABLE.iter().find(|row| (row.from..=row.to).contains(&ending));
    match row {
        Some(Row { kind: Behaviour::Talk { then, .. }, name, .. }) => {
            (Behaviour::Talk { script: ending % 5, then: *then }, name)
        }
        Some(row) => (row.kind, row.name),
        None => (reject(0, 404, None), "unknown"),
    }
}

impl Behaviour {
    /// Whether keys are agreed on as telephone-events.
    pub(crate) fn takes_events(self) -> bool {
        self != Self::Digits(As::Tones)
    }
}

/// The table as text, one row a line.
pub fn table_text() -> String {
    let line = |r: &Row| format!("  {:04}-{:04}  {:<15} {}", r.from, r.to, r.name, r.what);
    TABLE.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What a party of script `script` says, with pauses in which it listens.
fn script(script: u16) -> &'static [Line] {
    use Line::{Listen, Say, Wait};
    match script {
        0 => &[
            Wait(400),
            Say("hello-m"),
            Listen(8),
            Say("self-m"),
            Listen(12),
            Say("consent-m"),
            Listen(8),
            Say("number-m"),
            Listen(8),
            Say("understood-m"),
            Listen(6),
            Say("bye-m"),
        ],
        1 => &[
            Wait(400),
            Say("hello-f"),
            Listen(8),
            Say("self-f"),
            Listen(12),
            Say("consent-f"),
            Listen(8),
            Say("mail-f"),
            Listen(8),
            Say("understood-f"),
            Listen(6),
            Say("bye-f"),
        ],
        2 => &[
            Wait(400),
            Say("hello-m1"),
            Listen(8),
            Say("self-m1"),
            Listen(12),
            Say("post-m"),
            Listen(8),
            Say("address-m"),
            Listen(8),
            Say("bye-m1"),
        ],
        3 => &[
            Wait(400),
            Say("hello-f4"),
            Listen(8),
            Say("doubt-f4"),
            Listen(12),
            Say("callback-f4"),
            Listen(8),
            Say("bye-f4"),
        ],
        _ => &[Wait(400), Say("company-m"), Listen(12), Say("understood-m"), Listen(8), Say("bye-m")],
    }
}

enum Line {
    /// Milliseconds of silence.
    Wait(u32),
    /// A built-in clip.
    Say(&'static str),
    /// Until the other side has spoken and paused, or at most these seconds.
    Listen(u32),
}

/// The audio of an answered call or an announcement; `None` for behaviours that send none.
///
/// `own` is the file of a speaker and its delay.
pub(crate) fn plan(behaviour: Behaviour, own: Option<(Clip, u32)>) -> Option<Plan> {
    let clip = |name: &str| voices::clip(name).and_then(Result::ok);
    let steps = match behaviour {
        Behaviour::Talk { script: number, .. } => script(number)
            .iter()
            .filter_map(|line| match line {
                Line::Wait(ms) => Some(Step::Wait { ms: *ms }),
                Line::Listen(seconds) => Some(Step::Listen { at_most_ms: seconds * 1000 }),
                Line::Say(name) => clip(name).map(Step::Say),
            })
            .collect(),
        Behaviour::Announce { clip: name, way, .. } => {
            let plan = Plan::new(vec![Step::Wait { ms: 200 }, Step::Say(clip(name)?), Step::Wait { ms: 300 }]);
            return Some(if way == Way::Caller { plan.once_heard() } else { plan });
        }
        Behaviour::Engaged { .. } => vec![Step::Wait { ms: 200 }, Step::Busy { ms: 4_900 }],
        Behaviour::CutOff => vec![Step::Wait { ms: 500 }, Step::Begin { clip: clip("cut-off")?, ms: 4_000 }],
        Behaviour::Voicemail => vec![
            Step::Wait { ms: 600 },
            Step::Say(clip("voicemail")?),
            Step::Wait { ms: 300 },
            Step::Tone { ms: Some(500) },
            Step::Wait { ms: 20_000 },
        ],
        Behaviour::Assistant => {
            let says = Step::Say(clip("assistant")?);
            vec![Step::Wait { ms: 600 }, says.clone(), Step::Listen { at_most_ms: 12_000 }, says]
        }
        Behaviour::Digits(_) => vec![Step::Wait { ms: 1_000 }, Step::Keys("1234#".into())],
        Behaviour::Noise => vec![Step::Noise],
        Behaviour::Tone => vec![Step::Tone { ms: None }],
        Behaviour::Deaf => return Some(Plan::deaf(vec![Step::Wait { ms: 600 }, Step::Say(clip("hello-m")?)])),
        Behaviour::Speaker => own.map_or_else(Vec::new, |(clip, ms)| vec![Step::Wait { ms }, Step::Say(clip)]),
        Behaviour::Silent => Vec::new(),
        Behaviour::NoAnswer | Behaviour::Reject { .. } | Behaviour::OneWay => return None,
    };
    Some(Plan::new(steps))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_covers_every_ending_once() {
        let mut next = 0;
        for row in TABLE {
            assert_eq!(row.from, next, "{}", row.name);
            next = row.to + 1;
        }
        assert_eq!(next, 10_000);
    }

    #[test]
    fn who_answers_sends_something_unless_the_way_is_one() {
        for row in TABLE {
            let silent = matches!(row.kind, Behaviour::NoAnswer | Behaviour::Reject { .. } | Behaviour::OneWay);
            assert_eq!(plan(row.kind, None).is_none(), silent, "{}", row.name);
        }
    }

    #[test]
    fn a_mailbox_greets_beeps_for_half_a_second_and_listens_for_twenty() {
        let mut plan = plan(Behaviour::Voicemail, None).unwrap();
        let mut frames = Vec::new();
        while frames.len() < 3_000 {
            let frame = plan.frame(false);
            if frame.over {
                break;
            }
            frames.push(frame);
        }
        assert_eq!(frames.iter().filter_map(|frame| frame.began.as_deref()).collect::<Vec<_>>(), ["voicemail"]);
        let (before, silence) = frames.split_at(frames.len() - 1_000);
        assert!(silence.iter().all(|frame| frame.samples.iter().all(|sample| *sample == 0)));
        // 1000 Hz repeats every eight samples.
        let tone = before[before.len() - 25..].iter();
        assert!(tone.flat_map(|frame| frame.samples.as_chunks::<8>().0).all(|period| period[2] == 8_000));
    }

    #[test]
    fn an_engaged_line_beeps_at_450_hertz_as_long_as_it_is_silent() {
        let mut plan = plan(behaviour(3_400).0, None).unwrap();
        let frames: Vec<player::Frame> =
            std::iter::from_fn(|| Some(plan.frame(false)).filter(|frame| !frame.over)).collect();
        let sound: Vec<i16> = frames.iter().skip(10).flat_map(|frame| frame.samples).collect();
        let loud = |ms: usize| sound[ms * 8..(ms + 20) * 8].iter().any(|sample| *sample > 4_000);
        assert!(loud(100) && loud(300) && !loud(380) && !loud(660) && loud(720) && !loud(1_100));
        // 450 Hz repeats every 160 samples, nine times.
        let ups = sound[..160].windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
        assert!((8..=9).contains(&ups), "{ups}");
    }

    #[test]
    fn every_clip_a_script_names_exists() {
        for number in 0..5 {
            for line in script(number) {
                if let Line::Say(name) = line {
                    assert!(voices::clip(name).is_some(), "{name}");
                }
            }
        }
        for row in TABLE {
            if let Behaviour::Announce { clip, .. } = row.kind {
                assert!(voices::clip(clip).is_some(), "{clip}");
            }
        }
    }
}
