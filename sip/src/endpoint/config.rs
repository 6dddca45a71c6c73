//! How an endpoint is set up, and what keeps it from starting.

use std::net::{IpAddr, SocketAddr};

/// Where the endpoint listens and how it names itself.
#[derive(Debug, Clone)]
pub struct EndpointConfig {
    /// Address to bind; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Address that the carrier sees, when it is not the bound one.
    pub advertise: Option<IpAddr>,
    /// User-Agent.
    pub user_agent: String,
}

/// The endpoint could not start.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen for SIP on {listen}: {error}")]
pub struct StartError {
    pub(super) listen: SocketAddr,
    pub(super) error: std::io::Error,
}
