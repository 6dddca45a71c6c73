//! What a party gives in a call: a new number or address, entered as 待核实.

use songda_store::{
    Clock, Sealer, Tx,
    masked::{self, Phone},
    new_id,
};

use super::{PhoneFacts, parties};
use crate::ServiceError;

/// Something new to reach the party by.
#[derive(Clone, Copy)]
pub(crate) enum Given<'a> {
    Phone(&'a str),
    Address(&'a str),
    Email(&'a str),
}

const SOURCE: &str = "通话中提供";
const UNVERIFIED: &str = "待核实";
/// Before all others, which begin with 1.
const FIRST: i64 = 0;

/// Enters it; answers whether it is a number that can be dialled.
pub(crate) async fn given_in_a_call(
    tx: &mut Tx,
    clock: &Clock,
    sealer: &Sealer,
    court: &str,
    party: &str,
    given: Given<'_>,
) -> Result<bool, ServiceError> {
    let now = clock.now_ms();
    match given {
        Given::Phone(text) => {
            let Ok(number) = Phone::parse(text) else { return Ok(false) };
            let dialable = number.dialable();
            let phone = PhoneFacts { number, source: SOURCE.into(), label: UNVERIFIED.into(), dialable };
            parties::insert_phone(tx, now, sealer, court, party, FIRST, &phone).await
        }
        Given::Address(text) => {
            let id = new_id();
            let sealed = sealer.seal(court, "address", "addresses", "text_sealed", &id, text.as_bytes())?;
            sqlx::query(
                "INSERT INTO addresses (id, party_id, text_sealed, masked, source, confirmed, created_ms)
                 VALUES ($1, $2, $3, $4, $5, 0, $6)",
            )
            .bind(&id)
            .bind(party)
            .bind(sealed)
            .bind(masked::mask_address(text))
            .bind(SOURCE)
            .bind(now)
            .execute(&mut *tx.conn())
            .await?;
            Ok(false)
        }
        Given::Email(text) => {
            let id = new_id();
            let sealed = sealer.seal(court, "email", "emails", "address_sealed", &id, text.as_bytes())?;
            sqlx::query(
                "INSERT INTO emails (id, party_id, address_sealed, masked, created_ms) VALUES ($1, $2, $3, $4, $5)",
            )
            .bind(&id)
            .bind(party)
            .bind(sealed)
            .bind(masked::mask_email(text))
            .bind(now)
            .execute(&mut *tx.conn())
            .await?;
            Ok(false)
        }
    }
}
