//! The control protocol beside one stream (RFC 3550, section 6): what we report, what the other
//! end reports, and when.
//!
//! Two take part, so the interval is always the shortest, 5 s, dealt between half and one and a
//! half of it and divided by e − 3/2 (section 6.3.1); the first report comes after half of that.
//! The wall clock of the reports is set once and then runs by itself, so that a clock that is
//! set during the call falsifies no round-trip time.

use std::time::{Duration, Instant};

use rtc::{
    rtcp::{
        goodbye::Goodbye,
        packet::Packet,
        receiver_report::ReceiverReport,
        reception_report::ReceptionReport,
        sender_report::SenderReport,
        source_description::{SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem},
    },
    shared::marshal::Unmarshal as _,
};

use crate::{
    RATE,
    quality::FarEnd,
    reception::{Block, Reception},
};

/// Shortest interval (RFC 3550, section 6.2).
const INTERVAL: Duration = Duration::from_secs(5);
/// What timer reconsideration costs (section 6.3.1): e − 3/2.
const COMPENSATION: f64 = 1.218_28;
/// Seconds from 1900 to 1970.
const NTP_EPOCH: u64 = 2_208_988_800;
/// A longer way round is none; its figures are forged or from another clock.
const LONGEST_RTT: u32 = 10 << 16;
/// Longest datagram that is read; ours are below 100 octets.
const LONGEST: usize = 1_472;
/// Packets in one datagram that are read.
const PACKETS: usize = 16;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
#[cfg(test)]
const GOODBYE: u8 = 203;

/// Whether a datagram that came where RTP comes is RTCP (RFC 5761, section 4).
pub(crate) fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [first, kind, ..] if first >> 6 == 2 && (192..=223).contains(kind))
}

/// Octets behind a control packet: flag and index, and a tag of 80 bits in each suite (section 6.2.2).
const TRAILER: usize = 4 + 10;

/// Whether a control packet of a leg with a tag of 80 bits says that it is encrypted (the E flag,
/// RFC 3711, section 3.4). The stack below takes one that says it is not without looking at its tag.
pub(crate) fn is_sealed_control(packet: &[u8]) -> bool {
    packet.len().checked_sub(TRAILER).is_some_and(|at| packet[at] & 0x80 != 0)
}

/// The control side of one leg.
#[derive(Debug)]
pub(crate) struct Control {
    dice: u64,
    cname: String,
    /// One moment by both clocks.
    clock: (Instant, i64),
    due: Option<Instant>,
    ours: Option<Ours>,
    /// Source and middle of the clock of the sender report heard last, and when that was.
    heard: Option<(u32, u32, Instant)>,
    rtt: Option<Duration>,
    far: Option<FarEnd>,
}

/// The stream that we send.
#[derive(Debug, Clone, Copy)]
struct Ours {
    ssrc: u32,
    packets: u32,
    octets: u32,
    timestamp: u32,
    at: Instant,
    /// Whether something was sent since the last report, and in the interval before.
    lately: [bool; 2],
}

impl Control {
    /// `dice` makes names and times random (section 6.5.1: no number and no address of ours).
    pub(crate) fn new(now: Instant, unix_ms: i64, dice: u64) -> Self {
        let cname = format!("{:016x}", dice ^ 0x5be0_cd19_137e_2179);
        let clock = (now, unix_ms);
        Self { dice: dice | 1, cname, clock, due: None, ours: None, heard: None, rtt: None, far: None }
    }

    /// The other end is known: reports begin.
    pub(crate) fn start(&mut self, now: Instant) {
        if self.due.is_none() {
            self.due = Some(now + self.interval() / 2);
        }
    }

    fn interval(&mut self) -> Duration {
        // Xorshift: good enough to keep two ends from speaking at once.
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        let dealt = 0.5 + (self.dice >> 11) as f64 / (1u64 << 53) as f64;
        INTERVAL.mul_f64(dealt / COMPENSATION)
    }

    /// We sent this packet.
    pub(crate) fn sent(&mut self, now: Instant, packet: &[u8]) {
        let [first, _, _, _, t0, t1, t2, t3, s0, s1, s2, s3, payload @ ..] = packet else { return };
        let payload = payload.len().saturating_sub(usize::from(first & 0x0f) * 4) as u32;
        let (timestamp, ssrc) = (u32::from_be_bytes([*t0, *t1, *t2, *t3]), u32::from_be_bytes([*s0, *s1, *s2, *s3]));
        let fresh = Ours { ssrc, packets: 0, octets: 0, timestamp, at: now, lately: [true, false] };
        let ours = self.ours.get_or_insert(fresh);
        if ours.ssrc != ssrc {
            *ours = fresh;
        }
        ours.packets = ours.packets.wrapping_add(1);
        ours.octets = ours.octets.wrapping_add(payload);
        (ours.timestamp, ours.at, ours.lately[0]) = (timestamp, now, true);
    }

    /// Whether a report is due.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// Our report, and the time of the next one.
    pub(crate) fn report(&mut self, now: Instant, reception: &mut Reception) -> Option<Vec<u8>> {
        self.due = Some(now + self.interval());
        self.compound(now, reception, None)
    }

    /// Our last report, with a goodbye (section 6.3.7: at once, because so few take part). None
    /// when nothing was ever sent: then there is nothing to leave.
    pub(crate) fn goodbye(&mut self, now: Instant, reception: &mut Reception) -> Option<Vec<u8>> {
        self.due = None;
        let ours = self.ours?;
        self.compound(now, reception, Some(Goodbye { sources: vec![ours.ssrc], ..Goodbye::default() }))
    }

    fn compound(&mut self, now: Instant, reception: &mut Reception, bye: Option<Goodbye>) -> Option<Vec<u8>> {
        let ntp_time = self.ntp(now);
        let reports: Vec<ReceptionReport> =
            reception.block().map(|block| self.reception(now, block)).into_iter().collect();
        let ours = self.ours.as_mut()?;
        let sender = ours.lately.contains(&true);
        ours.lately = [false, ours.lately[0]];
        let ours = *ours;
        let head: Box<dyn Packet> = if sender {
            let since = now.saturating_duration_since(ours.at).as_micros() as u64 * u64::from(RATE) / 1_000_000;
            Box::new(SenderReport {
                ssrc: ours.ssrc,
                ntp_time,
                rtp_time: ours.timestamp.wrapping_add(since as u32),
                packet_count: ours.packets,
                octet_count: ours.octets,
                reports,
                ..SenderReport::default()
            })
        } else {
            Box::new(ReceiverReport { ssrc: ours.ssrc, reports, ..ReceiverReport::default() })
        };
        let name =
            SourceDescriptionItem { sdes_type: SdesType::SdesCname, text: self.cname.clone().into_bytes().into() };
        let about = SourceDescription { chunks: vec![SourceDescriptionChunk { source: ours.ssrc, items: vec![name] }] };
        let mut packets = vec![head, Box::new(about) as Box<dyn Packet>];
        packets.extend(bye.map(|bye| Box::new(bye) as Box<dyn Packet>));
        rtc::rtcp::packet::marshal(&packets).ok().map(|octets| octets.to_vec())
    }

    fn reception(&self, now: Instant, block: Block) -> ReceptionReport {
        let heard = self.heard.filter(|(ssrc, ..)| *ssrc == block.ssrc);
        let (last_sender_report, delay) = heard.map_or((0, 0), |(_, middle, at)| {
            let delay = now.saturating_duration_since(at).as_micros() as u64 * 65_536 / 1_000_000;
            (middle, delay.min(u32::MAX.into()) as u32)
        });
        ReceptionReport {
            ssrc: block.ssrc,
            fraction_lost: block.fraction_lost,
            total_lost: block.total_lost as u32 & 0x00ff_ffff,
            last_sequence_number: block.highest,
            jitter: block.jitter,
            last_sender_report,
            delay,
        }
    }

    fn ntp(&self, now: Instant) -> u64 {
        let (at, unix_ms) = self.clock;
        let micros = unix_ms.max(0) as u64 * 1_000 + now.saturating_duration_since(at).as_micros() as u64;
        ((micros / 1_000_000 + NTP_EPOCH) << 32) | (((micros % 1_000_000) << 32) / 1_000_000)
    }

    /// A datagram of the other end. False when it is no valid RTCP (appendix A.2); then nothing
    /// of it counts.
    pub(crate) fn take(&mut self, now: Instant, datagram: &[u8]) -> bool {
        let Some(packets) = parts(datagram) else { return false };
        for packet in packets {
            let mut octets = packet;
            match packet.get(1) {
                Some(&SENDER_REPORT) => {
                    let Ok(report) = SenderReport::unmarshal(&mut octets) else { return false };
                    self.heard = Some((report.ssrc, (report.ntp_time >> 16) as u32, now));
                    self.reported(now, &report.reports);
                }
                Some(&RECEIVER_REPORT) => {
                    let Ok(report) = ReceiverReport::unmarshal(&mut octets) else { return false };
                    self.reported(now, &report.reports);
                }
                _ => {}
            }
        }
        true
    }

    fn reported(&mut self, now: Instant, reports: &[ReceptionReport]) {
        let Some(ours) = self.ours else { return };
        let Some(report) = reports.iter().find(|report| report.ssrc == ours.ssrc) else { return };
        self.far = Some(FarEnd {
            lost: i64::from((report.total_lost << 8) as i32 >> 8),
            loss: (f64::from(report.fraction_lost) / 256.0 * 1_000.0).round() / 1_000.0,
            jitter_ms: (f64::from(report.jitter) / f64::from(RATE) * 10_000.0).round() / 10.0,
        });
        if report.last_sender_report != 0 {
            let arrived = (self.ntp(now) >> 16) as u32;
            let way = arrived.wrapping_sub(report.last_sender_report).wrapping_sub(report.delay);
            // Both clocks are rounded: the shortest way may seem to end before it begins.
            if (way as i32) < 0 && way.wrapping_neg() < 1 << 10 {
                self.rtt = Some(Duration::ZERO);
            } else if way < LONGEST_RTT {
                self.rtt = Some(Duration::from_micros(u64::from(way) * 1_000_000 / 65_536));
            }
        }
    }

    /// Round-trip time, milliseconds.
    pub(crate) fn rtt_ms(&self) -> Option<f64> {
        self.rtt.map(|rtt| (rtt.as_secs_f64() * 10_000.0).round() / 10.0)
    }

    /// What the other end says of our stream.
    pub(crate) fn far(&self) -> Option<FarEnd> {
        self.far
    }
}

/// Whether it holds a goodbye.
#[cfg(test)]
pub(crate) fn is_goodbye(datagram: &[u8]) -> bool {
    parts(datagram).is_some_and(|parts| parts.iter().any(|part| part[1] == GOODBYE))
}

/// The packets of a datagram whose lengths add up, the first of which is a report.
fn parts(datagram: &[u8]) -> Option<Vec<&[u8]>> {
    if datagram.len() > LONGEST {
        return None;
    }
    let (mut rest, mut packets) = (datagram, Vec::new());
    while let [first, kind, high, low, ..] = *rest {
        let octets = (usize::from(u16::from_be_bytes([high, low])) + 1) * 4;
        let report = matches!(kind, SENDER_REPORT | RECEIVER_REPORT);
        if first >> 6 != 2 || octets > rest.len() || packets.len() >= PACKETS || (packets.is_empty() && !report) {
            return None;
        }
        let least = match kind {
            SENDER_REPORT => 28 + usize::from(first & 0x1f) * 24,
            RECEIVER_REPORT => 8 + usize::from(first & 0x1f) * 24,
            _ => 4,
        };
        // Padding belongs to the last one, and to no report.
        if octets < least || (report && first & 0x20 != 0) {
            return None;
        }
        packets.push(&rest[..octets]);
        rest = &rest[octets..];
    }
    (rest.is_empty() && !packets.is_empty()).then_some(packets)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn packet(ssrc: u32, seq: u16, timestamp: u32) -> Vec<u8> {
        let mut packet = vec![0x80, 8];
        packet.extend(seq.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(ssrc.to_be_bytes());
        packet.resize(172, 0xd5);
        packet
    }

    #[test]
    fn control_in_the_clear_is_known_by_its_flag() {
        let packet = |flag: u8| [&[0x80, 201, 0, 1, 0, 0, 0, 7, flag, 0, 0, 1][..], &[0; 10]].concat();
        assert!(is_sealed_control(&packet(0x80)) && !is_sealed_control(&packet(0)));
        assert!(!is_sealed_control(&[0x80, 201, 0, 1, 0, 0, 0, 7]) && !is_sealed_control(&[]), "too short");
    }

    #[test]
    fn two_ends_learn_the_round_trip_and_what_the_other_lost() {
        let t0 = Instant::now();
        // Their clocks are hours apart: only differences count.
        let (mut here, mut there) = (Control::new(t0, 1_000_000, 7), Control::new(t0, 99_000_000_123, 8));
        let (mut hears, mut other) = (Reception::default(), Reception::default());
        for seq in 0..100u16 {
            let (now, timestamp) = (t0 + MS * 20 * u32::from(seq), u32::from(seq) * 160);
            here.sent(now, &packet(1, seq, timestamp));
            there.sent(now, &packet(2, seq, timestamp));
            if seq % 4 != 1 {
                other.packet(now, 1, seq, timestamp);
            }
            hears.packet(now, 2, seq, timestamp);
        }
        let t1 = t0 + MS * 2_000;
        let first = here.report(t1, &mut hears).unwrap();
        assert!(there.take(t1 + MS * 30, &first));
        let second = there.report(t1 + MS * 830, &mut other).unwrap();
        assert!(here.take(t1 + MS * 860, &second));
        let rtt = here.rtt_ms().unwrap();
        assert!((rtt - 60.0).abs() < 0.2, "{rtt}");
        assert_eq!(here.far().unwrap().lost, 25);
        assert!((here.far().unwrap().loss - 0.25).abs() < 0.01);
        assert_eq!(there.rtt_ms(), None, "the first report could answer none");
        let third = here.report(t1 + MS * 1_860, &mut hears).unwrap();
        assert!(there.take(t1 + MS * 1_890, &third));
        assert!((there.rtt_ms().unwrap() - 60.0).abs() < 0.2);
        let bye = here.goodbye(t1 + MS * 1_900, &mut hears).unwrap();
        assert!(there.take(t1 + MS * 1_930, &bye) && is_goodbye(&bye));
    }

    #[test]
    fn a_report_names_clock_counts_and_a_name_without_address() {
        let t0 = Instant::now();
        let mut control = Control::new(t0, 1_000, 3);
        let mut reception = Reception::default();
        assert_eq!(control.report(t0, &mut reception), None, "without a stream there is nothing to say");
        control.sent(t0, &packet(9, 1, 160));
        control.sent(t0 + MS * 20, &packet(9, 2, 320));
        let octets = control.report(t0 + MS * 30, &mut reception).unwrap();
        let report = SenderReport::unmarshal(&mut octets.as_slice()).unwrap();
        assert_eq!((report.packet_count, report.octet_count, report.rtp_time), (2, 320, 400));
        assert_eq!(report.ntp_time >> 32, NTP_EPOCH + 1);
        assert!(String::from_utf8_lossy(&octets[28..]).contains(&control.cname));
        // Whoever falls silent only receives, after two reports.
        control.report(t0 + MS * 5_000, &mut reception).unwrap();
        let octets = control.report(t0 + MS * 10_000, &mut reception).unwrap();
        assert_eq!(octets[1], RECEIVER_REPORT);
    }

    #[test]
    fn reports_come_every_five_seconds_or_so_and_never_in_step() {
        let t0 = Instant::now();
        let mut control = Control::new(t0, 0, 99);
        control.sent(t0, &packet(9, 1, 160));
        control.start(t0);
        let mut at = Vec::new();
        for ms in 0..1_000_000u32 {
            let now = t0 + MS * ms;
            if control.is_due(now) {
                control.report(now, &mut Reception::default());
                at.push(ms);
            }
        }
        assert!(at[0] >= 1_000 && at[0] <= 3_100, "{at:?}");
        let gaps: Vec<u32> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| (2_050..=6_160).contains(gap)), "{gaps:?}");
        let mean = f64::from(gaps.iter().sum::<u32>()) / gaps.len() as f64;
        assert!((mean - 5_000.0 / COMPENSATION).abs() < 300.0, "{mean}");
    }

    #[test]
    fn a_forged_clock_is_no_round_trip() {
        let t0 = Instant::now();
        let mut control = Control::new(t0, 1_000_000, 7);
        control.sent(t0, &packet(1, 1, 160));
        let report = ReceptionReport { ssrc: 1, last_sender_report: 0x1234_5678, ..ReceptionReport::default() };
        let forged: Vec<Box<dyn Packet>> =
            vec![Box::new(ReceiverReport { ssrc: 2, reports: vec![report], ..ReceiverReport::default() })];
        assert!(control.take(t0 + MS, &rtc::rtcp::packet::marshal(&forged).unwrap()));
        assert_eq!(control.rtt_ms(), None);
    }

    #[test]
    fn what_is_no_rtcp_is_refused_whole() {
        let t0 = Instant::now();
        let mut control = Control::new(t0, 0, 7);
        control.sent(t0, &packet(1, 1, 160));
        let good = control.report(t0, &mut Reception::default()).unwrap();
        assert!(control.take(t0, &good));
        for cut in 0..good.len() {
            assert!(cut == 28 || !control.take(t0, &good[..cut]), "cut at {cut}");
        }
        let mut alien = good.clone();
        alien[0] = 0x40;
        assert!(!control.take(t0, &alien));
        let name_first = [&good[28..], &good[..28]].concat();
        assert!(!control.take(t0, &name_first));
        assert!(!control.take(t0, &vec![0x80; 3_000]));
        assert!(is_rtcp(&good) && !is_rtcp(&packet(1, 1, 1)) && !is_rtcp(&[0x80]));
    }

    proptest! {
        #[test]
        fn no_datagram_breaks_it(mut octets in prop::collection::vec(any::<u8>(), 0..200), like in any::<bool>()) {
            let t0 = Instant::now();
            let mut control = Control::new(t0, 0, 7);
            control.sent(t0, &packet(1, 1, 160));
            if like && octets.len() >= 8 {
                octets.truncate(octets.len() / 4 * 4);
                let words = (octets.len() / 4 - 1) as u16;
                octets[0] = 0x80 | octets[0] & 0x1f;
                octets[1] = 200 + octets[1] % 8;
                octets[2..4].copy_from_slice(&words.to_be_bytes());
            }
            control.take(t0, &octets);
        }
    }
}
