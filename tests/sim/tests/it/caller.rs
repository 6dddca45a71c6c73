//! A small caller on raw UDP: enough SIP to dial, acknowledge, cancel and hang up.

use std::net::SocketAddr;
use std::time::Duration;

use md5::Md5;
use sha2::{Digest as _, Sha256};
use tokio::net::UdpSocket;
use tokio::time::timeout;

pub(crate) const CALLER: &str = "02988009000";

/// A message received, as text.
#[derive(Debug, Clone)]
pub(crate) struct Received(pub(crate) String);

impl Received {
    pub(crate) fn status(&self) -> u16 {
        self.0.strip_prefix("SIP/2.0 ").map_or(0, |s| s[..3].parse().unwrap())
    }

    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        let lines = self.0.lines().take_while(|l| !l.is_empty());
        lines.filter_map(|l| l.strip_prefix(name)?.strip_prefix(": ")).collect()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers(name).first().copied().unwrap_or_default()
    }

    /// Media address of the SDP body.
    pub(crate) fn media(&self) -> SocketAddr {
        let port = self.0.split("m=audio ").nth(1).unwrap().split(' ').next().unwrap();
        format!("127.0.0.1:{port}").parse().unwrap()
    }
}

/// What a caller says of itself.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) from: &'static str,
    pub(crate) asserted: Option<&'static str>,
    pub(crate) password: &'static str,
    pub(crate) algorithm: &'static str,
}

impl Default for Identity {
    fn default() -> Self {
        Self { from: CALLER, asserted: Some(CALLER), password: "secret", algorithm: "SHA-256" }
    }
}

pub(crate) struct Caller {
    pub(crate) socket: UdpSocket,
    pub(crate) media: UdpSocket,
    carrier: SocketAddr,
    identity: Identity,
    uri: String,
    call_id: String,
    branch: u32,
    cseq: u32,
    to: String,
    pub(crate) authorization: String,
}

impl Caller {
    pub(crate) async fn new(carrier: SocketAddr, number: &str, identity: Identity) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let media = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("sip:{number}@{carrier}");
        let to = format!("<{uri}>");
        let call_id = format!("{}-{number}", socket.local_addr().unwrap().port());
        Self { socket, media, carrier, identity, uri, call_id, branch: 0, cseq: 0, to, authorization: String::new() }
    }

    pub(crate) fn call_id(&self) -> &str {
        &self.call_id
    }

    pub(crate) async fn send(&mut self, method: &str) {
        match method {
            "ACK" | "CANCEL" => {}
            _ => {
                self.cseq += 1;
                self.branch += 1;
            }
        }
        self.send_again(method).await;
    }

    /// Sends with the numbers of the last request.
    pub(crate) async fn send_again(&mut self, method: &str) {
        let local = self.socket.local_addr().unwrap();
        let body = if method == "INVITE" {
            let port = self.media.local_addr().unwrap().port();
            format!(
                "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
            )
        } else {
            String::new()
        };
        let asserted = self
            .identity
            .asserted
            .map(|a| format!("P-Asserted-Identity: <sip:{a}@court.example>\r\n"))
            .unwrap_or_default();
        let authorization = if method == "INVITE" { self.authorization.as_str() } else { "" };
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{branch};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{from}@court.example>;tag=caller\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:{from}@{local}>\r\n{asserted}{authorization}Content-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{body}",
            uri = self.uri,
            branch = self.branch,
            from = self.identity.from,
            to = self.to,
            call_id = self.call_id,
            cseq = self.cseq,
            length = body.len(),
        );
        self.socket.send_to(text.as_bytes(), self.carrier).await.unwrap();
    }

    /// An ACK for a 200, which is a transaction of its own.
    pub(crate) async fn acknowledge_answer(&mut self) {
        self.branch += 1;
        self.send("ACK").await;
    }

    pub(crate) async fn receive(&mut self) -> Received {
        self.receive_within(Duration::from_secs(15)).await.expect("a message in time")
    }

    pub(crate) async fn receive_within(&mut self, limit: Duration) -> Option<Received> {
        let mut buffer = vec![0; 65_535];
        let (length, _) = timeout(limit, self.socket.recv_from(&mut buffer)).await.ok()?.unwrap();
        let message = Received(String::from_utf8(buffer[..length].to_vec()).unwrap());
        if message.status() > 100
            && message.header("To").contains(";tag=")
            && !message.header("CSeq").contains("CANCEL")
        {
            self.to = message.header("To").to_owned();
        }
        Some(message)
    }

    /// Receives until a final response.
    pub(crate) async fn final_response(&mut self) -> (Vec<u16>, Received) {
        let mut before = Vec::new();
        loop {
            let message = self.receive().await;
            if message.status() >= 200 {
                return (before, message);
            }
            before.push(message.status());
        }
    }

    /// Answers the challenge of `response` in the next INVITE.
    pub(crate) fn answer_challenge(&mut self, response: &Received) {
        let algorithm = self.identity.algorithm;
        let wanted = format!("algorithm={algorithm},");
        let challenges = response.headers("WWW-Authenticate");
        let challenge = challenges.iter().find(|c| c.contains(&wanted)).expect("the algorithm is offered");
        let nonce = challenge.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap();
        let hash = |text: String| match algorithm {
            "MD5" => hex::encode(Md5::digest(text)),
            _ => hex::encode(Sha256::digest(text)),
        };
        let secret = hash(format!("songda:songda-sim:{}", self.identity.password));
        let request = hash(format!("INVITE:{}", self.uri));
        let answer = hash(format!("{secret}:{nonce}:00000001:c1:auth:{request}"));
        self.authorization = format!(
            "Authorization: Digest username=\"songda\", realm=\"songda-sim\", nonce=\"{nonce}\", uri=\"{}\", algorithm={algorithm}, qop=auth, nc=00000001, cnonce=\"c1\", response=\"{answer}\"\r\n",
            self.uri
        );
    }

    /// INVITE, 401, ACK, INVITE with credentials.
    pub(crate) async fn dial(&mut self) {
        let to = self.to.clone();
        self.send("INVITE").await;
        let (_, response) = self.final_response().await;
        assert_eq!(response.status(), 401);
        self.answer_challenge(&response);
        self.send("ACK").await;
        self.to = to;
        self.send("INVITE").await;
    }

    /// Sends `count` frames of A-law `code`, 20 ms apart.
    pub(crate) async fn speak(&self, to: SocketAddr, code: u8, count: u16) {
        let mut clock = tokio::time::interval(Duration::from_millis(20));
        for n in 0..count {
            clock.tick().await;
            let mut packet = vec![0x80, 8];
            packet.extend(n.to_be_bytes());
            packet.extend((u32::from(n) * 160).to_be_bytes());
            packet.extend([1, 2, 3, 4]);
            packet.extend([code; 160]);
            self.media.send_to(&packet, to).await.unwrap();
        }
    }

    /// Payloads of `count` packets of media.
    pub(crate) async fn listen(&self, count: usize) -> Vec<u8> {
        let (mut audio, mut buffer) = (Vec::new(), [0; 2048]);
        for _ in 0..count {
            let (length, _) =
                timeout(Duration::from_secs(5), self.media.recv_from(&mut buffer)).await.unwrap().unwrap();
            assert_eq!((buffer[0], buffer[1] & 0x7F, length), (0x80, 8, 172));
            audio.extend_from_slice(&buffer[12..length]);
        }
        audio
    }
}
