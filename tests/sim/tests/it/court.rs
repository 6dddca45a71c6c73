//! A small court on raw UDP: it is called, registers and answers as its test tells it.

use std::net::SocketAddr;
use std::time::Duration;

use md5::Md5;
use sha2::Digest as _;
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::caller::Received;

pub(crate) struct Court {
    pub(crate) socket: UdpSocket,
    pub(crate) media: UdpSocket,
    carrier: SocketAddr,
    count: u32,
}

impl Court {
    pub(crate) async fn new(carrier: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let media = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        Self { socket, media, carrier, count: 0 }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    pub(crate) async fn receive_within(&self, limit: Duration) -> Option<Received> {
        let mut buffer = vec![0; 65_535];
        let (length, from) = timeout(limit, self.socket.recv_from(&mut buffer)).await.ok()?.unwrap();
        assert_eq!(from, self.carrier);
        Some(Received(String::from_utf8(buffer[..length].to_vec()).unwrap()))
    }

    pub(crate) async fn receive(&self) -> Received {
        self.receive_within(Duration::from_secs(15)).await.expect("a message in time")
    }

    /// The next request with this method.
    pub(crate) async fn receive_only(&self, method: &str) -> Received {
        let request = self.receive().await;
        assert!(request.0.starts_with(&format!("{method} ")), "{method}: {}", request.0);
        request
    }

    async fn send(&self, text: &str) {
        self.socket.send_to(text.as_bytes(), self.carrier).await.unwrap();
    }

    /// Answers `request`; `answer` says whether our session description goes with it.
    pub(crate) async fn reply(&self, request: &Received, status: u16, answer: bool) {
        self.reply_with(request, status, answer, "").await;
    }

    pub(crate) async fn reply_with(&self, request: &Received, status: u16, answer: bool, extra: &str) {
        let body = if answer { self.description() } else { String::new() };
        let to = request.header("To");
        let tag = if status > 100 && !to.contains(";tag=") { ";tag=court" } else { "" };
        let text = format!(
            "SIP/2.0 {status} X\r\nVia: {}\r\nFrom: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
             Contact: <sip:court@{}>\r\n{extra}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            request.header("Via"),
            request.header("From"),
            request.header("Call-ID"),
            request.header("CSeq"),
            self.address(),
            body.len(),
        );
        self.send(&text).await;
    }

    fn description(&self) -> String {
        let port = self.media.local_addr().unwrap().port();
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
        )
    }

    /// A request inside the dialog that `invite` opened.
    pub(crate) async fn inside(&mut self, invite: &Received, method: &str) {
        self.count += u32::from(method != "ACK");
        let (count, local) = (self.count, self.address());
        let target = invite.header("Contact").trim_matches(['<', '>']).to_owned();
        let body = if method == "INVITE" { self.description() } else { String::new() };
        let text = format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{method}{count};rport\r\nMax-Forwards: 70\r\n\
             From: {};tag=court\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {count} {method}\r\nContact: <sip:court@{local}>\r\n\
             Content-Length: {}\r\n\r\n{body}",
            invite.header("To"),
            invite.header("From"),
            invite.header("Call-ID"),
            body.len(),
        );
        self.send(&text).await;
    }

    /// REGISTER with `headers`; answers the challenge and says what came in the end.
    pub(crate) async fn register(&mut self, headers: &str) -> Received {
        let uri = format!("sip:{}", self.carrier);
        let mut authorization = String::new();
        loop {
            self.count += 1;
            let (count, local) = (self.count, self.address());
            let text = format!(
                "REGISTER {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKreg{count};rport\r\nMax-Forwards: 70\r\n\
                 From: <sip:songda@{carrier}>;tag=r\r\nTo: <sip:songda@{carrier}>\r\nCall-ID: reg\r\nCSeq: {count} REGISTER\r\n\
                 {headers}{authorization}Content-Length: 0\r\n\r\n",
                carrier = self.carrier,
            );
            self.send(&text).await;
            let response = self.receive().await;
            if response.status() != 401 {
                return response;
            }
            let challenges = response.headers("WWW-Authenticate");
            let challenge = challenges.iter().find(|c| c.contains("algorithm=MD5")).unwrap();
            let nonce = challenge.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap();
            let hash = |text: String| hex::encode(Md5::digest(text));
            let (secret, asked) = (hash("songda:songda-sim:secret".into()), hash(format!("REGISTER:{uri}")));
            let answer = hash(format!("{secret}:{nonce}:00000001:c1:auth:{asked}"));
            authorization = format!(
                "Authorization: Digest username=\"songda\", realm=\"songda-sim\", nonce=\"{nonce}\", uri=\"{uri}\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"c1\", response=\"{answer}\"\r\n"
            );
        }
    }

    pub(crate) fn contact(&self) -> String {
        format!("Contact: <sip:court@{}>\r\n", self.address())
    }
}
