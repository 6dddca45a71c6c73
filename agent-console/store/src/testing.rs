//! Databases for tests: the same test runs on SQLite and PostgreSQL.
//!
//! SQLite lies in a temporary folder. PostgreSQL comes from `SONGDA_TEST_POSTGRES` (the
//! URL of a server on which databases may be made), or a cluster of its own is started
//! from Debian's packages for the test process. It is never skipped: a machine without
//! PostgreSQL fails the test with the line that installs it.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, OnceLock},
};

use songda_recordings::keys::KeyFile;

use crate::{Clock, Db, Objects, Sealer, StoreError, new_id};

/// A fresh database with everything that stands on it.
#[derive(Debug)]
pub struct Fixture {
    /// `sqlite` or `postgres`, for messages.
    pub engine: &'static str,
    /// Database, migrated and empty.
    pub db: Db,
    /// Sealed columns under a fresh key file.
    pub sealer: Sealer,
    /// Files in a temporary folder.
    pub objects: Objects,
    /// A clock that stands at 2026-11-23 09:00:00 in Shanghai.
    pub clock: Clock,
    /// Folder that lives as long as the fixture.
    pub folder: PathBuf,
}

/// 2026-11-23 09:00:00 +08:00.
pub const NINE_O_CLOCK: i64 = 1_795_395_600_000;

/// One fixture for each engine.
pub async fn databases() -> Result<Vec<Fixture>, StoreError> {
    Ok(vec![sqlite().await?, postgres().await?])
}

/// A fixture on SQLite.
pub async fn sqlite() -> Result<Fixture, StoreError> {
    let folder = folder()?;
    let url = format!("sqlite://{}", folder.join("songda.db").display());
    fixture("sqlite", &url, folder).await
}

/// A fixture on PostgreSQL.
pub async fn postgres() -> Result<Fixture, StoreError> {
    fixture("postgres", &empty_postgres().await?, folder()?).await
}

/// URL of a fresh database on PostgreSQL with nothing in it, for a server that is started.
pub async fn empty_postgres() -> Result<String, StoreError> {
    let server = server()?;
    let name = format!("t{}", new_id().to_lowercase());
    sqlx::any::install_default_drivers();
    let pool = sqlx::any::AnyPoolOptions::new().max_connections(1).connect(&format!("{server}/postgres")).await?;
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&pool).await?;
    pool.close().await;
    Ok(format!("{server}/{name}"))
}

async fn fixture(engine: &'static str, url: &str, folder: PathBuf) -> Result<Fixture, StoreError> {
    let db = Db::open(url).await?;
    let clock = Clock::fixed(NINE_O_CLOCK);
    let keys = KeyFile::create(&folder.join("test.key"))?;
    let sealer = Sealer::open(&db, Arc::new(keys)).await?;
    let objects = Objects::open(&folder.join("objects"), sealer.clone(), clock.clone())?;
    Ok(Fixture { engine, db, sealer, objects, clock, folder })
}

fn folder() -> Result<PathBuf, StoreError> {
    let path = std::env::temp_dir().join(format!("songda-test-{}", new_id()));
    std::fs::create_dir_all(&path).map_err(|error| StoreError::internal("making a test folder", error))?;
    Ok(path)
}

/// `postgres://user@host:port` of a server on which databases may be made.
fn server() -> Result<String, StoreError> {
    static SERVER: OnceLock<Result<Cluster, String>> = OnceLock::new();
    if let Ok(url) = std::env::var("SONGDA_TEST_POSTGRES") {
        return Ok(url.trim_end_matches('/').to_owned());
    }
    match SERVER.get_or_init(|| Cluster::start().map_err(|error| error.to_string())) {
        Ok(cluster) => Ok(cluster.url.clone()),
        Err(error) => Err(StoreError::internal("starting PostgreSQL for tests", error)),
    }
}

/// A throw-away cluster. It dies with the process group of the tests, and its folder is
/// removed by the next start of the machine's temporary folder.
struct Cluster {
    url: String,
}

impl Cluster {
    fn start() -> Result<Self, Box<dyn std::error::Error>> {
        let binaries = newest_binaries().ok_or("PostgreSQL is not installed: apt-get install postgresql")?;
        let folder = folder()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let data = folder.join("data");
        // The server refuses to run as root: then it runs as the user that Debian made for it.
        let root = is_root();
        if root {
            run(Command::new("chown").arg("postgres").arg(&folder))?;
        }
        run(as_user(root, &binaries.join("initdb"))
            .args(["-U", "songda", "-A", "trust", "-E", "UTF8", "--no-sync", "-D"])
            .arg(&data))?;
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} -c fsync=off -c full_page_writes=off \
             -c synchronous_commit=off -c max_connections=300",
            folder.display()
        );
        let log = folder.join("log");
        run(as_user(root, &binaries.join("pg_ctl"))
            .args(["-w", "-o", &options, "-l"])
            .arg(&log)
            .arg("-D")
            .arg(&data)
            .arg("start"))?;
        stop_with_this_process(root, &binaries.join("pg_ctl"), &data)?;
        Ok(Self { url: format!("postgres://songda@127.0.0.1:{port}") })
    }
}

/// A watcher stops the cluster when the test process is gone, however it went.
fn stop_with_this_process(root: bool, pg_ctl: &Path, data: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let script = "tail --pid=$0 -f /dev/null; \"$1\" -m immediate -D \"$2\" stop; rm -rf \"$(dirname \"$2\")\"";
    as_user(root, Path::new("/bin/sh"))
        .args(["-c", script, &std::process::id().to_string()])
        .arg(pg_ctl)
        .arg(data)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()?;
    Ok(())
}

fn as_user(root: bool, program: &Path) -> Command {
    if root {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|about| about.uid() == 0)
}

fn newest_binaries() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .collect();
    found.sort();
    found.pop().filter(|path| path.join("initdb").exists())
}

fn run(command: &mut Command) -> Result<(), Box<dyn std::error::Error>> {
    let output = command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null()).output()?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("{}: {}", command.get_program().display(), String::from_utf8_lossy(&output.stderr)).into())
    }
}
