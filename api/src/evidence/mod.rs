//! `songda evidence`: checks what is kept, and makes bundles that anybody can check.

mod bundle;
mod export;
mod notarised;
mod verify;

use std::{
    io::{IsTerminal as _, Write as _},
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use songda_people::courts::{self, Court};
use songda_service::{cases, evidence::Found};

pub(crate) use self::bundle::public_keys;
pub use self::{bundle::verify_bundle, export::export, verify::verify};
use crate::{house::House, operator};

/// Evidence.
#[derive(Debug, Subcommand)]
pub enum EvidenceCommand {
    /// Checks every file against the register, the register against the roots, and each root
    /// against its signature and the day before. Answers with 0 when all is well, with 2 when a
    /// bundle fits only keys of its own, else 1.
    Verify(Verify),
    /// Makes the day roots that are due though nothing was entered for weeks: only when the clock
    /// of this machine is right, for a root stays for ever.
    Roots,
    /// Writes the evidence of a case, or all of a court, with its proofs into a folder that `verify --bundle` checks
    /// anywhere.
    Export(Export),
}

/// What is to be checked.
#[derive(Debug, Args)]
pub struct Verify {
    /// Code of the court (法院代字); every court when it is left out.
    #[arg(long)]
    court: Option<String>,
    /// The files in the root of one day only, as 2026-11-27.
    #[arg(long, conflicts_with_all = ["call", "case", "bundle"])]
    day: Option<String>,
    /// What there is of one call only: recording, transcript with its corrections, task and case that
    /// it was entered for, what a recovery set aside.
    #[arg(long, conflicts_with_all = ["case", "bundle"])]
    call: Option<String>,
    /// The files of one case (案号) only.
    #[arg(long, conflicts_with = "bundle")]
    case: Option<String>,
    /// An exported folder instead: no database, configuration or key is needed.
    #[arg(long, conflicts_with = "court")]
    bundle: Option<PathBuf>,
    /// Public keys that came another way than in the bundle, or than from this house, PEM: only
    /// they are trusted.
    #[arg(long)]
    keys: Option<PathBuf>,
    /// The notary's public keys, which came another way than in the bundle or from this house's
    /// configuration, PEM: receipts are checked with them.
    #[arg(long)]
    notary_keys: Option<PathBuf>,
    /// Answers in JSON.
    #[arg(long)]
    json: bool,
}

impl Verify {
    /// The folder, when it is one that is to be checked.
    pub fn bundle(&self) -> Option<&std::path::Path> {
        self.bundle.as_deref()
    }
}

/// What is to be written, and where.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["case", "all"]))]
pub struct Export {
    /// 案号 of the one case that is meant.
    #[arg(long)]
    case: Option<String>,
    /// Everything of a court instead: its return at the end of the contract (PIPL 21).
    #[arg(long, requires = "court")]
    all: bool,
    /// A folder that is not there yet, or empty.
    #[arg(long)]
    to: PathBuf,
    /// Code of the court (法院代字), when there are several.
    #[arg(long)]
    court: Option<String>,
}

/// The courts that are meant: one by its code, or all.
async fn courts_meant(house: &House, code: Option<&str>) -> anyhow::Result<Vec<Court>> {
    anyhow::ensure!(house.read_only.is_none(), "without its key the house cannot read its evidence: restore the key");
    let all = courts::list(&house.db).await?;
    let Some(code) = code else { return Ok(all) };
    let one: Vec<Court> = all.into_iter().filter(|court| court.code == code).collect();
    anyhow::ensure!(!one.is_empty(), "no court has the code {code}: `songda court list` names them");
    Ok(one)
}

/// Makes the roots that are due; whoever calls it says that the clock is right, and that is
/// written down.
pub async fn make_roots(house: &House, after_ms: i64) -> anyhow::Result<usize> {
    let courts = courts_meant(house, None).await?;
    let made = house.roots().make_all(after_ms).await?;
    let mut tx = house.db.begin().await?;
    for court in &courts {
        let detail = serde_json::json!({ "made": made });
        operator::note(&mut tx, &house.clock, &court.id, "evidence.make_roots", ("court", &court.id), "ok", detail)
            .await?;
    }
    tx.commit().await?;
    Ok(made)
}

/// Court and id of the case with this number.
async fn case_meant(house: &House, courts: &[Court], number: &str) -> anyhow::Result<(Court, String)> {
    let mut found = Vec::new();
    for court in courts {
        found.extend(cases::case_by_number(&house.db, &court.id, number).await?.map(|case| (court.clone(), case)));
    }
    anyhow::ensure!(found.len() < 2, "several courts have a case {number}: say which one with --court CODE");
    found.pop().with_context(|| format!("there is no case {number}"))
}

/// How far it is, on a terminal.
struct Meter {
    shown: Option<Instant>,
    files: usize,
    bytes: u64,
    broken: usize,
}

impl Meter {
    fn new() -> Self {
        Self { shown: std::io::stderr().is_terminal().then(Instant::now), files: 0, bytes: 0, broken: 0 }
    }

    fn add(&mut self, bytes: u64, broken: bool) {
        self.files += 1;
        self.bytes += bytes;
        self.broken += usize::from(broken);
        if self.shown.is_some_and(|shown| shown.elapsed() > Duration::from_millis(200)) {
            self.shown = Some(Instant::now());
            let (files, mib, broken) = (self.files, self.bytes >> 20, self.broken);
            let _ = write!(std::io::stderr(), "\r{files} files, {mib} MiB, {broken} broken ");
            let _ = std::io::stderr().flush();
        }
    }

    fn end(&self) {
        if self.shown.is_some() {
            let _ = write!(std::io::stderr(), "\r{:60}\r", "");
        }
    }
}

/// What a look found, for whoever reads a terminal.
fn words(found: &Found) -> String {
    found.said().map(|said| said.text).unwrap_or_default()
}
