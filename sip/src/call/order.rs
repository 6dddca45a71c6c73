//! What a call is placed with.

use std::{sync::Arc, time::Duration};

use crate::{
    number::{Number, Secret},
    sdp::Srtp,
};

/// Which number stands in From.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FromForm {
    /// The court's number.
    #[default]
    Number,
    /// The account; the number stands in the identity header alone.
    Account,
}

/// Which header vouches for the court's number (RFC 3325, 9.1 and 9.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Identity {
    /// P-Asserted-Identity: the carrier trusts us.
    #[default]
    Asserted,
    /// P-Preferred-Identity: the carrier asserts what we prefer.
    Preferred,
    /// None: the carrier takes From.
    Absent,
}

/// The form of the URI in the identity header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IdentityUri {
    /// `sip:number@domain`.
    #[default]
    Sip,
    /// `tel:number` (RFC 3966).
    Tel,
}

/// The headers that say who calls. The number they show is always the court's (R4.3c).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderPolicy {
    /// From.
    pub from: FromForm,
    /// Identity header.
    pub identity: Identity,
    /// URI in it.
    pub identity_uri: IdentityUri,
    /// `Privacy: none` (RFC 3323, 4.2), for carriers that hide numbers otherwise.
    pub privacy_none: bool,
    /// More headers, as they are.
    pub extra: Vec<(String, String)>,
}

/// Whose packets are heard of the other end of a trunk's sound, and where ours go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MediaSource {
    /// The address that its description names and no other.
    Strict,
    /// The machine that its description names; from which port of it, its first packets tell
    /// (symmetric RTP, RFC 4961).
    #[default]
    Port,
    /// Whoever sends the first packets: the carrier's sound comes through an address translator.
    Any,
}

/// How sound goes over a trunk. Offers are judged by it; the rest is for the media side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrunkSound {
    /// Whether it is secured.
    pub srtp: Srtp,
    /// Where it may come from.
    pub source: MediaSource,
}

/// A way to the public network.
#[derive(Debug, Clone)]
pub struct Trunk {
    /// Name, for people.
    pub name: String,
    /// `host:port` of the carrier.
    pub proxy: String,
    /// SIP domain of the account, used in From, To and Request-URI.
    pub domain: String,
    /// Digest user.
    pub username: String,
    /// Digest password.
    pub password: Secret,
    /// What its INVITEs look like.
    pub headers: HeaderPolicy,
    /// Names of the codecs that are spoken over it, in order: our offers hold them and no other, and
    /// an offer of the carrier without any of them is refused. Empty leaves that to the sound.
    pub codecs: Vec<String>,
    /// How sound goes over it. Our offers are made by whoever knows it.
    pub sound: TrunkSound,
    /// How long a session lives without a refresh (RFC 4028), at least 90 seconds; none asks
    /// for none, and follows what the carrier asks.
    pub session_expires: Option<Duration>,
    /// The hosts of the same carrier, as [`Trunk::proxy`]: they are tried when it fails, and a
    /// 3xx may lead there.
    pub hosts: Vec<String>,
    /// Route of the INVITE: what the carrier gave with the registration (Service-Route, RFC 3608).
    pub route: Vec<String>,
    /// A request that is too large for a datagram goes over TCP, to the same host; by a datagram
    /// after all where TCP is refused (RFC 3261, 18.1.1).
    pub large_over_tcp: bool,
    /// Request-URI instead of the number at the domain: the contact under which a telephone of
    /// the house registered.
    pub uri: Option<String>,
    /// Display name in From, for a telephone of the house: it shows this instead of a number.
    pub display: Option<String>,
}

impl Default for Trunk {
    fn default() -> Self {
        Self {
            name: String::new(),
            proxy: String::new(),
            domain: String::new(),
            username: String::new(),
            password: String::new().into(),
            headers: HeaderPolicy::default(),
            codecs: Vec::new(),
            sound: TrunkSound::default(),
            session_expires: None,
            hosts: Vec::new(),
            route: Vec::new(),
            large_over_tcp: false,
            uri: None,
            display: None,
        }
    }
}

impl Trunk {
    /// User part of the account's address, see [`account`].
    pub fn account(&self) -> &str {
        account(&self.username)
    }
}

/// User part of the address of an account: a private identity of IMS (`user@realm`) is digest
/// user as a whole.
pub fn account(username: &str) -> &str {
    username.split('@').next().unwrap_or_default()
}

/// A call to place.
#[derive(Debug, Clone)]
pub struct OutboundCall {
    /// Over which trunk.
    pub trunk: Arc<Trunk>,
    /// Number to dial.
    pub callee: Number,
    /// The court's own number: From and P-Asserted-Identity.
    pub caller: Number,
    /// Our SDP offer.
    pub offer: String,
    /// Given up after this long without an answer; three minutes after the last 18x it is given
    /// up in any case (timer C, RFC 3261, 16.6).
    pub ring_limit: Duration,
}
