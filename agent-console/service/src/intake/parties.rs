//! The recipient of an order: the person, his numbers and his addresses.

use songda_store::{Sealer, Tx, masked, new_id};
use sqlx::Row;

use super::{Intake, PartyFacts, PhoneFacts, RepresentativeFacts, opened};
use crate::ServiceError;

/// Finds the recipient in the case, or adds him; answers whether he can be called.
///
/// The same person is known by his identity number, never by his name (E5).
pub(super) async fn insert_party(
    tx: &mut Tx,
    now: i64,
    sealer: &Sealer,
    intake: &Intake,
    case: &str,
    party: &PartyFacts,
) -> Result<(String, bool), ServiceError> {
    let court = &intake.court_id;
    let id_index = match &party.id {
        Some(number) => Some(sealer.id_index(court, number)?),
        None => None,
    };
    let known =
        sqlx::query("SELECT id FROM parties WHERE case_id = $1 AND id_index = $2 AND position = $3 AND name = $4")
            .bind(case)
            .bind(id_index.as_deref())
            .bind(&party.position)
            .bind(&party.name)
            .fetch_optional(&mut *tx.conn())
            .await?;
    let is_known = known.is_some();
    let id = if let Some(row) = known {
        row.get(0)
    } else {
        let id = new_id();
        let taken = sqlx::query("SELECT id FROM parties WHERE case_id = $1 AND ref = $2")
            .bind(case)
            .bind(&party.reference)
            .fetch_optional(&mut *tx.conn())
            .await?;
        let reference = if taken.is_some() {
            format!("{}/{}/{}", intake.key.order_no, intake.key.revision, party.reference)
        } else {
            party.reference.clone()
        };
        let (sealed, masked, state) = match &party.id {
            Some(number) => (
                Some(sealer.seal(court, "id", "parties", "id_sealed", &id, number.reveal().as_bytes())?),
                number.to_string(),
                if party.id_checked { "有效" } else { "待核实" },
            ),
            None => (None, String::new(), "未提供"),
        };
        // Who this is: by a checked identity number across cases, else this very row.
        let person = match (&id_index, party.id_checked) {
            (Some(index), true) => index.clone(),
            _ => format!("party:{id}"),
        };
        sqlx::query(
            "INSERT INTO parties (id, case_id, ref, position, kind, name, id_type, id_sealed, id_index, id_masked,
                                  id_state, person_index, created_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        )
        .bind(&id)
        .bind(case)
        .bind(reference)
        .bind(&party.position)
        .bind(&party.kind)
        .bind(&party.name)
        .bind(&party.id_type)
        .bind(sealed)
        .bind(id_index)
        .bind(masked)
        .bind(state)
        .bind(person)
        .bind(now)
        .execute(&mut *tx.conn())
        .await?;
        id
    };
    insert_addresses(tx, now, sealer, court, &id, party).await?;
    let mut callable = false;
    for (rank, phone) in party.phones.iter().enumerate() {
        callable |= insert_phone(tx, now, sealer, court, &id, rank as i64 + 1, phone).await?;
    }
    for representative in &party.representatives {
        let there = sqlx::query("SELECT id FROM representatives WHERE party_id = $1 AND name = $2 AND kind = $3")
            .bind(&id)
            .bind(&representative.name)
            .bind(&representative.kind)
            .fetch_optional(&mut *tx.conn())
            .await?;
        if !(is_known && there.is_some()) {
            insert_representative(tx, now, &id, representative).await?;
        }
        if let Some(number) = &representative.phone {
            let phone = PhoneFacts {
                number: number.clone(),
                source: format!("代理人 {}", representative.name),
                label: representative.kind.clone(),
                dialable: number.dialable(),
            };
            let rank = party.phones.len() as i64 + 1;
            callable |= insert_phone(tx, now, sealer, court, &id, rank, &phone).await?;
        }
    }
    // Numbers of an earlier order count as well.
    if !callable {
        let on_file = sqlx::query("SELECT COUNT(*) FROM phones WHERE party_id = $1 AND state = '有效'")
            .bind(&id)
            .fetch_one(&mut *tx.conn())
            .await?;
        callable = on_file.get::<i64, _>(0) > 0;
    }
    Ok((id, callable))
}

async fn insert_representative(
    tx: &mut Tx,
    now: i64,
    party: &str,
    representative: &RepresentativeFacts,
) -> Result<(), ServiceError> {
    sqlx::query(
        "INSERT INTO representatives (id, party_id, name, kind, authority, receiver, phone_id, created_ms)
         VALUES ($1, $2, $3, $4, $5, $6, NULL, $7)",
    )
    .bind(new_id())
    .bind(party)
    .bind(&representative.name)
    .bind(&representative.kind)
    .bind(&representative.authority)
    .bind(i64::from(representative.receiver))
    .bind(now)
    .execute(&mut *tx.conn())
    .await?;
    Ok(())
}

/// Opens one sealed column of a party's rows.
async fn open_all(
    tx: &mut Tx,
    sealer: &Sealer,
    table: &'static str,
    column: &'static str,
    party: &str,
) -> Result<Vec<Vec<u8>>, ServiceError> {
    let sql = format!("SELECT id, {column} FROM {table} WHERE party_id = $1");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(party).fetch_all(&mut *tx.conn()).await?;
    rows.iter()
        .map(|row| {
            let (id, sealed): (String, Vec<u8>) = (row.get(0), row.get(1));
            Ok(sealer.open_sealed(table, column, &id, &sealed)?.to_vec())
        })
        .collect()
}

pub(super) async fn insert_phone(
    tx: &mut Tx,
    now: i64,
    sealer: &Sealer,
    court: &str,
    party: &str,
    rank: i64,
    phone: &PhoneFacts,
) -> Result<bool, ServiceError> {
    let id = new_id();
    let (index, main) = (sealer.phone_index(court, &phone.number)?, sealer.phone_index(court, &phone.number.main())?);
    // A number proven dead is dead for everybody (2.5).
    let proven = sqlx::query("SELECT state FROM phones WHERE number_index = $1 AND state IN ('空号', '易主') LIMIT 1")
        .bind(&index)
        .fetch_optional(&mut *tx.conn())
        .await?;
    let state = match proven {
        Some(row) => row.get::<String, _>(0),
        None if phone.dialable || opened::dialable(tx, court, &phone.number).await? => "有效".to_owned(),
        None => "不可拨".to_owned(),
    };
    let sealed = sealer.seal(court, "phone", "phones", "number_sealed", &id, phone.number.reveal().as_bytes())?;
    sqlx::query(
        "INSERT INTO phones (id, party_id, number_sealed, number_index, masked, source, label, rank, state,
                             last_result, created_ms, main_index)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', $10, $11)
         ON CONFLICT (party_id, number_index) DO NOTHING",
    )
    .bind(&id)
    .bind(party)
    .bind(sealed)
    .bind(index)
    .bind(phone.number.to_string())
    .bind(masked::mask_digits(&phone.source))
    .bind(masked::mask_digits(&phone.label))
    .bind(rank)
    .bind(&state)
    .bind(now)
    .bind(main)
    .execute(&mut *tx.conn())
    .await?;
    Ok(state == "有效")
}

async fn insert_addresses(
    tx: &mut Tx,
    now: i64,
    sealer: &Sealer,
    court: &str,
    party: &str,
    facts: &PartyFacts,
) -> Result<(), ServiceError> {
    let known = open_all(tx, sealer, "addresses", "text_sealed", party).await?;
    for address in facts.addresses.iter().filter(|address| !known.iter().any(|text| text == address.text.as_bytes())) {
        let id = new_id();
        let sealed = sealer.seal(court, "address", "addresses", "text_sealed", &id, address.text.as_bytes())?;
        sqlx::query(
            "INSERT INTO addresses (id, party_id, text_sealed, masked, source, confirmed, created_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&id)
        .bind(party)
        .bind(sealed)
        .bind(masked::mask_address(&address.text))
        .bind(&address.source)
        .bind(i64::from(address.confirmed))
        .bind(now)
        .execute(&mut *tx.conn())
        .await?;
    }
    let known = open_all(tx, sealer, "emails", "address_sealed", party).await?;
    for email in facts.emails.iter().filter(|email| !known.iter().any(|text| text == email.as_bytes())) {
        let id = new_id();
        let sealed = sealer.seal(court, "email", "emails", "address_sealed", &id, email.as_bytes())?;
        sqlx::query(
            "INSERT INTO emails (id, party_id, address_sealed, masked, created_ms) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&id)
        .bind(party)
        .bind(sealed)
        .bind(masked::mask_email(email))
        .bind(now)
        .execute(&mut *tx.conn())
        .await?;
    }
    Ok(())
}
