//! Numbers of earlier versions get the blind index of their main number: whoever has an
//! extension calls back under the number of his switchboard.

use songda_store::{Db, Sealer, masked::Phone};
use sqlx::Row;

use crate::ServiceError;

/// Numbers in one transaction.
const AT_ONCE: i64 = 500;

/// Gives every number on file its main index; answers how many had none.
pub async fn index_main_numbers(db: &Db, sealer: &Sealer) -> Result<usize, ServiceError> {
    let mut done = 0;
    loop {
        let mut tx = db.begin().await?;
        let rows = sqlx::query(
            "SELECT n.id, n.number_sealed, n.number_index, c.court_id FROM phones n
                  JOIN parties p ON p.id = n.party_id JOIN cases c ON c.id = p.case_id
             WHERE n.main_index IS NULL LIMIT $1",
        )
        .bind(AT_ONCE)
        .fetch_all(&mut *tx.conn())
        .await?;
        if rows.is_empty() {
            return Ok(done);
        }
        for row in &rows {
            let (id, sealed, index, court): (String, Vec<u8>, String, String) =
                (row.get(0), row.get(1), row.get(2), row.get(3));
            // A number that was withheld is empty, and one that cannot be opened any more is called
            // by nobody: their own index stands for both.
            let open = sealer.open_sealed("phones", "number_sealed", &id, &sealed).ok();
            let text = open.as_ref().and_then(|open| std::str::from_utf8(open).ok());
            let main = match text.and_then(|text| Phone::parse(text).ok()) {
                Some(number) => sealer.phone_index(&court, &number.main())?,
                None => index,
            };
            sqlx::query("UPDATE phones SET main_index = $2 WHERE id = $1")
                .bind(&id)
                .bind(main)
                .execute(&mut *tx.conn())
                .await?;
        }
        tx.commit().await?;
        done += rows.len();
    }
}
