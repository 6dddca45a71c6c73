//! What was measured, as text, and which goals it missed.

use std::fmt::Write as _;

use super::{BUSY, FEW, IDLE, Kind, Measured, Media, Report, Round, ng};

/// Goals: CPU of the relay and of the recorded relay over rtpengine's, of a recorded browser call
/// over a relayed one.
const RELAY: f64 = 0.5;
const RECORDED: f64 = 0.7;
const BROWSER: f64 = 2.0;
/// Added on the way, p99, milliseconds.
const ADDED_MS: f64 = 2.0;
/// Memory of one more recorded browser call, kB.
const MEMORY_KB: f64 = 350.0;

/// The round in the middle by cost.
fn middle(measured: &Measured, kind: Kind) -> Option<&Round> {
    let mut rounds: Vec<&Round> = measured.rounds.iter().filter(|round| round.kind == kind).collect();
    rounds.sort_by(|one, other| one.cpu.total_cmp(&other.cpu));
    rounds.get(rounds.len() / 2).copied()
}

fn ratio(measured: &Measured, ours: Kind, theirs: Kind) -> Option<f64> {
    Some(middle(measured, ours)?.cpu_us_per_call_s / middle(measured, theirs)?.cpu_us_per_call_s)
}

fn added_ms(us: u64, without: u64) -> f64 {
    us.saturating_sub(without) as f64 / 1_000.0
}

fn lost(round: &Round) -> u64 {
    round.report.sent.saturating_sub(round.report.received)
}

/// Memory of one more browser call, kB: by the middle of both ends.
fn slope(measured: &Measured, browsers: usize) -> Option<f64> {
    let middle = |mut all: Vec<u64>| {
        all.sort_unstable();
        all.get(all.len() / 2).copied()
    };
    let many = measured.rounds.iter().filter(|round| round.kind == Kind::Browsers).map(|round| round.memory_kb);
    let (few, many) = (middle(measured.few_kb.clone())?, middle(many.collect())?);
    let between = browsers.checked_sub(FEW).filter(|between| *between > 0)?;
    Some((many as f64 - few as f64) / between as f64)
}

/// The ratios that have a goal.
fn goals(order: &Media, measured: &Measured) -> Vec<(&'static str, Option<f64>, f64)> {
    let relay = middle(measured, Kind::Relay);
    let added = relay.map(|relay| added_ms(relay.report.p99_us, measured.direct.p99_us));
    let mut goals = vec![
        ("CPU of our relay over rtpengine's", ratio(measured, Kind::Relay, Kind::Rtpengine), RELAY),
        (
            "CPU of our recorded relay over rtpengine's relay",
            ratio(measured, Kind::Recorded, Kind::Rtpengine),
            RECORDED,
        ),
        (
            "CPU of a recorded browser call over a relayed call",
            ratio(measured, Kind::Browsers, Kind::FewRelay),
            BROWSER,
        ),
        ("added on the way p99, ms", added, ADDED_MS),
        ("memory of one more recorded browser call, kB", slope(measured, order.browsers), MEMORY_KB),
    ];
    if order.without_peer {
        goals.drain(..2);
    }
    goals
}

pub(super) fn table(order: &Media, measured: &Measured) -> String {
    let mut out = format!(
        "{} calls, {} of browsers, {} s a window, {} rounds each, the middle one counts; load before {:.2}; {}\n\n\
         server                   calls   CPU     us/call/s  all rounds               added p50    p99     lost  dropped  generator\n",
        order.calls,
        order.browsers,
        order.seconds,
        order.rounds,
        measured.load_before,
        measured.peer.as_ref().map_or("no peer".to_owned(), |version| format!("beside rtpengine {version}")),
    );
    for kind in [Kind::Rtpengine, Kind::Relay, Kind::Recorded, Kind::FewRelay, Kind::Browsers] {
        let Some(round) = middle(measured, kind) else { continue };
        let of_kind = measured.rounds.iter().filter(|round| round.kind == kind);
        let all: Vec<String> = of_kind.clone().map(|round| format!("{:.0}", round.cpu_us_per_call_s)).collect();
        let _ = writeln!(
            out,
            "{:<24} {:>5} {:>6.2} % {:>9.0}   {:<24} {:>6.2} ms {:>6.2} ms {:>6} {:>6} {:>8.0} %",
            kind.name(),
            round.calls,
            round.cpu * 100.0,
            round.cpu_us_per_call_s,
            all.join(" "),
            added_ms(round.report.p50_us, measured.direct.p50_us),
            added_ms(round.report.p99_us, measured.direct.p99_us),
            of_kind.clone().map(lost).sum::<u64>(),
            of_kind.map(|round| round.dropped).sum::<u64>(),
            round.report.busy * 100.0,
        );
    }
    let direct = &measured.direct;
    let _ = writeln!(
        out,
        "without a server: p50 {:.2} ms, p99 {:.2} ms, {} of {} packets\n",
        direct.p50_us as f64 / 1_000.0,
        direct.p99_us as f64 / 1_000.0,
        direct.received,
        direct.sent
    );
    for (what, value, goal) in goals(order, measured) {
        let value = value.map_or("not measured".into(), |value| format!("{value:.2}"));
        let _ = writeln!(out, "{what}: {value} (goal at most {goal})");
    }
    out
}

pub(super) fn missed(order: &Media, measured: &Measured) -> Vec<String> {
    let mut missed = Vec::new();
    if measured.load_before >= IDLE {
        missed.push(format!("void: the machine had other work before, load {:.2}", measured.load_before));
    }
    for (what, value, goal) in goals(order, measured) {
        match value {
            Some(value) if value <= goal => {}
            Some(value) => missed.push(format!("{what} is {value:.2}, more than {goal}")),
            None => missed.push(format!("{what} was not measured")),
        }
    }
    if let Some(version) = measured.peer.as_ref().filter(|version| !ng::is_meant(version)) {
        missed.push(format!("void: rtpengine {version} stands beside us, and the goals are about {}", ng::VERSION));
    }
    let total = |kind| measured.rounds.iter().filter(|round| round.kind == kind).map(lost).sum::<u64>();
    for kind in [Kind::Relay, Kind::Recorded] {
        if !order.without_peer && total(kind) > total(Kind::Rtpengine) {
            missed.push(format!("{} lost {}, rtpengine {}", kind.name(), total(kind), total(Kind::Rtpengine)));
        }
    }
    for round in &measured.rounds {
        let (ours, Report { sent, received, .. }) = (round.kind != Kind::Rtpengine, &round.report);
        if ours && received != sent {
            missed.push(format!("{}: {received} of {sent} packets arrived", round.kind.name()));
        }
        if ours && round.dropped > 0 {
            missed.push(format!("{}: our own sockets dropped {}", round.kind.name(), round.dropped));
        }
        if round.report.busy > BUSY {
            missed.push(format!(
                "void: the generator needed {:.0} % of its core ({})",
                round.report.busy * 100.0,
                round.kind.name()
            ));
        }
    }
    missed
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Arguments {
        #[command(flatten)]
        media: Media,
    }

    /// A run in which every goal is met.
    fn measured() -> Measured {
        let report = Report { sent: 100_000, received: 100_000, p99_us: 400, busy: 0.3, ..Report::default() };
        let round = |kind, cost: f64, memory_kb| Round {
            kind,
            calls: 100,
            report: report.clone(),
            cpu: cost / 1e4,
            cpu_us_per_call_s: cost,
            dropped: 0,
            memory_kb,
        };
        let rounds = vec![
            round(Kind::Rtpengine, 1_000.0, 0),
            round(Kind::Relay, 300.0, 0),
            round(Kind::Recorded, 400.0, 0),
            round(Kind::FewRelay, 300.0, 0),
            round(Kind::Browsers, 500.0, 30_000),
        ];
        let peer = Some("10.5.3.5-1+deb12u1".to_owned());
        Measured { load_before: 0.1, peer, direct: report, rounds, few_kb: vec![20_000] }
    }

    fn misses(change: impl FnOnce(&mut Measured)) -> Vec<String> {
        let (order, mut measured) = (Arguments::parse_from(["media"]).media, measured());
        change(&mut measured);
        missed(&order, &measured)
    }

    #[test]
    fn a_run_that_meets_every_goal_misses_none() {
        assert_eq!(misses(|_| {}), Vec::<String>::new());
    }

    #[test]
    fn each_packet_that_any_kind_of_ours_lost_or_its_sockets_dropped_is_a_miss() {
        for no in 1..5 {
            let lost = misses(|measured| measured.rounds[no].report.received -= 1);
            assert!(lost.iter().any(|miss| miss.contains("99999 of 100000 packets arrived")), "{lost:?}");
            let dropped = misses(|measured| measured.rounds[no].dropped = 3);
            assert!(dropped[0].ends_with("our own sockets dropped 3"), "{dropped:?}");
        }
        let theirs = misses(|measured| (measured.rounds[0].report.received, measured.rounds[0].dropped) = (99_000, 9));
        assert!(theirs.is_empty(), "what rtpengine loses is no miss of ours: {theirs:?}");
        let more = misses(|measured| measured.rounds[2].report.received -= 7);
        assert!(more.contains(&"ours, relay recorded lost 7, rtpengine 0".to_owned()), "{more:?}");
    }

    #[test]
    fn a_run_beside_another_rtpengine_or_on_a_busy_machine_is_void() {
        let other = misses(|measured| measured.peer = Some("12.4.1".into()));
        assert!(other.len() == 1 && other[0].starts_with("void: rtpengine 12.4.1"), "{other:?}");
        let busy = misses(|measured| measured.load_before = 0.7);
        assert!(busy.len() == 1 && busy[0].starts_with("void: the machine"), "{busy:?}");
        let generator = misses(|measured| measured.rounds[3].report.busy = 0.9);
        assert!(generator.len() == 1 && generator[0].starts_with("void: the generator"), "{generator:?}");
    }
}
