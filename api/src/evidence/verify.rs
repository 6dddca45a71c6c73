//! The check of what the house keeps.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    path::Path,
};

use anyhow::Context as _;
use serde::Serialize;
use songda_people::courts::Court;
use songda_recordings::{keys::PublicKey, said::Said};
use songda_service::{
    date,
    evidence::{
        FileRow, Found, RootCheck, Which, chain_of, check_chain, check_root, files,
        notary::{receipts, refused},
        root, standing_doubts,
    },
    retention::{CertificateRow, certificates_after, signed_files},
};
use songda_store::evidence::CERTIFICATE;

use super::{Meter, Verify, bundle::public_keys, case_meant, courts_meant, notarised::Notarised, words};
use crate::{house::House, notary};

/// Who is written down as having looked.
const BY: &str = "operator";
const PAGE: i64 = 500;
/// What could not be read says nothing about itself.
const UNREAD: &str = "unread";
/// How long after its hour a root is waited for.
const GRACE_MS: i64 = 15 * 60_000;

/// What was found.
#[derive(Debug, Default, Serialize)]
struct Report {
    ok: bool,
    /// There was nothing to check, which is not well: nobody asks for that.
    nothing: bool,
    files: usize,
    bytes: u64,
    roots: usize,
    /// Files whose day is not over: no root holds them yet.
    not_in_a_root_yet: usize,
    /// Files that are gone under a deletion certificate.
    deleted: usize,
    /// Files that are being deleted and have no certificate yet: not well before they have.
    under_way: usize,
    /// Marks 待核查 of the courts that are meant, which nobody has cleared: also of files that are well again.
    marks: i64,
    broken: Vec<Broken>,
    broken_roots: Vec<BrokenRoot>,
    notarised: Notarised,
}

#[derive(Debug, Serialize)]
struct Broken {
    court: String,
    file: String,
    kind: String,
    name: String,
    case: String,
    task: String,
    verdict: String,
    detail: String,
    /// The file, or the table, in which it is kept.
    place: String,
}

#[derive(Debug, Serialize)]
struct BrokenRoot {
    court: String,
    day: String,
    detail: String,
}

/// Checks, prints what was found, and answers whether all is well. What is broken is marked
/// 待核查 as by the house itself.
/// `after_ms` is when the house makes roots, counted from midnight.
pub async fn verify(house: &House, asked: &Verify, after_ms: i64, out: &mut impl Write) -> anyhow::Result<bool> {
    let courts = courts_meant(house, asked.court.as_deref()).await?;
    let looked = BTreeMap::new();
    let mut check = Check { house, after_ms, report: Report::default(), meter: Meter::new(), looked };
    if let Some(day) = &asked.day {
        for court in courts_of_day(&check, &courts, day).await? {
            check.root(court, day).await?;
            check.files(court, files(&house.db, Which::Root(&court.id, day)).await?).await?;
        }
    } else if let Some(call) = &asked.call {
        let mut found = files(&house.db, Which::Call(call)).await?;
        found.retain(|file| courts.iter().any(|court| court.id == file.court_id));
        anyhow::ensure!(!found.is_empty(), "there is no evidence of a call {call} in the courts that are meant");
        for court in &courts {
            let of_court: Vec<FileRow> = found.iter().filter(|file| file.court_id == court.id).cloned().collect();
            check.with_roots(court, of_court).await?;
        }
    } else if let Some(number) = &asked.case {
        let (court, case) = case_meant(house, &courts, number).await?;
        let found = files(&house.db, Which::Case(&case)).await?;
        anyhow::ensure!(!found.is_empty(), "the case {number} has no evidence: nothing was checked");
        check.with_roots(&court, found).await?;
    } else {
        for court in &courts {
            check.whole(court).await?;
        }
    }
    if let Some(path) = &asked.keys {
        check.by_keys(&courts, path).await?;
    }
    check.receipts(&courts, asked.notary_keys.as_deref()).await?;
    let Check { mut report, meter, .. } = check;
    meter.end();
    for court in &courts {
        report.marks += standing_doubts(&house.db, &court.id).await?;
    }
    report.nothing = report.files + report.deleted + report.under_way + report.roots == 0;
    report.ok = report.under_way == 0 && report.broken.is_empty() && report.broken_roots.is_empty() && !report.nothing;
    report.ok &= report.notarised.broken.is_empty();
    if asked.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        print(&report, out)?;
    }
    Ok(report.ok)
}

/// The courts of which a day is over and had begun; a day that is of none of them is refused
/// before anything is marked.
async fn courts_of_day<'a>(check: &Check<'_>, courts: &'a [Court], day: &str) -> anyhow::Result<Vec<&'a Court>> {
    anyhow::ensure!(songda_service::day(day).is_some(), "{day} is no day: write it as 2026-11-27");
    let mut found = Vec::new();
    for court in courts {
        if check.house.roots().days(&court.id, check.after_ms).await?.hold(day) {
            found.push(court);
        }
    }
    anyhow::ensure!(!found.is_empty(), "{day} is not over, or lies before the first day of the court: it has no root");
    Ok(found)
}

struct Check<'a> {
    house: &'a House,
    after_ms: i64,
    report: Report,
    meter: Meter,
    /// Days whose roots were looked at, by court.
    looked: BTreeMap<String, BTreeSet<String>>,
}

impl Check<'_> {
    /// What was signed, by keys that came another way than from this house. Marks nothing: it may be
    /// the file of keys that is another's.
    async fn by_keys(&mut self, courts: &[Court], path: &Path) -> anyhow::Result<()> {
        let name = || format!("reading the public keys {}", path.display());
        let keys = public_keys(&std::fs::read_to_string(path).with_context(name)?).with_context(name)?;
        for court in courts {
            for row in chain_of(&self.house.db, &court.id).await? {
                let detail = match row.signed() {
                    Ok(root) => match root.verify(&keys) {
                        Ok(()) => continue,
                        Err(fault) => format!("by the keys given: {fault}"),
                    },
                    Err(error) => format!("by the keys given: it cannot be read: {error}"),
                };
                self.report.broken_roots.push(BrokenRoot { court: court.code.clone(), day: row.day, detail });
            }
            let mut after = (0, String::new());
            loop {
                let page = certificates_after(&self.house.db, &court.id, (after.0, &after.1), PAGE).await?;
                let Some(last) = page.last() else { break };
                after = (last.created_ms, last.id.clone());
                for certificate in page {
                    self.certificate(court, certificate, &keys).await;
                }
            }
        }
        Ok(())
    }

    /// One that cannot be read, or was signed by another, is named and keeps no other from being
    /// looked at.
    async fn certificate(&mut self, court: &Court, certificate: CertificateRow, keys: &[PublicKey]) {
        let (verdict, why) = match self.house.objects.get(&self.house.db, &certificate.object_id).await {
            Ok(content) => match signed_files(&content, keys, &certificate.request_id) {
                Ok(_) => return,
                Err(why) => ("signature", why.text),
            },
            Err(error) => (UNREAD, error.to_string()),
        };
        self.report.broken.push(Broken {
            court: court.code.clone(),
            place: self.house.objects.path(&certificate.object_id).display().to_string(),
            file: certificate.object_id,
            kind: CERTIFICATE.to_owned(),
            name: String::new(),
            case: String::new(),
            task: String::new(),
            verdict: verdict.to_owned(),
            detail: format!("by the keys given: {why}"),
        });
    }

    /// The notary's receipts of the days that were looked at, by its keys: those given, or those that
    /// this house has pinned.
    async fn receipts(&mut self, courts: &[Court], keys: Option<&Path>) -> anyhow::Result<()> {
        let (given, known) = (keys.map(notary::public_keys).transpose()?, self.house.notary.as_ref());
        let keys = given.as_deref().or_else(|| known.map(|known| known.keys.as_slice()));
        for court in courts {
            let Some(days) = self.looked.get(&court.id) else { continue };
            let (Some(first), Some(last)) = (days.first(), days.last()) else { continue };
            let kept = receipts(&self.house.db, &court.id, first, last).await?;
            let refused = refused(&self.house.db, &court.id, first, last).await?;
            for day in days {
                // One that cannot be read was named as a root already.
                let Some(Ok(root)) = root(&self.house.db, &court.id, day).await?.map(|row| row.signed()) else {
                    continue;
                };
                let refused = refused.get(day).map(String::as_str);
                match kept.get(day) {
                    None => self.report.notarised.without((&court.code, day), refused, known.is_some()),
                    receipt => {
                        let receipt = receipt.map(String::as_str);
                        self.report.notarised.look((&court.code, &root), receipt, keys, known.is_some());
                    }
                }
            }
        }
        Ok(())
    }

    async fn whole(&mut self, court: &Court) -> anyhow::Result<()> {
        for check in check_chain(&self.house.roots(), &court.id, self.after_ms, BY).await? {
            self.note_root(court, check);
        }
        let mut after = (0, String::new());
        loop {
            let page = files(&self.house.db, Which::After(&court.id, (after.0, &after.1), PAGE)).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = (last.booked_ms, last.id.clone());
            self.files(court, page).await?;
        }
    }

    /// Files, and the roots that hold them.
    async fn with_roots(&mut self, court: &Court, found: Vec<FileRow>) -> anyhow::Result<()> {
        let days: BTreeSet<String> =
            found.iter().filter_map(|file| file.leaf.as_ref().map(|(day, _)| day.clone())).collect();
        for day in days {
            self.root(court, &day).await?;
        }
        self.files(court, found).await
    }

    async fn root(&mut self, court: &Court, day: &str) -> anyhow::Result<()> {
        let check = check_root(&self.house.roots(), &court.id, day, BY).await?;
        self.note_root(court, check);
        Ok(())
    }

    fn note_root(&mut self, court: &Court, check: RootCheck) {
        self.report.roots += 1;
        self.looked.entry(court.id.clone()).or_default().insert(check.day.clone());
        if let Some(detail) = check.fault {
            self.report.broken_roots.push(BrokenRoot {
                court: court.code.clone(),
                day: check.day,
                detail: detail.text,
            });
        }
    }

    async fn files(&mut self, court: &Court, found: Vec<FileRow>) -> anyhow::Result<()> {
        let examiner = self.house.examiner();
        let last = self.house.roots().days(&court.id, self.after_ms + GRACE_MS).await?.last;
        for file in found {
            let mut seen = examiner.examine(&file, BY).await?;
            let overdue = file.leaf.is_none() && date(file.booked_ms) <= last;
            self.report.not_in_a_root_yet += usize::from(file.leaf.is_none() && !overdue);
            if overdue && seen == Found::Intact {
                let reason = Said::new("root.none", "its day is over, and no root holds it: does the house run?");
                seen = Found::Unread { reason, by_key: false };
            }
            if matches!(seen, Found::Deleted { .. }) {
                self.report.deleted += 1;
                continue;
            }
            if matches!(seen, Found::Going { .. }) {
                self.report.under_way += 1;
                continue;
            }
            let bytes = file.size.max(0) as u64;
            self.report.files += 1;
            self.report.bytes += bytes;
            let well = seen == Found::Intact;
            self.meter.add(bytes, !well);
            if !well {
                self.report.broken.push(Broken {
                    court: court.code.clone(),
                    place: examiner.place(&file),
                    file: file.id,
                    kind: file.kind,
                    name: file.name,
                    case: file.case_number,
                    task: file.task_number,
                    verdict: if overdue { "no_root".to_owned() } else { seen.word().to_owned() },
                    detail: words(&seen),
                });
            }
        }
        Ok(())
    }
}

fn print(report: &Report, out: &mut impl Write) -> std::io::Result<()> {
    for root in &report.broken_roots {
        writeln!(out, "BROKEN root of {} {}: {}", root.court, root.day, root.detail)?;
    }
    for file in &report.broken {
        let known = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
        let name = if file.name.is_empty() { String::new() } else { format!(" ({})", file.name) };
        let (case, task) = (known(&file.case), known(&file.task));
        let word = if file.verdict == UNREAD { "UNREAD" } else { "BROKEN" };
        writeln!(out, "{word} {} {}{name}, case {case}, task {task}: {}", file.kind, file.file, file.detail)?;
        writeln!(out, "       kept in {}", file.place)?;
    }
    let Report { files, roots, deleted, not_in_a_root_yet, .. } = report;
    let mib = report.bytes as f64 / f64::from(1 << 20);
    let counts = format!("{files} files ({mib:.1} MiB), {roots} day roots");
    if report.ok {
        writeln!(out, "OK: {counts}: every file fits its register, every register its root, every root its signature")?;
    } else if report.nothing {
        writeln!(out, "NOT OK: there is no file and no root: nothing was checked")?;
    } else if report.broken.is_empty() && report.broken_roots.is_empty() && report.notarised.broken.is_empty() {
        writeln!(out, "NOT OK YET: {counts} are well, and a deletion is under way")?;
    } else {
        let unread = report.broken.iter().filter(|file| file.verdict == UNREAD).count();
        let broken = report.broken.len() + report.broken_roots.len() + report.notarised.broken.len() - unread;
        let unread = if unread > 0 { format!(", {unread} not read") } else { String::new() };
        writeln!(out, "NOT OK: {broken} broken{unread} of {counts}; what was lost or altered is marked 待核查")?;
    }
    report.notarised.print(out)?;
    if report.marks > 0 {
        let marks = report.marks;
        writeln!(
            out,
            "{marks} marks 待核查 stand: a person who may clears them with a reason on the page 证据 › 待核查 (Evidence, Under examination)"
        )?;
    }
    if *not_in_a_root_yet > 0 {
        writeln!(out, "{not_in_a_root_yet} files are in no root yet: their day is not over")?;
    }
    if report.under_way > 0 {
        let count = report.under_way;
        writeln!(out, "{count} files are being deleted and have no certificate yet: check again when it is done")?;
    }
    if *deleted > 0 {
        writeln!(out, "{deleted} files are gone under a deletion certificate; their hashes stay in the roots")?;
    }
    Ok(())
}
