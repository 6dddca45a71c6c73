//! Trunks: ways to a carrier, several of a court.

mod signalling;
mod store;

use serde::{Deserialize, Serialize};
use songda_calls::numbering::{CallerFormat, Format};

pub(crate) use self::store::{COLUMNS, WIDTH, read, tell_all_places};
pub use self::store::{Place, TrunkRow, by_id, find, list, pause, put};
use super::Unfit;

/// Hosts of a trunk, at most.
const HOSTS: usize = 8;
/// Addresses and networks from which it calls, at most.
const NETWORKS: usize = 16;

/// How messages go to the carrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// UDP.
    #[default]
    Udp,
    /// TCP.
    Tcp,
    /// TLS.
    Tls,
}

/// What stands in From.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromForm {
    /// The court's number.
    #[default]
    Number,
    /// The account of the trunk; the number stands in the identity header alone.
    Account,
}

/// Which header vouches for the court's number (RFC 3325).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// P-Asserted-Identity.
    #[default]
    Asserted,
    /// P-Preferred-Identity.
    Preferred,
    /// None: the carrier takes From.
    None,
}

/// The form of the URI in the identity header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityUri {
    /// `sip:number@domain`.
    #[default]
    Sip,
    /// `tel:number`.
    Tel,
}

/// Headers that say who calls. The number that they show is always the court's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HeaderForms {
    /// From.
    pub from: FromForm,
    /// Identity header.
    pub identity: Identity,
    /// URI in it.
    pub identity_uri: IdentityUri,
    /// `Privacy: none`, for carriers that hide numbers otherwise. Nothing ever hides ours.
    pub privacy_none: bool,
}

/// A codec that can be offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// G.711 A-law.
    Pcma,
    /// G.711 µ-law.
    Pcmu,
}

/// Whether sound is secured over it (SDES-SRTP: RFC 4568, RFC 3711).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Srtp {
    /// It is not.
    #[default]
    Off,
    /// It is where the carrier knows it, else it goes in the clear.
    Optional,
    /// Nothing else is spoken.
    Required,
}

/// Whose packets are heard as the carrier's sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaSource {
    /// Those of the address in the carrier's session description alone.
    Strict,
    /// Those of another port of that address too (symmetric RTP, RFC 4961).
    #[default]
    Port,
    /// Those of whoever sends first, for a carrier behind an address translator.
    Any,
}

/// Whether calls go over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrunkState {
    /// They do.
    #[default]
    Active,
    /// They do not; what is up stays up.
    Paused,
}

impl TrunkState {
    /// The stored word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
        }
    }
}

/// How a trunk is used: everything but its name and its credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// `host`, `host:port` or `[v6]:port`, the first before the others. Without a port the
    /// name is asked for SRV first.
    pub hosts: Vec<String>,
    /// How messages go there.
    pub transport: Transport,
    /// Registers at the carrier; otherwise the peer is static.
    pub register: bool,
    /// Share of the calls, 1 to 100.
    pub weight: u32,
    /// Calls at a time; 0 for no limit.
    pub max_calls: u32,
    /// New calls per second; 0 for no limit.
    pub max_calls_per_second: u32,
    /// Calls per day; 0 for no ceiling.
    pub calls_per_day: u32,
    /// Headers that say who calls.
    pub headers: HeaderForms,
    /// Codecs in order of preference.
    pub codecs: Vec<Codec>,
    /// How the called number is written, and which places may be called.
    pub called: Format,
    /// How the court's number is written.
    pub calling: CallerFormat,
    /// Session timer, seconds (RFC 4028); 0 for none.
    pub session_expires_s: u32,
    /// Addresses and networks from which its calls come, beside those of its hosts.
    pub accept: Vec<String>,
    /// Whether sound is secured; only where messages go by TLS, for its keys stand in them.
    pub srtp: Srtp,
    /// Whose packets are heard.
    pub media_source: MediaSource,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            transport: Transport::Udp,
            register: false,
            weight: 10,
            max_calls: 0,
            max_calls_per_second: 0,
            calls_per_day: 0,
            headers: HeaderForms::default(),
            codecs: vec![Codec::Pcma, Codec::Pcmu],
            called: Format::default(),
            calling: CallerFormat::default(),
            session_expires_s: 0,
            accept: Vec::new(),
            srtp: Srtp::default(),
            media_source: MediaSource::default(),
        }
    }
}

impl Profile {
    /// Whether its carrier is on this machine: demo mode calls nobody else (X5).
    pub fn leads_nowhere_else(&self) -> bool {
        let here = |host: &String| host.parse::<std::net::SocketAddr>().is_ok_and(|at| at.ip().is_loopback());
        !self.hosts.is_empty() && self.hosts.iter().all(here)
    }
}

/// A trunk as it is entered. The password is kept when none is given.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrunkForm {
    /// Name, for people and logs.
    pub name: String,
    /// Whether calls go over it.
    pub state: TrunkState,
    /// SIP domain of the account.
    pub domain: String,
    /// Digest user.
    pub username: String,
    /// A new digest password.
    pub password: Option<String>,
    /// How it is used.
    pub profile: Profile,
}

impl std::fmt::Debug for TrunkForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrunkForm").field("name", &self.name).field("state", &self.state).finish_non_exhaustive()
    }
}

impl TrunkForm {
    /// What is wrong with it, when something is.
    pub fn check(&self) -> Result<(), Unfit> {
        let unfit = |field: &str, must: &str| Err(Unfit::field(field, must));
        let profile = &self.profile;
        if self.name.trim().is_empty() || self.name.chars().count() > 40 {
            return unfit("name", "must have 1 to 40 characters");
        }
        if self.domain.is_empty() || !is_token(&self.domain) {
            return unfit("domain", "must be a host name");
        }
        if !is_token(&self.username) {
            return unfit("username", "must have no blanks and at most 200 characters");
        }
        if self.password.as_ref().is_some_and(|password| password.len() > 200) {
            return unfit("password", "must have at most 200 characters");
        }
        if !(1..=HOSTS).contains(&profile.hosts.len()) {
            return unfit("profile.hosts", "must name 1 to 8 hosts");
        }
        if let Some(at) = profile.hosts.iter().position(|host| !is_host(host)) {
            return unfit(&format!("profile.hosts[{at}]"), "must be host, host:port or [address]:port");
        }
        if profile.accept.len() > NETWORKS {
            return unfit("profile.accept", "must name at most 16 addresses or networks");
        }
        if let Some(at) = profile.accept.iter().position(|place| !is_network(place)) {
            let must = "must be an address such as 192.0.2.7 or a network such as 192.0.2.0/24";
            return unfit(&format!("profile.accept[{at}]"), must);
        }
        if !(1..=100).contains(&profile.weight) {
            return unfit("profile.weight", "must lie between 1 and 100");
        }
        for (field, value, most) in [
            ("profile.max_calls", profile.max_calls, 10_000),
            ("profile.max_calls_per_second", profile.max_calls_per_second, 1_000),
            ("profile.calls_per_day", profile.calls_per_day, 1_000_000),
        ] {
            if value > most {
                return unfit(field, &format!("must be at most {most}; 0 is no limit"));
            }
        }
        let twice = profile.codecs.len() == 2 && profile.codecs[0] == profile.codecs[1];
        if !(1..=2).contains(&profile.codecs.len()) || twice {
            return unfit("profile.codecs", "must name pcma, pcmu or both, each once");
        }
        if profile.session_expires_s != 0 && !(90..=86_400).contains(&profile.session_expires_s) {
            return unfit("profile.session_expires_s", "must be 0 or lie between 90 and 86400 seconds");
        }
        if profile.srtp != Srtp::Off && profile.transport != Transport::Tls {
            return unfit("profile.srtp", "needs TLS: without it whoever reads the messages reads the keys");
        }
        profile.called.check().map_err(|(field, must)| Unfit::field(format!("profile.called.{field}"), must))
    }

    /// What may be shown of it, in a list of changes and in the log.
    pub fn shown(&self) -> serde_json::Value {
        serde_json::json!({
            "name": self.name, "state": self.state, "domain": self.domain, "username": self.username,
            "password_changed": self.password.is_some(), "profile": self.profile,
        })
    }
}

fn is_token(text: &str) -> bool {
    text.len() <= 200 && text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '"' | ';' | ','))
}

/// An address or a network that can be one carrier's: who takes in everybody has written
/// something else than he meant.
fn is_network(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return text.parse::<std::net::IpAddr>().is_ok() };
    let (Ok(address), Ok(bits)) = (address.parse::<std::net::IpAddr>(), bits.parse::<u8>()) else { return false };
    if address.is_ipv4() { (8..=32).contains(&bits) } else { (32..=128).contains(&bits) }
}

fn is_host(text: &str) -> bool {
    if text.parse::<std::net::SocketAddr>().is_ok() {
        return true;
    }
    let (name, port) = text.split_once(':').unwrap_or((text, "5060"));
    let named = !name.is_empty() && name.len() <= 253;
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    named && plain && port.parse::<u16>().is_ok_and(|port| port > 0)
}
