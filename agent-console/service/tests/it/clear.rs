//! Looks for a text in everything that a fixture stores: each column of each table, and
//! each file of its folder. The tests of `link` use it too.

use std::path::Path;

use songda_store::testing::Fixture;
use sqlx::Row;

/// Where the text stands in clear, as `table.column` or path.
pub(crate) async fn places(on: &Fixture, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (table, column, kind) in columns(on).await {
        let bytes = kind.eq_ignore_ascii_case("bytea");
        let shown = if bytes { format!("\"{column}\"") } else { format!("CAST(\"{column}\" AS TEXT)") };
        let sql = format!("SELECT {shown} FROM \"{table}\" WHERE \"{column}\" IS NOT NULL");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(on.db.read()).await.unwrap();
        let stored = |row| if bytes { Row::get::<Vec<u8>, _>(row, 0) } else { Row::get::<String, _>(row, 0).into() };
        if rows.iter().any(|row| contains(&stored(row), text)) {
            found.push(format!("{table}.{column}"));
        }
    }
    files(&on.folder, text, &mut found);
    found
}

async fn columns(on: &Fixture) -> Vec<(String, String, String)> {
    let sql = match on.engine {
        "sqlite" => {
            "SELECT m.name, c.name, c.type FROM sqlite_master m JOIN pragma_table_info(m.name) c
             WHERE m.type = 'table' AND m.name NOT LIKE '%sql%'"
        }
        _ => {
            "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT), CAST(data_type AS TEXT)
             FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '%sqlx%'"
        }
    };
    let rows = sqlx::query(sql).fetch_all(on.db.read()).await.unwrap();
    let columns: Vec<_> = rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    assert!(columns.len() > 200, "{}: only {} columns", on.engine, columns.len());
    columns
}

fn files(folder: &Path, text: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, text, found);
        } else if contains(&std::fs::read(&path).unwrap(), text) {
            found.push(path.display().to_string());
        }
    }
}

fn contains(stored: &[u8], text: &str) -> bool {
    // Bytes that are no text are replaced one by one: what is text between them stays.
    String::from_utf8_lossy(stored).contains(text)
}
