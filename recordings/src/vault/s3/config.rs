//! Where the copies go.

use std::{
    net::IpAddr,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use zeroize::Zeroizing;

use super::S3Error;

/// The S3 server for copies of closed recordings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Config {
    /// Address of the server, `https://…`; that of Amazon's region when left out.
    pub endpoint: Option<String>,
    /// Bucket.
    pub bucket: String,
    /// What stands before each object's name.
    #[serde(default = "recordings")]
    pub prefix: String,
    /// Region.
    #[serde(default = "us_east_1")]
    pub region: String,
    /// File with the keys, in the form of Amazon's own tools, mode 0600; without it they
    /// stand in the environment.
    pub credentials_file: Option<PathBuf>,
    /// Whether the bucket stands in the path of the address (most servers) or before its host.
    #[serde(default = "yes")]
    pub path_style: bool,
    /// Lets keys and sealed blocks go over plain HTTP to another machine.
    #[serde(default)]
    pub allow_http: bool,
    /// Bytes of recordings that stay in the local folder although their copy was checked; the
    /// oldest go first. None: all stay.
    pub keep_local: Option<u64>,
}

fn recordings() -> String {
    "recordings".into()
}

fn us_east_1() -> String {
    "us-east-1".into()
}

fn yes() -> bool {
    true
}

/// The keys to the server.
pub struct Credentials {
    /// Access key id.
    pub id: String,
    /// Secret access key.
    pub secret: Zeroizing<String>,
    /// Session token, where the server gives one.
    pub token: Option<Zeroizing<String>>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(…)")
    }
}

impl S3Config {
    /// Where copies go, for messages: bucket and server.
    pub fn place(&self) -> String {
        let server = self.endpoint.clone().unwrap_or_else(|| format!("Amazon S3, {}", self.region));
        format!("bucket {} at {server}", self.bucket)
    }

    /// Checks what can be checked without the server.
    pub fn check(&self) -> Result<(), S3Error> {
        let wrong = |text: String| Err(S3Error::Config(text));
        if self.bucket.is_empty() || self.bucket.contains('/') {
            return wrong("bucket must be the name of a bucket, without a slash".into());
        }
        if self.prefix.split('/').any(|part| part.is_empty() || part == "." || part == "..") && !self.prefix.is_empty()
        {
            return wrong("prefix must be words with single slashes between them".into());
        }
        let Some(endpoint) = &self.endpoint else { return Ok(()) };
        if endpoint.contains('@') {
            return wrong("endpoint must not hold keys: put them into credentials_file".into());
        }
        match endpoint.split_once("://") {
            Some(("https", _)) => Ok(()),
            Some(("http", rest)) if self.allow_http || is_loopback(rest) => Ok(()),
            Some(("http", _)) => wrong(format!(
                "endpoint {endpoint} is plain HTTP to another machine: use https://, or set allow_http = true where the network itself is secured"
            )),
            _ => wrong(format!("endpoint {endpoint} must begin with https://")),
        }
    }

    /// Reads the keys from the file that is named, or from the environment.
    pub fn credentials(&self) -> Result<Credentials, S3Error> {
        match &self.credentials_file {
            Some(path) => from_file(path),
            None => from_names(|name| std::env::var(name).ok().filter(|value| !value.is_empty())).ok_or_else(|| {
                S3Error::Config(
                    "there are no keys: name a credentials_file, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                        .into(),
                )
            }),
        }
    }
}

fn is_loopback(rest: &str) -> bool {
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn from_names(value: impl Fn(&str) -> Option<String>) -> Option<Credentials> {
    Some(Credentials {
        id: value("AWS_ACCESS_KEY_ID")?,
        secret: Zeroizing::new(value("AWS_SECRET_ACCESS_KEY")?),
        token: value("AWS_SESSION_TOKEN").map(Zeroizing::new),
    })
}

/// Lines of `name = value`; sections and remarks are passed over.
fn from_file(path: &Path) -> Result<Credentials, S3Error> {
    let wrong = |what: String| S3Error::Config(format!("credentials_file {}: {what}", path.display()));
    let about = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?;
    if about.mode() & 0o077 != 0 {
        return Err(wrong("it is readable by others: set its mode to 0600".into()));
    }
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?);
    let value = |wanted: &str| {
        let found = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .find_map(|(name, value)| name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().to_owned()));
        found.filter(|value| !value.is_empty())
    };
    from_names(value).ok_or_else(|| wrong("it must hold aws_access_key_id = … and aws_secret_access_key = …".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(endpoint: &str) -> S3Config {
        S3Config {
            endpoint: Some(endpoint.to_owned()),
            bucket: "b".into(),
            prefix: recordings(),
            region: us_east_1(),
            credentials_file: None,
            path_style: true,
            allow_http: false,
            keep_local: None,
        }
    }

    #[test]
    fn plain_http_stays_on_this_machine_unless_it_is_allowed() {
        for fine in ["https://s3.court.example", "http://127.0.0.1:9000", "http://localhost/", "http://[::1]:9000/x"] {
            config(fine).check().expect(fine);
        }
        for wrong in ["http://10.0.0.5:9000", "http://localhost.evil.example", "s3.court.example", "https://k:s@host"] {
            assert!(config(wrong).check().is_err(), "{wrong}");
        }
        S3Config { allow_http: true, ..config("http://10.0.0.5:9000") }.check().expect("allowed");
        assert!(S3Config { prefix: "a/../b".into(), ..config("https://x") }.check().is_err());
        assert!(S3Config { bucket: String::new(), ..config("https://x") }.check().is_err());
    }
}
