//! What an agent does with a call.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Agent, LONGEST, PATIENCE, PING};
use crate::peer::Peer;

impl Agent {
    /// One click on the first number that can be dialled.
    pub async fn dial(&mut self) {
        let peer = Peer::start();
        let phones = self.work_order["phones"].as_array().unwrap();
        let phone = phones.iter().find(|phone| phone["dialable"] == true).unwrap();
        let frame = json!({ "type": "dial", "work_order": self.work_order["work_order"],
                            "phone_id": phone["phone_id"], "sdp": peer.offer });
        self.peer = Some(peer);
        self.send(frame).await;
    }

    /// Waits for the end of the call, however it comes; one that is answered is hung up
    /// after this much talk.
    pub async fn ended(&mut self, talk: Duration) -> Value {
        loop {
            let frame = self.frame("call").await;
            match frame["phase"].as_str() {
                Some("ended") => return frame,
                Some("talking") => {
                    self.stay(talk).await;
                    if self.call["phase"] == "ended" {
                        return self.call.clone();
                    }
                    self.hang_up().await;
                }
                _ => {}
            }
        }
    }

    /// Stays on the line until this much more has been heard or the call has ended, and
    /// pings meanwhile as a browser does.
    pub async fn stay(&mut self, talk: Duration) {
        let mut hears = self.peer.as_ref().unwrap().hears();
        let enough = hears.borrow().len() + talk.as_millis() as usize * 8;
        let mut pings = tokio::time::interval(PING);
        let end = tokio::time::Instant::now() + talk + PATIENCE;
        while self.call["phase"] != "ended" {
            tokio::select! {
                heard = hears.wait_for(|heard| heard.len() >= enough) => {
                    heard.unwrap();
                    return;
                }
                now = pings.tick() => {
                    assert!(now < end, "the line is silent: {}", self.call);
                    self.send(json!({ "type": "ping" })).await;
                }
                frame = self.next() => assert!(frame.is_some(), "the line was closed during the call"),
            }
        }
    }

    /// Hangs up, or gives up while it rings.
    pub async fn hang_up(&mut self) {
        self.send(json!({ "type": "hang_up" })).await;
    }

    /// New sound for the call that lives: a new offer, until both are connected again.
    pub async fn resume(&mut self) {
        let peer = Peer::start();
        let frame = json!({ "type": "resume", "call_id": self.call["call_id"], "sdp": peer.offer });
        self.peer = Some(peer);
        self.send(frame).await;
        self.news("answer").await;
    }

    /// The next frame of a kind. That the sound is lost may be told in between.
    async fn news(&mut self, kind: &str) -> Value {
        let begun = tokio::time::Instant::now();
        loop {
            let frame = self.next().await.unwrap_or_else(|| panic!("the line was closed before {kind}"));
            if frame["type"] == kind {
                return frame;
            }
            assert!(frame["type"] != "error" || frame["code"] == "call.browser_lost", "{frame}");
            assert!(begun.elapsed() < LONGEST, "no {kind} came; the call: {}", self.call);
        }
    }

    /// Lets the party wait, or takes it back.
    pub async fn hold(&mut self, on: bool) {
        self.send(json!({ "type": "hold", "on": on })).await;
    }

    /// Presses keys to the party.
    pub async fn keypad(&mut self, digits: &str) {
        self.send(json!({ "type": "keypad", "digits": digits })).await;
    }

    /// To whom the call may be handed.
    pub async fn transfer_targets(&mut self) -> Value {
        let url = format!("{}/api/v1/desk/transfer-targets", self.url);
        self.read(url).await
    }

    /// Hands the call over: `blind` or `attended`, to a `seat` or a `phone`.
    pub async fn transfer(&mut self, mode: &str, kind: &str, id: &str) {
        let to = json!({ "kind": kind, "id": id });
        self.send(json!({ "type": "transfer", "call_id": self.call["call_id"], "mode": mode, "to": to })).await;
    }

    /// Takes a colleague's call that rings, with new sound, until that was answered.
    pub async fn take_over_call(&mut self, rings: &Value) {
        let peer = Peer::start();
        let frame = json!({ "type": "transfer_accept", "call_id": rings["call_id"], "sdp": peer.offer });
        self.peer = Some(peer);
        self.send(frame).await;
        self.news("answer").await;
    }

    /// Ends the call by the words that are played for it.
    pub async fn end_politely(&mut self, reason: &str) {
        self.send(json!({ "type": "end_politely", "reason": reason })).await;
    }

    /// Ticks a step of the checklist.
    pub async fn tick(&mut self, step: &str) {
        self.send(json!({ "type": "tick", "step": step, "on": true })).await;
    }

    /// Ticks every step of the order's script that must be said.
    pub async fn tick_all(&mut self, order: &Value) {
        let script = order["script"].as_array().cloned().unwrap_or_default();
        let steps: Vec<&str> =
            script.iter().filter(|step| step["must"] == true).filter_map(|s| s["id"].as_str()).collect();
        for step in &steps {
            self.tick(step).await;
        }
        self.call_until(|call| call["ticks"].as_array().is_some_and(|ticks| ticks.len() == steps.len())).await;
    }

    /// Waits until a frame of the call is as wanted; the last one counts too.
    pub async fn call_until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        while !wanted(&self.call) {
            self.news("call").await;
        }
        self.call.clone()
    }

    /// Waits until this much more has been heard that `is` finds in it, and pings meanwhile.
    pub async fn hears(&mut self, is: impl Fn(&[u8]) -> bool) {
        let mut hears = self.peer.as_ref().unwrap().hears();
        let before = hears.borrow().len();
        let mut pings = tokio::time::interval(PING);
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            tokio::select! {
                heard = hears.wait_for(|heard| is(&heard[before..])) => {
                    heard.unwrap();
                    return;
                }
                now = pings.tick() => {
                    assert!(now < end, "not heard: {}", self.call);
                    self.send(json!({ "type": "ping" })).await;
                }
                frame = self.next() => assert!(frame.is_some(), "the line was closed during the call"),
            }
        }
    }

    /// Waits until the house tells this about the call; it may have been told while something
    /// else was waited for.
    pub async fn notice(&mut self, code: &str) -> Value {
        loop {
            if let Some(at) = self.notices.iter().position(|notice| notice["code"] == code) {
                return self.notices.remove(at);
            }
            self.news("notice").await;
        }
    }
}
