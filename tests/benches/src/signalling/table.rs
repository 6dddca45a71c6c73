//! What was measured, as text.

use std::fmt::Write as _;

use super::{BUSY, GOAL, Kind, Round, Signalling, middle, overload::Overload};
use crate::generator::Report;

pub(super) fn comparison(order: &Signalling, direct: &Report, rounds: &[(Kind, Vec<Round>)]) -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut out = format!(
        "{} calls a second, {} s a round, {} rounds each, the middle one counts; load {}\n\n\
         server                CPU/call   all rounds, us        added set-up p50  p99       again  failed  generator\n",
        order.rate,
        order.seconds,
        order.rounds,
        load.split(' ').take(3).collect::<Vec<_>>().join(" ")
    );
    for (kind, rounds) in rounds {
        let Some(round) = middle(rounds) else { continue };
        let Report { setup_p50, setup_p99, repeats, failed, refused, busy, .. } = &round.report;
        let all = rounds.iter().map(|round| round.cpu_per_call.as_micros().to_string()).collect::<Vec<_>>();
        let _ = writeln!(
            out,
            "{:<20} {:>6} us   {:<20} {:>10.2} ms {:>8.2} ms {:>6} {:>7} {:>8.0} %",
            kind.name(),
            round.cpu_per_call.as_micros(),
            all.join(" "),
            added(*setup_p50, direct.setup_p50),
            added(*setup_p99, direct.setup_p99),
            repeats,
            failed + refused,
            busy * 100.0
        );
    }
    if let Some(ratio) = ratio(rounds) {
        let _ = writeln!(out, "\nCPU per call against the peer: {ratio:.2} (goal at most {GOAL:.1})");
    }
    let _ = writeln!(
        out,
        "without a server: set-up p50 {:.2} ms, p99 {:.2} ms",
        direct.setup_p50 as f64 / 1000.0,
        direct.setup_p99 as f64 / 1000.0
    );
    out
}

/// Milliseconds that the server adds.
fn added(with: u64, without: u64) -> f64 {
    with.saturating_sub(without) as f64 / 1000.0
}

fn ratio(rounds: &[(Kind, Vec<Round>)]) -> Option<f64> {
    let cost = |wanted| {
        let (_, rounds) = rounds.iter().find(|(kind, _)| *kind == wanted)?;
        Some(middle(rounds)?.cpu_per_call.as_secs_f64())
    };
    Some(cost(Kind::Bridge)? / cost(Kind::Kamailio)?)
}

/// Goals that the comparison missed.
pub(super) fn missed(direct: &Report, rounds: &[(Kind, Vec<Round>)]) -> Vec<String> {
    let mut missed = Vec::new();
    if let Some(ratio) = ratio(rounds).filter(|ratio| *ratio > GOAL) {
        missed.push(format!("CPU per call is {ratio:.2} times that of the peer"));
    }
    let all = rounds.iter().flat_map(|(kind, rounds)| rounds.iter().map(|round| (kind.name(), &round.report)));
    for (name, report) in all.chain([("without a server", direct)]) {
        if report.busy > BUSY {
            missed.push(format!("void: the generator needed {:.0} % of its core ({name})", report.busy * 100.0));
        }
        if report.completed < report.placed {
            missed.push(format!(
                "{} of {} calls not completed ({name}): {:?}",
                report.placed - report.completed,
                report.placed,
                report.why
            ));
        }
    }
    missed
}

pub(super) fn overload(order: &Signalling, found: &Overload) -> String {
    let Overload { highest, at_highest, at_double } = found;
    let ms = |us: u64| us as f64 / 1000.0;
    format!(
        "\nheld to {} of a core by a control group\n\
         highest rate without failure    {highest:>8.0} calls/s, set-up p50 {:.1} ms, p99 {:.1} ms, sent again {}\n\
         at twice that rate, completed   {:>8.0} calls/s, {:.0} % of it (goal 80 %), set-up p50 {:.1} ms, p99 {:.1} ms\n\
         refused {}, failed {} of {}: {:.2} % of what was not refused completed (goal 99.9 %); sent again {}; \
         generator {:.0} %\n{}",
        order.share,
        ms(at_highest.setup_p50),
        ms(at_highest.setup_p99),
        at_highest.repeats,
        at_double.completed_per_second,
        found.kept() * 100.0,
        ms(at_double.setup_p50),
        ms(at_double.setup_p99),
        at_double.refused,
        at_double.failed,
        at_double.placed,
        found.completed() * 100.0,
        at_double.repeats,
        at_double.busy * 100.0,
        if at_double.why.is_empty() { String::new() } else { format!("{:?}\n", at_double.why) },
    )
}
