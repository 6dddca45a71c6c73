//! The signalling bench: what a bridged call costs, beside Kamailio's stateful proxy, and what
//! happens when there are too many.
//!
//! Generator and server have a core each. A run in which the generator needed more than
//! [`BUSY`] of its own is void: then it was measured, not the server. Both servers take turns,
//! so that whatever else the machine does meets both; the middle round counts.

mod cgroup;
mod overload;
mod server;
mod table;

use std::{fmt::Write as _, net::SocketAddr, process::Stdio, time::Duration};

use anyhow::{Context as _, bail};

use self::server::{Kind, Server};
use crate::{free_address, generator::Report};

/// More, and the generator is the bottleneck.
const BUSY: f64 = 0.8;
/// The goal: CPU per call against that of the peer.
const GOAL: f64 = 1.0;

/// What to measure.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Signalling {
    /// Calls per second of the comparison.
    #[arg(long, default_value_t = 200.0)]
    rate: f64,
    /// Seconds of each round.
    #[arg(long, default_value_t = 15.0)]
    seconds: f64,
    /// Rounds of each server.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Core of the generator.
    #[arg(long, default_value_t = 0)]
    generator_core: usize,
    /// Core of the server.
    #[arg(long, default_value_t = 1)]
    server_core: usize,
    /// Share of a core that the server is held to for the overload; 0 leaves it out.
    #[arg(long, default_value_t = 0.2)]
    share: f64,
    /// Steps of the search for the highest rate.
    #[arg(long, default_value_t = 6)]
    steps: u32,
    /// Seconds of each step.
    #[arg(long, default_value_t = 6.0)]
    step_seconds: f64,
    /// Seconds at twice the highest rate.
    #[arg(long, default_value_t = 20.0)]
    double_seconds: f64,
    /// Leave Kamailio out.
    #[arg(long)]
    without_peer: bool,
    /// Fail when the goal is missed.
    #[arg(long)]
    strict: bool,
}

/// One round of one server.
#[derive(Debug, Clone)]
struct Round {
    report: Report,
    cpu_per_call: Duration,
}

/// Runs the bench and prints its table.
pub(crate) async fn run(order: &Signalling) -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism()?.get();
    let widest = order.generator_core.max(order.server_core);
    if widest >= cores || order.generator_core == order.server_core {
        bail!("generator and server want a core each, and there are {cores}");
    }
    let calls = (order.rate * order.seconds) as u64;
    let far_end = free_address()?;
    let direct = generate(order, far_end, far_end, order.rate, calls).await?;
    let mut kinds = vec![Kind::Kamailio, Kind::Bridge];
    if order.without_peer {
        kinds.remove(0);
    }
    let mut rounds: Vec<(Kind, Vec<Round>)> = kinds.into_iter().map(|kind| (kind, Vec::new())).collect();
    for _ in 0..order.rounds {
        for (kind, rounds) in &mut rounds {
            rounds.push(round(order, *kind, calls).await?);
        }
    }
    let mut out = table::comparison(order, &direct, &rounds);
    let mut missed = table::missed(&direct, &rounds);
    if order.share > 0.0 {
        let per_call =
            rounds.last().and_then(|(_, rounds)| middle(rounds)).map_or(0.0, |r| r.cpu_per_call.as_secs_f64());
        match overload::measure(order, order.share / per_call.max(1e-5)).await {
            Ok(overload) => {
                out.push_str(&table::overload(order, &overload));
                missed.extend(overload.missed());
            }
            Err(error) => missed.push(format!("overload not measured: {error:#}")),
        }
    }
    for miss in &missed {
        let _ = writeln!(out, "missed: {miss}");
    }
    crate::print(&out)?;
    if order.strict && !missed.is_empty() {
        bail!("{} of the goals missed", missed.len());
    }
    Ok(())
}

async fn round(order: &Signalling, kind: Kind, calls: u64) -> anyhow::Result<Round> {
    let far_end = free_address()?;
    let server = Server::start(kind, order.server_core, far_end).await?;
    let before = server.cpu();
    let report = generate(order, server.address, far_end, order.rate, calls).await?;
    let used = server.cpu().saturating_sub(before);
    server.stop().await?;
    let cpu_per_call = used / u32::try_from(report.completed.max(1)).unwrap_or(u32::MAX);
    Ok(Round { report, cpu_per_call })
}

/// The generator as a process of its own, on its core.
async fn generate(
    order: &Signalling,
    to: SocketAddr,
    answer_at: SocketAddr,
    rate: f64,
    calls: u64,
) -> anyhow::Result<Report> {
    let output = tokio::process::Command::new("taskset")
        .args(["-c", &order.generator_core.to_string()])
        .arg(std::env::current_exe()?)
        .args(["generate", "--to", &to.to_string(), "--answer-at", &answer_at.to_string()])
        .args(["--rate", &rate.to_string(), "--calls", &calls.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await
        .context("taskset is needed: apt-get install util-linux")?;
    serde_json::from_slice(&output.stdout).context("the generator failed")
}

/// The round in the middle by cost.
fn middle(rounds: &[Round]) -> Option<&Round> {
    let mut sorted: Vec<&Round> = rounds.iter().collect();
    sorted.sort_by_key(|round| round.cpu_per_call);
    sorted.get(sorted.len() / 2).copied()
}
