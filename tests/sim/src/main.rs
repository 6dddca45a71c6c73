//! `songda-sim`: the outside world as a program. See `--help`.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use songda_sim::{Algorithm, Config, Forms, Number, NumberForm, Office, PushTarget, Registering, Say};
use time::format_description::well_known::Iso8601;
use time::{Date, OffsetDateTime, UtcOffset};

/// The outside world of Songda: a strict SIP carrier and the court's case system.
///
/// Prints one JSON line with the bound addresses, then runs until SIGTERM or Ctrl-C.
#[derive(Parser)]
#[command(name = "songda-sim", version, after_long_help = after_help())]
struct Arguments {
    /// UDP address of the carrier (port 0 picks a free one).
    #[arg(long, default_value = "127.0.0.1:5060")]
    sip: SocketAddr,
    /// TCP address of the case system (port 0 picks a free one).
    #[arg(long, default_value = "127.0.0.1:8090")]
    http: SocketAddr,
    /// UDP address of the time server (port 0 picks a free one); none without it.
    #[arg(long)]
    ntp: Option<SocketAddr>,
    /// How many milliseconds the time server is ahead of the machine.
    #[arg(long, requires = "ntp", default_value_t = 0, allow_hyphen_values = true)]
    ntp_offset_ms: i64,
    /// Digest realm.
    #[arg(long, default_value = "songda-sim")]
    realm: String,
    /// Digest user name.
    #[arg(long, default_value = "songda")]
    user: String,
    /// Digest password.
    #[arg(long, default_value = "secret")]
    password: String,
    /// Offer only this digest algorithm; both, SHA-256 first, without it.
    #[arg(long)]
    algorithm: Option<Algorithm>,
    /// Seconds that a nonce lives.
    #[arg(long, default_value_t = 60)]
    nonce_lifetime: u64,
    /// Number that may call (in From and P-Asserted-Identity); may be given several times.
    #[arg(long, value_parser = number, default_value = "029-88009000")]
    caller: Vec<Number>,
    /// Where the court listens for calls into it; where it is registered without it.
    #[arg(long)]
    court: Option<SocketAddr>,
    /// The longest registration that is granted, in seconds.
    #[arg(long, default_value_t = 3_600)]
    grant_s: u64,
    /// Registrations for less are refused with 423, in seconds.
    #[arg(long, default_value_t = 1)]
    least_s: u64,
    /// Take calls only from where somebody is registered.
    #[arg(long)]
    registration_required: bool,
    /// Form of called numbers: national, +86, zero:PREFIXES (0 before all other mobiles) or
    /// prefix:DIGITS; any without it.
    #[arg(long)]
    called_form: Option<NumberForm>,
    /// Form of calling numbers; any without it.
    #[arg(long)]
    calling_form: Option<NumberForm>,
    /// Milliseconds that a party that answers lets it ring.
    #[arg(long, default_value_t = 2_000)]
    answer_after_ms: u64,
    /// What a speaker plays: `NUMBER=FILE.wav[,delay_ms=N][,hang_up_ms=N][,channel=left|right]`.
    #[arg(long)]
    say: Vec<Say>,
    /// Folder for received audio and reports; one under the system's temporary folder without it.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Base address of the product that orders are pushed to.
    #[arg(long, requires = "key")]
    push_to: Option<String>,
    /// Machine key for the pushes.
    #[arg(long, requires = "push_to")]
    key: Option<String>,
    /// How many samples are pushed at the start (with --push-to).
    #[arg(long, default_value_t = 20)]
    push_samples: usize,
    /// Bearer key that events to /case/events must carry.
    #[arg(long, default_value = "sim-events-key")]
    events_key: String,
    /// Bearer key that hand-ins to /notary/roots must carry.
    #[arg(long, default_value = "sim-notary-key")]
    notary_key: String,
    /// Day of the samples (YYYY-MM-DD); today in China without it.
    #[arg(long, value_parser = day)]
    day: Option<Date>,
    /// Judge of the samples: ID:NAME.
    #[arg(long, default_value = "J0001:周明远")]
    judge: String,
    /// Id of the clerk of the samples.
    #[arg(long, default_value = "C0001")]
    clerk: String,
}

fn after_help() -> String {
    format!(
        "Numbers: {}xxxx (mobiles) and {}xxxx (landlines); every other number is 404.\nThe last four digits decide:\n{}",
        songda_sim::DEMO_MOBILE,
        songda_sim::DEMO_LANDLINE,
        songda_sim::table_text()
    )
}

fn number(text: &str) -> Result<Number, String> {
    Number::parse(text).ok_or_else(|| "not a telephone number".to_owned())
}

fn day(text: &str) -> Result<Date, String> {
    Date::parse(text, &Iso8601::DATE).map_err(|_| "not a date YYYY-MM-DD".to_owned())
}

impl Arguments {
    fn config(self) -> Config {
        let out_dir =
            self.out.unwrap_or_else(|| std::env::temp_dir().join(format!("songda-sim-{}", std::process::id())));
        let china = UtcOffset::from_hms(8, 0, 0).unwrap_or(UtcOffset::UTC);
        let (judge_id, judge_name) = self.judge.split_once(':').unwrap_or((&self.judge, ""));
        Config {
            sip: self.sip,
            http: self.http,
            ntp: self.ntp,
            realm: self.realm,
            user: self.user,
            password: self.password,
            algorithms: self.algorithm.map_or_else(|| vec![Algorithm::Sha256, Algorithm::Md5], |a| vec![a]),
            nonce_lifetime: Duration::from_secs(self.nonce_lifetime),
            callers: self.caller,
            court: self.court,
            registering: Registering {
                grant_s: self.grant_s,
                least_s: self.least_s,
                required: self.registration_required,
                refuse: None,
            },
            forms: Forms { called: self.called_form, calling: self.calling_form },
            answer_after: Duration::from_millis(self.answer_after_ms),
            say: self.say,
            out_dir,
            push: self.push_to.zip(self.key).map(|(url, key)| PushTarget { url, key }),
            push_at_start: self.push_samples,
            events_key: self.events_key,
            notary_key: self.notary_key,
            day: self.day.unwrap_or_else(|| OffsetDateTime::now_utc().to_offset(china).date()),
            office: Office { judge: (judge_id.to_owned(), judge_name.to_owned()), clerk: self.clerk },
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "songda_sim=info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    let offset_ms = arguments.ntp_offset_ms;
    let config = arguments.config();
    let out_dir = config.out_dir.clone();
    let mut terminate =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let running = songda_sim::start(config).await?;
    running.set_time_offset_ms(offset_ms);
    let mut line = serde_json::json!({
        "sip": running.sip_addr.to_string(),
        "http": format!("http://{}", running.http_addr),
        "out": out_dir,
    });
    if let Some(address) = running.ntp_addr {
        line["ntp"] = address.to_string().into();
    }
    writeln!(std::io::stdout().lock(), "{line}").context("cannot write to standard output")?;
    tokio::select! {
        _ = terminate.recv() => {}
        ended = tokio::signal::ctrl_c() => ended.context("cannot wait for Ctrl-C")?,
    }
    running.stop().await;
    Ok(())
}
