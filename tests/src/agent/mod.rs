//! An agent without a browser: the same session, the same key, the same frames.

mod call;
mod outcome;

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::{SinkExt as _, StreamExt as _};
use hpke::{
    Deserializable as _, Kem as _, OpModeR, Serializable as _, aead::AesGcm256, kdf::HkdfSha256, kem::DhP256HkdfSha256,
};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

use crate::peer::Peer;

type Secret = <DhP256HkdfSha256 as hpke::Kem>::PrivateKey;

/// Nothing in these tests takes longer.
const PATIENCE: Duration = Duration::from_secs(45);
/// No frame is waited for longer, whatever else comes meanwhile.
const LONGEST: Duration = Duration::from_mins(2);
/// A browser pings this often.
const PING: Duration = Duration::from_secs(5);
/// Who waits for something to be shown looks this often.
const LOOK: Duration = Duration::from_millis(250);

/// An agent at work.
pub struct Agent {
    /// When the line heard of us last.
    pinged_at: tokio::time::Instant,
    /// None once the line was dropped.
    socket: Option<WebSocketStream<MaybeTlsStream<TcpStream>>>,
    secret: Secret,
    /// Session cookie.
    pub cookie: String,
    url: String,
    kid: String,
    /// Names the page, as a browser's tab names it.
    tab: String,
    /// Sound of the last call.
    pub peer: Option<Peer>,
    /// Everything that reached this browser, opened work orders included.
    pub seen: Vec<String>,
    /// The first frame of the line.
    pub snapshot: Value,
    /// The work order that was opened last.
    pub work_order: Value,
    /// What the house told about calls and nobody waited for yet.
    pub notices: Vec<Value>,
    /// The last state of the call.
    pub call: Value,
}

impl Agent {
    /// Signs in, registers a key, opens the line.
    pub async fn sign_in(url: &str) -> Self {
        Self::sign_in_as(url, "agent").await
    }

    /// The same as another agent.
    pub async fn sign_in_as(url: &str, login: &str) -> Self {
        let cookie = cookie(url, login).await;
        let (secret, public) = DhP256HkdfSha256::gen_keypair();
        let body = json!({ "public_key": URL_SAFE_NO_PAD.encode(public.to_bytes()) });
        let answer = http()
            .post(format!("{url}/api/v1/session/key"))
            .header("cookie", &cookie)
            .json(&body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        let key: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        let kid = key["kid"].as_str().unwrap().to_owned();
        let mut agent = Self::connect(url, &cookie).await;
        agent.secret = secret;
        agent.kid.clone_from(&kid);
        agent.seen.push(key.to_string());
        agent.hello().await;
        agent.snapshot().await;
        agent
    }

    /// Opens the line of a session and says nothing yet.
    pub async fn connect(url: &str, cookie: &str) -> Self {
        Self {
            pinged_at: tokio::time::Instant::now(),
            socket: Some(connect(url, cookie).await),
            secret: DhP256HkdfSha256::gen_keypair().0,
            cookie: cookie.to_owned(),
            url: url.to_owned(),
            kid: String::new(),
            tab: new_tab(),
            peer: None,
            seen: Vec::new(),
            snapshot: Value::Null,
            work_order: Value::Null,
            notices: Vec::new(),
            call: Value::Null,
        }
    }

    /// Another window of the same browser: its session and its key, a line of its own. It
    /// says hello, and what it is answered is still to be read.
    pub async fn second_window(&self) -> Self {
        let mut window = Self::connect(&self.url, &self.cookie).await;
        window.secret = self.secret.clone();
        window.kid.clone_from(&self.kid);
        window.work_order = self.work_order.clone();
        window.hello().await;
        window
    }

    async fn hello(&mut self) {
        let sound = self.peer.is_some();
        let frame = json!({ "type": "hello", "kid": self.kid, "tab": self.tab, "sound": sound });
        self.send(frame).await;
    }

    /// Puts the other window out, after the house said that there is one.
    pub async fn take_over(&mut self) {
        let frame = json!({ "type": "hello", "kid": self.kid, "tab": self.tab, "take_over": true, "sound": false });
        self.send(frame).await;
        self.snapshot().await;
    }

    /// Waits for the snapshot and goes on from it.
    async fn snapshot(&mut self) {
        self.snapshot = self.frame("snapshot").await;
        self.call = self.snapshot["call"].clone();
    }

    /// The work order that the agent has in hand already, or the next one.
    pub async fn current_or_next(&mut self) -> Value {
        let envelope = self.snapshot["work_order"].clone();
        if envelope.is_null() { self.take().await } else { self.open(&envelope).await }
    }

    /// The same page after its line was cut.
    pub async fn reconnect(&mut self, url: &str) {
        url.clone_into(&mut self.url);
        self.socket = Some(connect(url, &self.cookie).await);
        self.hello().await;
        self.snapshot().await;
    }

    /// A page that was loaded anew: the line is new and there is no sound.
    pub async fn reload(&mut self) {
        self.drop_line();
        if let Some(peer) = self.peer.take() {
            peer.vanish();
        }
        let url = self.url.clone();
        self.reconnect(&url).await;
    }

    /// The line breaks without a goodbye: TCP is reset.
    pub fn drop_line(&mut self) {
        let Some(line) = self.socket.take() else { return };
        if let MaybeTlsStream::Plain(stream) = line.get_ref() {
            stream.set_zero_linger().unwrap();
        }
    }

    /// Sends a frame; without a line it is lost.
    pub async fn send(&mut self, frame: Value) {
        if let Some(socket) = &mut self.socket {
            socket.send(Message::text(frame.to_string())).await.unwrap();
        }
    }

    /// The next frame; none when the line is closed.
    pub async fn next(&mut self) -> Option<Value> {
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            assert!(tokio::time::Instant::now() < end, "no frame in time");
            let socket = self.socket.as_mut()?;
            // By the time of the last one: frames that come meanwhile are no sign of us.
            let Ok(message) = tokio::time::timeout_at(self.pinged_at + PING, socket.next()).await else {
                self.pinged_at = tokio::time::Instant::now();
                let _ = socket.send(Message::text(r#"{"type":"ping"}"#)).await;
                continue;
            };
            match message {
                Some(Ok(Message::Text(text))) => {
                    self.seen.push(text.to_string());
                    let frame: Value = serde_json::from_str(&text).unwrap();
                    if frame["type"] == "pong" {
                        continue;
                    }
                    if frame["type"] == "notice" {
                        self.notices.push(frame.clone());
                    }
                    if frame["type"] == "call" {
                        self.call = frame.clone();
                    }
                    if frame["type"] == "answer"
                        && let Some(peer) = &self.peer
                    {
                        peer.answer(frame["sdp"].as_str().unwrap().to_owned());
                    }
                    return Some(frame);
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// The next frame of a kind. An error frame in between fails the test.
    pub async fn frame(&mut self, kind: &str) -> Value {
        let begun = tokio::time::Instant::now();
        loop {
            let frame = self.next().await.unwrap_or_else(|| panic!("the line was closed before {kind}"));
            if frame["type"] == kind {
                return frame;
            }
            assert_ne!(frame["type"], "error", "{frame}");
            assert!(begun.elapsed() < LONGEST, "no {kind} came; the call: {}", self.call);
        }
    }

    /// The next frame of a kind, whatever the house complains of in between.
    pub async fn frame_past_errors(&mut self, kind: &str) -> Value {
        let begun = tokio::time::Instant::now();
        loop {
            let frame = self.next().await.unwrap_or_else(|| panic!("the line was closed before {kind}"));
            if frame["type"] == kind {
                return frame;
            }
            assert!(begun.elapsed() < LONGEST, "no {kind} came; the call: {}", self.call);
        }
    }

    /// Waits until the call is in this phase, whatever the house complains of in between.
    pub async fn phase_or_error(&mut self, phase: &str) -> Value {
        loop {
            let frame = self.frame_past_errors("call").await;
            if frame["phase"] == phase {
                return frame;
            }
        }
    }

    /// Waits until the call is in this phase.
    pub async fn phase(&mut self, phase: &str) -> Value {
        loop {
            let frame = self.frame("call").await;
            if frame["phase"] == phase {
                return frame;
            }
            if frame["phase"] == "ended" {
                let why = (self.next().await, self.next().await);
                panic!("ended before {phase}: {frame} {why:?}");
            }
        }
    }

    /// Takes the next work order, opens it and acknowledges.
    pub async fn take(&mut self) -> Value {
        self.send(json!({ "type": "ready" })).await;
        let frame = self.frame("work_order").await;
        self.open(&frame["envelope"]).await
    }

    /// Opens an envelope and acknowledges it.
    pub async fn open(&mut self, envelope: &Value) -> Value {
        let order = self.unseal(envelope);
        self.send(json!({ "type": "opened", "work_order": order["work_order"] })).await;
        self.work_order = order.clone();
        order
    }

    /// What is in an envelope: one of a call that rings is not acknowledged.
    pub fn unseal(&mut self, envelope: &Value) -> Value {
        let field = |name: &str| URL_SAFE_NO_PAD.decode(envelope[name].as_str().unwrap()).unwrap();
        let aad = envelope["aad"].as_str().unwrap();
        assert_eq!(envelope["suite"], "0010-0001-0002");
        let enc = <DhP256HkdfSha256 as hpke::Kem>::EncappedKey::from_bytes(&field("enc")).unwrap();
        let plain = hpke::single_shot_open::<AesGcm256, HkdfSha256, DhP256HkdfSha256>(
            &OpModeR::Base,
            &self.secret,
            &enc,
            b"songda/work-order/v1",
            &field("ct"),
            aad.as_bytes(),
        )
        .unwrap();
        let order: Value = serde_json::from_slice(&plain).unwrap();
        let bound: Value = serde_json::from_str(aad).unwrap();
        assert_eq!(bound["wo"], order["work_order"], "bound to the work order");
        self.seen.push(order.to_string());
        order
    }
}

/// A client for the house under test, whose certificate nobody signed.
pub fn http() -> reqwest::Client {
    reqwest::Client::builder().danger_accept_invalid_certs(true).build().unwrap()
}

/// Signs a demo login in; answers the cookie.
pub async fn cookie(url: &str, login: &str) -> String {
    let body = json!({ "login": login, "password": "Songda-demo-2026" });
    let answer = http().post(format!("{url}/api/v1/session")).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{login} cannot sign in");
    answer.headers().get("set-cookie").unwrap().to_str().unwrap().split(';').next().unwrap().to_owned()
}

async fn connect(url: &str, cookie: &str) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
    use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
    let mut request = format!("{}/api/v1/desk/ws", url.replacen("http", "ws", 1)).into_client_request().unwrap();
    request.headers_mut().insert("cookie", cookie.parse().unwrap());
    tokio_tungstenite::connect_async(request).await.unwrap().0
}

/// A name that no other page has.
fn new_tab() -> String {
    static PAGES: AtomicU32 = AtomicU32::new(0);
    format!("page-{}-{}", std::process::id(), PAGES.fetch_add(1, Ordering::Relaxed))
}

/// Looks until what `look` sees is as wanted, four times a second for three minutes: who only
/// reads has no line that would tell him. Answers what was seen last, wanted or not.
pub async fn until<T, F: Future<Output = T>>(look: impl Fn() -> F, wanted: impl Fn(&T) -> bool) -> Result<T, T> {
    let mut looks = tokio::time::interval(LOOK);
    let end = tokio::time::Instant::now() + Duration::from_mins(3);
    loop {
        let now = looks.tick().await;
        let seen = look().await;
        if wanted(&seen) {
            return Ok(seen);
        }
        if now >= end {
            return Err(seen);
        }
    }
}
