//! The check of a bundle: with the folder alone, on any machine.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read as _, Write},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use songda_recordings::{
    evidence::{DayRoot, Listed, Offline, Standing, check_chain, inside},
    keys::PublicKey,
    vault::Manifest,
};
use songda_service::{date, evidence::Signed, midnight_after, moment, retention::signed_files};
use songda_store::evidence::{RECORDING, hashes};

use super::{Meter, Verify, notarised::Notarised};
use crate::notary;

const DAY_MS: i64 = 86_400_000;
/// So long after midnight the root of the day before is there, as a rule.
const ROOT_MADE_MS: i64 = 3_600_000;
pub(super) const FORMAT: &str = "songda evidence bundle v1";
pub(super) const BUNDLE: &str = "bundle.json";
pub(super) const SIGNATURE: &str = "bundle.sig.json";
pub(super) const ROOTS: &str = "roots.json";
pub(super) const KEYS: &str = "keys.pem";
pub(super) const SUMS: &str = "SHA256SUMS";
pub(super) const CERTIFICATES: &str = "certificates";
pub(super) const RECEIPTS: &str = "receipts";
pub(super) const NOTARY_KEYS: &str = "notary.pem";
pub(super) const READ_ME: &str = "README.txt";
/// Bytes of the longest certificate or receipt that is read; a certificate has some 300 for each file.
const LONGEST: u64 = 256 << 20;
pub(super) const README: &str = "\
This folder holds the evidence of one case, or of a whole court, exported from Songda.

files/            the evidence: recordings as WAV, papers as PDF, transcripts as JSON; as text, what task
                  and case each call is of, and each correction of a transcript; still sealed, what a
                  recovery set aside of a recording of which nothing opens
bundle.json       what should be here: hashes (SHA-256 and SM3), the day and the proof of each file;
                  of each recording when it began, whether its process was killed, and its gaps: silence
                  in the WAV that was not heard, by channel (0 the court, 1 the party) and frame (8,000 a second)
bundle.sig.json   Ed25519 signature of the exporting house over bundle.json
roots.json        the signed root of each day, each naming the day before
certificates/     the signed certificate of each deletion before the export
receipts/         what the notary answered for each day root, signed by it; none where none was asked
notary.pem        the public keys of the notary, where there is one
keys.pem          the public keys of the house; compare them with those that you got another way
SHA256SUMS        for `sha256sum -c SHA256SUMS`

Check everything, on any machine, without the house:
    songda evidence verify --bundle FOLDER --keys PUBLIC-KEYS.pem [--notary-keys NOTARY.pem]

A file of the day of the export is in no signed root yet: it is counted as such, and the signature over
bundle.json vouches for its hashes. An export of a later day proves it by its root as well.

Without --keys it tells only that the folder fits itself (exit code 2): anybody can make such a
folder with keys of his own.
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
    /// What the closing block of each recording says beside its sound; none in a folder of an earlier
    /// version.
    #[serde(default)]
    pub(super) recordings: Vec<Manifest>,
    /// Whether a notary was asked: then a day without a receipt waited for it.
    #[serde(default)]
    pub(super) notary: bool,
    /// The notary's receipts.
    #[serde(default)]
    pub(super) receipts: Vec<Receipt>,
}

/// Where the receipt of a day lies.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Receipt {
    pub(super) day: String,
    pub(super) file: String,
    /// SHA-256 of the file, hex.
    pub(super) sha256: String,
}

/// A file that was deleted before the export: what it was, and where its certificate lies.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Gone {
    pub(super) request: String,
    pub(super) certificate: String,
    /// SHA-256 of the certificate's file, hex; empty in a folder of an earlier version.
    #[serde(default)]
    pub(super) certificate_sha256: String,
    /// Its hashes, day and proof; `file` is empty.
    pub(super) was: Listed,
}

#[derive(Debug, Default, Serialize)]
struct Report {
    /// Everything fits, and the keys came another way than in the folder.
    ok: bool,
    /// Everything fits the keys that were used.
    consistent: bool,
    /// The keys came with `--keys`; else anybody may have made the folder.
    keys_trusted: bool,
    court: String,
    case: String,
    exported_at: String,
    files: usize,
    /// Files whose day was not over at the export: no root held them yet, and the signature over the
    /// list alone vouches for them.
    not_in_a_root_yet: usize,
    deleted: usize,
    roots: usize,
    /// Holes in the recordings, by the list that the house signed.
    gaps: usize,
    /// Ids of the keys that were trusted: compare them with those that you know.
    keys: Vec<String>,
    notarised: Notarised,
    /// Ids of the notary's keys.
    notary_keys: Vec<String>,
    /// They came with `--notary-keys`; else the folder says whose they are.
    notary_keys_trusted: bool,
    broken: Vec<Broken>,
}

#[derive(Debug, Serialize)]
struct Broken {
    what: String,
    verdict: &'static str,
    detail: String,
}

/// Checks a bundle, prints what was found, and answers with the exit code: 0 all is well, 1 it
/// is not, 2 everything fits and only the keys of the folder itself say so.
pub fn verify_bundle(folder: &Path, asked: &Verify, out: &mut impl Write) -> anyhow::Result<u8> {
    let body = read(folder, BUNDLE)?;
    let bundle: Bundle = serde_json::from_str(&body).with_context(|| format!("{BUNDLE} cannot be understood"))?;
    anyhow::ensure!(bundle.format == FORMAT, "{BUNDLE} is of another format: {}", bundle.format);
    let mut broken = Vec::new();
    let roots = read(folder, ROOTS)?;
    let (roots, exact): (Vec<DayRoot>, bool) =
        understood(&roots).with_context(|| format!("{ROOTS} cannot be understood"))?;
    if !exact {
        broken.push(Broken { what: ROOTS.to_owned(), verdict: "altered", detail: REWRITTEN.to_owned() });
    }
    anyhow::ensure!(!(bundle.files.is_empty() && bundle.deleted.is_empty()), "{BUNDLE} lists nothing");
    let keys = match &asked.keys {
        Some(path) => {
            std::fs::read_to_string(path).with_context(|| format!("reading the public keys {}", path.display()))?
        }
        None => read(folder, KEYS)?,
    };
    let keys = public_keys(&keys)?;
    let mut not_in_a_root_yet = 0;
    // The last day that the export could find over; none where the house did not sign the list.
    let mut over = moment(&bundle.exported_at).map(|at_ms| date(at_ms - DAY_MS - ROOT_MADE_MS));
    if let Err(detail) = signature(folder, &body, moment(&bundle.exported_at), &keys) {
        broken.push(Broken { what: BUNDLE.to_owned(), verdict: "signature", detail });
        over = None;
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
            // Its hashes are those of the list, which the house signed.
            Standing::NotInRoot { .. } if is_too_new(checked.listed, &roots, over.as_deref()) => {
                not_in_a_root_yet += 1;
                meter.add(checked.listed.bytes, false);
                continue;
            }
            Standing::NotInRoot { reason } => ("not_in_root", reason),
            Standing::Unread { reason } => ("unread", reason),
        };
        meter.add(checked.listed.bytes, true);
        broken.push(Broken { what: checked.listed.about.clone(), verdict, detail });
    }
    meter.end();
    let mut certificates = Certificates { folder, keys: &keys, read: BTreeMap::new() };
    for gone in &bundle.deleted {
        if let Err(detail) = certificates.check(gone).and_then(|()| offline.proven(&gone.was)) {
            broken.push(Broken { what: gone.was.about.clone(), verdict: "deleted", detail });
        }
    }
    closings(&bundle, &mut broken);
    for name in unlisted(folder, &bundle)? {
        let detail = "it lies in the folder and is not listed".to_owned();
        broken.push(Broken { what: name, verdict: "unlisted", detail });
    }
    let (notary_keys, notarised) = receipts(folder, &bundle, &roots, asked)?;
    let consistent = broken.is_empty() && notarised.broken.is_empty();
    let keys_trusted = asked.keys.is_some();
    let report = Report {
        ok: consistent && keys_trusted,
        consistent,
        keys_trusted,
        deleted: bundle.deleted.len(),
        court: bundle.court,
        case: bundle.case,
        exported_at: bundle.exported_at,
        files: bundle.files.len(),
        not_in_a_root_yet,
        roots: roots.len(),
        gaps: bundle.recordings.iter().map(|recording| recording.gaps.len()).sum(),
        keys: keys.iter().map(PublicKey::id).collect(),
        notarised,
        notary_keys: notary_keys.iter().map(PublicKey::id).collect(),
        notary_keys_trusted: asked.notary_keys.is_some(),
        broken,
    };
    if asked.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        print(&report, out)?;
    }
    Ok(match (report.consistent, report.keys_trusted) {
        (false, _) => 1,
        (true, false) => 2,
        (true, true) => 0,
    })
}

/// Whether a file was entered on a day that was not over at the export, so that no root holds it.
fn is_too_new(listed: &Listed, roots: &[DayRoot], over: Option<&str>) -> bool {
    let rooted = roots.iter().any(|root| root.court == listed.court && root.day == listed.day);
    listed.proof.is_none() && !rooted && over.is_some_and(|over| listed.day.as_str() > over)
}

/// Each recording has its closing block, and it is of the sound that lies here.
fn closings(bundle: &Bundle, broken: &mut Vec<Broken>) {
    if bundle.recordings.is_empty() {
        return;
    }
    for listed in bundle.files.iter().filter(|listed| listed.kind == RECORDING && !listed.file.is_empty()) {
        let its = bundle.recordings.iter().find(|recording| recording.id.as_str() == listed.object);
        let same =
            its.is_some_and(|its| (its.bytes, &its.sha256, &its.sm3) == (listed.bytes, &listed.sha256, &listed.sm3));
        if !same {
            let detail = format!("{BUNDLE} has no list of gaps for this sound");
            broken.push(Broken { what: listed.about.clone(), verdict: "gaps", detail });
        }
    }
}

/// The files of a certificate with their hashes, and the SHA-256 of the certificate itself; or what is
/// wrong with it.
type Certified = Result<(BTreeMap<String, (String, String)>, String), String>;

/// The certificates of a folder, each read once.
struct Certificates<'a> {
    folder: &'a Path,
    keys: &'a [PublicKey],
    read: BTreeMap<(&'a str, &'a str), Certified>,
}

impl<'a> Certificates<'a> {
    /// Whether the certificate of a deletion is the one that was written here, is signed, and names
    /// the file with its hashes; why not, with the name of the certificate.
    fn check(&mut self, gone: &'a Gone) -> Result<(), String> {
        if gone.certificate.is_empty() {
            return Err("it has no certificate".to_owned());
        }
        let (folder, keys) = (self.folder, self.keys);
        let certified = self.read.entry((&gone.certificate, &gone.request)).or_insert_with(|| {
            let content = read_bounded(folder, &gone.certificate)?;
            let files = signed_files(&content, keys, &gone.request).map_err(|why| why.text)?;
            Ok((files, songda_store::evidence::hashes(&content).0))
        });
        let wrong = |why: &str| format!("its certificate {}: {why}", gone.certificate);
        let (files, sha256) = certified.as_ref().map_err(|why| wrong(why))?;
        if !gone.certificate_sha256.is_empty() && gone.certificate_sha256 != *sha256 {
            return Err(wrong("its SHA-256 differs from the list: it was altered"));
        }
        let named = files.get(&gone.was.object).is_some_and(|(sha256, sm3)| {
            (sha256.as_str(), sm3.as_str()) == (gone.was.sha256.as_str(), gone.was.sm3.as_str())
        });
        if named { Ok(()) } else { Err(wrong("it does not name the file with its hashes")) }
    }
}

/// The notary's keys, and what its receipts say of the roots.
fn receipts(
    folder: &Path,
    bundle: &Bundle,
    roots: &[DayRoot],
    asked: &Verify,
) -> anyhow::Result<(Vec<PublicKey>, Notarised)> {
    let there = place(folder, NOTARY_KEYS).map_err(anyhow::Error::msg)?;
    let keys = match &asked.notary_keys {
        Some(path) => Some(notary::public_keys(path)?),
        None if there.exists() => Some(notary::public_keys(&there)?),
        None => None,
    };
    let (mut found, court) = (Notarised::default(), bundle.court.split(' ').next().unwrap_or_default());
    let mut texts = BTreeMap::new();
    for listed in &bundle.receipts {
        match read_listed(folder, listed) {
            Ok(text) if roots.iter().any(|root| root.day == listed.day) => {
                texts.insert(listed.day.as_str(), text);
            }
            Ok(_) => found.fault(court, &listed.day, "there is no root of this day".to_owned()),
            Err(why) => found.fault(court, &listed.day, why),
        }
    }
    for root in roots {
        let text = texts.get(root.day.as_str()).map(String::as_str);
        // One that is listed and does not hold was named.
        if text.is_some() || !bundle.receipts.iter().any(|listed| listed.day == root.day) {
            found.look((court, root), text, keys.as_deref(), bundle.notary);
        }
    }
    Ok((keys.unwrap_or_default(), found))
}

/// A receipt as it lay in the house, by the listing that the house signed.
fn read_listed(folder: &Path, listed: &Receipt) -> Result<String, String> {
    let bytes = read_bounded(folder, &listed.file).map_err(|why| format!("{}: {why}", listed.file))?;
    if hashes(&bytes).0 != listed.sha256 {
        return Err(format!("{} differs from the listing: it was altered", listed.file));
    }
    String::from_utf8(bytes).map_err(|_| format!("{} is no text", listed.file))
}

/// What lies in the folder and should not.
fn unlisted(folder: &Path, bundle: &Bundle) -> anyhow::Result<Vec<String>> {
    let mut known: BTreeSet<&str> = [BUNDLE, SIGNATURE, ROOTS, KEYS, SUMS, NOTARY_KEYS, READ_ME].into();
    known.extend(bundle.files.iter().map(|listed| listed.file.as_str()));
    known.extend(bundle.receipts.iter().map(|listed| listed.file.as_str()));
    known.extend(bundle.deleted.iter().map(|gone| gone.certificate.as_str()));
    let mut found = Vec::new();
    let mut inside = vec![folder.to_owned()];
    while let Some(place) = inside.pop() {
        for entry in std::fs::read_dir(&place).with_context(|| format!("listing {}", place.display()))? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                inside.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
            if !known.contains(name.as_str()) {
                found.push(name);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Where a file of the folder lies, which may be a stranger's: never outside, and nothing that never
/// ends.
fn place(folder: &Path, name: &str) -> Result<PathBuf, String> {
    inside(folder, name).ok_or_else(|| format!("{name} leads out of the folder, or is no file"))
}

/// A file that the listing names.
fn read_bounded(folder: &Path, name: &str) -> Result<Vec<u8>, String> {
    let file = std::fs::File::open(place(folder, name)?).map_err(|error| error.to_string())?;
    let mut content = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut content).map_err(|error| error.to_string())?;
    if content.len() as u64 > LONGEST {
        return Err(format!("it has more than {LONGEST} bytes: it is none of ours"));
    }
    Ok(content)
}

const REWRITTEN: &str = "it is not written as the house writes it: it was altered";

/// What a file of the house says, and whether it is written as the house writes it: there is one text
/// for it, so that no byte of it can be another.
fn understood<T: Serialize + DeserializeOwned>(text: &str) -> serde_json::Result<(T, bool)> {
    let read: T = serde_json::from_str(text)?;
    let exact = serde_json::to_string_pretty(&read)? == text;
    Ok((read, exact))
}

fn read(folder: &Path, name: &str) -> anyhow::Result<String> {
    let path = place(folder, name).map_err(anyhow::Error::msg)?;
    std::fs::read_to_string(&path).with_context(|| format!("reading {}: is this an exported folder?", path.display()))
}

/// Every key of a file of keys.
pub(crate) fn public_keys(pem: &str) -> anyhow::Result<Vec<PublicKey>> {
    const END: &str = "-----END PUBLIC KEY-----";
    let parts = pem.split_inclusive(END).filter(|part| part.contains(END));
    let keys: Vec<PublicKey> = parts.map(PublicKey::from_pem).collect::<Result<_, _>>()?;
    anyhow::ensure!(!keys.is_empty(), "there is no public key in it");
    Ok(keys)
}

fn signature(folder: &Path, body: &str, at_ms: Option<i64>, keys: &[PublicKey]) -> Result<(), String> {
    let text = read(folder, SIGNATURE).map_err(|error| format!("{error:#}"))?;
    let (signed, exact): (Signed, bool) = understood(&text).map_err(|error| error.to_string())?;
    signed.check(body, at_ms, keys).map_err(|why| why.text)?;
    if exact { Ok(()) } else { Err(REWRITTEN.to_owned()) }
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
    let case = if report.case.is_empty() { "the whole court" } else { &report.case };
    writeln!(out, "{}, {case}, exported {}", report.court, report.exported_at)?;
    for item in &report.broken {
        writeln!(out, "BROKEN {}: {}", item.what, item.detail)?;
    }
    let counts = format!("{} files, {} deleted, {} day roots", report.files, report.deleted, report.roots);
    let fits = "every file fits its proof, every proof its root, every root its signature";
    if report.ok {
        writeln!(out, "OK: {counts}: {fits}")?;
    } else if report.consistent {
        writeln!(
            out,
            "CONSISTENT IN ITSELF, KEYS NOT TRUSTED: {counts}: {fits}, by the keys in the folder, which anybody can \
             make: check again with --keys and the keys that you got from the house"
        )?;
    } else {
        let broken = report.broken.len() + report.notarised.broken.len();
        writeln!(out, "NOT OK: {broken} broken of {counts}")?;
    }
    if report.not_in_a_root_yet > 0 {
        let count = report.not_in_a_root_yet;
        writeln!(
            out,
            "{count} files are in no root yet: their day was not over at the export, and the signature over {BUNDLE} \
             alone vouches for them; an export of a later day proves them by their root too"
        )?;
    }
    if report.gaps > 0 {
        writeln!(out, "{} gaps in the recordings, which are listed in {BUNDLE}", report.gaps)?;
    }
    report.notarised.print(out)?;
    if !report.notary_keys.is_empty() {
        let from =
            if report.notary_keys_trusted { "as given" } else { "in the folder: compare them with the notary's own" };
        writeln!(out, "receipts by the notary's keys {}, {from}", report.notary_keys.join(", "))?;
    }
    writeln!(out, "signed with the keys {}: compare them with those that the house published", report.keys.join(", "))
}
