//! SQL of the number register.

use songda_store::{Clock, Db, Objects, Tx};
use sqlx::{Row, any::AnyRow};

use super::{NumberForm, Registration, is_valid, today};
use crate::{DeskError, telephony::Unfit};

/// A number of a court.
#[derive(Debug, Clone)]
pub struct NumberRow {
    /// Id.
    pub id: String,
    /// Number: public.
    pub number: String,
    /// Carrier.
    pub carrier: String,
    /// Trunks over which it may be shown.
    pub trunks: Vec<String>,
    /// File that proves it.
    pub proof: Option<String>,
    /// Its media type.
    pub proof_type: Option<String>,
    /// First day, or empty.
    pub valid_from: String,
    /// Last day, or empty.
    pub valid_until: String,
    /// How far the carrier is with the label.
    pub registration: Registration,
    /// What phones show for it.
    pub label: String,
    /// Whether calls may go out under it.
    pub active: bool,
    /// Counts changes, from 1.
    pub version: i64,
}

impl NumberRow {
    /// Whether it is valid at this moment.
    pub fn is_valid(&self, now_ms: i64) -> bool {
        is_valid(&self.valid_from, &self.valid_until, &today(now_ms))
    }
}

const COLUMNS: &str = "SELECT n.id, n.number, n.carrier, n.proof_object, o.media_type, n.valid_from, n.valid_until,
    n.registration, n.label, n.active, n.version FROM court_numbers n LEFT JOIN objects o ON o.id = n.proof_object";

fn read(row: &AnyRow) -> NumberRow {
    NumberRow {
        id: row.get(0),
        number: row.get(1),
        carrier: row.get(2),
        trunks: Vec::new(),
        proof: row.get(3),
        proof_type: row.get(4),
        valid_from: row.get(5),
        valid_until: row.get(6),
        registration: Registration::parse(&row.get::<String, _>(7)),
        label: row.get(8),
        active: row.get::<i64, _>(9) == 1,
        version: row.get(10),
    }
}

/// The numbers of a court, the oldest first.
pub async fn list(db: &Db, court: &str) -> Result<Vec<NumberRow>, DeskError> {
    let sql = format!("{COLUMNS} WHERE n.court_id = $1 ORDER BY n.created_ms, n.id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(court).fetch_all(db.read()).await?;
    let mut numbers: Vec<NumberRow> = rows.iter().map(read).collect();
    let ties = sqlx::query(
        "SELECT l.number_id, l.trunk_id FROM number_trunks l JOIN court_numbers n ON n.id = l.number_id
         WHERE n.court_id = $1 ORDER BY l.number_id, CASE WHEN l.trunk_id = n.trunk_id THEN 0 ELSE 1 END, l.trunk_id",
    )
    .bind(court)
    .fetch_all(db.read())
    .await?;
    for tie in ties {
        let (number, trunk): (String, String) = (tie.get(0), tie.get(1));
        if let Some(row) = numbers.iter_mut().find(|row| row.id == number) {
            row.trunks.push(trunk);
        }
    }
    Ok(numbers)
}

/// One number of a court.
pub async fn find(db: &Db, court: &str, id: &str) -> Result<Option<NumberRow>, DeskError> {
    Ok(list(db, court).await?.into_iter().find(|row| row.id == id))
}

/// A proof, for whoever must look at it.
#[derive(Debug)]
pub struct Proof {
    /// Media type.
    pub media_type: String,
    /// The file.
    pub content: Vec<u8>,
}

/// The proof of this id, when it is one of this court.
pub async fn read_proof(db: &Db, objects: &Objects, court: &str, id: &str) -> Result<Option<Proof>, DeskError> {
    let row = sqlx::query("SELECT media_type FROM objects WHERE id = $1 AND court_id = $2 AND kind = 'number_proof'")
        .bind(id)
        .bind(court)
        .fetch_optional(db.read())
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Proof { media_type: row.get(0), content: objects.get(db, id).await? }))
}

/// Enters a number, or changes the version that was looked at. An active one must have its
/// proof on file and be valid today (R12.1).
pub async fn put(
    tx: &mut Tx,
    clock: &Clock,
    court: &str,
    id: &str,
    version: i64,
    form: &NumberForm,
) -> Result<(), DeskError> {
    form.check(&today(clock.now_ms()))?;
    let proof = proof_of(tx, court, id, form).await?;
    if form.active && proof.is_none() {
        return Err(Unfit::field("proof", "must be on file before the number can be activated").into());
    }
    for (at, trunk) in form.trunks.iter().enumerate() {
        let found = sqlx::query("SELECT id FROM trunks WHERE court_id = $1 AND id = $2")
            .bind(court)
            .bind(trunk)
            .fetch_optional(&mut *tx.conn())
            .await?;
        if found.is_none() || form.trunks[..at].contains(trunk) {
            return Err(Unfit::field(format!("trunks[{at}]"), "must be a trunk of the court, once").into());
        }
    }
    let taken = sqlx::query("SELECT id FROM court_numbers WHERE number = $1 AND id <> $2")
        .bind(&form.number)
        .bind(id)
        .fetch_optional(&mut *tx.conn())
        .await?;
    if taken.is_some() {
        return Err(Unfit::field("number", "is in the register already").into());
    }
    write(tx, clock, Place { court, id, version }, form, proof.as_deref()).await?;
    sqlx::query("DELETE FROM number_trunks WHERE number_id = $1").bind(id).execute(&mut *tx.conn()).await?;
    for trunk in &form.trunks {
        sqlx::query("INSERT INTO number_trunks (number_id, trunk_id) VALUES ($1, $2)")
            .bind(id)
            .bind(trunk)
            .execute(&mut *tx.conn())
            .await?;
    }
    Ok(())
}

/// The proof that the number will have: a new one must be a file of this court. What is on
/// file proves this number of this carrier, and nothing else (R12.1).
async fn proof_of(tx: &mut Tx, court: &str, id: &str, form: &NumberForm) -> Result<Option<String>, DeskError> {
    let row = sqlx::query("SELECT number, carrier, proof_object FROM court_numbers WHERE id = $1")
        .bind(id)
        .fetch_optional(&mut *tx.conn())
        .await?;
    let kept: Option<String> = row.as_ref().and_then(|row| row.get(2));
    let other = row
        .as_ref()
        .is_some_and(|row| row.get::<String, _>(0) != form.number || row.get::<String, _>(1) != form.carrier);
    if other && kept.is_some() && (form.proof.is_none() || form.proof == kept) {
        return Err(Unfit::field("proof", "must be a new file: number or carrier is another one").into());
    }
    let Some(proof) = &form.proof else { return Ok(kept) };
    let found = sqlx::query("SELECT id FROM objects WHERE id = $1 AND court_id = $2 AND kind = 'number_proof'")
        .bind(proof)
        .bind(court)
        .fetch_optional(&mut *tx.conn())
        .await?;
    match found {
        Some(_) => Ok(Some(proof.clone())),
        None => Err(Unfit::field("proof", "must be a file that was uploaded for this").into()),
    }
}

struct Place<'a> {
    court: &'a str,
    id: &'a str,
    version: i64,
}

async fn write(
    tx: &mut Tx,
    clock: &Clock,
    place: Place<'_>,
    form: &NumberForm,
    proof: Option<&str>,
) -> Result<(), DeskError> {
    let sql = if place.version == 0 {
        "INSERT INTO court_numbers (id, court_id, trunk_id, number, licence, active, created_ms, carrier, proof_object,
                                    valid_from, valid_until, registration, label, changed_ms)
         SELECT $1, $2, $4, $5, '', $6, $7, $8, $9, $10, $11, $12, $13, $7 WHERE $3 = 0"
    } else {
        "UPDATE court_numbers SET trunk_id = $4, number = $5, active = $6, changed_ms = $7, carrier = $8,
                proof_object = $9, valid_from = $10, valid_until = $11, registration = $12, label = $13,
                version = version + 1
         WHERE id = $1 AND court_id = $2 AND version = $3"
    };
    let written = sqlx::query(sql)
        .bind(place.id)
        .bind(place.court)
        .bind(place.version)
        .bind(&form.trunks[0])
        .bind(&form.number)
        .bind(i64::from(form.active))
        .bind(clock.now_ms())
        .bind(&form.carrier)
        .bind(proof)
        .bind(&form.valid_from)
        .bind(&form.valid_until)
        .bind(form.registration.word())
        .bind(&form.label)
        .execute(&mut *tx.conn())
        .await?;
    if written.rows_affected() == 1 {
        return Ok(());
    }
    Err(Unfit::state("telephony.stale", "it was changed meanwhile: look at it again").into())
}

/// Takes a number out of use at once. False when it was not in use.
pub async fn pause(tx: &mut Tx, clock: &Clock, court: &str, id: &str) -> Result<bool, DeskError> {
    let paused = sqlx::query(
        "UPDATE court_numbers SET active = 0, version = version + 1, changed_ms = $3
         WHERE court_id = $1 AND id = $2 AND active = 1",
    )
    .bind(court)
    .bind(id)
    .bind(clock.now_ms())
    .execute(&mut *tx.conn())
    .await?;
    Ok(paused.rows_affected() == 1)
}
