//! Digits as telephone-events (RFC 4733): read from the carrier, made for it.

use std::collections::VecDeque;

use crate::PACKET;

/// A digit is held for this many packets of 20 ms.
const HELD: u16 = 5;
/// The end of an event is sent three times (RFC 4733, section 2.5.1.4).
const ENDS: u16 = 3;
/// Packets of silence between two digits.
const PAUSE: u16 = 3;
/// Loudness of a digit, -dBm0.
const VOLUME: u8 = 10;
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
    last: Option<(u32, u32)>,
}

impl Reader {
    /// The key that this packet begins; none for one that goes on with a known event.
    pub(crate) fn packet(&mut self, ssrc: u32, timestamp: u32, payload: &[u8]) -> Option<char> {
        let digit = key(*payload.first().filter(|_| payload.len() >= 4)?)?;
        if let Some((of, at)) = self.last
            && of == ssrc
            && (timestamp.wrapping_sub(at) as i32) <= 0
        {
            return None;
        }
        self.last = Some((ssrc, timestamp));
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

/// Digits on their way to the carrier.
#[derive(Debug, Default)]
pub(crate) struct Sender {
    waiting: VecDeque<u8>,
    /// Packets of the present digit that went out.
    sent: u16,
}

impl Sender {
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

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
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
                read.extend(reader.packet(7, timestamp, &payload));
            }
        }
        assert_eq!((read.as_str(), ends), ("1*#D", 12));
        assert_eq!(packets, 4 * u32::from(HELD + ENDS + PAUSE));
    }

    #[test]
    fn what_is_too_short_or_no_key_is_no_digit() {
        let mut reader = Reader::default();
        assert_eq!(reader.packet(1, 1, &[1, 10, 0]), None);
        assert_eq!(reader.packet(1, 1, &[16, 10, 0, 160]), None);
        assert_eq!(reader.packet(1, 1, &[]), None);
    }
}
