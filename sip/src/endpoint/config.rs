//! How an endpoint is set up, and what keeps it from starting.

use std::net::SocketAddr;

use crate::{
    edge::EdgeSettings,
    flow::Protocol,
    registrar::RegistrarSettings,
    transport::{ClientTls, Limits, Listen, ListenError},
};

/// Where the endpoint listens and how it names itself.
#[derive(Debug, Clone)]
pub struct EndpointConfig {
    /// The listeners; the first is the one that names us where no transport is meant.
    pub listens: Vec<Listen>,
    /// TLS of the connections that we open.
    pub client_tls: ClientTls,
    /// What connections may cost.
    pub limits: Limits,
    /// Name servers; those of the system when empty.
    pub name_servers: Vec<SocketAddr>,
    /// Who may come in.
    pub edge: EdgeSettings,
    /// How desk phones register; without it none may.
    pub phones: Option<RegistrarSettings>,
    /// User-Agent.
    pub user_agent: String,
    /// User part of our Contact, and of From where a trunk has no account.
    pub user: String,
}

impl EndpointConfig {
    /// These listeners, and everything else as usual: only trunks and phones that are set may
    /// send new requests.
    pub fn new(listens: Vec<Listen>, user_agent: impl Into<String>) -> Self {
        let user_agent = user_agent.into();
        // The product without its version.
        let user = user_agent.split('/').next().unwrap_or_default().trim().replace(' ', "-").to_ascii_lowercase();
        Self {
            listens,
            client_tls: ClientTls::default(),
            limits: Limits::default(),
            name_servers: Vec::new(),
            edge: EdgeSettings::default(),
            phones: None,
            user_agent,
            user,
        }
    }

    /// Datagrams at one address, open to everybody: for benches and tests.
    pub fn udp(listen: SocketAddr, user_agent: impl Into<String>) -> Self {
        let config = Self::new(vec![Listen::new(Protocol::Udp, listen)], user_agent);
        Self { edge: EdgeSettings { open: true, ..config.edge }, ..config }
    }
}

/// The endpoint could not start.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StartError(#[from] pub ListenError);
