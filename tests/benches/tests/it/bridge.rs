//! The bridge between peers that we do not control: SIPp, and a pair written by hand that marks
//! everything it says.

use std::{
    net::{SocketAddr, UdpSocket},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

fn free() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Whether somebody has this UDP port. Trying to take it would keep it from him.
fn is_taken(address: SocketAddr) -> bool {
    let port = format!(":{:04X} ", address.port());
    std::fs::read_to_string("/proc/net/udp").unwrap().contains(&port)
}

/// A bridge that runs until it is dropped.
struct Bridge {
    child: Child,
    address: SocketAddr,
}

impl Bridge {
    fn start(to: SocketAddr) -> Self {
        Self::start_with(to, &[])
    }

    fn start_with(to: SocketAddr, more: &[&str]) -> Self {
        let address = free();
        let mut child = Command::new(env!("CARGO_BIN_EXE_songda-bench"))
            .args(["bridge", "--listen", &address.to_string(), "--to", &to.to_string()])
            .args(more)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while !is_taken(address) {
            assert!(begun.elapsed() < Duration::from_secs(20), "the bridge does not listen");
            assert!(child.try_wait().unwrap().is_none(), "the bridge ended");
            std::thread::yield_now();
        }
        Self { child, address }
    }

    fn terminate(&mut self) {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn sipp_calls_sipp_through_the_bridge() {
    let _alone = crate::alone();
    let folder = tempfile::tempdir().unwrap();
    let answers = free();
    let sipp = |arguments: &[&str]| {
        Command::new("sipp")
            .args(arguments)
            .args(["-i", "127.0.0.1", "-m", "20", "-nostdin", "-timeout", "60"])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("SIPp is needed: apt-get install sip-tester")
    };
    let mut called = sipp(&["-sn", "uas", "-p", &answers.port().to_string()]);
    let bridge = Bridge::start(answers);
    let mut calling =
        sipp(&["-sn", "uac", "-p", &free().port().to_string(), "-r", "20", "-s", "12368", &bridge.address.to_string()]);
    assert!(calling.wait().unwrap().success(), "the calling side");
    assert!(called.wait().unwrap().success(), "the called side");
}

/// One end written by hand.
struct End(UdpSocket);

impl End {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self(socket)
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    fn send(&self, to: SocketAddr, text: &str) {
        self.0.send_to(text.replace('\n', "\r\n").as_bytes(), to).unwrap();
    }

    /// The next message that begins so; what else comes is kept in `seen`, too.
    fn until(&self, start: &str, seen: &mut String) -> String {
        let mut buffer = vec![0; 65_536];
        loop {
            let (length, _) = self.0.recv_from(&mut buffer).unwrap_or_else(|_| panic!("no {start} in time; {seen}"));
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            seen.push_str(&text);
            if text.starts_with(start) {
                return text;
            }
        }
    }
}

fn header<'a>(message: &'a str, name: &str) -> &'a str {
    let line = message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {name} in {message}"))
}

/// The end of a message with an SDP.
fn sdp(port: u16) -> String {
    let sdp = format!(
        "v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} RTP/AVP 8\na=rtpmap:8 PCMA/8000\n"
    );
    let length = sdp.len() + sdp.lines().count();
    format!("Content-Type: application/sdp\nContent-Length: {length}\n\n{sdp}")
}

fn vias(message: &str) -> String {
    let vias: Vec<&str> = message.lines().filter(|line| line.starts_with("Via:")).collect();
    vias.join("\n") + "\n"
}

#[test]
fn nothing_of_one_legs_headers_reaches_the_other() {
    let _alone = crate::alone();
    let (caller, called) = (End::new(), End::new());
    let bridge = Bridge::start(called.address());
    let (from, to, through) = (caller.address(), called.address(), bridge.address);
    // Everything that one side says of itself carries its mark.
    let (mut at_called, mut at_caller) = (String::new(), String::new());
    caller.send(
        through,
        &format!(
            "INVITE sip:12368@{through};mark=secretA SIP/2.0\n\
             Via: SIP/2.0/UDP {from};branch=z9hG4bKsecretA\nVia: SIP/2.0/UDP secretA.test;branch=z9hG4bKx\n\
             Max-Forwards: 61\nRecord-Route: <sip:secretA.test;lr>\n\
             From: \"secretA\" <sip:01012345@secretA.test>;tag=secretA\nTo: \"secretA\" <sip:12368@secretA.test>\n\
             Call-ID: secretA@secretA\nCSeq: 4711 INVITE\nContact: <sip:secretA@{from};secretA>\n\
             User-Agent: secretA/1\nSubject: secretA\nOrganization: secretA\nCall-Info: <http://secretA.test>\n\
             Diversion: <sip:secretA@secretA.test>;reason=no-answer\nHistory-Info: <sip:secretA@secretA.test>;index=1\n\
             P-Charging-Vector: icid-value=secretA\nP-Access-Network-Info: secretA\nX-Own: secretA\n\
             Date: secretA\nReply-To: <sip:secretA@secretA.test>\nReferred-By: <sip:secretA@secretA.test>\n\
             {}",
            sdp(4000)
        ),
    );
    let invite = called.until("INVITE ", &mut at_called);
    let answer = |status: &str| {
        format!(
            "SIP/2.0 {status} secretB\n{}From: {}\nTo: {};tag=secretB\nCall-ID: {}\nCSeq: {}\n\
             Record-Route: <sip:{to};lr;secretB>\nContact: <sip:secretB@{to}>\nServer: secretB\nX-Own: secretB\n\
             P-Asserted-Identity: \"secretB\" <sip:secretB@secretB.test>\nWarning: 399 secretB \"secretB\"\n\
             Call-Info: <http://secretB.test>\nReply-To: <sip:secretB@secretB.test>\n\
             {}",
            vias(&invite),
            header(&invite, "From"),
            header(&invite, "To"),
            header(&invite, "Call-ID"),
            header(&invite, "CSeq"),
            sdp(5000)
        )
    };
    called.send(through, &answer("180"));
    called.send(through, &answer("200"));
    let accepted = caller.until("SIP/2.0 200", &mut at_caller);
    let target = header(&accepted, "Contact").trim_matches(['<', '>']).to_owned();
    let inside = |method: &str, number: u32, more: &str| {
        format!(
            "{method} {target} SIP/2.0\nVia: SIP/2.0/UDP {from};branch=z9hG4bKsecretA{method}\nMax-Forwards: 70\n\
             From: {}\nTo: {}\nCall-ID: secretA@secretA\nCSeq: {number} {method}\n{more}Content-Length: 0\n\n",
            header(&accepted, "From"),
            header(&accepted, "To"),
        )
    };
    caller.send(through, &inside("ACK", 4711, ""));
    called.until("ACK ", &mut at_called);
    let reason = "Reason: SIP;cause=200;text=\"secretA\"\nUser-Agent: secretA\nX-Own: secretA\n";
    caller.send(through, &inside("BYE", 4712, reason));
    let bye = called.until("BYE ", &mut at_called);
    let (end, more) = ("SIP/2.0 200 secretB", "Server: secretB\nReason: SIP;text=\"secretB\"\nContent-Length: 0\n\n");
    let names = ["From", "To", "Call-ID", "CSeq"].map(|name| format!("{name}: {}\n", header(&bye, name)));
    called.send(through, &format!("{end}\n{}{}{more}", vias(&bye), names.concat()));
    caller.until("SIP/2.0 200", &mut at_caller);

    assert!(!at_called.contains("secretA"), "{at_called}");
    assert!(!at_called.contains(&from.to_string()), "{at_called}");
    assert!(!at_called.contains("4711"), "{at_called}");
    assert!(!at_caller.contains("secretB"), "{at_caller}");
    assert!(!at_caller.contains(&to.to_string()), "{at_caller}");
}

/// The caller's request in a dialog of this name; `more` ends it.
fn request(from: SocketAddr, to: SocketAddr, call: &str, method: &str, number: u32, peer: &str, more: &str) -> String {
    format!(
        "{method} sip:12368@{to} SIP/2.0\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{call}{method}\nMax-Forwards: 70\n\
         From: <sip:01012345@caller.test>;tag=1\nTo: {peer}\nCall-ID: {call}\nCSeq: {number} {method}\n\
         Contact: <sip:a@{from}>\n{more}"
    )
}

/// The called side's answer to a request; `more` ends it.
fn accept(request: &str, to: &str, more: &str) -> String {
    let names = ["From", "Call-ID", "CSeq"].map(|name| format!("{name}: {}\n", header(request, name)));
    format!("SIP/2.0 200 OK\n{}{}To: {to}\n{more}", vias(request), names.concat())
}

const BARE: &str = "Content-Length: 0\n\n";
const SOMEBODY: &str = "<sip:12368@house.test>";

/// A call through the bridge that both sides agreed on.
struct Call {
    /// The bridge's name in the caller's dialog.
    peer: String,
    /// What the called side was asked, and what the caller was answered.
    invite: String,
    accepted: String,
}

impl Call {
    fn place(
        caller: &End,
        called: &End,
        through: SocketAddr,
        name: &str,
        ports: (u16, u16),
        seen: &mut String,
    ) -> Self {
        let from = caller.address();
        caller.send(through, &request(from, through, name, "INVITE", 1, SOMEBODY, &sdp(ports.0)));
        let invite = called.until("INVITE ", seen);
        let contact = format!("Contact: <sip:b@{}>\n{}", called.address(), sdp(ports.1));
        called.send(through, &accept(&invite, &format!("{};tag=b", header(&invite, "To")), &contact));
        let accepted = caller.until("SIP/2.0 200", seen);
        let peer = header(&accepted, "To").to_owned();
        caller.send(through, &request(from, through, name, "ACK", 1, &peer, BARE));
        called.until("ACK ", seen);
        Self { peer, invite, accepted }
    }
}

#[test]
fn a_bridge_that_is_asked_to_end_takes_no_call_and_ends_with_the_last_one() {
    let _alone = crate::alone();
    let (caller, called) = (End::new(), End::new());
    let mut bridge = Bridge::start(called.address());
    let (from, through) = (caller.address(), bridge.address);
    let mut seen = String::new();
    let first = Call::place(&caller, &called, through, "first", (4000, 5000), &mut seen);

    bridge.terminate();
    // It may take a moment until it knows; a call that is taken before is none that tells.
    let mut attempt = 0;
    let refused = loop {
        attempt += 1;
        let call = format!("late{attempt}");
        caller.send(through, &request(from, through, &call, "INVITE", 1, SOMEBODY, &sdp(4000)));
        let answer = caller.until("SIP/2.0 ", &mut seen);
        if answer.starts_with("SIP/2.0 503") {
            break answer;
        }
        assert!(attempt < 1000, "{seen}");
    };
    assert!(refused.contains("Retry-After: "), "{refused}");
    // The call that lives goes on, and ends as it should; then the bridge does.
    caller.send(through, &request(from, through, "first", "BYE", 2, &first.peer, BARE));
    loop {
        if header(&caller.until("SIP/2.0 200", &mut seen), "CSeq") == "2 BYE" {
            break;
        }
    }
}

/// Where the sound of this message shall go.
fn sound_of(message: &str) -> SocketAddr {
    let port = message.lines().find_map(|line| line.strip_prefix("m=audio ")?.split(' ').next()).unwrap();
    format!("127.0.0.1:{port}").parse().unwrap()
}

/// Two seconds of one value, in A-law packets of 20 ms; how many came from the other side.
fn talk(rtp: &UdpSocket, to: SocketAddr, value: u8) -> usize {
    let (begun, mut heard) = (Instant::now(), 0);
    for number in 0_u16..100 {
        let mut packet = vec![0x80, 8];
        packet.extend(number.to_be_bytes());
        packet.extend((u32::from(number) * 160).to_be_bytes());
        packet.extend([0, 0, 0, value]);
        packet.extend([value; 160]);
        rtp.send_to(&packet, to).unwrap();
        let next = begun + Duration::from_millis(20) * u32::from(number + 1);
        let mut buffer = [0; 2048];
        while let Some(left) = next.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            rtp.set_read_timeout(Some(left)).unwrap();
            heard += usize::from(rtp.recv_from(&mut buffer).is_ok());
        }
    }
    heard
}

/// The loudest sample of a channel, from the WAV.
fn loudest(wav: &[u8], channel: usize) -> u16 {
    let frames = wav[44..].chunks_exact(4);
    frames.map(|frame| i16::from_le_bytes([frame[2 * channel], frame[2 * channel + 1]]).unsigned_abs()).max().unwrap()
}

#[test]
fn a_call_that_is_recorded_is_a_stereo_wav_with_each_side_in_its_channel() {
    let _alone = crate::alone();
    let folder = tempfile::tempdir().unwrap();
    let (caller, called) = (End::new(), End::new());
    let mut bridge = Bridge::start_with(called.address(), &["--record", folder.path().to_str().unwrap()]);
    let (from, through) = (caller.address(), bridge.address);
    let rtp = || UdpSocket::bind("127.0.0.1:0").unwrap();
    let (callers, calleds) = (rtp(), rtp());
    let port = |rtp: &UdpSocket| rtp.local_addr().unwrap().port();
    let mut seen = String::new();
    let ports = (port(&callers), port(&calleds));
    let call = Call::place(&caller, &called, through, "recorded", ports, &mut seen);
    let (to_caller, to_called) = (sound_of(&call.accepted), sound_of(&call.invite));
    // 0xAA is loud in A-law, 0x8A a quarter of it.
    let heard = std::thread::scope(|scope| {
        let other = scope.spawn(|| talk(&calleds, to_called, 0x8a));
        (talk(&callers, to_caller, 0xaa), other.join().unwrap())
    });
    assert!(heard.0 > 50 && heard.1 > 50, "each side hears the other: {heard:?}");
    caller.send(through, &request(from, through, "recorded", "BYE", 2, &call.peer, BARE));
    caller.until("SIP/2.0 200", &mut seen);
    // It ends when the recording is kept.
    bridge.terminate();
    let bye = called.until("BYE ", &mut seen);
    called.send(through, &accept(&bye, header(&bye, "To"), BARE));
    assert!(bridge.child.wait().unwrap().success());
    let wav = std::fs::read(folder.path().join("call000001.wav")).unwrap();
    assert_eq!((&wav[..4], wav[22], u32::from_le_bytes(wav[24..28].try_into().unwrap())), (&b"RIFF"[..], 2, 8000));
    let (left, right) = (loudest(&wav, 0), loudest(&wav, 1));
    // He heard the called side, and said what he said.
    assert_eq!((left, right), (8064, 32_256));
    let seconds = (wav.len() - 44) / 4 / 8000;
    assert!((1..=3).contains(&seconds), "{seconds} s");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else stays");
}
