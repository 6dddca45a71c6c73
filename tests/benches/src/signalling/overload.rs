//! A server with a fifth of a core: how many calls it carries, and what it does with twice as
//! many.

use super::{BUSY, Kind, Server, Signalling, generate};
use crate::{free_address, generator::Report};

/// Of the highest rate without failure, so much must complete at twice that rate.
const KEPT: f64 = 0.8;
/// Of what was not refused, so much must complete.
const COMPLETED: f64 = 0.999;

/// What was found.
#[derive(Debug)]
pub(super) struct Overload {
    /// Highest rate without failure, calls per second.
    pub(super) highest: f64,
    /// Set-up at that rate.
    pub(super) at_highest: Report,
    /// At twice the rate.
    pub(super) at_double: Report,
}

impl Overload {
    /// Share of the highest rate that completed at twice that rate.
    pub(super) fn kept(&self) -> f64 {
        self.at_double.completed_per_second / self.highest
    }

    /// Share that completed of what was not refused.
    pub(super) fn completed(&self) -> f64 {
        let taken = self.at_double.completed + self.at_double.failed;
        self.at_double.completed as f64 / taken.max(1) as f64
    }

    pub(super) fn missed(&self) -> Vec<String> {
        let mut missed = Vec::new();
        if self.kept() < KEPT {
            missed.push(format!("at twice the rate {:.0} % of the highest rate complete", self.kept() * 100.0));
        }
        if self.completed() < COMPLETED {
            missed.push(format!("of what was not refused {:.2} % complete", self.completed() * 100.0));
        }
        if self.at_double.busy > BUSY {
            missed.push("void: the generator needed too much of its core at twice the rate".to_owned());
        }
        missed
    }
}

/// Looks for the highest rate around `guess`, then doubles it.
pub(super) async fn measure(order: &Signalling, guess: f64) -> anyhow::Result<Overload> {
    let (mut low, mut high) = (0.0, guess * 1.5);
    let mut best: Option<(f64, Report)> = None;
    let mut rate = guess * 0.8;
    for _ in 0..order.steps {
        let report = run(order, rate, order.step_seconds).await?;
        if report.completed == report.placed {
            low = rate;
            best = Some((rate, report));
        } else {
            high = rate;
        }
        rate = f64::midpoint(low, high);
    }
    let Some((highest, at_highest)) = best else {
        anyhow::bail!("no rate from {guess:.0} calls a second down was carried without failure");
    };
    let at_double = run(order, highest * 2.0, order.double_seconds).await?;
    Ok(Overload { highest, at_highest, at_double })
}

async fn run(order: &Signalling, rate: f64, seconds: f64) -> anyhow::Result<Report> {
    let far_end = free_address()?;
    let mut server = Server::start(Kind::Bridge, order.server_core, far_end).await?;
    server.hold(order.share)?;
    let report = generate(order, server.address, far_end, rate, (rate * seconds) as u64).await?;
    server.stop().await?;
    Ok(report)
}
