//! Frames to the browser. Each carries a sequence number; a snapshot replaces all that
//! came before it.

use serde_json::{Value, json};
use songda_store::clock::rfc3339;
use tokio::sync::mpsc;

/// The line to one attached browser.
#[derive(Debug)]
pub(super) struct Line {
    sink: mpsc::Sender<Value>,
    seq: u64,
}

impl Line {
    pub(super) fn new(sink: mpsc::Sender<Value>) -> Self {
        Self { sink, seq: 0 }
    }

    /// Whether somebody reads it.
    pub(super) fn is_open(&self) -> bool {
        !self.sink.is_closed()
    }

    /// Sends a frame. A browser that does not keep up loses its line and asks for a
    /// snapshot when it is back; the seat never waits for it.
    pub(super) fn send(&mut self, now_ms: i64, kind: &str, mut body: Value) -> bool {
        self.seq += 1;
        body["seq"] = json!(self.seq);
        body["type"] = json!(kind);
        body["at"] = json!(rfc3339(now_ms));
        self.sink.try_send(body).is_ok()
    }
}
