//! A browser's sound without a browser: a WebRTC peer of the stack's own kind, turned by the
//! test's thread.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream, UdpSocket},
    sync::Arc,
    time::{Duration, Instant},
};

use rtc::{
    crypto::providers::RingProvider,
    ice::mdns::MulticastDnsMode,
    interceptor::Registry,
    media_stream::MediaStreamTrack,
    peer_connection::{
        RTCPeerConnection, RTCPeerConnectionBuilder,
        configuration::{media_engine::MediaEngine, setting_engine::SettingEngineBuilder},
        message::RTCMessage,
        sdp::RTCSessionDescription,
        transport::RTCIceCandidateInit,
    },
    rtp,
    rtp_transceiver::{
        RTCRtpSenderId,
        rtp_sender::{
            RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
        },
    },
    sansio::Protocol as _,
    shared::{TaggedBytesMut, TransportContext, TransportProtocol},
};

const SSRC: u32 = 0x5eed;
/// Nothing in these tests takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A browser that says one octet of A-law all the time.
pub(crate) struct Browser {
    connection: RTCPeerConnection,
    sender: RTCRtpSenderId,
    link: Link,
    address: SocketAddr,
    says: u8,
    seq: u16,
    next: Instant,
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
    /// The next datagram, whence it came and by what.
    fn receive(&mut self) -> Option<(Vec<u8>, SocketAddr, TransportProtocol)> {
        let mut buffer = [0u8; 2048];
        match self {
            Self::Udp(socket) => {
                let (len, from) = socket.recv_from(&mut buffer).ok()?;
                Some((buffer[..len].to_vec(), from, TransportProtocol::UDP))
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
                Some((datagram, *peer, TransportProtocol::TCP))
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

fn codec() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: "audio/PCMA".into(),
        clock_rate: 8_000,
        channels: 1,
        sdp_fmtp_line: String::new(),
        rtcp_feedback: vec![],
    }
}

impl Browser {
    /// Opens a port and makes an offer.
    pub(crate) fn open(says: u8) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        let address = socket.local_addr().unwrap();
        let candidate = format!("candidate:1 1 udp 2130706431 {} {} typ host", address.ip(), address.port());
        Self::make(says, Link::Udp(socket), address, candidate)
    }

    /// The same without UDP.
    pub(crate) fn without_udp(says: u8) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], 9));
        let candidate = "candidate:1 1 tcp 1518280447 127.0.0.1 9 typ host tcptype active".to_owned();
        Self::make(says, Link::Tcp { stream: None, inbox: Vec::new() }, address, candidate)
    }

    fn make(says: u8, link: Link, address: SocketAddr, candidate: String) -> Self {
        let now = Instant::now();
        let mut media = MediaEngine::default();
        let parameters = RTCRtpCodecParameters { rtp_codec: codec(), payload_type: 8 };
        media.register_codec(parameters, RtpCodecKind::Audio).unwrap();
        let mut setting = SettingEngineBuilder::default().with_multicast_dns_mode(MulticastDnsMode::Disabled).build();
        setting.set_crypto_provider(Arc::new(RingProvider::new()));
        let mut connection = RTCPeerConnectionBuilder::new()
            .with_media_engine(media)
            .with_setting_engine(setting)
            .with_interceptor_registry(Registry::new())
            .build(now)
            .unwrap();
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(SSRC), ..Default::default() },
            codec: codec(),
            ..Default::default()
        };
        let (voice, audio) = ("voice".to_owned(), RtpCodecKind::Audio);
        let track = MediaStreamTrack::new("agent".into(), voice.clone(), voice, audio, vec![encoding]);
        let sender = connection.add_track(track).unwrap();
        let made = connection.create_offer(None).unwrap();
        connection.set_local_description(now, made).unwrap();
        let candidate = RTCIceCandidateInit {
            candidate,
            sdp_mid: Some("0".into()),
            sdp_mline_index: Some(0),
            ..Default::default()
        };
        connection.add_local_candidate(candidate).unwrap();
        let offer = connection.local_description().unwrap().sdp;
        Self { connection, sender, link, address, says, seq: 0, next: now, heard: None, count: 0, offer }
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
        self.connection.set_remote_description(Instant::now(), RTCSessionDescription::answer(sdp).unwrap()).unwrap();
    }

    /// Hears what came, says what is due.
    pub(crate) fn turn(&mut self) {
        if let Some((datagram, peer_addr, transport_protocol)) = self.link.receive() {
            let local_addr = self.address;
            let transport = TransportContext { local_addr, peer_addr, transport_protocol, ecn: None };
            let message = datagram.as_slice().into();
            let _ = self.connection.handle_read(TaggedBytesMut { now: Instant::now(), transport, message });
        }
        let now = Instant::now();
        let _ = self.connection.handle_timeout(now);
        while self.connection.poll_event().is_some() {}
        while let Some(read) = self.connection.poll_read() {
            if let RTCMessage::RtpPacket(_, packet) = read.message {
                self.heard = Some(packet);
                self.count += 1;
            }
        }
        while self.next <= now {
            self.next += Duration::from_millis(20);
            let header = rtp::Header {
                version: 2,
                payload_type: 8,
                sequence_number: self.seq,
                timestamp: u32::from(self.seq) * 160,
                ssrc: SSRC,
                ..Default::default()
            };
            self.seq = self.seq.wrapping_add(1);
            if let Some(mut sender) = self.connection.rtp_sender(self.sender) {
                let _ = sender.write_rtp(now, rtp::Packet { header, payload: vec![self.says; 160].into() });
            }
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
        while let Some(out) = self.connection.poll_write() {
            self.link.send(&out.message, out.transport.peer_addr);
        }
    }

    /// Says goodbye, as a closed page does. Dropped, it is only not heard any more.
    pub(crate) fn close(mut self) {
        let _ = self.connection.close();
        self.flush();
    }
}
