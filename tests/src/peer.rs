//! A browser's sound without a browser: a WebRTC peer that sends what it is told to say
//! and keeps what it hears.

use std::{
    net::UdpSocket,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::JoinHandle,
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
use tokio::sync::watch;

const SSRC: u32 = 0x5eed;

#[derive(Default)]
struct Shared {
    /// A-law octets still to be said; silence when empty.
    say: Mutex<Vec<u8>>,
    heard: watch::Sender<Vec<u8>>,
    stop: AtomicBool,
    /// Ends without closing anything.
    vanish: AtomicBool,
    /// Sends nothing at all as long as it is set.
    mute: AtomicBool,
}

/// A WebRTC peer.
pub struct Peer {
    shared: Arc<Shared>,
    answers: mpsc::Sender<String>,
    thread: Option<JoinHandle<()>>,
    /// Its offer.
    pub offer: String,
}

impl Peer {
    /// Opens a port and makes an offer.
    pub fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        let (connection, sender, offer) = offer(&socket);
        let shared = Arc::new(Shared::default());
        let (answers, inbox) = mpsc::channel();
        let (of_thread, socket_of_thread) = (shared.clone(), socket);
        let thread = std::thread::spawn(move || run(connection, sender, &socket_of_thread, &inbox, &of_thread));
        Self { shared, answers, thread: Some(thread), offer }
    }

    /// Takes the answer of the other side.
    pub fn answer(&self, sdp: String) {
        self.answers.send(sdp).unwrap();
    }

    /// Says these A-law octets after what is still to be said.
    pub fn say(&self, octets: &[u8]) {
        self.shared.say.lock().unwrap().extend_from_slice(octets);
    }

    /// What is heard, A-law, as it grows.
    pub fn hears(&self) -> watch::Receiver<Vec<u8>> {
        self.shared.heard.subscribe()
    }

    /// Is gone without a goodbye, as a page that was loaded anew.
    pub fn vanish(self) {
        self.shared.vanish.store(true, Ordering::Relaxed);
    }

    /// Sends nothing any more, not even keep-alives, and is still there; or goes on.
    pub fn go_silent(&self, on: bool) {
        self.shared.mute.store(on, Ordering::Relaxed);
    }

    /// Everything heard so far, A-law.
    pub fn heard(&self) -> Vec<u8> {
        self.shared.heard.borrow().clone()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
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

fn offer(socket: &UdpSocket) -> (RTCPeerConnection, RTCRtpSenderId, String) {
    let now = Instant::now();
    let mut media = MediaEngine::default();
    media.register_codec(RTCRtpCodecParameters { rtp_codec: codec(), payload_type: 8 }, RtpCodecKind::Audio).unwrap();
    let mut setting = SettingEngineBuilder::default().with_multicast_dns_mode(MulticastDnsMode::Disabled).build();
    setting.set_crypto_provider(Arc::new(RingProvider::new()));
    let mut connection = RTCPeerConnectionBuilder::new()
        .with_media_engine(media)
        .with_setting_engine(setting)
        .with_interceptor_registry(Registry::new())
        .build(now)
        .unwrap();
    let sender = connection
        .add_track(MediaStreamTrack::new(
            "agent".into(),
            "voice".into(),
            "voice".into(),
            RtpCodecKind::Audio,
            vec![RTCRtpEncodingParameters {
                rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(SSRC), ..Default::default() },
                codec: codec(),
                ..Default::default()
            }],
        ))
        .unwrap();
    let made = connection.create_offer(None).unwrap();
    connection.set_local_description(now, made).unwrap();
    let address = socket.local_addr().unwrap();
    connection
        .add_local_candidate(RTCIceCandidateInit {
            candidate: format!("candidate:1 1 udp 2130706431 {} {} typ host", address.ip(), address.port()),
            sdp_mid: Some("0".into()),
            sdp_mline_index: Some(0),
            ..Default::default()
        })
        .unwrap();
    let sdp = connection.local_description().unwrap().sdp;
    (connection, sender, sdp)
}

fn run(
    mut connection: RTCPeerConnection,
    sender: RTCRtpSenderId,
    socket: &UdpSocket,
    answers: &mpsc::Receiver<String>,
    shared: &Shared,
) {
    let address = socket.local_addr().unwrap();
    let (mut seq, mut timestamp, mut next) = (0u16, 0u32, Instant::now());
    let mut buffer = [0u8; 2048];
    while !shared.stop.load(Ordering::Relaxed) {
        let now = Instant::now();
        if let Ok(sdp) = answers.try_recv() {
            connection.set_remote_description(now, RTCSessionDescription::answer(sdp).unwrap()).unwrap();
        }
        if let Ok((len, from)) = socket.recv_from(&mut buffer) {
            let transport = TransportContext {
                local_addr: address,
                peer_addr: from,
                transport_protocol: TransportProtocol::UDP,
                ecn: None,
            };
            let _ = connection.handle_read(TaggedBytesMut { now, transport, message: buffer[..len].into() });
        }
        let now = Instant::now();
        let _ = connection.handle_timeout(now);
        while connection.poll_event().is_some() {}
        while let Some(read) = connection.poll_read() {
            if let RTCMessage::RtpPacket(_, packet) = read.message {
                shared.heard.send_modify(|heard| heard.extend_from_slice(&packet.payload));
            }
        }
        while next <= now {
            next += Duration::from_millis(20);
            let mut octets = vec![0xd5; 160];
            {
                let mut say = shared.say.lock().unwrap();
                let ready = say.len().min(160);
                octets[..ready].copy_from_slice(&say[..ready]);
                say.drain(..ready);
            }
            let packet = rtp::Packet {
                header: rtp::Header {
                    version: 2,
                    payload_type: 8,
                    sequence_number: seq,
                    timestamp,
                    ssrc: SSRC,
                    ..Default::default()
                },
                payload: octets.into(),
            };
            if let Some(mut sender) = connection.rtp_sender(sender) {
                let _ = sender.write_rtp(now, packet);
            }
            (seq, timestamp) = (seq.wrapping_add(1), timestamp.wrapping_add(160));
        }
        let mute = shared.mute.load(Ordering::Relaxed);
        while let Some(out) = connection.poll_write() {
            if !mute {
                let _ = socket.send_to(&out.message, out.transport.peer_addr);
            }
        }
    }
    if shared.vanish.load(Ordering::Relaxed) {
        return;
    }
    let _ = connection.close();
    while let Some(out) = connection.poll_write() {
        let _ = socket.send_to(&out.message, out.transport.peer_addr);
    }
}
