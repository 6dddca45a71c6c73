//! What a browser reports of the stream that it gets from us (RFC 3550, section 6.4).
//!
//! The stack reads blocks of receiver reports alone, and a browser that speaks puts its own into sender
//! reports; nor does it measure the round trip. So we stand in its chain, next to the wire: reports of
//! ours that go out are remembered, and what comes back is measured by them. Nothing is changed, and of
//! packets of sound nothing is looked at. Reports above three times what is usual are dropped.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use rtc::{
    interceptor::{Interceptor, Packet, Slot, StreamInfo, TaggedPacket},
    rtcp::{receiver_report::ReceiverReport, reception_report::ReceptionReport, sender_report::SenderReport},
    sansio::Protocol,
    shared::error::Error,
};

use crate::{
    RATE,
    quality::FarEnd,
    rate::{Allowance, REPORTS},
    rtp::Refusals,
};

/// Reports of ours that an answer may still name: half a minute of them.
const REMEMBERED: usize = 32;
/// Next to the wire: what comes is seen first, and what goes out last.
const PLACE: usize = 500;

/// What is known by its reports.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Known {
    pub(super) rtt_ms: Option<f64>,
    pub(super) far: Option<FarEnd>,
    /// Reports that were too many.
    pub(super) excess: u64,
}

/// The same, for the leg. One thread has both ends: nobody ever waits for the other.
#[derive(Debug, Clone, Default)]
pub(super) struct Reports(Arc<Mutex<Known>>);

impl Reports {
    pub(super) fn known(&self) -> Known {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who stands in the chain, of the stream with this source, and where; what is too much is counted
    /// with `refusals`.
    pub(super) fn listener(&self, ssrc: u32, refusals: Arc<Refusals>) -> (Slot, Listener) {
        let listener = Listener {
            known: self.clone(),
            ssrc,
            allowance: Allowance::of(REPORTS),
            refusals,
            sent: VecDeque::new(),
            read: VecDeque::new(),
            write: VecDeque::new(),
        };
        (Slot::from(PLACE), listener)
    }
}

/// Stands in the chain.
pub(super) struct Listener {
    known: Reports,
    ssrc: u32,
    allowance: Allowance,
    refusals: Arc<Refusals>,
    /// Our reports: the middle of their NTP time, and when they went out.
    sent: VecDeque<(u32, Instant)>,
    read: VecDeque<TaggedPacket>,
    write: VecDeque<TaggedPacket>,
}

impl Listener {
    fn goes_out(&mut self, now: Instant, report: &SenderReport) {
        if report.ssrc == self.ssrc {
            self.sent.truncate(REMEMBERED - 1);
            self.sent.push_front(((report.ntp_time >> 16) as u32, now));
        }
    }

    fn comes_in(&self, now: Instant, block: &ReceptionReport) {
        if block.ssrc != self.ssrc {
            return;
        }
        let tenths = |ms: f64| (ms * 10.0).round() / 10.0;
        // 24 bits with a sign.
        let lost = i64::from((block.total_lost << 8).cast_signed() >> 8);
        let far = FarEnd {
            lost,
            loss: (f64::from(block.fraction_lost) / 256.0 * 1_000.0).round() / 1_000.0,
            jitter_ms: tenths(f64::from(block.jitter) / f64::from(RATE) * 1_000.0),
        };
        let asked =
            self.sent.iter().find(|(middle, _)| block.last_sender_report != 0 && *middle == block.last_sender_report);
        let kept = Duration::from_secs_f64(f64::from(block.delay) / 65_536.0);
        let rtt_ms = asked.map(|(_, at)| {
            let way = now.saturating_duration_since(*at).saturating_sub(kept);
            tenths(way.as_secs_f64() * 1_000.0)
        });
        let mut known = self.known.lock();
        *known = Known { rtt_ms: rtt_ms.or(known.rtt_ms), far: Some(far), ..*known };
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Listener {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(reports) = &packet.message.packet {
            if !self.allowance.affords(packet.now, REPORTS) {
                self.known.lock().excess = self.allowance.excess();
                self.refusals.excess.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
            for report in reports {
                let report = report.as_any();
                let blocks = report.downcast_ref::<SenderReport>().map(|report| &report.reports);
                let blocks = blocks.or_else(|| report.downcast_ref::<ReceiverReport>().map(|report| &report.reports));
                for block in blocks.into_iter().flatten() {
                    self.comes_in(packet.now, block);
                }
            }
        }
        self.read.push_back(packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.read.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(reports) = &packet.message.packet {
            for report in reports {
                if let Some(report) = report.as_any().downcast_ref::<SenderReport>() {
                    self.goes_out(packet.now, report);
                }
            }
        }
        self.write.push_back(packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.write.pop_front()
    }
}

impl Interceptor for Listener {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}

    fn unbind_local_stream(&mut self, _: &StreamInfo) {}

    fn bind_remote_stream(&mut self, _: &StreamInfo) {}

    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}

#[cfg(test)]
mod tests {
    use rtc::{interceptor::AttributedPacket, shared::TransportContext};

    use super::*;

    const OURS: u32 = 7;

    fn packet(now: Instant, report: impl rtc::rtcp::Packet + 'static) -> TaggedPacket {
        let message = AttributedPacket::new(Packet::Rtcp(vec![Box::new(report)]));
        TaggedPacket { now, transport: TransportContext::default(), message }
    }

    fn block(ssrc: u32, last_sender_report: u32) -> ReceptionReport {
        // Half a second after our report; one packet came twice.
        let (delay, total_lost) = (32_768, 0x00ff_ffff);
        ReceptionReport {
            ssrc,
            fraction_lost: 64,
            total_lost,
            jitter: 80,
            last_sender_report,
            delay,
            ..Default::default()
        }
    }

    #[test]
    fn a_browser_that_speaks_reports_in_its_own_sender_reports_and_the_round_trip_is_measured_by_ours() {
        let (t0, reports) = (Instant::now(), Reports::default());
        let (_, mut listener) = reports.listener(OURS, Arc::default());
        let ours = SenderReport { ssrc: OURS, ntp_time: 0x1111_2222_3333_4444, ..Default::default() };
        listener.handle_write(packet(t0, ours)).unwrap();
        assert!(listener.poll_write().is_some() && reports.known() == Known::default());
        let later = t0 + Duration::from_millis(540);
        let blocks = vec![block(8, 0x2222_3333), block(OURS, 0x2222_3333)];
        listener.handle_read(packet(later, SenderReport { ssrc: 99, reports: blocks, ..Default::default() })).unwrap();
        assert!(listener.poll_read().is_some(), "and it goes on");
        let far = FarEnd { lost: -1, loss: 0.25, jitter_ms: 10.0 };
        assert_eq!(reports.known(), Known { rtt_ms: Some(40.0), far: Some(far), excess: 0 });
        // One that had not heard our report yet says nothing of the way.
        let quiet = ReceptionReport { jitter: 160, ..block(OURS, 0) };
        listener.handle_read(packet(later, ReceiverReport { reports: vec![quiet], ..Default::default() })).unwrap();
        let known = reports.known();
        assert_eq!((known.rtt_ms, known.far.unwrap().jitter_ms), (Some(40.0), 20.0));
    }
    #[test]
    fn reports_above_three_times_what_is_usual_are_counted_and_go_nowhere() {
        let (t0, reports, refusals) = (Instant::now(), Reports::default(), Arc::<Refusals>::default());
        let (_, mut listener) = reports.listener(OURS, refusals.clone());
        let report = |now| packet(now, ReceiverReport { reports: vec![block(OURS, 0)], ..Default::default() });
        for _ in 0..100 {
            listener.handle_read(report(t0)).unwrap();
        }
        assert_eq!(std::iter::from_fn(|| listener.poll_read()).count(), 15);
        assert_eq!((reports.known().excess, refusals.excess.load(Ordering::Relaxed)), (85, 85));
        // As often as a browser reports, and far oftener, none is too many.
        for no in 1..100 {
            listener.handle_read(report(t0 + Duration::from_millis(200 * no))).unwrap();
        }
        assert_eq!(std::iter::from_fn(|| listener.poll_read()).count(), 99);
        assert_eq!(reports.known().excess, 85);
    }
}
