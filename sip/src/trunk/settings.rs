//! How a trunk is to be used: what an operator enters, as the machines need it.

use std::time::Duration;

use super::Chosen;
use crate::{
    call::{HeaderPolicy, Trunk, TrunkSound},
    flow::Protocol,
    number::Secret,
};

/// One trunk: an account at a carrier, or a static peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkSettings {
    /// Names it for the machines; never changes.
    pub id: String,
    /// Name, for people and logs.
    pub name: String,
    /// Where the carrier listens: `host`, `host:port` or `[v6]:port`, the first before the
    /// others. At least one.
    pub hosts: Vec<String>,
    /// Transport to it.
    pub protocol: Protocol,
    /// Over UDP: what is too large for a datagram goes over TCP, where the carrier takes it
    /// (RFC 3261, 18.1.1).
    pub large_over_tcp: bool,
    /// SIP domain of the account, used in From, To and Request-URI.
    pub domain: String,
    /// Registers at the carrier; otherwise it is a static peer.
    pub register: bool,
    /// Digest user, and user part of the registered address.
    pub username: String,
    /// Digest password.
    pub password: Secret,
    /// How long a registration is asked for; the carrier grants what it likes. Whole seconds.
    pub expires: Duration,
    /// How often OPTIONS asks whether the carrier is there; none: never.
    pub health: Option<Duration>,
    /// Share of the calls beside those of the other trunks; 0 takes none.
    pub weight: u32,
    /// Calls at a time; none: no limit.
    pub max_calls: Option<u32>,
    /// New calls in any second; none: no limit.
    pub max_calls_per_second: Option<u32>,
    /// New calls do not go over it; it stays registered, and what is up stays up.
    pub paused: bool,
    /// Headers that say who calls.
    pub headers: HeaderPolicy,
    /// Names of the codecs that are spoken over it, as [`Trunk::codecs`].
    pub codecs: Vec<String>,
    /// How sound goes over it. Keys are given over TLS only, whichever way a call comes in
    /// ([`crate::sdp::Srtp::over`]).
    pub sound: TrunkSound,
    /// How long a session lives without a refresh (RFC 4028); none asks for none.
    pub session_expires: Option<Duration>,
    /// Hosts and addresses whose requests are accepted as this trunk's, beside `hosts`.
    pub accept: Vec<String>,
}

impl TrunkSettings {
    /// A static peer at this host with the common choices: UDP, OPTIONS every 30 seconds,
    /// weight 10, no limits; registrations, where they are switched on, for an hour.
    pub fn new(id: impl Into<String>, host: impl Into<String>, domain: impl Into<String>) -> Self {
        let id = id.into();
        Self {
            name: id.clone(),
            id,
            hosts: vec![host.into()],
            protocol: Protocol::Udp,
            large_over_tcp: true,
            domain: domain.into(),
            register: false,
            username: String::new(),
            password: Secret::from(String::new()),
            expires: Duration::from_hours(1),
            health: Some(Duration::from_secs(30)),
            weight: 10,
            max_calls: None,
            max_calls_per_second: None,
            paused: false,
            headers: HeaderPolicy::default(),
            codecs: Vec::new(),
            sound: TrunkSound::default(),
            session_expires: None,
            accept: Vec::new(),
        }
    }

    /// What a call over this trunk needs to know, at the host and over the route that were
    /// chosen for it.
    pub fn trunk(&self, chosen: &Chosen) -> Trunk {
        Trunk { proxy: chosen.host.clone(), route: chosen.route.clone(), ..self.account() }
    }

    /// What a call needs to know that came in over this trunk.
    pub(crate) fn account(&self) -> Trunk {
        Trunk {
            name: self.name.clone(),
            domain: self.domain.clone(),
            username: self.username.clone(),
            password: self.password.clone(),
            headers: self.headers.clone(),
            session_expires: self.session_expires,
            codecs: self.codecs.clone(),
            sound: self.sound,
            hosts: self.hosts.clone(),
            large_over_tcp: self.large_over_tcp,
            ..Trunk::default()
        }
    }

    /// The registered address is another: the old one must be given back.
    pub(super) fn is_other_account(&self, old: &Self) -> bool {
        self.domain != old.domain || self.username != old.username
    }

    /// The carrier must be spoken to anew.
    pub(super) fn is_other_place(&self, old: &Self) -> bool {
        self.hosts != old.hosts || self.protocol != old.protocol || self.is_other_account(old)
    }
}
