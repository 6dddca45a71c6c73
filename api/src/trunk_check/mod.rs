//! `songda trunk check`: is the line to the carrier in order, and if not, what is to be done.
//!
//! It goes the way of the server, with the server's own signalling, sound, books and rules,
//! but from a port of its own: the server may run beside it. What fits to the trunk is the
//! same; only a carrier that knows the court by address and port sees a stranger.

mod call;
mod carrier;
mod ground;
mod record;
mod report;
mod words;

use std::{
    io::Write,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use clap::Args;
use serde_json::json;
use songda_calls::{Library, carrier_sound};
use songda_desk::telephony::trunks::TrunkState;
use songda_media::{Engine, EngineConfig, Law, RATE};
use songda_sip::{Endpoint, EndpointConfig, Listen, Number, OutboundCall, Protocol, Srtp, Trunk, TrunkSettings};
use songda_store::clock;
use tokio_util::sync::CancellationToken;

use self::{
    call::{Heard, Seen, TestCall},
    ground::Found,
    record::Recording,
    report::{Outcome, Report, Step},
    words::{Advice, Lang, Said},
};
use crate::{config::Config, house::House, operator};

/// Tries a trunk out: addresses, registration, OPTIONS, and a recorded call to your own
/// telephone. One line per step; each that fails says what to do. Ends with 0 when all passed.
#[derive(Debug, Args)]
pub struct Check {
    /// Name of the trunk.
    name: String,
    /// 法院代字 of its court, where several courts have a trunk of this name.
    #[arg(long)]
    court: Option<String>,
    /// Calls this number, your own telephone: recording notice, music, and we hang up.
    #[arg(long, value_name = "NUMBER")]
    call: Option<String>,
    /// Where the recording of the call goes: a new WAV file. Without it, one named by the time.
    #[arg(long, value_name = "FILE", requires = "call")]
    record: Option<PathBuf>,
    /// Language of the output: zh or en; without it that of the environment.
    #[arg(long, value_parser = ["zh", "en"])]
    lang: Option<String>,
}

/// Everything that a check stands on.
struct Ground<'a> {
    config: &'a Config,
    house: &'a House,
    endpoint: Endpoint,
    found: Found,
    trunk: Trunk,
}

/// Runs a check and prints it. True when every step passed.
pub async fn run(config: &Config, house: &House, check: &Check, out: &mut (dyn Write + Send)) -> anyhow::Result<bool> {
    let lang = Lang::choose(check.lang.as_deref(), |name| std::env::var(name).ok());
    let mut report = Report::new(out, lang);
    let found = match ground::find(house, &check.name, check.court.as_deref()).await? {
        Ok(found) => found,
        Err(said) => return fail(report, Step::Trunk, said, Advice::Name),
    };
    let (trunk, settings) = match (found.trunk.sip(&house.sealer), found.trunk.settings(&house.sealer)) {
        (Ok(trunk), Ok(settings)) => (trunk, settings),
        (Err(error), _) | (_, Err(error)) => {
            return fail(report, Step::Trunk, Said::Sealed(error.to_string()), Advice::KeyFile);
        }
    };
    let said = Said::Trunk {
        name: format!("{} {}", found.court.code, found.trunk.name),
        register: settings.register,
        paused: found.trunk.state == TrunkState::Paused,
    };
    report.tell(Step::Trunk, &Outcome::Passed(said))?;
    let endpoint = match Endpoint::start(own_port(config, settings.protocol), CancellationToken::new()) {
        Ok(endpoint) => endpoint,
        Err(error) => return fail(report, Step::Port, Said::Error(error.to_string()), Advice::Address),
    };
    let own = endpoint.local_addr().to_string();
    let server = main_listener(config).0.to_string();
    report.tell(Step::Port, &Outcome::Passed(Said::Port { own, server }))?;
    let first = settings.hosts.first().map(|host| carrier::place(host, settings.protocol)).unwrap_or_default();
    let ground = Ground { config, house, endpoint, found, trunk: Trunk { proxy: first, ..trunk } };
    if let Err(error) = steps(&ground, settings, check, &mut report).await {
        // Whatever is up or registered is not left behind.
        carrier::leave(&ground.endpoint).await;
        return Err(error);
    }
    let passed = report.close()?;
    let result = if passed { "ok" } else { "failed" };
    note(&ground, "trunk.check", result, json!({ "called": check.call.is_some() })).await?;
    Ok(passed)
}

fn fail(mut report: Report<'_>, step: Step, said: Said, advice: Advice) -> anyhow::Result<bool> {
    report.tell(step, &Outcome::Failed(said, advice))?;
    Ok(report.close()?)
}

/// The server's signalling with its name servers and certificates, but on a port that the
/// system picks, and without desk phones.
fn own_port(config: &Config, protocol: Protocol) -> EndpointConfig {
    let (address, advertise) = main_listener(config);
    // Over TLS we are only ever the client: nobody opens a connection to a check.
    let own = if protocol == Protocol::Tcp { Protocol::Tcp } else { Protocol::Udp };
    let line = Listen { advertise, ..Listen::new(own, SocketAddr::new(address.ip(), 0)) };
    let server = config.telephony.endpoint(concat!("Songda/", env!("CARGO_PKG_VERSION")));
    EndpointConfig { listens: vec![line], phones: None, ..server }
}

/// Where the server listens first of all, and the address that the carrier is told.
fn main_listener(config: &Config) -> (SocketAddr, Option<IpAddr>) {
    let main = config.telephony.listeners().into_iter().next();
    main.map_or((SocketAddr::from(([0, 0, 0, 0], 0)), None), |main| (main.address, main.advertise))
}

async fn steps(
    ground: &Ground<'_>,
    settings: TrunkSettings,
    check: &Check,
    report: &mut Report<'_>,
) -> anyhow::Result<()> {
    let (registers, protocol) = (settings.register, settings.protocol);
    let hosts: Vec<_> = settings.hosts.iter().map(|host| carrier::place(host, settings.protocol)).collect();
    let resolved = carrier::resolve(&ground.endpoint, &ground.trunk, &hosts).await;
    let mut fits = report.tell(Step::Resolve, &resolved)?;
    let mut registered = false;
    if fits {
        carrier::know(&ground.endpoint, settings).await;
    }
    if registers {
        let id = &ground.found.trunk.id;
        let outcome = if fits { carrier::registered(&ground.endpoint, id, protocol).await } else { Outcome::Skipped };
        registered = report.tell(Step::Register, &outcome)?;
    }
    let outcome =
        if fits { carrier::options(&ground.endpoint, &ground.trunk, protocol).await } else { Outcome::Skipped };
    let alive = report.tell(Step::Options, &outcome)?;
    // A carrier that leaves OPTIONS unanswered may take calls all the same.
    fits &= if registers { registered } else { alive };
    if let Some(number) = &check.call {
        if let Some((caller, callee)) = prepare(ground, number, report, fits).await? {
            place(ground, check, (caller, callee), report).await?;
        } else {
            for step in [Step::Record, Step::Call, Step::Sound, Step::HangUp] {
                report.tell(step, &Outcome::Skipped)?;
            }
        }
    }
    let quiet = carrier::leave(&ground.endpoint).await;
    if registered {
        let silent = Outcome::Failed(Said::Silent, Advice::Lapses);
        report.tell(Step::Unregister, &if quiet { Outcome::Passed(Said::GivenBack) } else { silent })?;
    }
    Ok(())
}

/// Both numbers as the trunk writes them; none when one of them may not be used, or no call
/// can go out.
async fn prepare(
    ground: &Ground<'_>,
    number: &str,
    report: &mut Report<'_>,
    fits: bool,
) -> anyhow::Result<Option<(Number, Number)>> {
    let trunk = &ground.found.trunk;
    let caller = ground::caller(ground.house, trunk).await?;
    report.tell(Step::Caller, &outcome(&caller, Said::Caller))?;
    let callee = ground::callee(ground.house, trunk, number).await?;
    report.tell(Step::Callee, &outcome(&callee, Said::Callee))?;
    Ok(caller.ok().zip(callee.ok()).filter(|_| fits))
}

fn outcome(found: &Result<Number, Outcome>, said: fn(Number) -> Said) -> Outcome {
    match found {
        Ok(number) => Outcome::Passed(said(number.clone())),
        Err(outcome) => outcome.clone(),
    }
}

/// No call goes out.
fn refuse(report: &mut Report<'_>, why: String, advice: Advice) -> anyhow::Result<()> {
    report.tell(Step::Record, &Outcome::Failed(Said::Error(why), advice))?;
    for step in [Step::Call, Step::Sound, Step::HangUp] {
        report.tell(step, &Outcome::Skipped)?;
    }
    Ok(())
}

async fn place(
    ground: &Ground<'_>,
    check: &Check,
    (caller, callee): (Number, Number),
    report: &mut Report<'_>,
) -> anyhow::Result<()> {
    let library = Library::new(ground.config.telephony.prompts.clone());
    let sounds = match library.sounds(&ground.found.court.code, "zh") {
        Ok(sounds) => sounds,
        Err(error) => return refuse(report, error.to_string(), Advice::Prompts),
    };
    let path = check.record.clone().unwrap_or_else(|| file_name(ground.house.clock.now_ms()));
    let (recording, tap) = match Recording::open(&path) {
        Ok(opened) => opened,
        Err(error) => return refuse(report, format!("{}: {error}", path.display()), Advice::File),
    };
    let opened = async {
        let engine = Engine::start(engine(ground))?;
        let (media, news) = engine.open(tap)?;
        media.trunk_speaks(Law::named(&ground.trunk.codecs))?;
        media.carrier(carrier_sound(ground.trunk.sound))?;
        let offer = media.trunk_offer().await?;
        Ok::<_, songda_media::EngineError>((engine, media, news, offer))
    };
    let (engine, media, news, offer) = match opened.await {
        Ok(opened) => opened,
        Err(error) => {
            let _ = std::fs::remove_file(&path);
            return refuse(report, error.to_string(), Advice::Address);
        }
    };
    report.tell(Step::Record, &Outcome::Passed(Said::Recording(path.display().to_string())))?;
    let ring_limit = Duration::from_secs(ground.config.telephony.ring_limit_s);
    let way = carrier::way(&ground.endpoint, &ground.trunk, &ground.found.trunk.id).await;
    note(ground, "trunk.test_call", "ok", json!({ "to": callee.to_string() })).await?;
    let order = OutboundCall { trunk: Arc::new(way), callee, caller, offer, ring_limit };
    let seen = match ground.endpoint.call(order).await {
        Ok(leg) => {
            report.remark(&Said::Speak)?;
            TestCall { leg, media: &media, news, sounds: &sounds }.run(interrupted()).await
        }
        Err(_) => Seen::default(),
    };
    let summary = media.close().await;
    drop(engine);
    let kept = tokio::task::spawn_blocking(move || recording.finish()).await?;
    let srtp = ground.trunk.sound.srtp;
    tell_call(report, &seen, srtp)?;
    tell_keys(report, &seen, srtp)?;
    if matches!(kept, Ok(0)) {
        // Nothing was ever heard.
        let _ = std::fs::remove_file(&path);
    }
    if seen.answered.is_none() {
        report.tell(Step::Sound, &Outcome::Skipped)?;
        report.tell(Step::HangUp, &Outcome::Skipped)?;
        return Ok(());
    }
    let sound = match (summary, kept) {
        (Ok(summary), Ok(frames)) => sound(&seen, &summary, frames / u64::from(RATE)),
        (_, Err(_)) | (Err(_), _) => Outcome::Failed(Said::RecordingFailed, Advice::Disk),
    };
    report.tell(Step::Sound, &sound)?;
    let by_us = call::by_us(seen.ended.as_ref());
    let silent = Outcome::Failed(Said::Silent, Advice::Bye);
    report.tell(Step::HangUp, &if seen.down { Outcome::Passed(Said::HungUp { by_us }) } else { silent })?;
    Ok(())
}

/// What the carrier made of our keys, where we have any.
fn tell_keys(report: &mut Report<'_>, seen: &Seen, srtp: Srtp) -> std::io::Result<()> {
    let required = srtp == Srtp::Required;
    let outcome = match seen.keys {
        _ if srtp == Srtp::Off => return Ok(()),
        None => Outcome::Skipped,
        Some(call::Keys::Of(suite)) => Outcome::Passed(Said::Secured(suite)),
        Some(call::Keys::None) if required => Outcome::Failed(Said::NoKey { required }, Advice::Keys),
        Some(call::Keys::None) => Outcome::Passed(Said::NoKey { required }),
    };
    report.tell(Step::Srtp, &outcome)?;
    Ok(())
}

fn tell_call(report: &mut Report<'_>, seen: &Seen, srtp: Srtp) -> std::io::Result<bool> {
    let ended = seen.ended.as_ref();
    let outcome = match seen.answered {
        Some(after) => Outcome::Passed(Said::Answered { ms: after.as_millis(), rang: seen.rang }),
        None if seen.interrupted => Outcome::Failed(Said::Interrupted, Advice::Again),
        None if ended.is_some_and(|ended| ended.cause == songda_sip::EndCause::RingLimit) => {
            Outcome::Failed(Said::RingLimit, Advice::TakeCall)
        }
        None => {
            let (status, q850) = (call::status_of(ended), ended.and_then(|ended| ended.q850));
            let advice = match Advice::for_invite(status) {
                Advice::Codec if srtp == Srtp::Required => Advice::Keys,
                advice => advice,
            };
            Outcome::Failed(Said::NotAnswered { status, q850 }, advice)
        }
    };
    report.tell(Step::Call, &outcome)
}

/// What came of the sound of a call that was answered.
fn sound(seen: &Seen, summary: &songda_media::Summary, seconds: u64) -> Outcome {
    let party = summary.legs.party;
    if let Some(why) = &seen.codec {
        return Outcome::Failed(Said::Codec(why.clone()), Advice::Codec);
    }
    if seen.recording_failed {
        return Outcome::Failed(Said::RecordingFailed, Advice::Disk);
    }
    if seen.interrupted {
        return Outcome::Failed(Said::Interrupted, Advice::Again);
    }
    match seen.heard(summary) {
        Heard::Nothing => Outcome::Failed(Said::NoPackets, Advice::Sound),
        _ if !seen.noticed => Outcome::Failed(Said::CutShort, Advice::Stay),
        Heard::Mute => Outcome::Failed(Said::Mute(party.received), Advice::Speak),
        Heard::Sound => {
            let jitter = (party.jitter_ms * 10.0).round() as u64;
            Outcome::Passed(Said::Sound { received: party.received, lost: party.lost, jitter, seconds })
        }
    }
}

/// Ctrl-C. Where the system cannot tell of it, nobody interrupts.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The server's sound, beside it: browsers are not served, and of the ports to the carrier
/// those that it does not use.
fn engine(ground: &Ground<'_>) -> EngineConfig {
    let lines = &ground.config.telephony;
    let (first, last) = lines.trunk_ports.unwrap_or((0, 0));
    let now = ground.house.clock.clone();
    let (address, advertise) = main_listener(ground.config);
    EngineConfig {
        web_listen: ([127, 0, 0, 1], 0).into(),
        trunk_bind: lines.trunk_bind.unwrap_or(address.ip()),
        trunk_advertise: lines.trunk_advertise.or(advertise),
        trunk_ports: first..=last,
        ..EngineConfig::at(address.ip(), Arc::new(move || now.now_ms()))
    }
}

/// `songda-trunk-check-20261127-143000.wav`, by the time in Beijing.
fn file_name(now_ms: i64) -> PathBuf {
    let digits: String = clock::stamp(now_ms).chars().filter(char::is_ascii_digit).collect();
    let (day, time) = digits.split_at(digits.len().min(8));
    PathBuf::from(format!("songda-trunk-check-{day}-{time}.wav"))
}

/// Who tried which trunk stands in the audit log, and a call before it goes out.
async fn note(ground: &Ground<'_>, action: &str, result: &str, detail: serde_json::Value) -> anyhow::Result<()> {
    let mut tx = ground.house.db.begin().await?;
    let object = ("trunk", ground.found.trunk.id.as_str());
    operator::note(&mut tx, &ground.house.clock, &ground.found.court.id, action, object, result, detail).await?;
    tx.commit().await?;
    Ok(())
}
