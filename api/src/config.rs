//! The configuration file: TOML, every key known, every error with its line.

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use serde::Deserialize;
use songda_recordings::vault::s3::S3Config;
use songda_sip::Srtp;

use crate::listen::ListenAt;

/// The whole configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the house answers.
    pub server: Server,
    /// Where things are kept.
    pub data: Data,
    /// Where else recordings are kept.
    #[serde(default)]
    pub vault: Vault,
    /// Lines to the carrier and to the browsers.
    pub telephony: Telephony,
    /// How sound is carried.
    #[serde(default)]
    pub media: Media,
    /// Speech to text.
    pub asr: Asr,
    /// How papers are set.
    #[serde(default)]
    pub papers: Papers,
    /// What the time is compared with.
    #[serde(default)]
    pub clock: Clock,
    /// How evidence is watched.
    #[serde(default)]
    pub evidence: Evidence,
    /// The case system that gets reports, when there is one.
    pub case_system: Option<CaseSystem>,
    /// Demo mode: a banner, demo numbers only, and nothing real within reach (X5).
    #[serde(default)]
    pub demo: bool,
}

/// Where the house answers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Address of the web server.
    pub listen: SocketAddr,
    /// Address of the metrics, loopback.
    pub metrics: Option<SocketAddr>,
    /// PEM files; without them only loopback is served.
    pub tls: Option<Tls>,
}

/// Certificate and key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Certificate chain, PEM.
    pub certificate: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
}

/// Where things are kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Folder of files and recordings, and of the SQLite database.
    pub folder: PathBuf,
    /// `postgres://…` when a court outgrows one file.
    pub database: Option<String>,
    /// Key file; made at the first start of an empty database.
    pub key_file: Option<PathBuf>,
    /// Bytes that must stay free for a recording to begin.
    #[serde(default = "two_gigabytes")]
    pub free_floor: u64,
    /// Bytes kept on the disk of the recordings, so that the books find room when it is full.
    #[serde(default = "sixty_four_megabytes")]
    pub reserve: u64,
    /// People are told when the room lasts for less than so many hours at the present rate.
    #[serde(default = "two_days")]
    pub warn_hours: u32,
}

/// Where else recordings are kept.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vault {
    /// S3 server to which closed recordings are copied.
    pub s3: Option<S3Config>,
}

/// Lines to the carrier and to the browsers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telephony {
    /// UDP address of signalling: the first listener.
    pub sip_listen: Option<SocketAddr>,
    /// Address that the carrier is told, when it is not that one.
    pub sip_advertise: Option<IpAddr>,
    /// More listeners of signalling, or all of them.
    #[serde(default)]
    pub listen: Vec<ListenAt>,
    /// Certificate of the listeners for TLS and WSS.
    pub tls: Option<SignallingTls>,
    /// TLS to carriers.
    pub carrier_tls: Option<CarrierTls>,
    /// Name servers for the hosts of carriers; those of the system when empty.
    #[serde(default)]
    pub name_servers: Vec<SocketAddr>,
    /// Realm of the desk phones' passwords; without it no phone may register.
    pub phone_realm: Option<String>,
    /// Hashes that desk phones are offered.
    #[serde(default)]
    pub phone_digest: PhoneDigest,
    /// Whether sound to desk phones that registered by TLS is secured.
    #[serde(default)]
    pub phone_srtp: PhoneSrtp,
    /// The one UDP port for the sound of all browsers.
    pub web_listen: SocketAddr,
    /// Address that browsers are told, or several, when it is not that one.
    #[serde(default)]
    pub web_advertise: Addresses,
    /// Interface for sound to the carrier; that of the first listener when not set.
    pub trunk_bind: Option<IpAddr>,
    /// Address for sound that the carrier is told, when it is not that one.
    pub trunk_advertise: Option<IpAddr>,
    /// First and last port for sound to the carrier; none leaves it to the system.
    pub trunk_ports: Option<(u16, u16)>,
    /// Folder with the prompts and the music of calls, each prompt with its words in a .txt file.
    pub prompts: PathBuf,
    /// Given up after this many seconds without an answer.
    #[serde(default = "one_minute")]
    pub ring_limit_s: u64,
    /// So many seconds live calls may go on once the server is told to end.
    #[serde(default = "one_minute")]
    pub drain_s: u64,
}

/// How sound is carried.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Media {
    /// Threads that carry it; one is enough for some hundred calls.
    pub threads: usize,
    /// TCP port for the sound of browsers whose network lets no UDP through; none: there is none.
    pub web_tcp_listen: Option<SocketAddr>,
}

impl Default for Media {
    fn default() -> Self {
        Self { threads: 1, web_tcp_listen: None }
    }
}

/// One address, or a list of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Addresses {
    /// One.
    One(IpAddr),
    /// As many as stand there.
    Many(Vec<IpAddr>),
}

impl Default for Addresses {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl From<Addresses> for Vec<IpAddr> {
    fn from(addresses: Addresses) -> Self {
        match addresses {
            Addresses::One(address) => vec![address],
            Addresses::Many(addresses) => addresses,
        }
    }
}

/// Hashes that desk phones are offered (RFC 8760).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum PhoneDigest {
    /// SHA-256 before MD5.
    #[default]
    #[serde(rename = "sha-256")]
    Sha256,
    /// MD5 alone, for phones that give up where they are offered another hash before it.
    #[serde(rename = "md5")]
    Md5,
}

/// Whether sound to desk phones that registered by TLS is secured (SDES; RFC 4568). Those that
/// registered in the clear are never given a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PhoneSrtp {
    /// It is not.
    Off,
    /// It is where the phone knows it.
    #[default]
    Optional,
    /// Nothing else is spoken: a phone that did not register by TLS is not rung.
    Required,
}

impl From<PhoneSrtp> for Srtp {
    fn from(srtp: PhoneSrtp) -> Self {
        match srtp {
            PhoneSrtp::Off => Self::Off,
            PhoneSrtp::Optional => Self::Optional,
            PhoneSrtp::Required => Self::Required,
        }
    }
}

/// TLS of the listeners for signalling.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignallingTls {
    /// Certificate chain, PEM.
    pub certificate: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
    /// Who must have signed the certificate of whoever connects by TLS, PEM; without it none is
    /// asked for.
    pub client_roots: Option<PathBuf>,
}

/// TLS of the connections to carriers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CarrierTls {
    /// Who must have signed the carrier's certificate, PEM; without it whoever the system trusts.
    pub roots: Option<PathBuf>,
    /// What we show when we are asked: certificate chain, PEM.
    pub certificate: Option<PathBuf>,
    /// Its private key, PEM.
    pub key: Option<PathBuf>,
}

/// Speech to text.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asr {
    /// Model file in the format of whisper.cpp.
    pub model: PathBuf,
    /// Its SHA-256.
    pub sha256: String,
    /// Cores that one transcription may use.
    #[serde(default = "one")]
    pub threads: usize,
    /// A call whose transcription takes longer than this many seconds is given up.
    #[serde(default = "one_hour")]
    pub limit_s: u64,
    /// Notices and greetings that are read at once while calls are set up, each by a process of
    /// its own; with 0 none is, and only tones are recognised.
    #[serde(default = "one")]
    pub notices: usize,
}

/// How papers are set.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Papers {
    /// Folders with the court's own fonts; they win over those of the system.
    #[serde(default)]
    pub fonts: Vec<PathBuf>,
}

/// What the time is compared with (X1).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// NTP servers, `host:port`. Without any only steps of the machine's clock are seen.
    #[serde(default)]
    pub ntp: Vec<String>,
}

/// How evidence is watched (X2).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Evidence {
    /// When the root of the day before is made, `HH:MM` in Shanghai.
    pub root_at: String,
    /// So many MiB of evidence are read again each minute, oldest look first; 0 looks at nothing
    /// unless somebody asks.
    pub verify_mib_per_minute: u64,
    /// The notary (司法链) that each root is handed in to, where there is one.
    pub notary: Option<Notary>,
}

/// A notary (司法链).
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notary {
    /// Where roots are posted to.
    pub url: String,
    /// File with the bearer key that it gave us.
    pub key_file: PathBuf,
    /// Its public keys, PEM, which came another way: nothing is believed that they did not sign.
    pub public_keys: PathBuf,
    /// A root is handed in so many seconds after it was made: more than its clock may be behind
    /// ours, for a receipt from before the root is refused.
    #[serde(default = "one_minute")]
    pub settle_s: u64,
}

impl std::fmt::Debug for Notary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notary").field("key_file", &self.key_file).finish_non_exhaustive()
    }
}

impl Notary {
    /// What is wrong with it: key and words.
    fn unfit(&self, demo: bool) -> Option<(&'static str, &'static str)> {
        let is_address = self.url.parse::<axum::http::Uri>().is_ok_and(|url| url.host().is_some());
        let secured = self.url.starts_with("https://") || self.url.starts_with("http://") && is_local(&self.url);
        if demo && !is_local(&self.url) {
            return Some(("evidence.notary.url", "must be on this machine in demo mode"));
        }
        if !(is_address && secured) {
            return Some(("evidence.notary.url", "must begin with https://, or be on this machine"));
        }
        (self.settle_s > 3_600).then_some(("evidence.notary.settle_s", "must lie between 0 and 3600 seconds"))
    }
}

impl Default for Evidence {
    fn default() -> Self {
        Self { root_at: "00:30".to_owned(), verify_mib_per_minute: 32, notary: None }
    }
}

impl Evidence {
    /// Milliseconds from midnight to the hour of the root, if it is one.
    pub fn root_after_ms(&self) -> Option<i64> {
        let (hours, minutes) = self.root_at.split_once(':')?;
        let two = |text: &str, end: i64| text.parse::<i64>().ok().filter(|n| text.len() == 2 && (0..end).contains(n));
        Some((two(hours, 24)? * 60 + two(minutes, 60)?) * 60_000)
    }
}

/// The case system.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseSystem {
    /// Where events are posted to.
    pub url: String,
    /// File with the bearer key that it gave us.
    pub key_file: PathBuf,
}

impl std::fmt::Debug for CaseSystem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CaseSystem").field("key_file", &self.key_file).finish_non_exhaustive()
    }
}

fn one() -> usize {
    1
}

fn one_minute() -> u64 {
    60
}

fn one_hour() -> u64 {
    3_600
}

fn two_days() -> u32 {
    48
}

fn sixty_four_megabytes() -> u64 {
    64 << 20
}

fn two_gigabytes() -> u64 {
    2 << 30
}

/// What is wrong with a configuration file.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("cannot read {path}: {error}")]
    Unreadable {
        /// File.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// A key is wrong; the line is named.
    #[error("{path}, line {line}: {message}")]
    Wrong {
        /// File.
        path: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong, with the key.
        message: String,
    },
}

impl Config {
    /// Reads a configuration file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Unreadable { path: path.display().to_string(), error })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads the text of a configuration.
    pub fn parse(text: &str, path: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let line = text[..at.min(text.len())].matches('\n').count() + 1;
            ConfigError::Wrong { path: path.to_owned(), line, message: error.message().to_owned() }
        })?;
        let unfit = |key: &str, message: &str| {
            let (path, message) = (path.to_owned(), format!("{key} {message}"));
            Err(ConfigError::Wrong { path, line: line_of(text, key), message })
        };
        if config.server.tls.is_none() && !config.server.listen.ip().is_loopback() {
            return unfit(
                "server.listen",
                "is not loopback: set server.tls, for browsers give a microphone to TLS only",
            );
        }
        if config.server.metrics.is_some_and(|address| !address.ip().is_loopback()) {
            return unfit("server.metrics", "must be a loopback address");
        }
        if config.demo && config.case_system.as_ref().is_some_and(|system| !is_local(&system.url)) {
            return unfit("case_system.url", "must be on this machine in demo mode");
        }
        if let Some(s3) = &config.vault.s3 {
            if let Err(error) = s3.check() {
                let (path, line) = (path.to_owned(), line_of(text, "vault.s3.endpoint"));
                return Err(ConfigError::Wrong { path, line, message: error.to_string() });
            }
            if config.demo && !s3.endpoint.as_deref().is_some_and(is_local) {
                return unfit("vault.s3.endpoint", "must be on this machine in demo mode");
            }
        }
        if !(10..=180).contains(&config.telephony.ring_limit_s) {
            return unfit("telephony.ring_limit_s", "must lie between 10 and 180 seconds");
        }
        if config.telephony.drain_s > 3_600 {
            return unfit("telephony.drain_s", "must lie between 0 and 3600 seconds");
        }
        if let Some((key, message)) = config.telephony.unfit() {
            return unfit(key, message);
        }
        if config.data.reserve != 0 && !((1 << 20)..=(1 << 40)).contains(&config.data.reserve) {
            return unfit("data.reserve", "must be 0 or lie between 1 MiB and 1 TiB, in bytes");
        }
        if !(1..=8_760).contains(&config.data.warn_hours) {
            return unfit("data.warn_hours", "must lie between 1 and 8760 hours");
        }
        if config.evidence.root_after_ms().is_none() {
            return unfit("evidence.root_at", "must be a time of day like \"00:30\"");
        }
        if config.evidence.verify_mib_per_minute > 65_536 {
            return unfit("evidence.verify_mib_per_minute", "must lie between 0 and 65536 MiB");
        }
        if let Some((key, message)) = config.evidence.notary.as_ref().and_then(|notary| notary.unfit(config.demo)) {
            return unfit(key, message);
        }
        if !(1..=16).contains(&config.media.threads) {
            return unfit("media.threads", "must be from 1 to 16");
        }
        if config.telephony.trunk_ports.is_some_and(|(low, high)| low < 1024 || high < low) {
            return unfit("telephony.trunk_ports", "must be [first, last], from 1024 on");
        }
        if config.asr.sha256.len() != 64 || !config.asr.sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return unfit("asr.sha256", "must be the 64 hex digits of the model file's SHA-256");
        }
        if !config.clock.ntp.iter().all(|server| names_a_port(server)) {
            return unfit("clock.ntp", "must name each server as \"host:port\"; the port of NTP is 123");
        }
        if config.demo && !config.clock.ntp.iter().all(|server| is_local(&format!("ntp://{server}"))) {
            return unfit("clock.ntp", "must be on this machine in demo mode");
        }
        if !(1..=64).contains(&config.asr.threads) {
            return unfit("asr.threads", "must lie between 1 and 64");
        }
        if config.asr.notices > 16 {
            return unfit("asr.notices", "must lie between 0 and 16");
        }
        Ok(config)
    }

    /// URL of the database.
    pub fn database_url(&self) -> String {
        self.data
            .database
            .clone()
            .unwrap_or_else(|| format!("sqlite://{}", self.data.folder.join("songda.db").display()))
    }

    /// Path of the key file.
    pub fn key_file(&self) -> PathBuf {
        self.data.key_file.clone().unwrap_or_else(|| self.data.folder.join("songda.key"))
    }
}

/// The line, from 1, on which `section.key` stands; that of its section when it is left out.
fn line_of(text: &str, key: &str) -> usize {
    let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
    let (mut inside, mut found) = (section.is_empty(), 1);
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            inside = header.trim() == section;
            if inside {
                found = number;
            }
        } else if inside && line.split('=').next().is_some_and(|left| left.trim() == name) {
            return number;
        }
    }
    found
}

fn names_a_port(server: &str) -> bool {
    let Some((host, port)) = server.rsplit_once(':') else { return false };
    !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_local(url: &str) -> bool {
    let Ok(url) = url.parse::<axum::http::Uri>() else { return false };
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
