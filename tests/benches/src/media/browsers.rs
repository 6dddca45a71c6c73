//! Many browsers in one thread: WebRTC peers, each with a port of its own.

use std::{
    net::UdpSocket,
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
        configuration::{
            interceptor_registry::configure_rtcp_reports, media_engine::MediaEngine,
            setting_engine::SettingEngineBuilder,
        },
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

use super::generate::{Ledger, PERIOD, payload};

/// Sockets are looked at as often.
const SWEEP: Duration = Duration::from_millis(1);
/// Timers are looked at as often at least.
const NAP: Duration = Duration::from_millis(200);

/// All of them.
pub(super) struct Browsers(Vec<Browser>);

struct Browser {
    connection: RTCPeerConnection,
    sender: RTCRtpSenderId,
    socket: UdpSocket,
    ssrc: u32,
    due: Instant,
    next: Option<Duration>,
    no: u32,
}

impl Browsers {
    /// So many, and their offers.
    pub(super) fn open(count: usize) -> anyhow::Result<(Self, Vec<String>)> {
        let (mut all, mut offers) = (Vec::new(), Vec::new());
        for no in 0..count as u32 {
            let (browser, offer) = Browser::open(0x1000_0000 + no)?;
            all.push(browser);
            offers.push(offer);
        }
        Ok((Self(all), offers))
    }

    /// Talks until it is over; when each packet was sent.
    pub(super) fn run(mut self, answers: &[String], ledger: &Ledger) -> Vec<Duration> {
        for (browser, answer) in self.0.iter_mut().zip(answers) {
            if let Ok(answer) = RTCSessionDescription::answer(answer.clone()) {
                let _ = browser.connection.set_remote_description(Instant::now(), answer);
            }
        }
        let (mut sent, count) = (Vec::new(), self.0.len() as u32);
        while !ledger.is_over() {
            let begun = Instant::now();
            for (call, browser) in (0..).zip(&mut self.0) {
                browser.turn(call, PERIOD * call / count.max(1), ledger, &mut sent);
            }
            std::thread::sleep(SWEEP.saturating_sub(begun.elapsed()));
        }
        sent
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
    fn open(ssrc: u32) -> anyhow::Result<(Self, String)> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        let (now, address) = (Instant::now(), socket.local_addr()?);
        let mut media = MediaEngine::default();
        media.register_codec(RTCRtpCodecParameters { rtp_codec: codec(), payload_type: 8 }, RtpCodecKind::Audio)?;
        let mut setting = SettingEngineBuilder::default().with_multicast_dns_mode(MulticastDnsMode::Disabled).build();
        setting.set_crypto_provider(Arc::new(RingProvider::new()));
        let mut connection = RTCPeerConnectionBuilder::new()
            .with_media_engine(media)
            .with_setting_engine(setting)
            .with_interceptor_registry(configure_rtcp_reports(Registry::new()))
            .build(now)?;
        let sender = connection.add_track(MediaStreamTrack::new(
            "agent".into(),
            "voice".into(),
            "voice".into(),
            RtpCodecKind::Audio,
            vec![RTCRtpEncodingParameters {
                rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
                codec: codec(),
                ..Default::default()
            }],
        ))?;
        let made = connection.create_offer(None)?;
        connection.set_local_description(now, made)?;
        connection.add_local_candidate(RTCIceCandidateInit {
            candidate: format!("candidate:1 1 udp 2130706431 {} {} typ host", address.ip(), address.port()),
            sdp_mid: Some("0".into()),
            sdp_mline_index: Some(0),
            ..Default::default()
        })?;
        let offer = connection.local_description().map(|description| description.sdp).unwrap_or_default();
        Ok((Self { connection, sender, socket, ssrc, due: now, next: None, no: 0 }, offer))
    }

    /// Its turn in a sweep.
    fn turn(&mut self, call: u32, share: Duration, ledger: &Ledger, sent: &mut Vec<Duration>) {
        let Ok(address) = self.socket.local_addr() else { return };
        let mut buffer = [0; 2048];
        let mut stirred = false;
        while let Ok((len, from)) = self.socket.recv_from(&mut buffer) {
            let transport = TransportContext {
                local_addr: address,
                peer_addr: from,
                transport_protocol: TransportProtocol::UDP,
                ecn: None,
            };
            let message = buffer[..len].into();
            let _ = self.connection.handle_read(TaggedBytesMut { now: Instant::now(), transport, message });
            stirred = true;
        }
        let now = Instant::now();
        if stirred || self.due <= now {
            let _ = self.connection.handle_timeout(now);
            while self.connection.poll_event().is_some() {}
            while let Some(read) = self.connection.poll_read() {
                if let RTCMessage::RtpPacket(_, packet) = read.message {
                    ledger.heard(true, &packet.payload);
                }
            }
        }
        let at = ledger.now();
        let next = *self.next.get_or_insert(at + share);
        if next <= at {
            self.next = Some(next + PERIOD);
            stirred = true;
            self.say(call, now, at, sent);
        }
        if stirred || self.due <= now {
            while let Some(out) = self.connection.poll_write() {
                let _ = self.socket.send_to(&out.message, out.transport.peer_addr);
            }
            self.due = self.connection.poll_timeout().unwrap_or(now + NAP).clamp(now + SWEEP, now + NAP);
        }
    }

    fn say(&mut self, call: u32, now: Instant, at: Duration, sent: &mut Vec<Duration>) {
        let packet = rtp::Packet {
            header: rtp::Header {
                version: 2,
                payload_type: 8,
                sequence_number: self.no as u16,
                timestamp: self.no.wrapping_mul(160),
                ssrc: self.ssrc,
                ..Default::default()
            },
            payload: payload(call, at).to_vec().into(),
        };
        self.no += 1;
        if let Some(mut sender) = self.connection.rtp_sender(self.sender)
            && sender.write_rtp(now, packet).is_ok()
        {
            sent.push(at);
        }
    }
}
