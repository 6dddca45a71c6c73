//! A bundle: the evidence of a case with everything that is needed to check it.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use anyhow::Context as _;
use serde_json::{Value, json};
use songda_people::courts::Court;
use songda_recordings::{
    evidence::{DayRoot, Listed, Tree},
    keys::PublicKey,
    vault::{Manifest, RecordingId},
};
use songda_service::{
    date,
    evidence::{FileRow, Found, Signed, Which, chain_of, files, leaf, media_type, notary},
    retention::certificate_of,
};
use songda_store::{StoreError, clock::rfc3339, evidence as register};

use super::{
    Export, Meter,
    bundle::{
        BUNDLE, Bundle, CERTIFICATES, FORMAT, Gone, KEYS, NOTARY_KEYS, READ_ME, README, RECEIPTS, ROOTS, Receipt,
        SIGNATURE, SUMS,
    },
    case_meant, courts_meant,
    notarised::Notarised,
    words,
};
use crate::{house::House, operator};

/// Writes the bundle and says what is in it; answers whether every file of the case is.
pub async fn export(house: &House, asked: &Export, out: &mut impl Write) -> anyhow::Result<bool> {
    let courts = courts_meant(house, asked.court.as_deref()).await?;
    // What is entered from here on may be missing from the list, and is not returned by this.
    let listed_before_ms = house.clock.now_ms();
    let (court, object, number, found) = meant(house, &courts, asked).await?;
    let listed_files = found.iter().filter(|file| file.booked_ms < listed_before_ms).count();
    empty_folder(&asked.to)?;
    // Before the first byte leaves: an export that is cut short stands there too.
    let object = (object.0, object.1.as_str());
    note(house, &court.id, object, "begun", &json!({ "case": number, "files": found.len() })).await?;
    let mut trees: BTreeMap<String, Option<Tree>> = BTreeMap::new();
    let mut certificates: BTreeMap<String, Option<Certificate>> = BTreeMap::new();
    let (mut listed, mut gone, mut broken, mut unrooted) = (Vec::new(), Vec::new(), Vec::new(), 0);
    let mut recordings = Vec::new();
    let mut meter = Meter::new();
    for file in found {
        let (day, proof) = match &file.leaf {
            Some((day, _)) => {
                if !trees.contains_key(day) {
                    let tree = tree(house, &court.id, day).await;
                    let tree = tree.inspect_err(|why| broken.push(format!("day root of {day}: {why:#}")));
                    trees.insert(day.clone(), tree.ok());
                }
                (day.clone(), trees.get(day).and_then(|tree| tree.as_ref()?.proof(&file.id)))
            }
            None => (date(file.booked_ms), None),
        };
        let mut was = Listed {
            object: file.id.clone(),
            file: String::new(),
            court: court.id.clone(),
            day,
            bytes: file.size.max(0) as u64,
            sha256: file.sha256.clone(),
            sm3: file.sm3.clone(),
            proof,
            kind: file.kind.clone(),
            owner: file.owner_id.clone(),
            about: about(&file),
        };
        if let Some(request) = &file.deleted {
            if !certificates.contains_key(request) {
                let read = certificate(house, request, &asked.to).await?;
                let read = read.map_err(|why| broken.push(format!("certificate of the deletion {request}: {why}")));
                certificates.insert(request.clone(), read.ok().flatten());
            }
            let certificate = certificates.get(request).cloned().flatten();
            let seen = house.examiner().examine(&file, "operator").await?;
            if certificate.is_none() || seen.is_broken() {
                broken.push(format!("{}: {}", about(&file), words(&seen)));
            }
            let (certificate, certificate_sha256) = certificate.unwrap_or_default();
            gone.push(Gone { request: request.clone(), certificate, certificate_sha256, was });
            continue;
        }
        unrooted += usize::from(file.leaf.is_none());
        let name = format!("files/{}.{}", file.id, extension(house, &file).await?);
        let seen = house.examiner().examine(&file, "operator").await?;
        let well = seen == Found::Intact;
        if well {
            write_file(house, &file, &asked.to.join(&name)).await?;
            if file.is_recording() {
                recordings.push(closing(house, &file).await?);
            }
        } else {
            broken.push(format!("{}: {}", about(&file), words(&seen)));
        }
        meter.add(file.size.max(0) as u64, !well);
        was.file = name;
        listed.push(was);
    }
    meter.end();
    let mut roots: Vec<DayRoot> = Vec::new();
    for row in chain_of(&house.db, &court.id).await? {
        match row.signed() {
            Ok(root) => roots.push(root),
            Err(why) => broken.push(format!("day root of {}: {why}", row.day)),
        }
    }
    let receipts = receipts(house, &court, &roots, &asked.to, &mut broken).await?;
    let bundle = Bundle {
        format: FORMAT.to_owned(),
        court: format!("{} {}", court.code, court.name),
        case: number.clone(),
        exported_at: rfc3339(house.clock.now_ms()),
        files: listed,
        deleted: gone,
        recordings,
        notary: house.notary.is_some(),
        receipts,
    };
    write_rest(house, &asked.to, &bundle, &roots)?;
    let detail = json!({
        "case": bundle.case, "files": bundle.files.len(), "deleted": bundle.deleted.len(),
        "listed_before_ms": listed_before_ms, "listed_files": listed_files,
    });
    // A return of everything counts as one only when nothing of it was missing or broken.
    let result = if broken.is_empty() { "ok" } else { "failed" };
    note(house, &court.id, object, result, &detail).await?;
    for text in &broken {
        writeln!(out, "BROKEN {text}")?;
    }
    writeln!(
        out,
        "{}: {} files of {} in {}, {} broken, {} deleted before; check it with: songda evidence verify --bundle {} --keys PUBLIC-KEYS.pem",
        bundle.court,
        bundle.files.len(),
        if number.is_empty() { "the whole court" } else { &number },
        asked.to.display(),
        broken.len(),
        bundle.deleted.len(),
        asked.to.display()
    )?;
    if unrooted > 0 {
        writeln!(
            out,
            "{unrooted} of them are in no signed root yet, because their day is not over: export again tomorrow"
        )?;
    }
    Ok(broken.is_empty())
}

/// Kind and id of what is taken out, as the audit log names it.
type Object = (&'static str, String);

/// Whose evidence is meant, what that is called, and its files.
async fn meant(
    house: &House,
    courts: &[Court],
    asked: &Export,
) -> anyhow::Result<(Court, Object, String, Vec<FileRow>)> {
    if let Some(number) = &asked.case {
        let (court, case) = case_meant(house, courts, number).await?;
        let found = files(&house.db, Which::Case(&case)).await?;
        anyhow::ensure!(!found.is_empty(), "the case {number} has no evidence: there is nothing to export");
        let number = found.first().map_or_else(|| number.clone(), |file| file.case_number.clone());
        return Ok((court, ("case", case), number, found));
    }
    let court = courts.first().context("there is no court")?.clone();
    let mut found: Vec<FileRow> = Vec::new();
    let mut after = (0, String::new());
    loop {
        let page = files(&house.db, Which::After(&court.id, (after.0, &after.1), PAGE)).await?;
        let Some(last) = page.last() else { break };
        after = (last.booked_ms, last.id.clone());
        found.extend(page);
    }
    anyhow::ensure!(!found.is_empty(), "the court {} has no evidence: there is nothing to export", court.code);
    let object = ("court", court.id.clone());
    Ok((court, object, String::new(), found))
}

/// Files of a page of the register.
const PAGE: i64 = 500;

/// How a person finds it.
fn about(file: &FileRow) -> String {
    let part = |name: &str, number: &str| match number {
        "" => String::new(),
        number => format!(", {name} {number}"),
    };
    let case = if file.case_number.is_empty() { ", no case".to_owned() } else { part("case", &file.case_number) };
    format!("{}{case}{}", file.label(), part("task", &file.task_number))
}

fn empty_folder(to: &Path) -> anyhow::Result<()> {
    if to.exists() {
        let mut inside = fs::read_dir(to).with_context(|| format!("looking into {}", to.display()))?;
        anyhow::ensure!(inside.next().is_none(), "{} is not empty: name a folder that is not there", to.display());
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(to.join("files"))
        .with_context(|| format!("making {}", to.display()))
}

async fn tree(house: &House, court: &str, day: &str) -> anyhow::Result<Tree> {
    let all = files(&house.db, Which::Root(court, day)).await?;
    let leaves = all.iter().map(leaf);
    Ok(leaves.collect::<Result<_, _>>().and_then(Tree::new)?)
}

async fn extension(house: &House, file: &FileRow) -> anyhow::Result<&'static str> {
    if file.is_recording() {
        return Ok("wav");
    }
    match file.kind.as_str() {
        register::TRANSCRIPT | register::NOTARY_RECEIPT => return Ok("json"),
        register::CALL | register::CORRECTION => return Ok("txt"),
        register::SET_ASIDE => return Ok("sealed"),
        _ => {}
    }
    Ok(match media_type(&house.db, &file.id).await?.as_deref() {
        Some("application/pdf") => "pdf",
        Some("application/json") => "json",
        _ => "bin",
    })
}

async fn write_file(house: &House, file: &FileRow, path: &Path) -> anyhow::Result<()> {
    if let Some(name) = register::set_aside_name(&file.id).filter(|_| file.kind == register::SET_ASIDE) {
        let (vault, name, path) = (house.vault.clone(), name.to_owned(), path.to_owned());
        return tokio::task::spawn_blocking(move || {
            let mut copy = create(&path)?;
            std::io::copy(&mut vault.open_piece(&name)?, &mut copy)?;
            Ok(copy.sync_all()?)
        })
        .await?;
    }
    if !file.is_recording() {
        return write(path, &house.examiner().content(file).await?);
    }
    let (vault, id, path) = (house.vault.clone(), RecordingId::new(&file.id)?, path.to_owned());
    tokio::task::spawn_blocking(move || {
        let mut reader = vault.read(&id)?;
        let mut wav = create(&path)?;
        let (mut at, mut piece) = (0, vec![0; 1 << 18]);
        loop {
            let read = reader.read_at(at, &mut piece)?;
            if read == 0 {
                return Ok(wav.sync_all()?);
            }
            wav.write_all(&piece[..read])?;
            at += read as u64;
        }
    })
    .await?
}

/// What its closing block says of a recording: when it began, how it ended, its gaps.
async fn closing(house: &House, file: &FileRow) -> anyhow::Result<Manifest> {
    let (vault, id) = (house.vault.clone(), RecordingId::new(&file.id)?);
    Ok(tokio::task::spawn_blocking(move || vault.manifest(&id)).await??)
}

fn create(path: &Path) -> anyhow::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path).with_context(|| format!("writing {}", path.display()))
}

fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let mut file = create(path)?;
    file.write_all(content).and_then(|()| file.sync_all()).with_context(|| format!("writing {}", path.display()))
}

fn write_rest(house: &House, to: &Path, bundle: &Bundle, roots: &[DayRoot]) -> anyhow::Result<()> {
    let body = serde_json::to_string_pretty(bundle)?;
    let signed = Signed::over(&body, house.keys.as_ref())?;
    let keys: String = house.keys.public_keys()?.iter().map(PublicKey::to_pem).collect();
    let files = bundle.files.iter().map(|file| (file.file.as_str(), file.sha256.as_str()));
    let certificates = bundle.deleted.iter().map(|gone| (gone.certificate.as_str(), gone.certificate_sha256.as_str()));
    let receipts = bundle.receipts.iter().map(|receipt| (receipt.file.as_str(), receipt.sha256.as_str()));
    let listed = files.chain(certificates).chain(receipts);
    let listed: BTreeMap<&str, &str> = listed.filter(|(name, _)| !name.is_empty()).collect();
    let lines: Vec<String> = listed.iter().map(|(name, sha256)| format!("{sha256}  {name}\n")).collect();
    let sums = lines.concat();
    write(&to.join(BUNDLE), body.as_bytes())?;
    write(&to.join(SIGNATURE), serde_json::to_string_pretty(&signed)?.as_bytes())?;
    write(&to.join(ROOTS), serde_json::to_string_pretty(roots)?.as_bytes())?;
    write(&to.join(KEYS), keys.as_bytes())?;
    write(&to.join(SUMS), sums.as_bytes())?;
    write(&to.join(READ_ME), README.as_bytes())
}

/// Writes what the notary answered for the roots, and its keys where they are known here.
async fn receipts(
    house: &House,
    court: &Court,
    roots: &[DayRoot],
    to: &Path,
    broken: &mut Vec<String>,
) -> anyhow::Result<Vec<Receipt>> {
    let keys = house.notary.as_ref().map(|known| known.keys.as_slice());
    let (Some(first), Some(last)) = (roots.first(), roots.last()) else { return Ok(Vec::new()) };
    let kept = notary::receipts(&house.db, &court.id, &first.day, &last.day).await?;
    let mut found = Notarised::default();
    for root in roots {
        found.look((&court.code, root), kept.get(&root.day).map(String::as_str), keys, false);
    }
    broken.extend(found.broken.into_iter().map(|one| format!("receipt of the notary for {}: {}", one.day, one.detail)));
    if let Some(keys) = keys {
        write(&to.join(NOTARY_KEYS), keys.iter().map(PublicKey::to_pem).collect::<String>().as_bytes())?;
    }
    if !kept.is_empty() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(to.join(RECEIPTS))?;
    }
    let mut listed = Vec::with_capacity(kept.len());
    for (day, body) in kept {
        let file = format!("{RECEIPTS}/{day}.json");
        write(&to.join(&file), body.as_bytes())?;
        listed.push(Receipt { day, file, sha256: register::hashes(body.as_bytes()).0 });
    }
    Ok(listed)
}

/// Where the certificate of a deletion lies in the folder, and its SHA-256, hex.
type Certificate = (String, String);

/// Writes the certificate of a deletion; answers where it lies, or nothing when there is none,
/// or why it cannot be read.
async fn certificate(
    house: &House,
    request: &str,
    to: &Path,
) -> anyhow::Result<Result<Option<Certificate>, StoreError>> {
    let Some(object) = certificate_of(&house.db, request).await? else { return Ok(Ok(None)) };
    let content = match house.objects.get(&house.db, &object).await {
        Ok(content) => content,
        Err(error) => return Ok(Err(error)),
    };
    let name = format!("{CERTIFICATES}/{request}.json");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(to.join(CERTIFICATES))?;
    write(&to.join(&name), &content)?;
    let (sha256, _) = register::hashes(&content);
    Ok(Ok(Some((name, sha256))))
}

/// Who takes evidence out of the house is written down.
async fn note(
    house: &House,
    court: &str,
    object: (&str, &str),
    result: &str,
    detail: &Value,
) -> Result<(), StoreError> {
    let mut tx = house.db.begin().await?;
    operator::note(&mut tx, &house.clock, court, "evidence.export", object, result, detail.clone()).await?;
    tx.commit().await
}
