//! What a carrier says of its sound, sound that is secured by keys, and browsers by TCP.

use std::collections::{HashMap, HashSet};

use songda_media::{
    Security,
    inside::{CarrierDoor, Remote, SecuredDoor, unframed},
};

/// A carrier's session description, as an offer and as an answer, behind an octet that says whether the
/// leg is secured. A key is agreed on where it must be and nowhere else, and it is one that each end
/// has a key for; each stream of an offer has its answer, and one of them at most is taken.
pub fn carrier(bytes: &[u8]) {
    let Some((mode, rest)) = bytes.split_first() else { return };
    let security = [Security::Off, Security::Optional, Security::Required][usize::from(mode % 3)];
    let (text, door) = (String::from_utf8_lossy(rest), CarrierDoor::new(security));
    let sound = |remote: &Remote| {
        let secured = remote.crypto.is_some();
        assert!(if secured { security != Security::Off } else { security != Security::Required }, "{security:?}");
        assert!((50..=100).contains(&remote.rate), "{} packets a second", remote.rate);
    };
    // Number and suite, and nothing of the key itself.
    let printed = |key| format!("{key:?}");
    if let Ok((remote, answer)) = door.offers(&text) {
        sound(&remote);
        let streams = |sdp: &str| sdp.lines().filter(|line| line.starts_with("m=")).count();
        assert_eq!(streams(&answer), streams(&text), "{answer}");
        let taken = answer.lines().filter(|line| line.starts_with("m=") && line.split(' ').nth(1) != Some("0"));
        assert_eq!(taken.count(), 1, "{answer}");
        let ours: Vec<String> = CarrierDoor::keys_in(&answer).into_iter().map(printed).collect();
        assert_eq!(ours, remote.crypto.map(printed).into_iter().collect::<Vec<_>>(), "{answer}");
    }
    if let Ok(remote) = door.answers(&text) {
        sound(&remote);
        let offered: Vec<String> = CarrierDoor::keys_in(&door.offer()).into_iter().map(printed).collect();
        assert!(remote.crypto.map(printed).is_none_or(|theirs| offered.contains(&theirs)), "a key that nobody offered");
    }
}

/// Datagrams to a leg that is secured, each behind two octets: what it is, and how long. The other end
/// may have sent it, and somebody on the way may have cut it or altered it; or it comes from a stranger.
/// What opens was sent, unless the stranger knows the tag, is what was sent, and opens once.
pub fn srtp(bytes: &[u8]) {
    let Some((mode, mut rest)) = bytes.split_first() else { return };
    let mut door = SecuredDoor::open(mode & 1 == 1);
    let (mut sent, mut opened) = (HashMap::new(), HashSet::new());
    while let [what, len, tail @ ..] = rest {
        let (body, behind) = tail.split_at(usize::from(*len).min(tail.len()));
        rest = behind;
        let (control, way, place) = (what & 1 == 1, what >> 1 & 3, usize::from(what >> 3));
        let datagram = if way == 0 {
            body.to_vec()
        } else {
            let clear = packet(body, control);
            let Some(mut datagram) = door.send(&clear, control) else { continue };
            assert!(datagram.len() > clear.len());
            let before = sent.insert((control, datagram.clone()), clear);
            assert!(before.is_none(), "two packets are sealed alike");
            let at = (datagram.len() - 1) * place / 31;
            match way {
                1 => {}
                2 => datagram.truncate(at),
                _ => datagram[at] ^= 1 << (place % 8),
            }
            datagram
        };
        if let Some(clear) = door.take(&datagram, control) {
            let is = (control, datagram);
            // The fuzzer sees tags compared, and so learns the right one for a stranger's datagram.
            assert!(way == 0 || sent.get(&is) == Some(&clear), "what nobody sent is opened");
            assert!(opened.insert(is), "it is opened twice");
        }
    }
}

/// A packet of sound under the number in the first two octets, or a report.
fn packet(body: &[u8], control: bool) -> Vec<u8> {
    if control {
        return [&[0x80, 201, 0, 1, 0, 0, 0, 7], body].concat();
    }
    let number = [body.first().copied().unwrap_or(0), body.get(1).copied().unwrap_or(0)];
    [&[0x80, 8], &number[..], &[0, 0, 0, 160, 0, 0, 0, 7], body].concat()
}

/// A browser's connection: in whatever pieces of so many octets it comes, it holds the same datagrams,
/// and no more is kept than one of them.
pub fn frames(bytes: &[u8]) {
    let Some((step, stream)) = bytes.split_first() else { return };
    let waits = |octets| assert!(octets < 1_602, "{octets} octets are kept");
    let (all, refused) = unframed(std::iter::once(stream), waits);
    let again = unframed(stream.chunks(usize::from(*step) + 1), waits);
    assert_eq!((&all, refused), (&again.0, again.1));
    let mut printed = Vec::new();
    for frame in all {
        printed.extend((frame.len() as u16).to_be_bytes());
        printed.extend(frame);
    }
    assert!(stream.starts_with(&printed), "other datagrams than came");
}
