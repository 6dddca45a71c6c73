//! Telephone-events (RFC 4733): the keys that a party hears, strictly, and those it presses.

use crate::party::player::Key;

const KEYS: &[u8] = b"0123456789*#ABCD";
/// Loudness of a key, -dBm0.
const VOLUME: u8 = 10;
/// What a receiver must take for a key at all: 40 ms (ITU-T Q.24).
const SHORTEST: u16 = 320;

/// What a packet of events brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// A key, once, whatever many packets carry it.
    pub(crate) digit: Option<char>,
    /// What the sender did wrong.
    pub(crate) wrong: Option<&'static str>,
}

/// Reads the events of a stream.
#[derive(Default)]
pub(crate) struct Events {
    last: Option<Event>,
}

#[derive(Clone, Copy)]
struct Event {
    source: u32,
    timestamp: u32,
    code: u8,
    duration: u16,
    ended: bool,
}

impl Events {
    pub(crate) fn packet(&mut self, source: u32, timestamp: u32, marked: bool, payload: &[u8]) -> Heard {
        let [code, flags, high, low] = *payload else {
            return Heard { digit: None, wrong: Some("a telephone-event that is not four octets") };
        };
        let now =
            Event { source, timestamp, code, duration: u16::from_be_bytes([high, low]), ended: flags & 0x80 != 0 };
        let wrong = match self.last.filter(|last| last.source == source) {
            Some(last) if last.timestamp == timestamp => {
                let wrong = now.breaks(last);
                self.last = Some(Event { ended: last.ended || now.ended, ..now });
                return Heard { digit: None, wrong };
            }
            // Late.
            Some(last) if timestamp.wrapping_sub(last.timestamp).cast_signed() < 0 => return Heard::default(),
            Some(last) if !last.ended => Some("a telephone-event was never ended"),
            _ if !marked => Some("the first packet of a telephone-event is not marked"),
            _ => now.too_short(),
        };
        self.last = Some(now);
        let digit = KEYS.get(usize::from(code)).map(|key| char::from(*key));
        Heard { digit, wrong: wrong.or(digit.is_none().then_some("a telephone-event that is no key")) }
    }
}

impl Event {
    /// What is wrong with a packet of the same event as `last`.
    fn breaks(self, last: Self) -> Option<&'static str> {
        if self.code != last.code {
            Some("a telephone-event changed its key")
        } else if self.duration < last.duration {
            Some("a telephone-event became shorter")
        } else if last.ended && (!self.ended || self.duration != last.duration) {
            Some("a telephone-event went on after its end")
        } else {
            self.too_short()
        }
    }

    fn too_short(self) -> Option<&'static str> {
        (self.ended && self.duration < SHORTEST).then_some("a telephone-event is shorter than 40 ms")
    }
}

/// The payload of a key; none for what is no key.
pub(crate) fn payload(key: Key) -> Option<[u8; 4]> {
    let code = KEYS.iter().position(|known| char::from(*known) == key.digit)? as u8;
    let [high, low] = key.duration.to_be_bytes();
    Some([code, VOLUME | if key.end { 0x80 } else { 0 }, high, low])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets of one event: (marked, end, duration).
    fn event(events: &mut Events, timestamp: u32, code: u8, packets: &[(bool, bool, u16)]) -> Vec<Heard> {
        let packet = |&(marked, end, duration): &(bool, bool, u16)| {
            let [high, low] = duration.to_be_bytes();
            events.packet(1, timestamp, marked, &[code, if end { 0x8A } else { 0x0A }, high, low])
        };
        packets.iter().map(packet).collect()
    }

    fn wrong(heard: &[Heard]) -> Vec<&'static str> {
        heard.iter().filter_map(|heard| heard.wrong).collect()
    }

    const WHOLE: &[(bool, bool, u16)] =
        &[(true, false, 160), (false, false, 320), (false, true, 480), (false, true, 480), (false, true, 480)];

    #[test]
    fn a_key_counts_once_and_a_second_press_is_another() {
        let mut events = Events::default();
        let mut heard = event(&mut events, 100, 11, WHOLE);
        heard.extend(event(&mut events, 900, 11, WHOLE));
        assert_eq!(heard.iter().filter_map(|heard| heard.digit).collect::<String>(), "##");
        assert_eq!(wrong(&heard), Vec::<&str>::new());
    }

    #[test]
    fn a_key_that_is_not_told_as_the_rfc_wants_is_complained_of() {
        for (packets, complaint) in [
            (&[(false, false, 160)][..], "not marked"),
            (&[(true, false, 320), (false, false, 160)], "became shorter"),
            (&[(true, false, 320), (false, true, 480), (false, true, 640)], "after its end"),
            (&[(true, false, 160), (false, true, 160)], "shorter than 40 ms"),
        ] {
            let said = wrong(&event(&mut Events::default(), 5, 1, packets));
            assert!(said.len() == 1 && said[0].contains(complaint), "{said:?}");
        }
        let mut events = Events::default();
        event(&mut events, 100, 1, &[(true, false, 160)]);
        assert_eq!(wrong(&event(&mut events, 900, 2, WHOLE)), ["a telephone-event was never ended"]);
        assert_eq!(wrong(&event(&mut events, 2_000, 16, &WHOLE[..1])), ["a telephone-event that is no key"]);
    }
}
