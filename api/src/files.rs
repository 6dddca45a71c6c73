//! The files that the configuration names, looked at before a start.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use songda_asr::Model;
use songda_calls::Library;
use songda_sip::OwnCertificate;
use songda_store::{Clock, clock::rfc3339};

use crate::{config::Config, notary, serve};

/// A certificate that ends sooner is warned of.
const SOON_MS: i64 = 30 * 86_400_000;

/// [`look`] as the command has it: now, and each warning as a line of standard output.
///
/// # Errors
/// As there.
pub fn check(config: &Config) -> anyhow::Result<()> {
    for warning in look(config, Clock::system().now_ms())? {
        writeln!(std::io::stdout(), "warning: {warning}")?;
    }
    Ok(())
}

/// Opens every file that the configuration names, and reads certificates and keys as the server
/// would: what it would refuse at its start is told before it (R2.1). So is what lets it start and fails
/// each call after that: a certificate that nobody takes, another speech model, a prompt that is missing.
/// `now_ms` is the time, Unix milliseconds. Answers with warnings, in the order of the file's sections.
///
/// # Errors
/// Key and path of the first that cannot be read, or that the server would not take.
pub fn look(config: &Config, now_ms: i64) -> anyhow::Result<Vec<String>> {
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
    let warnings = certificates(config, now_ms)?;
    Model::check(&config.asr.model, &config.asr.sha256).context("asr.sha256")?;
    prompts(&telephony.prompts).context("telephony.prompts, without which no call goes out or comes in")?;
    Ok(warnings)
}

/// Whether every certificate that is shown holds now, and which of them ends soon.
fn certificates(config: &Config, now_ms: i64) -> anyhow::Result<Vec<String>> {
    let telephony = &config.telephony;
    let server = config.server.tls.as_ref().map(|tls| (&tls.certificate, &tls.key));
    let signalling = telephony.tls.as_ref().map(|tls| (&tls.certificate, &tls.key));
    let carrier = telephony.carrier_tls.as_ref().and_then(|tls| tls.certificate.as_ref().zip(tls.key.as_ref()));
    let shown: [(&str, Option<(&PathBuf, &PathBuf)>); 3] = [
        ("server.tls.certificate", server),
        ("telephony.tls.certificate", signalling),
        ("telephony.carrier_tls.certificate", carrier),
    ];
    let mut warnings = Vec::new();
    for (key, files) in shown {
        let Some((certificate, own)) = files else { continue };
        let (path, own) =
            (certificate.display(), OwnCertificate { certificate: certificate.clone(), key: own.clone() });
        let (from_s, until_s) = own.validity().with_context(|| key.to_owned())?;
        let (from_ms, until_ms) = (from_s.saturating_mul(1_000), until_s.saturating_mul(1_000));
        anyhow::ensure!(from_ms <= now_ms, "{key}: {path} holds only from {} on", rfc3339(from_ms));
        anyhow::ensure!(now_ms <= until_ms, "{key}: {path} ended at {}: put a new one there", rfc3339(until_ms));
        if until_ms - now_ms < SOON_MS {
            warnings.push(format!("{key}: {path} ends at {}: put a new one there before", rfc3339(until_ms)));
        }
    }
    Ok(warnings)
}

/// Whether everything that a call plays is there, in every language that has a notice.
fn prompts(folder: &Path) -> anyhow::Result<()> {
    let library = Library::new(folder.to_owned());
    library.caller_sounds("", "zh")?;
    for language in library.languages("") {
        library.caller_sounds("", &language)?;
    }
    Ok(())
}

/// A folder opens too.
fn opens(path: &Path) -> std::io::Result<()> {
    File::open(path).map(drop)
}
