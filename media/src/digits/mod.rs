//! Digits: as telephone-events (RFC 4733), read from the carrier and made for it; as tones in the
//! sound where none was agreed.

pub(crate) mod tones;

use std::{collections::VecDeque, ops::RangeInclusive};

use crate::{PACKET, bridge::View};

/// A digit is held for this many packets of 20 ms.
const HELD: u16 = 5;
/// The end of an event is sent three times (RFC 4733, section 2.5.1.4).
const ENDS: u16 = 3;
/// Packets of silence between two digits.
const PAUSE: u16 = 3;
/// Loudness of a digit, -dBm0.
const VOLUME: u8 = 10;
/// Samples after which a new segment of a held key begins: what the duration field can say,
/// less the packets that some senders leave.
const SEGMENT: RangeInclusive<u32> = 65_000..=65_535;
/// A timestamp that lies so many samples back, 10 s, is no packet that the network kept: the sender set
/// its clock anew.
const ANEW: i32 = -80_000;
/// Most digits that may wait.
const WAITING: usize = 64;

/// Event code of a key (RFC 4733, table 4); none for what is no key.
pub(crate) fn code(digit: char) -> Option<u8> {
    match digit.to_ascii_uppercase() {
        digit @ '0'..='9' => Some(digit as u8 - b'0'),
        '*' => Some(10),
        '#' => Some(11),
        digit @ 'A'..='D' => Some(digit as u8 - b'A' + 12),
        _ => None,
    }
}

fn key(code: u8) -> Option<char> {
    b"0123456789*#ABCD".get(usize::from(code)).map(|octet| char::from(*octet))
}

/// Reads the events of one stream: each key press once, whatever was lost or sent again.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    last: Option<Event>,
}

#[derive(Debug)]
struct Event {
    ssrc: u32,
    timestamp: u32,
    code: u8,
    ended: bool,
}

impl Reader {
    /// The key that this packet begins; none for one that goes on with a known event.
    pub(crate) fn packet(&mut self, packet: &View<'_>) -> Option<char> {
        let [code, flags, _, _, ..] = *packet.payload else { return None };
        let digit = key(code)?;
        let (ssrc, timestamp, ended) = (packet.ssrc, packet.timestamp, flags & 0x80 != 0);
        if let Some(last) = self.last.as_mut().filter(|last| last.ssrc == ssrc) {
            let ahead = timestamp.wrapping_sub(last.timestamp);
            // A key held longer than the duration field can say goes on in segments (RFC 4733,
            // section 2.5.1.3).
            let goes_on = !last.ended && !packet.marker && code == last.code && SEGMENT.contains(&ahead);
            if goes_on {
                last.timestamp = timestamp;
            }
            if goes_on || ahead == 0 {
                last.ended |= ended;
                return None;
            }
            if (ANEW..0).contains(&(ahead as i32)) {
                return None;
            }
        }
        self.last = Some(Event { ssrc, timestamp, code, ended });
        Some(digit)
    }
}

/// What goes out in this packet time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The event's payload; the first of an event begins a new timestamp.
    Event { payload: [u8; 4], first: bool },
    /// Silence between two digits.
    Pause,
}

impl Turn {
    /// The same as sound, when no telephone-event was agreed.
    pub(crate) fn sound(self, out: &mut [i16; PACKET]) {
        match self {
            Self::Event { payload: [code, flags, high, low], .. } if flags & 0x80 == 0 => {
                let until = usize::from(u16::from_be_bytes([high, low]));
                tones::make(code, until.saturating_sub(PACKET), usize::from(HELD) * PACKET, out);
            }
            // An event's end is told thrice; of a tone it is silence.
            Self::Event { .. } | Self::Pause => out.fill(0),
        }
    }
}

/// Digits on their way to the carrier.
#[derive(Debug)]
pub(crate) struct Sender {
    waiting: VecDeque<u8>,
    /// Packets of the present digit that went out.
    sent: u16,
}

impl Default for Sender {
    fn default() -> Self {
        // Keys of a desk phone come with its packets, and nothing is allocated for those.
        Self { waiting: VecDeque::with_capacity(WAITING), sent: 0 }
    }
}

impl Sender {
    /// Adds one key; false when it is none or too many wait.
    pub(crate) fn push_key(&mut self, key: char) -> bool {
        let code = code(key).filter(|_| self.waiting.len() < WAITING);
        self.waiting.extend(code);
        code.is_some()
    }

    /// Adds digits; false when one of them is no key or too many wait.
    pub(crate) fn push(&mut self, digits: &str) -> bool {
        let codes: Option<Vec<u8>> = digits.chars().map(code).collect();
        let Some(codes) = codes.filter(|codes| self.waiting.len() + codes.len() <= WAITING) else { return false };
        self.waiting.extend(codes);
        true
    }

    pub(crate) fn is_busy(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether a digit has begun and not ended.
    pub(crate) fn is_underway(&self) -> bool {
        self.sent > 0
    }

    /// Drops the digits that have not begun.
    pub(crate) fn cut(&mut self) {
        self.waiting.truncate(usize::from(self.is_underway()));
    }

    /// The next 20 ms; none when nothing is to be sent.
    pub(crate) fn turn(&mut self) -> Option<Turn> {
        let code = *self.waiting.front()?;
        let at = self.sent;
        self.sent += 1;
        if at >= HELD + ENDS {
            if self.sent >= HELD + ENDS + PAUSE {
                self.sent = 0;
                self.waiting.pop_front();
            }
            return Some(Turn::Pause);
        }
        let end = at >= HELD;
        let [high, low] = ((at + 1).min(HELD) * PACKET as u16).to_be_bytes();
        let payload = [code, VOLUME | if end { 0x80 } else { 0 }, high, low];
        Some(Turn::Event { payload, first: at == 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(ssrc: u32, timestamp: u32, marker: bool, payload: &[u8]) -> View<'_> {
        View { ssrc, seq: 0, timestamp, payload_type: 101, marker, payload }
    }

    #[test]
    fn each_key_goes_out_once_with_three_ends_and_comes_in_once() {
        let mut sender = Sender::default();
        assert!(sender.push("1*#d") && !sender.push("1x") && !sender.push(&"1".repeat(61)));
        let (mut reader, mut read) = (Reader::default(), String::new());
        let (mut timestamp, mut ends, mut packets) = (0, 0, 0_u32);
        while let Some(turn) = sender.turn() {
            packets += 1;
            let Turn::Event { payload, first } = turn else { continue };
            if first {
                timestamp = packets * 160;
            }
            ends += u32::from(payload[1] & 0x80 != 0);
            // Every second packet is lost.
            if packets % 2 == 0 {
                read.extend(reader.packet(&view(7, timestamp, false, &payload)));
            }
        }
        assert_eq!((read.as_str(), ends), ("1*#D", 12));
        assert_eq!(packets, 4 * u32::from(HELD + ENDS + PAUSE));
    }

    #[test]
    fn what_is_too_short_or_no_key_is_no_digit() {
        let mut reader = Reader::default();
        assert_eq!(reader.packet(&view(1, 1, true, &[1, 10, 0])), None);
        assert_eq!(reader.packet(&view(1, 1, true, &[16, 10, 0, 160])), None);
        assert_eq!(reader.packet(&view(1, 1, true, &[])), None);
    }

    #[test]
    fn a_key_that_is_held_for_half_a_minute_is_one_key() {
        let (mut reader, mut read) = (Reader::default(), String::new());
        for step in 0..1_500_u32 {
            let samples = (step + 1) * 160;
            let (segment, within) = (samples / 65_535, (samples % 65_535) as u16);
            let [high, low] = within.to_be_bytes();
            let flags = if step < 1_497 { 10 } else { 0x8a };
            read.extend(reader.packet(&view(3, 9 + segment * 65_535, step == 0, &[5, flags, high, low])));
        }
        assert_eq!(read, "5");
        // The same key again, and once more from another source with an older clock.
        assert_eq!(reader.packet(&view(3, 400_000, true, &[5, 10, 0, 160])), Some('5'));
        assert_eq!(reader.packet(&view(4, 7, true, &[5, 10, 0, 160])), Some('5'));
    }

    #[test]
    fn r4_1a_a_sender_that_sets_its_clock_back_presses_keys_all_the_same() {
        let mut reader = Reader::default();
        let mut press = |timestamp, code| reader.packet(&view(3, timestamp, true, &[code, 0x8a, 3, 32]));
        assert_eq!(press(28_800_000, 1), Some('1'));
        assert_eq!(press(160, 2), Some('2'), "an hour back: it began anew");
        assert_eq!(press(160, 2), None, "once");
        assert_eq!(press(1_600, 3), Some('3'));
        assert_eq!(press(160, 2), None, "and what the network kept is no key");
    }

    #[test]
    fn what_is_cut_ends_the_digit_that_has_begun_and_begins_no_other() {
        let mut sender = Sender::default();
        assert!(sender.push("123"));
        sender.turn();
        sender.cut();
        let rest = std::iter::from_fn(|| sender.turn()).count();
        assert_eq!(rest, usize::from(HELD + ENDS + PAUSE) - 1);
        assert!(sender.push("12"));
        sender.cut();
        assert!(!sender.is_busy() && sender.turn().is_none());
    }
}
