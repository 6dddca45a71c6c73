//! Many calls over a bad line for a long time: afterwards every table is empty, and memory
//! has not grown.

pub(crate) mod hour;

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::{
    free_address,
    generator::{Generate, Report, generate},
    line::Quality,
    status::Sample,
};

/// How long, and how bad.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Soak {
    /// Seconds of new calls.
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// Calls per second.
    #[arg(long, default_value_t = 10.0)]
    rate: f64,
    /// Of a hundred messages so many are lost.
    #[arg(long, default_value_t = 5)]
    loss: u64,
}

/// A line that nobody would put up with.
pub(crate) const BAD: Quality = Quality { loss: 5, delayed: 20, twice: 2 };
/// Memory may grow by so much in the last two thirds, KiB.
pub(crate) const GROWTH: u64 = 1024;
/// Seconds until as many calls are forgotten as are placed, and the heap has taken what it takes for that.
const FULL: usize = 100;
/// Seconds of which the memory is taken at either end.
const TAKEN: usize = 5;
/// The last transaction and the last call are forgotten in this time: 64 × T1 each, and some.
const EMPTY: Duration = Duration::from_secs(80);

/// Runs the bridge between both ends, over a bad line on both sides.
pub(crate) async fn run(order: &Soak) -> anyhow::Result<()> {
    let (listen, answer_at) = (free_address()?, free_address()?);
    let mut child = Command::new(std::env::current_exe()?)
        .args(["bridge", "--status", "--listen", &listen.to_string(), "--to", &answer_at.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stdout = child.stdout.take().context("the bridge says nothing")?;
    let mut bridge = Watched { lines: BufReader::new(stdout).lines(), samples: Vec::new(), child };
    bridge.sample().await?;
    let generate_order = Generate {
        to: listen,
        answer_at,
        rate: order.rate,
        calls: (order.rate * order.seconds as f64) as u64,
        hold_ms: 2_000,
        mixed: true,
        quality: Quality { loss: order.loss, ..BAD },
    };
    let begun = Instant::now();
    let generating = generate(&generate_order);
    tokio::pin!(generating);
    let report = loop {
        tokio::select! {
            report = &mut generating => break report?,
            sample = bridge.sample() => drop(sample?),
        }
    };
    let loaded = begun.elapsed().as_secs().min(order.seconds);
    let memory = bridge.memory(loaded as usize);
    let left = bridge.empties().await?;
    bridge.child.kill().await?;
    let grown = match memory {
        Some((early, late)) => format!("{early} KiB when the tables were full, {late} KiB at the end"),
        None => format!("not judged: the tables are full only after {FULL} s"),
    };
    let text = format!(
        "{} calls over a line that loses {} %: {} as they should, {} not; {} messages lost, {} sent again\n\
         resident memory: {grown}; tables: {}\n",
        report.placed,
        order.loss,
        report.completed,
        report.failed + report.refused,
        report.lost,
        report.repeats,
        match left {
            Some(left) => format!("{} calls and {} transactions are left", left.calls, left.transactions),
            None => "empty".to_owned(),
        }
    );
    crate::print(&text)?;
    judge(&report, memory, left)
}

fn judge(report: &Report, memory: Option<(u64, u64)>, left: Option<Sample>) -> anyhow::Result<()> {
    if report.completed != report.placed || !report.why.is_empty() {
        bail!("calls went wrong: {:?}", report.why);
    }
    if left.is_some() {
        bail!("tables did not become empty");
    }
    if let Some((early, late)) = memory.filter(|(early, late)| *late > early + GROWTH) {
        bail!("memory grew by {} KiB", late - early);
    }
    Ok(())
}

struct Watched {
    lines: Lines<BufReader<ChildStdout>>,
    samples: Vec<Sample>,
    child: Child,
}

impl Watched {
    /// One a second.
    async fn sample(&mut self) -> anyhow::Result<Sample> {
        let line = self.lines.next_line().await?.context("the bridge ended")?;
        let sample = serde_json::from_str(&line)?;
        self.samples.push(sample);
        Ok(sample)
    }

    /// The middle of some seconds after a third of the time, and at its end. In a short run
    /// later: the tables are not full before. None when they never were.
    fn memory(&self, seconds: usize) -> Option<(u64, u64)> {
        let full = (seconds / 3).max(FULL);
        let end = self.samples.len().min(seconds);
        let late = end.checked_sub(TAKEN).filter(|late| *late >= full + TAKEN)?;
        let resident = |range: &[Sample]| {
            let mut all: Vec<u64> = range.iter().map(|sample| sample.resident).collect();
            all.sort_unstable();
            all.get(all.len() / 2).copied()
        };
        Some((resident(&self.samples[full..full + TAKEN])?, resident(&self.samples[late..end])?))
    }

    /// What is left in the tables when they should be empty.
    async fn empties(&mut self) -> anyhow::Result<Option<Sample>> {
        let begun = Instant::now();
        loop {
            let sample = self.sample().await?;
            if sample.calls + sample.transactions == 0.0 {
                return Ok(None);
            }
            if begun.elapsed() > EMPTY {
                return Ok(Some(sample));
            }
        }
    }
}
