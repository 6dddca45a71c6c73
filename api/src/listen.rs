//! Where signalling listens, as the configuration writes it.

use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;
use songda_sip::{
    ClientTls, EndpointConfig, Listen, OwnCertificate, Protocol, RegistrarSettings, ServerTls, machine::Algorithm,
};

use crate::config::{PhoneDigest, PhoneSrtp, Telephony};

/// Keys of the configuration, as they are named when they are wrong.
const LISTEN: &str = "telephony.listen";
const CARRIER_TLS: &str = "telephony.carrier_tls";
const PHONE_SRTP: &str = "telephony.phone_srtp";

/// One listener: `"tls:0.0.0.0:5061"`, or `"udp:10.0.0.5:5060 as 203.0.113.5"` where the others
/// see another address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ListenAt {
    /// Transport.
    pub protocol: Protocol,
    /// Address to bind.
    pub address: SocketAddr,
    /// Address that the others are told, when it is not that one.
    pub advertise: Option<IpAddr>,
}

impl TryFrom<String> for ListenAt {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || {
            format!(
                "telephony.listen: \"{text}\" must be \"transport:address:port\", transport one of udp, tcp, tls, ws, \
                 wss; and \" as \" with an address behind it where the others see another one"
            )
        };
        let (place, advertise) = match text.split_once(" as ") {
            Some((place, seen)) => (place, Some(seen.trim().parse().map_err(|_| wrong())?)),
            None => (text.as_str(), None),
        };
        let (protocol, address) = place.split_once(':').ok_or_else(wrong)?;
        let protocol = match protocol {
            "udp" => Protocol::Udp,
            "tcp" => Protocol::Tcp,
            "tls" => Protocol::Tls,
            "ws" => Protocol::Ws,
            "wss" => Protocol::Wss,
            _ => return Err(wrong()),
        };
        Ok(Self { protocol, address: address.trim().parse().map_err(|_| wrong())?, advertise })
    }
}

impl Telephony {
    /// All listeners; `sip_listen` is the first of them.
    pub fn listeners(&self) -> Vec<ListenAt> {
        let first =
            self.sip_listen.map(|address| ListenAt { protocol: Protocol::Udp, address, advertise: self.sip_advertise });
        first.into_iter().chain(self.listen.iter().copied()).collect()
    }

    /// What is wrong with the listeners: the key, and why.
    pub(crate) fn unfit(&self) -> Option<(&'static str, &'static str)> {
        let listeners = self.listeners();
        if listeners.is_empty() {
            return Some((LISTEN, "must name at least one listener"));
        }
        let under_tls = |at: &ListenAt| matches!(at.protocol, Protocol::Tls | Protocol::Wss);
        if listeners.iter().any(under_tls) && self.tls.is_none() {
            return Some((LISTEN, "names tls or wss: set telephony.tls.certificate and telephony.tls.key"));
        }
        if self.phone_srtp == PhoneSrtp::Required && !listeners.iter().any(under_tls) {
            return Some((PHONE_SRTP, "requires what no desk phone can have: no listener is under TLS"));
        }
        let open = |at: &ListenAt| at.protocol == Protocol::Ws && !at.address.ip().is_loopback();
        if listeners.iter().any(open) {
            return Some((LISTEN, "names ws on an address that is not loopback: use wss"));
        }
        if self.carrier_tls.as_ref().is_some_and(|tls| tls.certificate.is_some() != tls.key.is_some()) {
            return Some((CARRIER_TLS, "must name certificate and key, or neither"));
        }
        None
    }

    fn registrar(&self) -> Option<RegistrarSettings> {
        let mut settings = RegistrarSettings::new(self.phone_realm.as_ref()?);
        if self.phone_digest == PhoneDigest::Md5 {
            settings.challenge.algorithms = vec![Algorithm::Md5];
        }
        Some(settings)
    }

    /// What listeners show and ask for over TLS.
    pub(crate) fn server_tls(&self) -> Option<ServerTls> {
        self.tls.as_ref().map(|tls| ServerTls {
            identity: OwnCertificate { certificate: tls.certificate.clone(), key: tls.key.clone() },
            client_roots: tls.client_roots.clone(),
        })
    }

    /// The endpoint of signalling. Only trunks and phones of the court may call.
    pub(crate) fn endpoint(&self, user_agent: &str) -> EndpointConfig {
        let server = self.server_tls();
        let listens = self.listeners().into_iter().map(|at| Listen {
            advertise: at.advertise,
            // A phone in a browser has no certificate to show.
            tls: match at.protocol {
                Protocol::Tls => server.clone(),
                Protocol::Wss => server.clone().map(|tls| ServerTls { client_roots: None, ..tls }),
                _ => None,
            },
            ..Listen::new(at.protocol, at.address)
        });
        let client_tls = self.carrier_tls.as_ref().map_or_else(ClientTls::default, |tls| ClientTls {
            roots: tls.roots.clone(),
            identity: tls
                .certificate
                .clone()
                .zip(tls.key.clone())
                .map(|(certificate, key)| OwnCertificate { certificate, key }),
        });
        EndpointConfig {
            client_tls,
            name_servers: self.name_servers.clone(),
            phones: self.registrar(),
            ..EndpointConfig::new(listens.collect(), user_agent)
        }
    }
}
