//! The carrier in virtual time: what is repeated, and when it gives up.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::carrier::{Carrier, Note, Output, Rules};
use super::digest::{Algorithm, Guard};
use super::forms::Forms;
use super::message::{Message, Response, parse};
use super::registrar::Registering;
use crate::numbers::Number;

const CALLER: &str = "02988009000";

/// A message of the caller.
fn text(method: &str, branch: &str, cseq: u32, to_tag: &str, extra: &str) -> Vec<u8> {
    let sdp = "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 8\r\n";
    let body = if method == "INVITE" { sdp } else { "" };
    format!(
        "{method} sip:13800000001@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{branch};rport\r\nFrom: <sip:{CALLER}@h>;tag=f\r\n\
         To: <sip:13800000001@h>{to_tag}\r\nCall-ID: c\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\nContact: <sip:a@127.0.0.1:9>\r\n\
         P-Asserted-Identity: <sip:{CALLER}@h>\r\n{extra}\r\n{body}"
    )
    .into_bytes()
}

struct Line {
    carrier: Carrier,
    from: SocketAddr,
    now: Instant,
    nonce: String,
    number: &'static str,
}

impl Line {
    fn new() -> Self {
        Self::to("13800000001")
    }

    /// A line on which every message is for this number.
    fn to(number: &'static str) -> Self {
        let local = "127.0.0.1:5060".parse().unwrap();
        let rules = Rules {
            local,
            callers: vec![Number::parse(CALLER).unwrap()],
            answer_after: Duration::from_secs(2),
            registering: Registering::default(),
            forms: Forms::default(),
            court: None,
        };
        let guard = Guard::new("r".into(), "u".into(), "p".into(), vec![Algorithm::Md5], Duration::from_mins(1));
        let mut count = 0;
        let tokens = Box::new(move || {
            count += 1;
            format!("{count:012x}")
        });
        let carrier = Carrier::new(rules, guard, tokens);
        Self { carrier, from: "127.0.0.1:9".parse().unwrap(), now: Instant::now(), nonce: String::new(), number }
    }

    fn send(&mut self, bytes: &[u8]) -> Vec<Output> {
        let Ok(text) = str::from_utf8(bytes) else { return self.carrier.datagram(bytes, self.from, self.now) };
        self.carrier.datagram(text.replace("13800000001", self.number).as_bytes(), self.from, self.now)
    }

    /// Challenge, acknowledgement and the INVITE with credentials.
    fn invite(&mut self) -> Vec<Output> {
        let challenge = text("INVITE", "1", 1, "", "");
        let out = self.send(&challenge);
        let response = first(&out);
        assert_eq!(response.status, 401);
        let value = response.headers.get("WWW-Authenticate").unwrap();
        self.nonce = value.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let ack = text("ACK", "1", 1, &to_tag(&response), "");
        assert!(self.send(&ack).is_empty());

        let (a1, a2) = (Algorithm::Md5.hash("u:r:p"), Algorithm::Md5.hash(&format!("INVITE:sip:{}@h", self.number)));
        let response = Algorithm::Md5.hash(&format!("{a1}:{}:00000001:c:auth:{a2}", self.nonce));
        let credentials = format!(
            "Authorization: Digest username=\"u\", realm=\"r\", nonce=\"{}\", uri=\"sip:13800000001@h\", qop=auth, nc=00000001, cnonce=\"c\", response=\"{response}\"\r\n",
            self.nonce
        );
        let bytes = text("INVITE", "2", 2, "", &credentials);
        self.send(&bytes)
    }

    fn ready(&mut self) -> Vec<Output> {
        self.carrier.media_ready("c", Some("127.0.0.1:7000".parse().unwrap()), self.now)
    }

    /// Lets time pass until something is due, at most `limit`; says how long it took.
    fn wait(&mut self, limit: Duration) -> (Duration, Vec<Output>) {
        let start = self.now;
        while let Some(due) = self.carrier.deadline().filter(|d| *d <= start + limit) {
            self.now = self.now.max(due);
            let out = self.carrier.tick(self.now);
            if !out.is_empty() {
                return (self.now - start, out);
            }
        }
        self.now = start + limit;
        (limit, Vec::new())
    }
}

fn responses(out: &[Output]) -> Vec<Response> {
    let sent = out.iter().filter_map(|o| match o {
        Output::Send(_, bytes) => parse(bytes).ok(),
        _ => None,
    });
    sent.filter_map(|m| match m {
        Message::Response(response) => Some(response),
        Message::Request(_) => None,
    })
    .collect()
}

fn first(out: &[Output]) -> Response {
    responses(out).remove(0)
}

fn to_tag(response: &Response) -> String {
    let to = response.headers.get("To").unwrap();
    to[to.find(";tag=").unwrap()..].to_owned()
}

fn byes(out: &[Output]) -> usize {
    out.iter().filter(|o| matches!(o, Output::Send(_, b) if b.starts_with(b"BYE "))).count()
}

#[test]
fn an_answer_is_repeated_at_growing_intervals_until_its_ack() {
    let mut line = Line::new();
    let statuses: Vec<u16> = responses(&line.invite()).iter().map(|r| r.status).collect();
    assert_eq!(statuses, [100]);
    assert_eq!(first(&line.ready()).status, 180);
    let (rang, out) = line.wait(Duration::from_secs(3));
    let answer = first(&out);
    assert_eq!((rang, answer.status), (Duration::from_secs(2), 200));
    let gaps: Vec<u128> = (0..4).map(|_| line.wait(Duration::from_secs(9)).0.as_millis()).collect();
    assert_eq!(gaps, [500, 1000, 2000, 4000]);

    let ack = text("ACK", "3", 2, &to_tag(&answer), "");
    let out = line.send(&ack);
    assert!(matches!(&out[..], [Output::Note { note: Note::Acked, .. }]));
    let (_, out) = line.wait(Duration::from_secs(40));
    assert!(responses(&out).is_empty());
}

#[test]
fn an_answer_that_nobody_acknowledges_is_hung_up_after_thirty_two_seconds() {
    let mut line = Line::new();
    line.invite();
    line.ready();
    line.wait(Duration::from_secs(3));
    let answered = line.now;
    let hung_up = (0..20).find(|_| byes(&line.wait(Duration::from_secs(9)).1) == 1);
    assert!(hung_up.is_some());
    assert_eq!(line.now - answered, Duration::from_secs(32));
}

#[test]
fn a_cancelled_call_repeats_its_487_until_the_ack_and_is_forgotten() {
    let mut line = Line::new();
    line.invite();
    line.ready();
    let cancel = text("CANCEL", "2", 2, "", "");
    let out = line.send(&cancel);
    let answers = responses(&out);
    assert_eq!(answers.iter().map(|r| r.status).collect::<Vec<_>>(), [200, 487]);
    let (gap, out) = line.wait(Duration::from_secs(1));
    assert_eq!((gap.as_millis(), first(&out).status), (500, 487));
    // The repeated CANCEL gets its first answer again.
    assert_eq!(first(&line.send(&cancel)).status, 200);
    let ack = text("ACK", "2", 2, &to_tag(&answers[1]), "");
    line.send(&ack);
    assert!(line.wait(Duration::from_mins(2)).1.is_empty());
    assert!(line.carrier.deadline().is_none());
}

#[test]
fn a_repeated_invite_gets_the_last_answer_and_no_second_call() {
    let mut line = Line::new();
    line.invite();
    line.ready();
    let bytes = text("INVITE", "2", 2, "", "");
    let out = line.send(&bytes);
    assert_eq!(responses(&out).iter().map(|r| r.status).collect::<Vec<_>>(), [180]);
    assert_eq!(out.len(), 1);
}

#[test]
fn no_mangled_message_panics() {
    let whole = text("INVITE", "1", 1, "", "");
    let mut line = Line::new();
    for at in 0..whole.len() {
        line.send(&whole[..at]);
        for byte in [0, b'\r', b';', b',', b'"', 0xFF] {
            let mut mangled = whole.clone();
            mangled[at] = byte;
            line.send(&mangled);
        }
    }
}

impl Line {
    /// A call that is up; gives the tag of the party.
    fn up() -> (Self, String) {
        Self::up_to("13800000001")
    }

    fn up_to(number: &'static str) -> (Self, String) {
        let mut line = Self::to(number);
        line.invite();
        line.ready();
        let answer = first(&line.wait(Duration::from_secs(3)).1);
        let tag = to_tag(&answer);
        line.send(&text("ACK", "3", 2, &tag, ""));
        (line, tag)
    }
}

#[test]
fn an_offer_inside_a_call_moves_the_media_and_a_late_one_is_refused() {
    let (mut line, tag) = Line::up();
    let out = line.send(&text("INVITE", "4", 3, &tag, ""));
    assert_eq!(first(&out).status, 200);
    assert!(out.iter().any(|o| matches!(o, Output::Retarget { .. })));
    // Not acknowledged yet: another one is out of order.
    assert_eq!(first(&line.send(&text("INVITE", "5", 4, &tag, ""))).status, 500);
    line.send(&text("ACK", "6", 3, &tag, ""));
    assert_eq!(first(&line.send(&text("INVITE", "7", 3, &tag, ""))).status, 500);
    assert_eq!(first(&line.send(&text("INVITE", "8", 9, ";tag=other", ""))).status, 481);
}

#[test]
fn a_carrier_that_stops_hangs_up_and_repeats_its_bye_until_it_is_answered() {
    let (mut line, _) = Line::up();
    let out = line.carrier.stop(line.now);
    assert_eq!(byes(&out), 1);
    let (gap, out) = line.wait(Duration::from_secs(1));
    assert_eq!((gap.as_millis(), byes(&out)), (500, 1));
    let bye = out.into_iter().find_map(|o| match o {
        Output::Send(_, bytes) => Some(String::from_utf8(bytes).unwrap()),
        _ => None,
    });
    let answer = bye.unwrap().replacen("BYE sip:a@127.0.0.1:9 SIP/2.0", "SIP/2.0 200 OK", 1);
    line.send(answer.as_bytes());
    assert!(line.wait(Duration::from_mins(2)).1.is_empty());
}

#[test]
fn a_mailbox_hangs_up_when_its_script_is_over_and_a_machine_that_listens_does_not() {
    for (number, hangs_up) in [("13800007500", 1), ("13800007600", 0), ("13800007700", 0)] {
        let (mut line, _) = Line::up_to(number);
        assert_eq!(byes(&line.carrier.script_over("c", line.now)), hangs_up, "{number}");
    }
}

#[test]
fn other_requests_get_the_answer_the_rfc_asks_for() {
    let mut line = Line::new();
    assert_eq!(first(&line.send(&text("OPTIONS", "1", 1, "", ""))).status, 200);
    let refused = first(&line.send(&text("PUBLISH", "2", 1, "", "")));
    assert_eq!((refused.status, refused.headers.get("Allow").is_some()), (405, true));
    assert_eq!(first(&line.send(&text("BYE", "3", 1, ";tag=x", ""))).status, 481);
    assert_eq!(first(&line.send(&text("CANCEL", "4", 1, "", ""))).status, 481);
    assert_eq!(first(&line.send(&text("INVITE", "5", 1, "", "Require: 100rel\r\n"))).status, 420);
}
