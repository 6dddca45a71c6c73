//! A person at a real Chromium, driven through `agent-console/web/tests/browser/drive.ts`.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::{office::Office, peers::tone_file};

/// No single command takes longer, but for the seconds that it is told to stay.
const PATIENCE: Duration = Duration::from_secs(90);

/// Where pictures go: beside the build, or into the documentation when `SONGDA_SCREENS` names it.
fn screens() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::env::var_os("SONGDA_SCREENS").map_or_else(|| root.join("target/screens"), |folder| root.join(folder))
}

/// What Chromium's microphone hears.
#[derive(Default)]
pub(crate) struct Microphone<'a> {
    /// A WAV file; `%noloop` behind its name plays it once.
    pub(crate) plays: Option<&'a str>,
    /// The person says no when the page asks for it.
    pub(crate) denied: bool,
}

pub(crate) struct Browser {
    child: Child,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    url: String,
    /// What the microphone plays, where it was made for this one.
    voice: Option<tempfile::TempDir>,
}

/// `[data-testid="…"]`.
pub(crate) fn id(name: &str) -> String {
    format!("[data-testid=\"{name}\"]")
}

impl Browser {
    /// Starts Chromium before the house at `url`.
    pub(crate) async fn open(url: &str, microphone: Microphone<'_>) -> Self {
        Self::start(url, microphone, None).await
    }

    /// The same with a tone for a voice.
    pub(crate) async fn saying(url: &str, hertz: f64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let plays = tone_file(folder.path(), hertz, 48_000).display().to_string();
        let mut browser = Self::open(url, Microphone { plays: Some(&plays), denied: false }).await;
        browser.voice = Some(folder);
        browser
    }

    /// The same in an office that lets no UDP through.
    pub(crate) async fn open_in(office: &Office, url: &str, microphone: Microphone<'_>) -> Self {
        Self::start(url, microphone, Some(office)).await
    }

    async fn start(url: &str, microphone: Microphone<'_>, office: Option<&Office>) -> Self {
        let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agent-console/web");
        let mut words = office.map(Office::enter).unwrap_or_default();
        words.extend(["node", "tests/browser/run.mjs"].map(OsString::from));
        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .current_dir(&web)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Node is needed: scripts/test installs the browser's parts");
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut browser =
            Self { commands: child.stdin.take().unwrap(), child, answers, url: url.to_owned(), voice: None };
        let asked = if microphone.denied { "denied" } else { "granted" };
        let loopback = office.is_some();
        let open = json!({ "do": "open", "audio": microphone.plays, "microphone": asked, "loopback": loopback });
        browser.act(open).await;
        browser
    }

    /// Gives a command and waits for its answer.
    pub(crate) async fn act(&mut self, command: Value) -> Value {
        match self.try_act(command.clone()).await {
            Ok(answer) => answer,
            Err(why) => {
                let shown = self.try_act(json!({ "do": "evaluate", "text": "document.body.innerText" })).await;
                let _ = self.try_act(json!({ "do": "shot", "folder": screens(), "name": "failed" })).await;
                panic!("{command}: {why}\nthe page shows: {}", shown.unwrap_or_default())
            }
        }
    }

    async fn try_act(&mut self, command: Value) -> Result<Value, String> {
        self.commands.write_all(format!("{command}\n").as_bytes()).await.map_err(|error| error.to_string())?;
        let stays = Duration::from_secs(command["seconds"].as_u64().unwrap_or(0));
        let line = tokio::time::timeout(PATIENCE + stays, self.answers.next_line())
            .await
            .map_err(|_| "no answer in time".to_owned())?
            .map_err(|error| error.to_string())?
            .ok_or("the driver ended")?;
        let mut answer: Value = serde_json::from_str(&line).map_err(|error| format!("{error}: {line}"))?;
        match answer.get("failed") {
            Some(why) => Err(why.as_str().unwrap_or_default().to_owned()),
            None => Ok(answer["ok"].take()),
        }
    }

    /// A person comes to the machine and signs in.
    pub(crate) async fn sign_in(&mut self, login: &str, path: &str) {
        let url = format!("{}{path}", self.url);
        self.act(json!({ "do": "visit", "url": url })).await;
        self.fill(&id("login-user"), login).await;
        self.fill(&id("login-password"), "Songda-demo-2026").await;
        self.click(&id("login-submit")).await;
        self.wait(&id("logout")).await;
    }

    /// Passes the device check and asks for work.
    pub(crate) async fn take_work(&mut self) {
        self.wait(&format!("{}:enabled", id("device-continue"))).await;
        self.click(&id("device-continue")).await;
        self.wait(&format!("{}:enabled", id("ready"))).await;
        self.click(&id("ready")).await;
        self.wait(&format!("{}:enabled", id("dial-0"))).await;
    }

    pub(crate) async fn fill(&mut self, selector: &str, text: &str) {
        self.act(json!({ "do": "fill", "selector": selector, "text": text })).await;
    }

    pub(crate) async fn click(&mut self, selector: &str) {
        self.act(json!({ "do": "click", "selector": selector })).await;
    }

    pub(crate) async fn press(&mut self, key: &str) {
        self.act(json!({ "do": "press", "key": key })).await;
    }

    /// Ticks every step of the script, each once the one before is ticked.
    pub(crate) async fn say_everything(&mut self) {
        let steps = self.act(json!({ "do": "count", "selector": "[data-testid^=tick-]" })).await.as_u64().unwrap();
        for said in 1..=steps {
            self.press("Alt+t").await;
            let nth = format!(":nth-match([data-testid^=tick-], {said}):checked");
            self.wait(&nth).await;
        }
    }

    /// Types letter by letter into what has the focus.
    pub(crate) async fn type_text(&mut self, text: &str) {
        self.act(json!({ "do": "type", "text": text })).await;
    }

    /// Writes through an input method, which also gets the key `meanwhile`.
    pub(crate) async fn compose(&mut self, text: &str, meanwhile: &str) {
        self.act(json!({ "do": "compose", "text": text, "key": meanwhile })).await;
    }

    /// Goes on with the tabulator until this has the focus.
    pub(crate) async fn tab_to(&mut self, selector: &str) {
        for _ in 0..60 {
            let there = format!("document.activeElement?.matches({})", json!(selector));
            if self.evaluate(&there).await == json!(true) {
                return;
            }
            self.press("Tab").await;
        }
        panic!("the tabulator does not come to {selector}");
    }

    /// Waits until it is there; answers its text.
    pub(crate) async fn wait(&mut self, selector: &str) -> String {
        self.wait_for(selector, Duration::from_secs(30)).await
    }

    pub(crate) async fn wait_for(&mut self, selector: &str, limit: Duration) -> String {
        let command = json!({ "do": "wait", "selector": selector, "timeout_ms": limit.as_millis() as u64 });
        self.act(command).await.as_str().unwrap_or_default().to_owned()
    }

    /// Waits for a phase of the call.
    pub(crate) async fn phase(&mut self, phase: &str) {
        self.wait(&format!("{}[data-phase=\"{phase}\"]", id("phase"))).await;
    }

    /// Stays in the call until its clock on the page shows these seconds of talk.
    pub(crate) async fn talk(&mut self, seconds: u64) {
        self.act(json!({ "do": "talk", "seconds": seconds })).await;
    }

    /// Waits until these voices of all are heard for half a second, and no other one; `m` is any
    /// other sound. Answers what was heard last.
    pub(crate) async fn hears_only(&mut self, voices: &[(char, f64)], wanted: &str) -> String {
        let all: serde_json::Map<String, Value> =
            voices.iter().map(|(name, hertz)| (name.to_string(), json!(hertz))).collect();
        let command = json!({ "do": "tones", "voices": all, "wanted": wanted, "ms": 500 });
        self.act(command).await.as_str().unwrap().to_owned()
    }

    pub(crate) async fn evaluate(&mut self, script: &str) -> Value {
        self.act(json!({ "do": "evaluate", "text": script })).await
    }

    pub(crate) async fn goto(&mut self, path: &str) {
        self.act(json!({ "do": "goto", "path": path })).await;
    }

    /// A picture of the screen, on which axe finds nothing and nothing runs over the edge, at
    /// 1366x768 and at 1920x1080.
    pub(crate) async fn shot(&mut self, name: &str) {
        let found = self.act(json!({ "do": "shot", "folder": screens(), "name": name })).await;
        assert_eq!(found, json!([]), "axe on {name}");
        let marks = self.act(json!({ "do": "count", "selector": ".demo, .watermark" })).await;
        assert_eq!(marks, json!(2), "{name} carries banner and watermark of the demo");
    }

    pub(crate) async fn download(&mut self, selector: &str, folder: &Path) -> Vec<u8> {
        let saved = self.act(json!({ "do": "download", "selector": selector, "folder": folder })).await;
        std::fs::read(saved.as_str().unwrap()).unwrap()
    }

    /// Everything that reached any page so far, and every error of a console.
    pub(crate) async fn seen(&mut self) -> (Vec<String>, Vec<String>) {
        let seen = self.act(json!({ "do": "seen" })).await;
        let list = |name: &str| {
            seen[name].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        (list("texts"), list("errors"))
    }

    /// What the page shows and keeps, and its keys.
    pub(crate) async fn kept(&mut self) -> (String, Vec<Value>) {
        let kept = self.act(json!({ "do": "kept" })).await;
        (kept["text"].as_str().unwrap().to_owned(), kept["keys"].as_array().unwrap().clone())
    }

    pub(crate) async fn close(mut self) {
        self.act(json!({ "do": "close" })).await;
        drop(self.commands);
        let _ = tokio::time::timeout(PATIENCE, self.child.wait()).await;
    }
}
