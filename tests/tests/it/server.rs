//! The built `songda`, started as a court starts it.

use std::{
    ffi::OsString,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use songda_tests::agent::http;

use crate::{faults::SmallDisk, power::Power};

/// The binary beside this test; `scripts/test` builds it first.
pub(crate) fn songda() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join("songda");
    assert!(path.exists(), "build the server first: cargo build --workspace");
    path
}

/// The machine that a server runs on, where it is an unusual one.
#[derive(Default)]
pub(crate) struct Machine {
    /// Bytes of the disk that holds the data and nothing else.
    pub(crate) disk: Option<u64>,
    /// The data lies on a disk that forgets what was not synced when the power fails.
    pub(crate) power: bool,
    /// What its processes find in their environment.
    pub(crate) environment: Vec<(&'static str, OsString)>,
    /// Changes the configuration before anything is started.
    pub(crate) configure: Option<Box<dyn FnOnce(String) -> String>>,
}

pub(crate) struct Server {
    child: Child,
    /// The disk of its data, when that is one of its own.
    pub(crate) disk: Option<SmallDisk>,
    /// The one that forgets.
    pub(crate) power: Option<Power>,
    environment: Vec<(&'static str, OsString)>,
    pub(crate) url: String,
    pub(crate) machine_key: String,
    metrics: SocketAddr,
    pub(crate) folder: tempfile::TempDir,
}

impl Server {
    /// Seeds a demo court in a fresh folder and serves it on this machine; calls leave through
    /// `carrier`, reports go to `case_system`, and without a `database` SQLite is used.
    pub(crate) fn start(
        machine: Machine,
        carrier: SocketAddr,
        case_system: Option<SocketAddr>,
        database: Option<&str>,
    ) -> Self {
        let Machine { disk, power, environment, configure } = machine;
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("songda.toml");
        let data = folder.path().join("data");
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let hash = std::fs::read_to_string(root.join("asr/fixtures/ggml-songda-test-zh.bin.sha256")).unwrap();
        std::fs::write(folder.path().join("events.key"), "events").unwrap();
        let metrics = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut text = format!(
            "demo = true\n[server]\nlisten = \"127.0.0.1:0\"\nmetrics = \"{metrics}\"\n[data]\nfolder = \"{}\"\nfree_floor = 0\n\
             [telephony]\nsip_listen = \"127.0.0.1:0\"\nweb_listen = \"127.0.0.1:0\"\nprompts = \"{}\"\n\
             ring_limit_s = 12\n[evidence]\nroot_at = \"00:00\"\n[asr]\nmodel = \"{}\"\nsha256 = \"{}\"\n",
            data.display(),
            root.join("agent-console/calls/prompts").display(),
            root.join("asr/fixtures/ggml-songda-test-zh.bin").display(),
            hash.split_whitespace().next().unwrap(),
        );
        if let Some(url) = database {
            text = text.replace("[data]\n", &format!("[data]\ndatabase = \"{url}\"\n"));
        }
        if let Some(address) = case_system {
            let key = folder.path().join("events.key");
            let lines = [
                "[case_system]".to_owned(),
                format!("url = \"http://{address}/case/events\""),
                format!("key_file = \"{}\"\n", key.display()),
            ];
            text.push_str(&lines.join("\n"));
        }
        if let Some(configure) = configure {
            text = configure(text);
        }
        std::fs::write(&config, text).unwrap();
        let disk = disk.map(|bytes| SmallDisk::mount(&data, bytes));
        let power = power.then(|| Power::mount(&data));
        let seeded = songda_on(disk.as_ref(), &environment)
            .arg("--config")
            .arg(&config)
            .args(["seed", "--demo", "--carrier", &carrier.to_string()])
            .output()
            .unwrap();
        assert!(seeded.status.success(), "{}", String::from_utf8_lossy(&seeded.stderr));
        let machine_key = String::from_utf8(seeded.stdout).unwrap().trim().to_owned();
        let (child, url) = serve(songda_on(disk.as_ref(), &environment), &config, folder.path());
        Self { child, disk, power, environment, url, machine_key, metrics, folder }
    }

    /// The command as it runs on the machine of this server.
    fn command(&self) -> Command {
        songda_on(self.disk.as_ref(), &self.environment)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How many UDP sockets it has that anybody may send to.
    pub(crate) fn udp_sockets(&self) -> usize {
        let held = std::fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap();
        let held: Vec<PathBuf> = held.filter_map(|handle| std::fs::read_link(handle.ok()?.path()).ok()).collect();
        let table = std::fs::read_to_string(format!("/proc/{}/net/udp", self.pid())).unwrap();
        let is_ours = |line: &&str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            // Who asks a time server has connected his socket.
            words[2] == "00000000:0000" && held.contains(&PathBuf::from(format!("socket:[{}]", words[9])))
        };
        table.lines().skip(1).filter(is_ours).count()
    }

    /// `kill -9`, and up again over the same data.
    pub(crate) fn kill_and_restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        (self.child, self.url) = serve(self.command(), &self.folder.path().join("songda.toml"), self.folder.path());
    }

    /// The power fails, if it has not, and comes back: the server starts over what is left.
    pub(crate) fn lose_power_and_restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.power.as_mut().unwrap().restore();
        (self.child, self.url) = serve(self.command(), &self.folder.path().join("songda.toml"), self.folder.path());
    }

    /// Stops the process where it stands; only a kill ends it then.
    pub(crate) fn freeze(&self) {
        assert!(Command::new("kill").args(["-STOP", &self.child.id().to_string()]).status().unwrap().success());
    }

    /// `kill -9`, and a start that must fail; answers what it says.
    pub(crate) fn kill_and_fail_to_start(&mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let config = self.folder.path().join("songda.toml");
        let output = self.command().arg("--config").arg(config).arg("serve").output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    }

    /// SIGTERM, as an operator ends it.
    pub(crate) fn terminate(&self) {
        assert!(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Waits until it has ended, well, and answers how long that took.
    pub(crate) async fn ended(&mut self) -> Duration {
        let begun = Instant::now();
        let mut looks = tokio::time::interval(Duration::from_millis(50));
        loop {
            looks.tick().await;
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{status}: {}", self.log_tail());
                return begun.elapsed();
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "it does not end: {}", self.log_tail());
        }
    }

    /// The same house behind TLS, with a certificate of its own.
    pub(crate) fn secure(&mut self) {
        let signed = rcgen::generate_simple_self_signed(["localhost".into(), "127.0.0.1".into()]).unwrap();
        let at = |name: &str| self.folder.path().join(name);
        std::fs::write(at("chain.pem"), signed.cert.pem()).unwrap();
        std::fs::write(at("key.pem"), signed.signing_key.serialize_pem()).unwrap();
        let section = format!(
            "[server.tls]\ncertificate = \"{}\"\nkey = \"{}\"\n[data]\n",
            at("chain.pem").display(),
            at("key.pem").display()
        );
        self.configure(|text| text.replace("[data]\n", &section));
        self.kill_and_restart();
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// The last lines of the log, for a test that fails.
    pub(crate) fn log_tail(&self) -> String {
        tail(self.folder.path(), 40)
    }

    /// Changes the configuration before the next start.
    pub(crate) fn configure(&self, change: impl FnOnce(String) -> String) {
        let config = self.folder.path().join("songda.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(config, change(text)).unwrap();
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> (bool, String) {
        let config = self.folder.path().join("songda.toml");
        let output = self.command().arg("--config").arg(config).args(arguments).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Asks the SQLite database beside the server; answers the rows as Python writes them.
    pub(crate) fn sqlite(&self, sql: &str) -> String {
        let script =
            "import sqlite3,sys\nprint(sqlite3.connect(sys.argv[1], timeout=10).execute(sys.argv[2]).fetchall())";
        let asked = on(self.disk.as_ref(), "python3".into())
            .args(["-c", script])
            .arg(self.folder.path().join("data/songda.db"))
            .arg(sql)
            .output()
            .unwrap();
        assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
        String::from_utf8(asked.stdout).unwrap().trim().to_owned()
    }

    /// Signs in; answers the cookie.
    pub(crate) async fn cookie(&self, login: &str) -> String {
        songda_tests::agent::cookie(&self.url, login).await
    }

    /// A file as a signed-in person gets it.
    pub(crate) async fn file(&self, path: &str, cookie: &str) -> (u16, Vec<u8>) {
        let answer = http().get(format!("{}{path}", self.url)).header("cookie", cookie).send().await.unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
    }

    /// What Prometheus reads.
    pub(crate) async fn metrics(&self) -> String {
        http().get(format!("http://{}/metrics", self.metrics)).send().await.unwrap().text().await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str, cookie: &str) -> (u16, String) {
        let answer = http().get(format!("{}{path}", self.url)).header("cookie", cookie).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command on a machine with this disk and environment.
fn songda_on(disk: Option<&SmallDisk>, environment: &[(&'static str, OsString)]) -> Command {
    let mut command = on(disk, songda().into());
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command
}

/// A program where this disk is mounted.
fn on(disk: Option<&SmallDisk>, program: OsString) -> Command {
    let mut words = disk.map(SmallDisk::enter).unwrap_or_default();
    words.push(program);
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}

fn tail(folder: &Path, lines: usize) -> String {
    let log = std::fs::read_to_string(folder.join("log")).unwrap();
    let all: Vec<_> = log.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

fn serve(mut command: Command, config: &Path, folder: &Path) -> (Child, String) {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
    let mut child = command
        .arg("--config")
        .arg(config)
        .arg("serve")
        .env("SONGDA_LOG", "debug,hyper=info,sqlx=info")
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address =
        line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("not serving: {}", tail(folder, 5)));
    let secure = std::fs::read_to_string(config).unwrap().contains("[server.tls]");
    (child, format!("{}://{address}", if secure { "https" } else { "http" }))
}
