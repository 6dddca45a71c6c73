//! The configuration file: TOML, every key known, every error with its line.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// The whole configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the house answers.
    pub server: Server,
    /// Where things are kept.
    pub data: Data,
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
    /// Two settings do not go together.
    #[error("{path}: {message}")]
    Unfit {
        /// File.
        path: String,
        /// Which, and what to do.
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
        let unfit = |message: &str| Err(ConfigError::Unfit { path: path.to_owned(), message: message.to_owned() });
        if config.server.tls.is_none() && !config.server.listen.ip().is_loopback() {
            return unfit("server.listen is not loopback: set server.tls, for browsers give a microphone to TLS only");
        }
        if config.server.metrics.is_some_and(|address| !address.ip().is_loopback()) {
            return unfit("server.metrics must be a loopback address");
        }
        if config.demo && config.case_system.as_ref().is_some_and(|system| !is_local(&system.url)) {
            return unfit("case_system.url must be on this machine in demo mode");
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

fn is_local(url: &str) -> bool {
    url.starts_with("http://127.0.0.1:") || url.starts_with("http://localhost:") || url.starts_with("http://[::1]:")
}
