//! A supervisor without a browser: the same session, the same frames, a WebRTC peer for the ear.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

use crate::{agent::cookie, peer::Peer};

/// Nothing in these tests takes longer.
const PATIENCE: Duration = Duration::from_secs(45);
/// A browser pings this often.
const PING: Duration = Duration::from_secs(5);

/// A supervisor at work.
pub struct Supervisor {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Session cookie.
    pub cookie: String,
    /// Sound of the call he is in.
    pub peer: Option<Peer>,
}

impl Supervisor {
    /// Signs in and opens the line.
    pub async fn sign_in(url: &str) -> Self {
        use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
        let cookie = cookie(url, "supervisor").await;
        let address = format!("{}/api/v1/supervision/ws", url.replacen("http", "ws", 1));
        let mut request = address.into_client_request().unwrap();
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
        let socket = tokio_tungstenite::connect_async(request).await.unwrap().0;
        Self { socket, cookie, peer: None }
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: Value) {
        self.socket.send(Message::Text(frame.to_string().into())).await.unwrap();
    }

    /// The next frame of this kind, or the first error or end.
    pub async fn frame(&mut self, kind: &str) -> Value {
        let begun = tokio::time::Instant::now();
        loop {
            assert!(begun.elapsed() < PATIENCE, "no {kind} came");
            let Ok(message) = timeout(PING, self.socket.next()).await else {
                self.send(json!({ "type": "ping" })).await;
                continue;
            };
            let Some(Ok(Message::Text(text))) = message else { panic!("the line was closed before {kind}") };
            let frame: Value = serde_json::from_str(&text).unwrap();
            let over = frame["type"] == "error" || frame["type"] == "over";
            if frame["type"] == kind || over {
                return frame;
            }
        }
    }

    /// Waits until the house closes the line; with which code.
    pub async fn closed(&mut self) -> Option<u16> {
        let closed = async {
            while let Some(Ok(message)) = self.socket.next().await {
                if let Message::Close(frame) = message {
                    return frame.map(|frame| frame.code.into());
                }
            }
            None
        };
        timeout(PATIENCE, closed).await.expect("the line is closed in time")
    }

    /// Into a call; answers what came of it.
    pub async fn enter(&mut self, call: &str, what: &str) -> Value {
        let peer = Peer::start();
        self.send(json!({ "type": what, "call_id": call, "sdp": peer.offer })).await;
        let answer = self.frame("answer").await;
        if answer["type"] != "answer" {
            return answer;
        }
        peer.answer(answer["sdp"].as_str().unwrap().to_owned());
        self.peer = Some(peer);
        self.frame("on").await
    }

    /// Something else in the same call.
    pub async fn change(&mut self, call: &str, what: &str) -> Value {
        self.send(json!({ "type": what, "call_id": call })).await;
        self.frame("on").await
    }

    /// Waits until what he heard is as wanted; his line stays open meanwhile.
    pub async fn hears(&mut self, is: impl Fn(&[u8]) -> bool) {
        let mut heard = self.peer.as_ref().unwrap().hears();
        let begun = tokio::time::Instant::now();
        while !is(&heard.borrow_and_update()) {
            assert!(begun.elapsed() < PATIENCE, "the supervisor does not hear it");
            if timeout(PING, heard.changed()).await.is_err() {
                self.send(json!({ "type": "ping" })).await;
            }
        }
        self.send(json!({ "type": "ping" })).await;
    }
}
