//! One call as it was on the wire, fit to be shown.

use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;
use songda_sip::{Direction, Flow, Ladder, LadderLine, mask};

fn flow() -> Flow {
    Flow::udp("192.0.2.10:5060".parse().unwrap())
}

fn invite(call_id: &str) -> String {
    format!(
        "INVITE sip:+8613812345678@carrier.test;user=phone SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n\
         From: \"王小明\" <sip:01012368@carrier.test>;tag=1\r\nTo: <sip:+8613812345678@carrier.test>\r\n\
         Call-ID: {call_id}\r\nCSeq: 1 INVITE\r\nP-Asserted-Identity: <tel:+86-10-1236-8000>\r\n\
         Content-Type: application/sdp\r\nContent-Length: 0\r\n\r\n\
         v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=secret subject\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
         m=audio 4000 RTP/AVP 8 101\r\na=sendonly\r\n"
    )
}

fn one(message: &str) -> LadderLine {
    let mut ladder = Ladder::new(4);
    let now = Instant::now();
    ladder.record(now, Direction::In, flow(), invite("c").into());
    ladder.record(now + Duration::from_millis(1234), Direction::Out, flow(), message.to_owned().into());
    ladder.lines("c").pop().unwrap()
}

#[test]
fn a_line_tells_what_happened_with_numbers_hidden_and_without_names_and_bodies() {
    let mut ladder = Ladder::new(4);
    ladder.record(Instant::now(), Direction::Out, flow(), invite("c").into());
    let line = ladder.lines("c").pop().unwrap();
    assert_eq!(
        line.to_string(),
        "   0.000 -> UDP 192.0.2.10:5060 INVITE sip:+861****5678@carrier.test;user=phone | CSeq: 1 INVITE \
         | SDP: audio 192.0.2.1:4000 8,101 sendonly | From: <sip:****68@carrier.test>;tag=1 \
         | To: <sip:+861****5678@carrier.test> | P-Asserted-Identity: <tel:+861****8000>"
    );
    let line = one("BYE sip:x@192.0.2.9 SIP/2.0\r\ni: c\r\nCSeq: 2 BYE\r\nReason: Q.850;cause=16;text=\"bye\"\r\n\r\n");
    assert_eq!(
        line.to_string(),
        "   1.234 -> UDP 192.0.2.10:5060 BYE sip:x@192.0.2.9 | CSeq: 2 BYE | Reason: Q.850;cause=16;text=\"bye\""
    );
    let line = one("SIP/2.0 503 Busy\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nRetry-After: 7\r\n\r\n");
    assert_eq!((line.what.as_str(), line.headers), ("503 Busy", vec![("Retry-After".to_owned(), "7".to_owned())]));
}

#[test]
fn numbers_are_hidden_however_they_are_written() {
    for (written, shown) in [
        ("13812345678", "138****5678"),
        ("+86 138-1234-5678", "+861****5678"),
        ("(010) 6234.5678", "(010****5678"),
        ("%31%33%38%31%32%33%34%35%36%37%38", "138****5678"),
        ("138%2D1234%205678", "138****5678"),
        ("１３８１２３４５６７８", "１３８****５６７８"),
        ("1234567", "****67"),
        ("123456789", "12****789"),
        ("12368", "12368"),
        ("110101199003070011x", "110****0011x"),
        ("192.0.2.10:5060", "192.0.2.10:5060"),
        ("IN IP4 192.168.100.200", "IN IP4 192.168.100.200"),
        ("1.2.3.4.5.6.7", "****67"),
        ("192.168.100.2001", "192****2001"),
        ("%3", "%3"),
        ("%3000000", "****00"),
    ] {
        assert_eq!(mask(written), shown, "{written}");
    }
}

#[test]
fn the_last_calls_are_kept_and_of_a_long_one_its_beginning_and_its_end() {
    let (mut ladder, now) = (Ladder::new(3), Instant::now());
    for call in ["a", "b", "c", "d"] {
        ladder.record(now, Direction::In, flow(), invite(call).into());
    }
    assert!(ladder.lines("a").is_empty());
    assert_eq!(ladder.lines("b").len(), 1);
    for n in 2..200 {
        let info = format!("INFO sip:x SIP/2.0\r\nCall-ID: d\r\nCSeq: {n} INFO\r\n\r\n");
        ladder.record(now, Direction::In, flow(), info.into());
    }
    let lines = ladder.lines("d");
    assert_eq!(lines.len(), 64);
    assert_eq!(lines[0].cseq, "1 INVITE");
    assert_eq!((lines[15].cseq.as_str(), lines[63].cseq.as_str()), ("16 INFO", "199 INFO"));
}

#[test]
fn only_calls_have_a_ladder() {
    let mut ladder = Ladder::new(3);
    let options = "OPTIONS sip:x SIP/2.0\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\n\r\n";
    for bytes in [options.as_bytes(), b"", b"\r\n\r\n", b"\0\xff\xfe", b"INVITE sip:x SIP/2.0"] {
        ladder.record(Instant::now(), Direction::In, flow(), Bytes::copy_from_slice(bytes));
    }
    assert!(ladder.lines("o").is_empty() && ladder.lines("").is_empty());
}

/// A number as somebody may write it into a message.
fn written(digits: &str, how: u8) -> String {
    let each = |f: &dyn Fn(char) -> String| digits.chars().map(f).collect::<String>();
    match how {
        0 => digits.to_owned(),
        1 => format!("+{digits}"),
        2 => each(&|c| format!("{c}-")),
        3 => each(&|c| format!("%3{c}")),
        4 => format!("{} {}", &digits[..3], &digits[3..]),
        5 => format!("tel:+86-{digits};phone-context=+{digits}"),
        6 => format!("\"{digits}\" <sip:{digits}@{digits}.test>;n={digits}"),
        _ => format!("a{digits}b.{digits}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn no_seven_digits_of_any_number_survive_in_any_line(
        digits in "[0-9]{7,15}",
        hows in prop::collection::vec(0_u8..8, 12),
        status in 100_u16..700,
        request in any::<bool>(),
        junk in "[ -~]{0,40}",
    ) {
        let n: Vec<String> = hows.iter().map(|how| written(&digits, *how)).collect();
        let start = if request {
            format!("{junk}INVITE sip:{}@h SIP/2.0", n[0])
        } else {
            format!("SIP/2.0 {status} {} {junk}", n[0])
        };
        let message = format!(
            "{start}\r\nFrom: {} <sip:{}@h>\r\nt: {}\r\nCall-ID: c\r\nCSeq: {} INVITE\r\nReason: {}\r\n\
             Contact: {junk}{}\r\nDiversion: {}\r\nWarning: 399 {}\r\nRefer-To: {}{junk}\r\nServer: {}\r\n\
             P-Asserted-Identity: {},{}\r\nRAck: {digits} {digits}\r\n\r\n\
             v=0\r\nc=IN IP4 {digits}\r\nm={digits} {digits} RTP/AVP {digits} 8\r\na={digits}\r\n",
            n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9], n[10], n[11], n[0],
        );
        let line = one(&message);
        let shown = format!("{line} {line:?} {}", serde_json::to_string(&line).unwrap());
        for window in digits.as_bytes().windows(7) {
            prop_assert!(!shown.contains(std::str::from_utf8(window).unwrap()), "{shown}");
        }
        // Nor with its separators taken out, but for addresses, which are none of the number's.
        let bare: String = shown.replace("192.0.2.10", "").chars().filter(|c| !"-() %".contains(*c)).collect();
        prop_assert!(!bare.contains(&digits), "{shown}");
    }

    #[test]
    fn no_bytes_make_the_ladder_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), cut in 0_usize..400) {
        let mut ladder = Ladder::new(2);
        ladder.record(Instant::now(), Direction::In, flow(), invite("c").into());
        ladder.record(Instant::now(), Direction::In, flow(), bytes.clone().into());
        let mut mixed = invite("c").into_bytes();
        mixed.truncate(cut);
        mixed.extend_from_slice(&bytes);
        ladder.record(Instant::now(), Direction::In, flow(), mixed.into());
        let _ = mask(&String::from_utf8_lossy(&bytes));
        prop_assert!(!ladder.lines("c").is_empty());
    }
}

#[test]
fn a_key_of_secured_sound_is_neither_shown_nor_kept() {
    let key = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
    let sdp = format!(
        "m=audio 4000 RTP/SAVP 8 101\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}|2^20;inline:{key} X=1\r\n\
         a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:{key}\r\na=sendonly\r\n"
    );
    let message = invite("c").replace("m=audio 4000 RTP/AVP 8 101\r\na=sendonly\r\n", &sdp);
    let mut ladder = Ladder::new(4);
    ladder.record(Instant::now(), Direction::Out, flow(), message.into());
    let line = ladder.lines("c").pop().unwrap();
    assert_eq!(line.sdp.as_deref(), Some("audio 192.0.2.1:4000 8,101 sendonly RTP/SAVP crypto"));
    assert!(!line.to_string().contains(&key[..8]), "{line}");
    // What is kept is what a body without headers would show.
    let kept =
        format!("INVITE sip:x SIP/2.0\r\nCall-ID: d\r\nCSeq: 1 INVITE\r\nContact: <sip:a@b>;x=inline:{key}\r\n\r\n");
    ladder.record(Instant::now(), Direction::Out, flow(), kept.into());
    let line = ladder.lines("d").pop().unwrap().to_string();
    assert!(line.contains("inline:****") && !line.contains(&key[..8]), "{line}");
}
