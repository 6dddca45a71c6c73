//! The files that the configuration names, looked at before a start.

use std::{fs::File, path::Path};

use anyhow::Context as _;

use crate::{config::Config, notary, serve};

/// Opens every file that the configuration names, and reads certificates and keys as the server
/// would: what it would refuse at its start is told before it (R2.1).
///
/// # Errors
/// Key and path of the first that cannot be read, or that the server would not take.
pub fn check(config: &Config) -> anyhow::Result<()> {
    if let Some(s3) = &config.vault.s3 {
        s3.credentials().context("vault.s3")?;
    }
    if let Some(tls) = &config.server.tls {
        serve::identity(tls).context("server.tls")?;
    }
    if let Some(notary) = &config.evidence.notary {
        notary::Known::read(notary)?;
    }
    let telephony = &config.telephony;
    let tls = telephony.tls.as_ref();
    let carrier = telephony.carrier_tls.as_ref();
    let named = [
        ("asr.model", Some(&config.asr.model)),
        ("telephony.prompts", Some(&telephony.prompts)),
        ("telephony.tls.certificate", tls.map(|tls| &tls.certificate)),
        ("telephony.tls.key", tls.map(|tls| &tls.key)),
        ("telephony.tls.client_roots", tls.and_then(|tls| tls.client_roots.as_ref())),
        ("telephony.carrier_tls.roots", carrier.and_then(|tls| tls.roots.as_ref())),
        ("telephony.carrier_tls.certificate", carrier.and_then(|tls| tls.certificate.as_ref())),
        ("telephony.carrier_tls.key", carrier.and_then(|tls| tls.key.as_ref())),
        ("evidence.notary.key_file", config.evidence.notary.as_ref().map(|notary| &notary.key_file)),
        ("case_system.key_file", config.case_system.as_ref().map(|system| &system.key_file)),
    ];
    for (key, path) in named {
        if let Some(path) = path {
            opens(path).with_context(|| format!("{key}: cannot read {}", path.display()))?;
        }
    }
    // Also where nothing listens over TLS yet.
    if let Some(tls) = telephony.server_tls() {
        tls.check().context("telephony.tls")?;
    }
    if carrier.is_some() {
        telephony.endpoint("").client_tls.check().context("telephony.carrier_tls")?;
    }
    Ok(())
}

/// A folder opens too.
fn opens(path: &Path) -> std::io::Result<()> {
    File::open(path).map(drop)
}
