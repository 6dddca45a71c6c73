//! How an endpoint is set up, and what keeps it from starting.

use std::net::SocketAddr;

use crate::{
    flow::Protocol,
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
    /// User-Agent.
    pub user_agent: String,
}

impl EndpointConfig {
    /// These listeners, and everything else as usual.
    pub fn new(listens: Vec<Listen>, user_agent: impl Into<String>) -> Self {
        Self {
            listens,
            client_tls: ClientTls::default(),
            limits: Limits::default(),
            name_servers: Vec::new(),
            user_agent: user_agent.into(),
        }
    }

    /// Datagrams at one address.
    pub fn udp(listen: SocketAddr, user_agent: impl Into<String>) -> Self {
        Self::new(vec![Listen::new(Protocol::Udp, listen)], user_agent)
    }
}

/// The endpoint could not start.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StartError(#[from] pub ListenError);
