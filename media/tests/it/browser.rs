//! A browser's sound without a browser: a WebRTC peer by UDP or TCP, turned by the test's thread.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream, UdpSocket},
    time::{Duration, Instant},
};

use rtc::{rtp, shared::TransportProtocol};

use crate::webrtc::WebRtc;

const SSRC: u32 = 0x5eed;
/// Nothing in these tests takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The octet of a packet, by its number.
type Word = fn(u16) -> u8;

/// A browser that says one octet of A-law all the time.
pub(crate) struct Browser {
    peer: WebRtc,
    link: Link,
    says: u8,
    /// What it says from this number of its packets on instead, packet by packet.
    pub(crate) word: Option<(u16, Word)>,
    /// Packets that it wanted to say, which are numbered from 0.
    pub(crate) said: u16,
    /// When it says the next one.
    pub(crate) next: Instant,
    /// The packet heard last, and how many there were.
    pub(crate) heard: Option<rtp::Packet>,
    pub(crate) count: u64,
    /// Its offer.
    pub(crate) offer: String,
}

/// How it reaches the server.
enum Link {
    Udp(UdpSocket),
    /// Its network lets no UDP through: it connects where the answer says (RFC 6544), and frames
    /// what it sends (RFC 4571).
    Tcp {
        stream: Option<(TcpStream, SocketAddr)>,
        inbox: Vec<u8>,
    },
}

impl Link {
    /// The next datagram, and whence it came.
    fn receive(&mut self) -> Option<(Vec<u8>, SocketAddr)> {
        let mut buffer = [0u8; 2048];
        match self {
            Self::Udp(socket) => {
                let (len, from) = socket.recv_from(&mut buffer).ok()?;
                Some((buffer[..len].to_vec(), from))
            }
            Self::Tcp { stream, inbox } => {
                let (stream, peer) = stream.as_mut()?;
                if let Ok(len) = stream.read(&mut buffer) {
                    inbox.extend_from_slice(&buffer[..len]);
                }
                let [high, low, rest @ ..] = inbox.as_slice() else { return None };
                let len = usize::from(u16::from_be_bytes([*high, *low]));
                let datagram = rest.get(..len)?.to_vec();
                inbox.drain(..len + 2);
                Some((datagram, *peer))
            }
        }
    }

    fn send(&mut self, datagram: &[u8], to: SocketAddr) {
        match self {
            Self::Udp(socket) => drop(socket.send_to(datagram, to)),
            Self::Tcp { stream: Some((stream, _)), .. } => {
                let framed = [&(datagram.len() as u16).to_be_bytes()[..], datagram].concat();
                let _ = stream.write_all(&framed);
            }
            Self::Tcp { stream: None, .. } => {}
        }
    }
}

impl Browser {
    /// Opens a port and makes an offer.
    pub(crate) fn open(says: u8) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        let address = socket.local_addr().unwrap();
        Self::make(says, Link::Udp(socket), address, TransportProtocol::UDP)
    }

    /// The same without UDP.
    pub(crate) fn without_udp(says: u8) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], 9));
        Self::make(says, Link::Tcp { stream: None, inbox: Vec::new() }, address, TransportProtocol::TCP)
    }

    fn make(says: u8, link: Link, address: SocketAddr, way: TransportProtocol) -> Self {
        let now = Instant::now();
        let (peer, offer) = WebRtc::offer(now, address, way, SSRC).unwrap();
        Self { peer, link, says, word: None, said: 0, next: now, heard: None, count: 0, offer }
    }

    /// Takes the answer of the other side.
    pub(crate) fn answer(&mut self, sdp: String) {
        if let Link::Tcp { stream, .. } = &mut self.link {
            let line = sdp.lines().find(|line| line.ends_with("tcptype passive")).unwrap();
            let words: Vec<&str> = line.split(' ').collect();
            let peer = SocketAddr::new(words[4].parse().unwrap(), words[5].parse().unwrap());
            let connected = TcpStream::connect(peer).unwrap();
            connected.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
            *stream = Some((connected, peer));
        }
        self.peer.answer(Instant::now(), sdp).unwrap();
    }

    /// Hears what came, says what is due.
    pub(crate) fn turn(&mut self) {
        if let Some((datagram, from)) = self.link.receive() {
            self.peer.receive(Instant::now(), from, &datagram);
        }
        let now = Instant::now();
        self.peer.turn(now, |packet| {
            self.heard = Some(packet);
            self.count += 1;
        });
        while self.next <= now {
            self.next += Duration::from_millis(20);
            let octet = self.word.map_or(self.says, |(from, word)| word(self.said.wrapping_sub(from)));
            self.said = self.said.wrapping_add(1);
            self.peer.say(now, &[octet; 160]);
        }
        self.flush();
    }

    /// Turns until this is so; others have their turns meanwhile.
    pub(crate) async fn until<T>(&mut self, what: &str, mut found: impl FnMut(&mut Self) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            self.turn();
            if let Some(found) = found(self) {
                return found;
            }
            assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
            tokio::task::yield_now().await;
        }
    }

    fn flush(&mut self) {
        self.peer.send(|datagram, to| self.link.send(datagram, to));
    }

    /// Says goodbye, as a closed page does. Dropped, it is only not heard any more.
    pub(crate) fn close(mut self) {
        self.peer.close();
        self.flush();
    }
}
