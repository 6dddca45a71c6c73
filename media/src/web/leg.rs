//! One browser: the sans-IO WebRTC stack, driven by the engine.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use rtc::{
    crypto::providers::RingProvider,
    dtls::extension::extension_use_srtp::SrtpProtectionProfile,
    ice::mdns::MulticastDnsMode,
    interceptor::Registry,
    media_stream::MediaStreamTrack,
    peer_connection::{
        RTCPeerConnection, RTCPeerConnectionBuilder,
        configuration::{
            interceptor_registry::configure_rtcp_reports, media_engine::MediaEngine,
            setting_engine::SettingEngineBuilder,
        },
        event::RTCPeerConnectionEvent,
        message::RTCMessage,
        sdp::RTCSessionDescription,
        state::RTCPeerConnectionState,
        transport::RTCIceCandidateInit,
    },
    rtp,
    rtp_transceiver::{
        RTCRtpSenderId,
        rtp_sender::{
            RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
        },
    },
    sansio::Protocol,
    shared::{TaggedBytesMut, TransportContext, TransportProtocol},
};

use super::{
    Places, Shore,
    mux::claims_to_be_controlled,
    reports::{Known, Reports},
    sources::Sources,
};
use crate::{
    Law,
    egress::Head,
    quality::{Concealment, Moment, Quality},
    rate::Allowance,
    reception::Reception,
    rtcp::{is_rtcp, is_sealed_control},
    rtp::Refusals,
    sdp::{SdpError, only_telephone, packet_rate},
};

/// A browser's leg.
pub(crate) struct WebLeg {
    connection: RTCPeerConnection,
    sender: RTCRtpSenderId,
    /// What it was told of our UDP and TCP.
    udp: SocketAddr,
    tcp: Option<SocketAddr>,
    due: Instant,
    connected: bool,
    /// Who speaks by the offer.
    offered: Sources,
    /// Who speaks, from the first connection on.
    sources: Option<Sources>,
    unsent: bool,
    reception: Reception,
    reports: Reports,
    /// Packets in a second that were agreed, and how many are taken.
    rate: u32,
    allowance: Allowance,
    refusals: Arc<Refusals>,
}

/// What became of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WebNews {
    Connected,
    Lost,
}

/// The stack is asked for its timers at least this often.
const LONGEST_NAP: Duration = Duration::from_secs(1);

impl WebLeg {
    /// Takes a browser's offer. Answers the leg, our answer, the ICE user name and the law
    /// that the browser will speak. `ssrc` is the stream that the browser will get; what is not heard
    /// of it is counted with `refusals`.
    pub(crate) fn accept(
        now: Instant,
        offer: &str,
        places: &Places,
        ssrc: u32,
        refusals: &Arc<Refusals>,
    ) -> Result<(Self, String, String, Law), SdpError> {
        let offer = only_telephone(offer)?;
        Self::negotiate(now, offer, places, ssrc, refusals)
            .map_err(|error| SdpError::Refused(error.to_string()))
            .and_then(|(leg, answer)| {
                let ufrag = answer
                    .lines()
                    .find_map(|line| line.strip_prefix("a=ice-ufrag:"))
                    .ok_or_else(|| SdpError::Refused("the answer has no ICE user name".into()))?
                    .trim()
                    .to_owned();
                let law = first_law(&answer).ok_or(SdpError::NoCommonCodec)?;
                Ok((leg, answer, ufrag, law))
            })
    }

    fn negotiate(
        now: Instant,
        offer: String,
        places: &Places,
        ssrc: u32,
        refusals: &Arc<Refusals>,
    ) -> Result<(Self, String), rtc::shared::error::Error> {
        let (rate, offered) = (packet_rate(&offer), Sources::of(&offer));
        // The profile that each browser must have (RFC 8827, section 6.5), and no other: the place of
        // the flag in its control packets is known so.
        let mut setting = SettingEngineBuilder::default()
            .with_multicast_dns_mode(MulticastDnsMode::Disabled)
            .with_lite(true)
            .with_srtp_protection_profiles(vec![SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80])
            .build();
        setting.set_crypto_provider(Arc::new(RingProvider::new()));
        let reports = Reports::default();
        let (place, listener) = reports.listener(ssrc, refusals.clone());
        let mut connection = RTCPeerConnectionBuilder::new()
            .with_media_engine(codecs()?)
            .with_setting_engine(setting)
            .with_interceptor_registry(configure_rtcp_reports(Registry::new()).with(place, listener))
            .build(now)?;
        let sender = connection.add_track(MediaStreamTrack::new(
            "songda".into(),
            "party".into(),
            "party".into(),
            RtpCodecKind::Audio,
            vec![RTCRtpEncodingParameters {
                rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
                codec: codec("audio/PCMA", ""),
                ..Default::default()
            }],
        ))?;
        connection.set_remote_description(now, RTCSessionDescription::offer(offer)?)?;
        let answer = connection.create_answer(None)?;
        connection.set_local_description(now, answer)?;
        for candidate in places.candidates() {
            connection.add_local_candidate(RTCIceCandidateInit {
                candidate,
                sdp_mid: Some("0".into()),
                sdp_mline_index: Some(0),
                ..Default::default()
            })?;
        }
        let answer = connection.local_description().map(|description| description.sdp).unwrap_or_default();
        let leg = Self {
            connection,
            sender,
            udp: places.udp(),
            tcp: places.tcp.first().copied(),
            due: now,
            connected: false,
            offered,
            sources: None,
            unsent: false,
            reception: Reception::default(),
            reports,
            rate,
            allowance: Allowance::of(rate),
            refusals: refusals.clone(),
        };
        Ok((leg, answer))
    }

    /// A datagram of the browser, by UDP or framed in its connection.
    pub(crate) fn datagram(&mut self, now: Instant, by: TransportProtocol, from: SocketAddr, bytes: &[u8]) {
        // Nobody sealed it, and the stack would believe it. And against one who is lite the other end is
        // always the controlling one (RFC 8445, section 6.1.1): the stack changes its role for whoever says
        // otherwise, before it looks whether that is authentic.
        if (is_rtcp(bytes) && !is_sealed_control(bytes)) || claims_to_be_controlled(bytes) {
            return;
        }
        if self.sources.as_mut().is_some_and(|sources| !sources.take(bytes)) {
            self.refusals.foreign.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let local_addr = match by {
            TransportProtocol::TCP => self.tcp.unwrap_or(self.udp),
            _ => self.udp,
        };
        let read = self.connection.handle_read(TaggedBytesMut {
            now,
            transport: TransportContext { local_addr, peer_addr: from, transport_protocol: by, ecn: None },
            message: bytes.into(),
        });
        if let Err(error) = read {
            tracing::debug!(%error, "a browser's datagram was refused");
        }
        self.due = now;
    }

    /// Turns the timers, if one is due.
    pub(crate) fn turn(&mut self, now: Instant) -> bool {
        if self.due > now {
            return false;
        }
        if let Err(error) = self.connection.handle_timeout(now) {
            tracing::debug!(%error, "a timer of a browser's leg failed");
        }
        true
    }

    /// The next change of the connection.
    pub(crate) fn news(&mut self) -> Option<WebNews> {
        while let Some(event) = self.connection.poll_event() {
            let RTCPeerConnectionEvent::OnConnectionStateChangeEvent(state) = event else { continue };
            match state {
                RTCPeerConnectionState::Connected => {
                    self.connected = true;
                    self.sources.get_or_insert_with(|| self.offered.clone());
                    return Some(WebNews::Connected);
                }
                RTCPeerConnectionState::Disconnected
                | RTCPeerConnectionState::Failed
                | RTCPeerConnectionState::Closed
                    if self.connected =>
                {
                    self.connected = false;
                    return Some(WebNews::Lost);
                }
                _ => {}
            }
        }
        None
    }

    /// The next packet of the agent's voice. The stack has looked whether it is authentic; what is more
    /// than three times the agreed rate is not heard.
    pub(crate) fn packet(&mut self, now: Instant) -> Option<rtp::Packet> {
        while let Some(read) = self.connection.poll_read() {
            if let RTCMessage::RtpPacket(_, packet) = read.message {
                if !self.allowance.affords(now, self.rate) {
                    self.refusals.excess.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                let rtp::Header { ssrc, sequence_number, timestamp, payload_type, .. } = packet.header;
                let timestamp = Law::of(payload_type).map(|_| timestamp);
                self.reception.came(now, ssrc, sequence_number, timestamp);
                return Some(packet);
            }
        }
        None
    }

    /// A packet for the browser.
    pub(crate) fn send(&mut self, now: Instant, head: Head, payload_type: u8, payload: &[u8]) {
        if !self.connected {
            return;
        }
        let packet = rtp::Packet {
            header: rtp::Header {
                version: 2,
                payload_type,
                marker: head.marker,
                sequence_number: head.seq,
                timestamp: head.timestamp,
                ssrc: head.ssrc,
                ..Default::default()
            },
            payload: bytes::Bytes::copy_from_slice(payload),
        };
        self.unsent = true;
        if let Some(mut sender) = self.connection.rtp_sender(self.sender)
            && let Err(error) = sender.write_rtp(now, packet)
        {
            tracing::debug!(%error, "a packet to the browser was refused");
        }
    }

    /// Whether a packet was handed in since the last flush.
    pub(crate) fn has_unsent(&self) -> bool {
        self.unsent
    }

    /// Writes what the stack wants to send.
    pub(crate) fn flush(&mut self, now: Instant, shore: &mut Shore) {
        self.unsent = false;
        while let Some(out) = self.connection.poll_write() {
            shore.send(out.transport.transport_protocol, out.transport.peer_addr, &out.message);
        }
        self.due = self
            .connection
            .poll_timeout()
            .unwrap_or(now + LONGEST_NAP)
            .clamp(now + Duration::from_millis(1), now + LONGEST_NAP);
    }

    /// Says goodbye to the browser.
    pub(crate) fn close(&mut self, now: Instant, shore: &mut Shore) {
        if let Err(error) = self.connection.close() {
            tracing::debug!(%error, "a browser's leg did not close cleanly");
        }
        self.flush(now, shore);
    }

    /// How well it is heard, from its beginning on. Whoever listens sits behind a carrier.
    pub(crate) fn quality(&self) -> Quality {
        let Known { rtt_ms, far, excess } = self.reports.known();
        let quality = self.reception.quality(rtt_ms, far, Concealment::No);
        Quality { excess: excess + self.allowance.excess(), ..quality }
    }

    /// How well it was heard since this was asked for the last time.
    pub(crate) fn moment(&mut self) -> Option<Moment> {
        self.reception.moment(self.reports.known().rtt_ms, Concealment::No)
    }
}

fn codec(mime_type: &str, fmtp: &str) -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: mime_type.into(),
        clock_rate: crate::RATE,
        channels: 1,
        sdp_fmtp_line: fmtp.into(),
        rtcp_feedback: vec![],
    }
}

fn codecs() -> Result<MediaEngine, rtc::shared::error::Error> {
    let mut engine = MediaEngine::default();
    for (mime, fmtp, payload_type) in
        [("audio/PCMA", "", 8), ("audio/PCMU", "", 0), ("audio/telephone-event", "0-15", 126)]
    {
        let parameters = RTCRtpCodecParameters { rtp_codec: codec(mime, fmtp), payload_type };
        engine.register_codec(parameters, RtpCodecKind::Audio)?;
    }
    Ok(engine)
}

fn first_law(answer: &str) -> Option<Law> {
    let line = answer.lines().find_map(|line| line.strip_prefix("m=audio "))?;
    line.split_ascii_whitespace().skip(2).find_map(|word| Law::of(word.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A check with this user name whose sender says that we control (RFC 8445, section 7.1.3): nobody has
    /// signed it.
    fn claim(ufrag: &str) -> Vec<u8> {
        let user = format!("{ufrag}:nobody");
        let mut attributes = [&[0, 6, 0, user.len() as u8][..], user.as_bytes()].concat();
        attributes.resize(attributes.len().next_multiple_of(4), 0);
        attributes.extend([0x80, 0x29, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0]);
        let head = [0, 1, 0, attributes.len() as u8, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        [&head[..], &attributes].concat()
    }

    #[test]
    fn x2_who_says_that_we_control_changes_no_role_of_a_browsers_leg() {
        let (now, here) = (Instant::now(), vec![SocketAddr::from(([192, 0, 2, 1], 4_000))]);
        let places = Places { udp: here, tcp: Vec::new() };
        let offer = include_str!("../../../tests/fuzz/seeds/offer/chromium");
        let (mut leg, _, ufrag, _) = WebLeg::accept(now, offer, &places, 7, &Arc::default()).unwrap();
        let role = |leg: &mut WebLeg| {
            let sender = leg.connection.rtp_sender(leg.sender).unwrap();
            sender.transport().unwrap().ice_transport().role().to_string()
        };
        assert_eq!(role(&mut leg), "controlled");
        let from = SocketAddr::from(([198, 51, 100, 7], 9));
        leg.datagram(now, TransportProtocol::UDP, from, &claim(&ufrag));
        assert_eq!(role(&mut leg), "controlled");
    }
}
