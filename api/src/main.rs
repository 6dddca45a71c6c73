//! The `songda` command.

use std::{
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use songda_api::{
    claim,
    config::Config,
    evidence::{self, EvidenceCommand},
    files,
    house::House,
    operator::{
        self, AddTrunk, CourtCommand, Entry, KeysCommand, MachineCommand, NumberCommand, PhoneCommand, UserCommand,
    },
    seed,
    serve::{self, Stop},
    trunk_check::{self, Check},
};
use songda_store::audit::{self, Verdict};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Songda (送达): a court's service-of-process server.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Configuration file.
    #[arg(long, default_value = "songda.toml", global = true)]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves until it is told to stop.
    Serve,
    /// Fills an empty database.
    Seed {
        /// With the demo court, which reaches songda-sim only.
        #[arg(long, required = true)]
        demo: bool,
        /// Where the simulated carrier listens.
        #[arg(long, default_value = "127.0.0.1:5090")]
        carrier: SocketAddr,
    },
    /// Looks at the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Transcribes for `songda serve`, which starts it: recordings in, transcripts out.
    #[command(hide = true)]
    AsrWorker,
    /// Looks at the audit log.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Checks evidence, and takes it out with its proofs.
    #[command(subcommand)]
    Evidence(EvidenceCommand),
    /// The keys of this house.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Courts of this house.
    #[command(subcommand)]
    Court(CourtCommand),
    /// Accounts of people.
    #[command(subcommand)]
    User(UserCommand),
    /// Accounts of case systems.
    #[command(subcommand)]
    Machine(MachineCommand),
    /// Ways to a carrier.
    #[command(subcommand)]
    Trunk(TrunkCommand),
    /// Numbers of a court.
    #[command(subcommand)]
    Number(NumberCommand),
    /// Desk phones of a court.
    #[command(subcommand)]
    Phone(PhoneCommand),
}

#[derive(Subcommand)]
enum TrunkCommand {
    /// Enters a trunk; with a user its password is the first line of standard input.
    Add(AddTrunk),
    /// Tries a trunk out, step by step.
    Check(Check),
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Says what is wrong with it, by key and line.
    Check,
}

#[derive(Subcommand)]
enum AuditCommand {
    /// Checks that no row of the log and no event of a timeline was changed or removed.
    Verify,
}

fn main() -> ExitCode {
    songda_store::http::install_crypto();
    let arguments = Arguments::parse();
    // Who enters or tries something reads its lines, and of the log what is wrong.
    // What strangers send to the browsers' port is no news: a line for each would fill the log.
    let usual = if matches!(arguments.command, Command::Serve | Command::AsrWorker) {
        "info,sqlx=warn,rtc=error"
    } else {
        "warn"
    };
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_env("SONGDA_LOG").unwrap_or_else(|_| usual.into()))
        .with_writer(std::io::stderr)
        .init();
    if matches!(arguments.command, Command::AsrWorker) {
        return match transcribe(&arguments.config) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&error),
        };
    }
    // A bundle is checked where there is no house: nothing else is read.
    if let Command::Evidence(EvidenceCommand::Verify(asked)) = &arguments.command
        && let Some(folder) = asked.bundle()
    {
        return match evidence::verify_bundle(folder, asked, &mut std::io::stdout()) {
            Ok(code) => ExitCode::from(code),
            Err(error) => failed(&error),
        };
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    match runtime.block_on(run(arguments)) {
        Ok(code) => code,
        Err(error) => failed(&error),
    }
}

/// The child's side of transcription.
fn transcribe(config: &Path) -> anyhow::Result<()> {
    let config = Config::read(config)?;
    let model = songda_asr::Model::load(&config.asr.model, &config.asr.sha256)?;
    songda_asr::worker::serve(&model, config.asr.threads, std::io::stdin().lock(), std::io::stdout().lock())?;
    Ok(())
}

fn exit(well: bool) -> ExitCode {
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "songda: {error:#}");
    ExitCode::FAILURE
}

async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let config = Config::read(&arguments.config)?;
    let mut out = std::io::stdout();
    match arguments.command {
        Command::AsrWorker => {}
        Command::Config(ConfigCommand::Check) => {
            files::check(&config)?;
            writeln!(out, "{} is well", arguments.config.display())?;
        }
        Command::Serve => {
            let folder = claim::folder(&config.data.folder)?;
            let house = House::open(&config).await?;
            let _held = claim::database(folder, &house.db).await?;
            let stop = Stop::default();
            let asked = [SignalKind::terminate(), SignalKind::interrupt()].map(signal);
            let [term, interrupt] = asked.map(|asked| asked.context("listening for SIGTERM and Ctrl-C"));
            tokio::spawn(stop_on_signal(term?, interrupt?, stop.clone()));
            serve::serve(&config, &arguments.config, house, stop, |address| {
                tracing::info!(%address, "serving");
                let _ = writeln!(std::io::stdout(), "listening on {address}");
            })
            .await?;
        }
        Command::Seed { carrier, .. } => {
            let key = seed::demo(&House::open(&config).await?, carrier).await?;
            writeln!(out, "{key}")?;
        }
        Command::Audit(AuditCommand::Verify) => {
            let house = House::open(&config).await?;
            match audit::verify(&house.db).await? {
                Verdict::Intact { rows } => writeln!(out, "{rows} rows, every one follows from the one before")?,
                Verdict::Broken { seq } => anyhow::bail!("row {seq} was changed, or a row before it was removed"),
            }
            match songda_service::timeline::verify(&house.db).await? {
                None => writeln!(out, "every timeline follows from its beginning")?,
                Some((task, seq)) => {
                    anyhow::bail!("event {seq} of task {task} was changed, or one before it was removed")
                }
            }
        }
        Command::Trunk(TrunkCommand::Check(check)) => {
            let house = House::open(&config).await?;
            let passed = trunk_check::run(&config, &house, &check, &mut out).await?;
            house.db.close().await;
            return Ok(exit(passed));
        }
        Command::Evidence(EvidenceCommand::Verify(asked)) => {
            let house = House::open(&config).await?;
            let after_ms = config.evidence.root_after_ms().unwrap_or_default();
            let well = evidence::verify(&house, &asked, after_ms, &mut out).await?;
            house.db.close().await;
            return Ok(exit(well));
        }
        Command::Evidence(EvidenceCommand::Roots) => {
            let house = House::open(&config).await?;
            let after_ms = config.evidence.root_after_ms().unwrap_or_default();
            let made = evidence::make_roots(&house, after_ms).await?;
            writeln!(out, "{made} day roots made")?;
            house.db.close().await;
        }
        Command::Evidence(EvidenceCommand::Export(asked)) => {
            let house = House::open(&config).await?;
            let whole = evidence::export(&house, &asked, &mut out).await?;
            house.db.close().await;
            return Ok(exit(whole));
        }
        Command::Keys(asked) => {
            let house = House::open(&config).await?;
            let said = match asked {
                KeysCommand::Rotate(asked) => {
                    operator::rotate_keys(&house, &config.key_file(), asked.rotation()).await?
                }
                KeysCommand::Public => operator::public_keys(&house)?,
            };
            writeln!(out, "{}", said.trim_end())?;
            house.db.close().await;
        }
        Command::Court(CourtCommand::List) => {
            let house = House::open(&config).await?;
            writeln!(out, "{}", operator::courts(&house).await?)?;
            house.db.close().await;
        }
        Command::Court(CourtCommand::Add(entry)) => enter(&config, &entry).await?,
        Command::User(UserCommand::Add(entry)) => enter(&config, &entry).await?,
        Command::Machine(MachineCommand::Add(entry)) => enter(&config, &entry).await?,
        Command::Trunk(TrunkCommand::Add(entry)) => enter(&config, &entry).await?,
        Command::Number(NumberCommand::Add(entry)) => enter(&config, &entry).await?,
        Command::Phone(PhoneCommand::Add(entry)) => enter(&config, &entry).await?,
        Command::Phone(PhoneCommand::List(entry)) => enter(&config, &entry).await?,
        Command::Phone(PhoneCommand::Remove(entry)) => enter(&config, &entry).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What the operator enters, in a line.
async fn enter(config: &Config, entry: &impl Entry) -> anyhow::Result<()> {
    let house = House::open(config).await?;
    writeln!(std::io::stdout(), "{}", entry.enter(&house).await?)?;
    house.db.close().await;
    Ok(())
}

/// The first SIGTERM or Ctrl-C lets what is live come to its end; the second one ends it at once.
async fn stop_on_signal(mut term: Signal, mut interrupt: Signal, stop: Stop) {
    let mut told = async || {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    told().await;
    tracing::info!("told to end: nothing new is taken, and live calls go on; told again it ends at once");
    stop.drain.cancel();
    told().await;
    stop.at_once.cancel();
}
