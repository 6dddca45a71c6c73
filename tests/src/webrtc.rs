//! A browser's sound without a browser and without a socket: one WebRTC peer for all tests and
//! benches. Whoever has it gives it datagrams and the time, and sends what it wants sent.
//!
//! It speaks A-law, reports by RTCP as browsers do, and offers one address of its own.

use std::{net::SocketAddr, sync::Arc, time::Instant};

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
    shared::{TaggedBytesMut, TransportContext, TransportProtocol, error::Result},
};

/// PCMA (RFC 3551, 6).
const PAYLOAD_TYPE: u8 = 8;

/// A peer.
pub(crate) struct WebRtc {
    connection: RTCPeerConnection,
    sender: RTCRtpSenderId,
    ssrc: u32,
    local: SocketAddr,
    way: TransportProtocol,
    seq: u16,
    timestamp: u32,
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

impl WebRtc {
    /// A peer that will be reached at `local`, and its offer. By TCP it connects itself, and
    /// `local` is only a name (RFC 6544, 4.5).
    pub(crate) fn offer(now: Instant, local: SocketAddr, way: TransportProtocol, ssrc: u32) -> Result<(Self, String)> {
        let mut media = MediaEngine::default();
        let parameters = RTCRtpCodecParameters { rtp_codec: codec(), payload_type: PAYLOAD_TYPE };
        media.register_codec(parameters, RtpCodecKind::Audio)?;
        let mut setting = SettingEngineBuilder::default().with_multicast_dns_mode(MulticastDnsMode::Disabled).build();
        setting.set_crypto_provider(Arc::new(RingProvider::new()));
        let mut connection = RTCPeerConnectionBuilder::new()
            .with_media_engine(media)
            .with_setting_engine(setting)
            .with_interceptor_registry(configure_rtcp_reports(Registry::new()))
            .build(now)?;
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
            codec: codec(),
            ..Default::default()
        };
        let (voice, audio) = ("voice".to_owned(), RtpCodecKind::Audio);
        let track = MediaStreamTrack::new("agent".into(), voice.clone(), voice, audio, vec![encoding]);
        let sender = connection.add_track(track)?;
        let made = connection.create_offer(None)?;
        connection.set_local_description(now, made)?;
        let (ip, port) = (local.ip(), local.port());
        let candidate = match way {
            TransportProtocol::TCP => format!("candidate:1 1 tcp 1518280447 {ip} {port} typ host tcptype active"),
            _ => format!("candidate:1 1 udp 2130706431 {ip} {port} typ host"),
        };
        let candidate = RTCIceCandidateInit {
            candidate,
            sdp_mid: Some("0".into()),
            sdp_mline_index: Some(0),
            ..Default::default()
        };
        connection.add_local_candidate(candidate)?;
        let offer = connection.local_description().map(|description| description.sdp).unwrap_or_default();
        Ok((Self { connection, sender, ssrc, local, way, seq: 0, timestamp: 0 }, offer))
    }

    /// Takes the answer of the other side.
    pub(crate) fn answer(&mut self, now: Instant, sdp: String) -> Result<()> {
        self.connection.set_remote_description(now, RTCSessionDescription::answer(sdp)?)
    }

    /// A datagram came. One that is broken is dropped, as a browser drops it.
    pub(crate) fn receive(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        let transport =
            TransportContext { local_addr: self.local, peer_addr: from, transport_protocol: self.way, ecn: None };
        let _ = self.connection.handle_read(TaggedBytesMut { now, transport, message: datagram.into() });
    }

    /// Sees to its timers, and hands on what it heard.
    pub(crate) fn turn(&mut self, now: Instant, mut heard: impl FnMut(rtp::Packet)) {
        let _ = self.connection.handle_timeout(now);
        while self.connection.poll_event().is_some() {}
        while let Some(read) = self.connection.poll_read() {
            if let RTCMessage::RtpPacket(_, packet) = read.message {
                heard(packet);
            }
        }
    }

    /// Says these octets of A-law; false while nothing can be said yet. Time goes on for the
    /// listener either way.
    pub(crate) fn say(&mut self, now: Instant, octets: &[u8]) -> bool {
        let header = rtp::Header {
            version: 2,
            payload_type: PAYLOAD_TYPE,
            sequence_number: self.seq,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            ..Default::default()
        };
        self.seq = self.seq.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(octets.len() as u32);
        let packet = rtp::Packet { header, payload: octets.to_vec().into() };
        self.connection.rtp_sender(self.sender).is_some_and(|mut sender| sender.write_rtp(now, packet).is_ok())
    }

    /// Hands over what is to be sent, and where to; answers when it wants its next turn.
    pub(crate) fn send(&mut self, mut send: impl FnMut(&[u8], SocketAddr)) -> Option<Instant> {
        while let Some(out) = self.connection.poll_write() {
            send(&out.message, out.transport.peer_addr);
        }
        self.connection.poll_timeout()
    }

    /// Says goodbye, as a closed page does; it is still to be sent.
    pub(crate) fn close(&mut self) {
        let _ = self.connection.close();
    }
}
