//! The check of a bundle: with the folder alone, on any machine.

use std::{io::Write, path::Path};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use songda_recordings::{
    evidence::{DayRoot, Listed, Offline, Standing, check_chain},
    keys::PublicKey,
};
use songda_service::{date, evidence::Signed, midnight_after};

use super::{Meter, Verify};

pub(super) const FORMAT: &str = "songda evidence bundle v1";
pub(super) const BUNDLE: &str = "bundle.json";
pub(super) const SIGNATURE: &str = "bundle.sig.json";
pub(super) const ROOTS: &str = "roots.json";
pub(super) const KEYS: &str = "keys.pem";
pub(super) const SUMS: &str = "SHA256SUMS";
pub(super) const README: &str = "\
This folder holds the evidence of one case, exported from Songda.

files/            the evidence: recordings as WAV, papers as PDF, transcripts as JSON
bundle.json       what should be here: hashes (SHA-256 and SM3), the day and the proof of each file
bundle.sig.json   Ed25519 signature of the exporting house over bundle.json
roots.json        the signed root of each day, each naming the day before
keys.pem          the public keys of the house; compare them with those that you got another way
SHA256SUMS        for `sha256sum -c SHA256SUMS`

Check everything, on any machine, without the house:
    songda evidence verify --bundle FOLDER [--keys PUBLIC-KEYS.pem]
";

/// What should be in the folder.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Bundle {
    pub(super) format: String,
    pub(super) court: String,
    pub(super) case: String,
    pub(super) exported_at: String,
    pub(super) files: Vec<Listed>,
    pub(super) deleted: Vec<Gone>,
}

/// A file that was deleted before the export.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Gone {
    pub(super) object: String,
    pub(super) request: String,
    pub(super) about: String,
}

#[derive(Debug, Default, Serialize)]
struct Report {
    ok: bool,
    court: String,
    case: String,
    exported_at: String,
    files: usize,
    roots: usize,
    /// Ids of the keys that were trusted: compare them with those that you know.
    keys: Vec<String>,
    broken: Vec<Broken>,
}

#[derive(Debug, Serialize)]
struct Broken {
    what: String,
    verdict: &'static str,
    detail: String,
}

/// Checks a bundle, prints what was found, and answers whether all is well.
pub fn verify_bundle(folder: &Path, asked: &Verify, out: &mut impl Write) -> anyhow::Result<bool> {
    let body = read(folder, BUNDLE)?;
    let bundle: Bundle = serde_json::from_str(&body).with_context(|| format!("{BUNDLE} cannot be understood"))?;
    anyhow::ensure!(bundle.format == FORMAT, "{BUNDLE} is of another format: {}", bundle.format);
    let roots: Vec<DayRoot> =
        serde_json::from_str(&read(folder, ROOTS)?).with_context(|| format!("{ROOTS} cannot be understood"))?;
    let keys = match &asked.keys {
        Some(path) => {
            std::fs::read_to_string(path).with_context(|| format!("reading the public keys {}", path.display()))?
        }
        None => read(folder, KEYS)?,
    };
    let keys = public_keys(&keys)?;
    let mut broken = Vec::new();
    if let Err(detail) = signature(folder, &body, &keys) {
        broken.push(Broken { what: BUNDLE.to_owned(), verdict: "signature", detail });
    }
    chain(&roots, &keys, &mut broken);
    let offline = Offline::new(folder, &roots, &keys);
    let mut meter = Meter::new();
    for checked in offline.check(&bundle.files) {
        let (verdict, detail) = match checked.standing {
            Standing::Intact => {
                meter.add(checked.listed.bytes, false);
                continue;
            }
            Standing::Altered { reason } => ("altered", reason),
            Standing::Missing => ("missing", "the file is not there".to_owned()),
            Standing::NotInRoot { reason } => ("not_in_root", reason),
            Standing::Unread { reason } => ("unread", reason),
        };
        meter.add(checked.listed.bytes, true);
        broken.push(Broken { what: checked.listed.about.clone(), verdict, detail });
    }
    meter.end();
    let report = Report {
        ok: broken.is_empty(),
        court: bundle.court,
        case: bundle.case,
        exported_at: bundle.exported_at,
        files: bundle.files.len(),
        roots: roots.len(),
        keys: keys.iter().map(PublicKey::id).collect(),
        broken,
    };
    if asked.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        print(&report, out)?;
    }
    Ok(report.ok)
}

fn read(folder: &Path, name: &str) -> anyhow::Result<String> {
    let path = folder.join(name);
    std::fs::read_to_string(&path).with_context(|| format!("reading {}: is this an exported folder?", path.display()))
}

/// Every key of a file of keys.
fn public_keys(pem: &str) -> anyhow::Result<Vec<PublicKey>> {
    const END: &str = "-----END PUBLIC KEY-----";
    let parts = pem.split_inclusive(END).filter(|part| part.contains(END));
    let keys: Vec<PublicKey> = parts.map(PublicKey::from_pem).collect::<Result<_, _>>()?;
    anyhow::ensure!(!keys.is_empty(), "there is no public key in it");
    Ok(keys)
}

fn signature(folder: &Path, body: &str, keys: &[PublicKey]) -> Result<(), String> {
    let text = read(folder, SIGNATURE).map_err(|error| format!("{error:#}"))?;
    let signed: Signed = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    signed.check(body, keys)
}

/// Each root signed, following the one before, and no day between them.
fn chain(roots: &[DayRoot], keys: &[PublicKey], broken: &mut Vec<Broken>) {
    for (_, day, fault) in check_chain(roots, keys, true).roots {
        if let Some(fault) = fault {
            broken.push(Broken { what: format!("root of {day}"), verdict: "root", detail: fault.to_string() });
        }
    }
    for pair in roots.windows(2) {
        let next = midnight_after(&pair[0].day).map(date);
        if next.as_ref() != Some(&pair[1].day) {
            let detail = format!("the days between it and {} have no root", pair[0].day);
            broken.push(Broken { what: format!("root of {}", pair[1].day), verdict: "root", detail });
        }
    }
}

fn print(report: &Report, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "{}, {}, exported {}", report.court, report.case, report.exported_at)?;
    for item in &report.broken {
        writeln!(out, "BROKEN {}: {}", item.what, item.detail)?;
    }
    let counts = format!("{} files, {} day roots", report.files, report.roots);
    if report.ok {
        writeln!(out, "OK: {counts}: every file fits its proof, every proof its root, every root its signature")?;
    } else {
        writeln!(out, "NOT OK: {} broken of {counts}", report.broken.len())?;
    }
    writeln!(out, "signed with the keys {}: compare them with those that the house published", report.keys.join(", "))
}
