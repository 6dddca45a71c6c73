//! How well a leg is heard: what was counted, and what a listener would say of it.
//!
//! The opinion (MOS) is that of the E-model, ITU-T G.107 (06/2015), with all its defaults
//! (R = 93.2) and what can be measured here in place of two of its terms:
//! - the effective equipment impairment of its equation 7-29, with Ie and Bpl of G.711 from
//!   ITU-T G.113 (11/2007), appendix I: Ie = 0, Bpl = 4.3 without and 25.1 with packet loss
//!   concealment, and the burst ratio that was observed;
//! - the delay impairment Id in the form of Cole and Rosenbluth (*Voice over IP performance
//!   monitoring*, 2001), which follows G.107 where echo is cancelled.

use serde::Serialize;

/// Quality of one leg, from its beginning to now or to its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Quality {
    /// Packets received.
    pub received: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Packets that came so long after the fastest ones that a listener's buffer is empty by
    /// then (100 ms).
    pub late: u64,
    /// Packets that came after one that was sent later.
    pub reordered: u64,
    /// Packets that came twice or more.
    pub duplicates: u64,
    /// Packets of somebody else, which were not heard.
    pub foreign: u64,
    /// Packets above three times the agreed rate, which were not heard.
    pub excess: u64,
    /// Packets of a secured leg that were not authentic, or were heard before; they were not heard.
    pub unauthentic: u64,
    /// Suite by which a leg of plain RTP is secured (RFC 4568, section 6.2); none in the clear, and of a
    /// browser's leg, which is secured in its own way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub srtp: Option<&'static str>,
    /// Interarrival jitter (RFC 3550, appendix A.8), milliseconds.
    pub jitter_ms: f64,
    /// Round-trip time (RFC 3550, section 6.4.1), milliseconds; none before the other end's first
    /// report.
    pub rtt_ms: Option<f64>,
    /// How long a run of losses is compared with losses that are strewn evenly (G.107: `BurstR`).
    pub burst_ratio: f64,
    /// Opinion of who listens to this leg, 1 to 4.5; none before the first packet.
    pub mos: Option<f64>,
    /// What the other end says of our stream.
    pub far: Option<FarEnd>,
}

impl Quality {
    /// Of who may have said nothing at all: his opinion of what he heard stands for the missing one of
    /// what he said.
    pub(crate) fn of_listener(self) -> Self {
        let heard = self.far.map(|far| far.moment(self.rtt_ms).mos);
        Self { mos: self.mos.or(heard), ..self }
    }

    /// This leg after an earlier one in the same place. Opinion, jitter and what the other end says
    /// are those of the later one, once it was heard.
    pub(crate) fn after(self, earlier: Self) -> Self {
        let last = if self.received == 0 && earlier.received > 0 { earlier } else { self };
        Self {
            received: self.received + earlier.received,
            lost: self.lost + earlier.lost,
            late: self.late + earlier.late,
            reordered: self.reordered + earlier.reordered,
            duplicates: self.duplicates + earlier.duplicates,
            foreign: self.foreign + earlier.foreign,
            excess: self.excess + earlier.excess,
            unauthentic: self.unauthentic + earlier.unauthentic,
            ..last
        }
    }
}

/// What the other end of a leg says of the stream that it gets from us, by its last report
/// (RFC 3550, section 6.4.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct FarEnd {
    /// Packets that never reached it; those that came twice count against them.
    pub lost: i64,
    /// Share lost between its last two reports, 0 to 1.
    pub loss: f64,
    /// Its jitter, milliseconds.
    pub jitter_ms: f64,
}

impl FarEnd {
    /// How well it hears us, by that report.
    pub(crate) fn moment(self, rtt_ms: Option<f64>) -> Moment {
        let Self { loss, jitter_ms, .. } = self;
        let measured = Measured { loss, burst_ratio: 1.0, jitter_ms, rtt_ms };
        Moment { mos: opinion(measured, Concealment::Yes), loss, jitter_ms, rtt_ms }
    }
}

/// A moment of one leg: the last five seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Moment {
    /// Opinion of who listens to this leg, 1 to 4.5; 1 when nothing came at all.
    pub mos: f64,
    /// Share lost, 0 to 1.
    pub loss: f64,
    /// Jitter, milliseconds.
    pub jitter_ms: f64,
    /// Round-trip time, milliseconds.
    pub rtt_ms: Option<f64>,
}

/// Every leg of a call at one moment. None: there is no such leg, or nothing is expected of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Moments {
    /// The agent's leg: what the party hears.
    pub agent: Option<Moment>,
    /// The carrier's leg: what the agent hears.
    pub party: Option<Moment>,
    /// The leg of whom the call is passed on to, or who is in it as a third: what others hear of him.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Moment>,
    /// The supervisor's leg: what others hear of him, and, while he only listens, what he hears by his
    /// own reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supervisor: Option<Moment>,
}

/// Every leg of a call, each from its beginning to now or to its end.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Legs {
    /// From the browser or desk phone of the agent who has the call, or had it last; a browser that came
    /// back after a reload goes on with what was counted before.
    pub agent: Quality,
    /// From those who had the call before him and handed it over, in that order: nobody is judged by
    /// another's network. What more than [`MOST_AGENTS`](Self::MOST_AGENTS) of them said counts with the
    /// last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub agents_before: Vec<Quality>,
    /// From the carrier.
    pub party: Quality,
    /// From whom the call was to be passed on to, or who was in it as a third, all of them together;
    /// whoever was left with the party counts as the agent. None: there was nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Quality>,
    /// From the supervisors, all of them together; opinion of what they heard where they said nothing.
    /// None: there was nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supervisor: Option<Quality>,
}

impl Legs {
    /// Agents who handed the call over that are told apart.
    pub const MOST_AGENTS: usize = 8;

    /// Another has the call from here on.
    pub(crate) fn handed_over(before: &mut Vec<Quality>, had: Quality) {
        let full = before.len() >= Self::MOST_AGENTS;
        match before.last_mut() {
            Some(last) if full => *last = had.after(*last),
            _ => before.push(had),
        }
    }
}

/// Whether what is missing is concealed where a leg is listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Concealment {
    /// A browser, or a telephone of today.
    Yes,
    /// The telephone network behind the carrier, of which that is not known.
    No,
}

/// R of the E-model without any impairment of this network (G.107, table 3).
const DEFAULT_R: f64 = 93.2;
/// Packets are made of 20 ms of sound, and a listener's buffer holds about two jitters more.
const PACKET_MS: f64 = 20.0;

/// What was measured of a leg.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Measured {
    /// Share lost or late, 0 to 1.
    pub(crate) loss: f64,
    pub(crate) burst_ratio: f64,
    pub(crate) jitter_ms: f64,
    pub(crate) rtt_ms: Option<f64>,
}

/// The opinion of somebody who listens to a leg of G.711.
pub(crate) fn opinion(measured: Measured, concealment: Concealment) -> f64 {
    let one_way = measured.rtt_ms.unwrap_or(0.0) / 2.0 + PACKET_MS + 2.0 * measured.jitter_ms;
    let r = DEFAULT_R - delay_impairment(one_way) - loss_impairment(measured.loss, measured.burst_ratio, concealment);
    (mos_of(r) * 100.0).round() / 100.0
}

/// Id of a one-way delay in milliseconds.
fn delay_impairment(ms: f64) -> f64 {
    const KNEE: f64 = 177.3;
    0.024 * ms + if ms > KNEE { 0.11 * (ms - KNEE) } else { 0.0 }
}

/// Ie-eff of G.711 (G.107, equation 7-29).
fn loss_impairment(loss: f64, burst_ratio: f64, concealment: Concealment) -> f64 {
    const IE: f64 = 0.0;
    let robustness = match concealment {
        Concealment::Yes => 25.1,
        Concealment::No => 4.3,
    };
    let percent = loss.clamp(0.0, 1.0) * 100.0;
    if percent == 0.0 {
        return IE;
    }
    IE + (95.0 - IE) * percent / (percent / burst_ratio.max(1.0) + robustness)
}

/// MOS of an R (G.107, annex B).
fn mos_of(r: f64) -> f64 {
    if r <= 0.0 {
        1.0
    } else if r >= 100.0 {
        4.5
    } else {
        (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7.0e-6).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(got: f64, wanted: f64, by: f64) {
        assert!((got - wanted).abs() <= by, "{got} instead of {wanted}");
    }

    #[test]
    fn an_r_gives_the_opinion_of_the_published_table() {
        // G.107, annex B, table B.1: the borders of the classes of user satisfaction, as rounded there.
        for (r, mos) in [(90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)] {
            near(mos_of(r), mos, 0.0065);
        }
        // All defaults (G.107, section 7.7).
        near(mos_of(DEFAULT_R), 4.41, 0.005);
        near(mos_of(-3.0), 1.0, 0.0);
        near(mos_of(120.0), 4.5, 0.0);
        near(mos_of(2.0), 1.0, 0.0);
    }

    #[test]
    fn losses_of_g711_weigh_as_the_published_robustness_says() {
        // By equation 7-29 Ie-eff reaches half of 95 where the loss is Bpl per cent, when losses
        // come evenly: that is what Bpl of G.113, appendix I, means.
        near(loss_impairment(0.043, 1.0, Concealment::No), 47.5, 1e-9);
        near(loss_impairment(0.251, 1.0, Concealment::Yes), 47.5, 1e-9);
        near(loss_impairment(0.0, 1.0, Concealment::No), 0.0, 0.0);
        // One per cent: R falls by 17.9 without and by 3.6 with concealment.
        near(loss_impairment(0.01, 1.0, Concealment::No), 17.92, 0.01);
        near(loss_impairment(0.01, 1.0, Concealment::Yes), 3.64, 0.01);
        // Losses in runs weigh more.
        assert!(loss_impairment(0.03, 2.0, Concealment::Yes) > loss_impairment(0.03, 1.0, Concealment::Yes));
    }

    #[test]
    fn r4_1a_agents_who_handed_a_call_over_are_told_apart_and_their_list_ends() {
        let of = |received| Quality { received, mos: Some(4.0), ..Quality::default() };
        let mut before = Vec::new();
        for received in 1..=20 {
            Legs::handed_over(&mut before, of(received));
        }
        let received: Vec<u64> = before.iter().map(|had| had.received).collect();
        assert_eq!(received, [1, 2, 3, 4, 5, 6, 7, (8..=20).sum()]);
    }

    #[test]
    fn who_only_listens_has_an_opinion_of_what_he_hears() {
        let far = FarEnd { lost: 40, loss: 0.1, jitter_ms: 4.0 };
        let moment = far.moment(Some(30.0));
        assert!(moment.mos > 2.5 && moment.mos < 4.0, "{moment:?}");
        assert_eq!((moment.loss, moment.jitter_ms, moment.rtt_ms), (0.1, 4.0, Some(30.0)));
        let listened = Quality { far: Some(far), rtt_ms: Some(30.0), ..Quality::default() };
        assert_eq!(listened.of_listener().mos, Some(moment.mos));
        assert_eq!(Quality { mos: Some(4.2), ..listened }.of_listener().mos, Some(4.2), "he was heard, too");
        assert_eq!(Quality::default().of_listener().mos, None);
    }

    #[test]
    fn delay_weighs_little_until_people_interrupt_each_other() {
        // By hand from the published form: little below its knee, steep above.
        near(delay_impairment(150.0), 3.6, 0.01);
        near(delay_impairment(300.0), 20.7, 0.1);
        near(delay_impairment(400.0), 34.1, 0.1);
        let clean = Measured { burst_ratio: 1.0, ..Measured::default() };
        near(opinion(clean, Concealment::Yes), 4.4, 0.01);
        let far = Measured { rtt_ms: Some(800.0), ..clean };
        assert!(opinion(far, Concealment::Yes) < 3.1);
    }
}
