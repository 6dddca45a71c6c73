//! Races of the RFCs in virtual time: one call of ours against an other end whose every message
//! the test writes.

mod bodies;
mod changed;
mod credentials;
mod elsewhere;
mod large;
mod placed;
mod refreshed;
mod reliable;
mod secured;
mod taken;
mod transferred;

use std::{
    fmt::Write as _,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use songda_sip::{
    Ended, Flow, Invite, LegEvent, Number, OutboundCall, Rejection, Targets, Trunk,
    machine::{CallCore, Key, Message, Method, Out, Request, Response, parse, print_response},
};

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n";

/// What is described at this port.
fn sdp(port: u16) -> String {
    SDP.replace("4000", &port.to_string())
}

fn far() -> SocketAddr {
    "127.0.0.1:5070".parse().unwrap()
}

/// One call against an other end whose messages the test writes.
struct Bench {
    core: CallCore,
    /// By which way the other end's messages come.
    by: Flow,
    now: Instant,
    id: String,
    /// From of the other end's requests without a tag, To with ours, Call-ID.
    names: (String, String, String),
    sent: Vec<Request>,
    /// Where each of these went.
    ways: Vec<Flow>,
    answers: Vec<Response>,
    events: Vec<LegEvent>,
    down: Vec<bool>,
    invites: Vec<Invite>,
    /// Requests outside of any dialog.
    outside: Vec<(Key, Request)>,
    answered: Vec<(Key, Option<u16>)>,
    /// Hosts that are asked last from now on.
    last: Vec<(SocketAddr, Duration)>,
    /// What is told to be kept is kept.
    keeps: bool,
    /// Calls that come in are refused at once.
    refuses: bool,
}

impl Bench {
    fn empty() -> Self {
        let mut counter = 0;
        let random = move || {
            counter += 1;
            counter
        };
        let core = CallCore::new(SocketAddr::from(([127, 0, 0, 1], 5060)), "songda-test".into(), Box::new(random));
        Self {
            core,
            by: Flow::udp(far()),
            now: Instant::now(),
            id: String::new(),
            names: <_>::default(),
            sent: vec![],
            ways: vec![],
            answers: vec![],
            events: vec![],
            down: vec![],
            invites: vec![],
            outside: vec![],
            answered: vec![],
            last: vec![],
            keeps: true,
            refuses: true,
        }
    }

    fn trunk() -> Trunk {
        Trunk {
            name: "t".into(),
            proxy: far().to_string(),
            domain: "carrier.test".into(),
            username: "court".into(),
            password: "secret".to_owned().into(),
            ..Trunk::default()
        }
    }

    /// A call that we place.
    fn new() -> Self {
        Self::dialled(Self::trunk())
    }

    fn dialled(trunk: Trunk) -> Self {
        Self::dialled_at(trunk, far())
    }

    fn dialled_at(trunk: Trunk, targets: impl Into<Targets>) -> Self {
        let mut bench = Self::empty();
        bench.dial(trunk, targets);
        bench
    }

    /// One more call, which is the one that counts from here on.
    fn dial(&mut self, trunk: Trunk, targets: impl Into<Targets>) {
        let call = OutboundCall {
            trunk: Arc::new(trunk),
            callee: Number::new("138 0000 0001"),
            caller: Number::new("029-88009000"),
            offer: SDP.into(),
            ring_limit: Duration::from_secs(50),
        };
        (self.events, self.down) = (vec![], vec![]);
        self.id = self.core.dial(self.now, call, targets);
        self.drain();
        let header = |name| self.invite().headers.get(name).unwrap().to_owned();
        self.names = (header("To"), header("From"), header("Call-ID"));
    }

    /// A call that comes in.
    fn called(extra: &[(&str, &str)], offer: &str) -> Self {
        let mut bench = Self::empty();
        bench.refuses = false;
        bench.names = (
            "\"Zhang\" <sip:13900000002@carrier.test>".into(),
            "<sip:02988009000@127.0.0.1:5060>".into(),
            "in-1@carrier.test".into(),
        );
        bench.ask_with("INVITE", 1, "a", extra, offer);
        bench
    }

    fn drain(&mut self) {
        while let Some(out) = self.core.poll() {
            match out {
                Out::Send(way, bytes) => match parse(&bytes).unwrap() {
                    (Message::Request(request), defects) => {
                        assert!(defects.is_empty(), "{defects:?}");
                        self.sent.push(request);
                        self.ways.push(way);
                    }
                    (Message::Response(response), defects) => {
                        assert!(defects.is_empty(), "{defects:?}");
                        // The dialog has its second name.
                        if let Some(tag) = response.headers.tag("To").filter(|_| self.names.1.find(";tag=").is_none()) {
                            self.names.1 = format!("{};tag={tag}", self.names.1);
                        }
                        self.answers.push(response);
                    }
                },
                Out::Incoming(id, invite) => {
                    if self.refuses {
                        self.core.reject(self.now, &id, &Rejection::status(480));
                    } else if self.id.is_empty() {
                        self.id = id;
                    }
                    self.invites.push(*invite);
                }
                Out::Event(id, LegEvent::Saved(_)) if self.keeps => self.core.kept(self.now, &id),
                Out::Event(_, LegEvent::Saved(_)) | Out::Finished(..) => {}
                Out::Last(host, rest) => self.last.push((host.remote, rest)),
                Out::Event(id, _) if id != self.id => {}
                Out::Event(_, LegEvent::Down { answered }) => self.down.push(answered),
                Out::Event(_, event) => {
                    assert!(self.down.is_empty(), "nothing follows the last event: {event:?}");
                    self.events.push(event);
                }
                Out::Outside(key, request, _) => self.outside.push((key, request)),
                Out::Answered(key, response) => self.answered.push((key, Some(response.status))),
                Out::Unanswered(key) => self.answered.push((key, None)),
            }
        }
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.core.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.core.tick(self.now);
            self.drain();
        }
        self.now = end;
    }

    fn secs(&mut self, seconds: u64) {
        self.wait(Duration::from_secs(seconds));
    }

    /// Does something to the call.
    fn act(&mut self, act: impl FnOnce(&mut CallCore, Instant, &str)) {
        let id = self.id.clone();
        act(&mut self.core, self.now, &id);
        self.drain();
    }

    fn last(&self, method: &Method) -> Request {
        self.sent.iter().rfind(|request| request.method == *method).unwrap().clone()
    }

    fn invite(&self) -> Request {
        self.last(&Method::INVITE)
    }

    /// Answers the newest INVITE.
    fn answer(&mut self, status: u16, tag: &str, extra: &[(&str, &str)], body: &str) {
        self.reply(&self.invite(), status, tag, extra, body);
    }

    fn answer_to(&mut self, request: &Request, status: u16) {
        self.answer_with(request, status, &[]);
    }

    fn answer_with(&mut self, request: &Request, status: u16, extra: &[(&str, &str)]) {
        self.reply(request, status, "far", extra, "");
    }

    /// Answers a request of ours; `tag` is that of To where it had none.
    fn reply(&mut self, request: &Request, status: u16, tag: &str, extra: &[(&str, &str)], body: &str) {
        let mut response = Response::to(request, status, tag);
        response.headers.push("Contact", format!("<sip:party-{tag}@127.0.0.1:5070>"));
        for (name, value) in extra {
            response.headers.push(name, *value);
        }
        response.body = body.as_bytes().to_vec();
        self.core.receive(self.now, &print_response(&response), self.by);
        self.drain();
    }

    /// A request of the other end inside the dialog with this tag of it.
    fn ask(&mut self, method: &str, cseq: u32, tag: &str, body: &str) {
        self.ask_with(method, cseq, tag, &[], body);
    }

    fn ask_with(&mut self, method: &str, cseq: u32, tag: &str, extra: &[(&str, &str)], body: &str) {
        let (from, to, call_id) = &self.names;
        let branch = if method == "ACK" { "INVITE" } else { method };
        let mut text = format!(
            "{method} sip:02988009000@127.0.0.1:5060 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-{branch}-{cseq}-{tag}\r\n\
             Max-Forwards: 70\r\nFrom: {from};tag={tag}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n",
        );
        for (name, value) in extra {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        if method != "CANCEL" {
            text.push_str("Contact: <sip:party@127.0.0.1:5070>\r\n");
        }
        if !body.is_empty() && !text.contains("Content-Type") {
            text.push_str("Content-Type: application/sdp\r\n");
        }
        write!(text, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        self.core.receive(self.now, text.as_bytes(), self.by);
        self.drain();
    }

    /// CANCEL of an INVITE that came in: its To has no tag.
    fn cancel(&mut self, cseq: u32, tag: &str, extra: &[(&str, &str)]) {
        let (from, to, call_id) = &self.names;
        let to = to.split(";tag=").next().unwrap();
        let mut text = format!(
            "CANCEL sip:02988009000@127.0.0.1:5060 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-INVITE-{cseq}-{tag}\r\n\
             Max-Forwards: 70\r\nFrom: {from};tag={tag}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} CANCEL\r\n",
        );
        for (name, value) in extra {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        text.push_str("Content-Length: 0\r\n\r\n");
        self.core.receive(self.now, text.as_bytes(), self.by);
        self.drain();
    }

    fn ring(&mut self) {
        self.act(CallCore::ring);
    }

    fn hang_up(&mut self) {
        self.act(CallCore::hang_up);
    }

    fn count(&self, method: &Method) -> usize {
        self.sent.iter().filter(|request| request.method == *method).count()
    }

    /// How many requests of this method went out, their repeats aside.
    fn fresh(&self, method: &Method) -> usize {
        let mut ways: Vec<_> = self.sent.iter().filter(|request| request.method == *method).collect();
        ways.dedup_by_key(|request| request.headers.get("Via").unwrap().to_owned());
        ways.len()
    }

    /// How many answers with this status went out to this method.
    fn given(&self, method: &str, status: u16) -> usize {
        let to = |answer: &&Response| answer.headers.cseq().is_some_and(|(_, named)| named.as_str() == method);
        self.answers.iter().filter(to).filter(|answer| answer.status == status).count()
    }

    fn status(&self) -> u16 {
        self.answers.last().unwrap().status
    }

    fn body(&self) -> String {
        String::from_utf8(self.answers.last().unwrap().body.clone()).unwrap()
    }

    fn end(&self) -> &Ended {
        match self.events.last() {
            Some(LegEvent::Ended(ended)) => ended,
            other => panic!("not ended: {other:?}"),
        }
    }

    fn is_up(&self) -> bool {
        !self.events.iter().any(|event| matches!(event, LegEvent::Ended(_)))
    }

    fn settle(&mut self) {
        self.secs(400);
        assert!(self.core.is_empty(), "tables are empty in the end: {:?}", self.core);
        assert_eq!(self.down.len(), 1, "told once that it is down");
        assert_eq!(self.events.iter().filter(|event| matches!(event, LegEvent::Ended(_))).count(), 1);
    }
}
