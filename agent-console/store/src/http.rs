//! Outbound HTTP: one client, rustls over ring, no redirects, time limits.

pub use reqwest::Client;

use crate::StoreError;

/// Chooses the cryptography of TLS for the whole process. To be called first in `main`;
/// a second call changes nothing.
pub fn install_crypto() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The client for systems outside. Follows no redirect: the court names each address.
pub fn client() -> Result<Client, StoreError> {
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(std::time::Duration::from_secs(10))
        .timeout(std::time::Duration::from_mins(1))
        .user_agent(concat!("songda/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| StoreError::internal("building the HTTP client", error))
}
