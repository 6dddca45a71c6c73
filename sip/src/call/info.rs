//! Keys that are told by INFO (RFC 6086; `application/dtmf-relay` and `application/dtmf`, which
//! no RFC describes and every exchange knows).

use std::time::Instant;

use super::{LegEvent, leg::Call, post::Post};
use crate::{
    msg::{Request, Response},
    tx::Key,
};

impl Call {
    /// Every INFO is taken; what it says is told when it is a key.
    pub(super) fn info(&mut self, post: &mut Post, now: Instant, key: &Key, request: &Request) {
        post.respond(now, key, &Response::to(request, 200, ""));
        if let Some((digit, ms)) = digit(request) {
            post.tell(&self.id, LegEvent::Digit { digit, ms });
        }
    }
}

fn digit(request: &Request) -> Option<(char, u32)> {
    let kind = request.headers.get("Content-Type")?.split(';').next()?.trim().to_ascii_lowercase();
    let body = std::str::from_utf8(&request.body).ok()?;
    match kind.as_str() {
        "application/dtmf" => Some((known(body.trim())?, 0)),
        "application/dtmf-relay" => {
            let value = |name: &str| {
                body.lines().find_map(|line| {
                    let (key, value) = line.split_once('=')?;
                    key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
                })
            };
            let ms = value("Duration").and_then(|ms| ms.parse().ok()).unwrap_or(0);
            Some((known(value("Signal")?)?, ms))
        }
        _ => None,
    }
}

/// A key by its sign, or by its number in the table of events (RFC 4733, 3.2).
fn known(text: &str) -> Option<char> {
    let mut signs = text.chars();
    match (signs.next()?, signs.next()) {
        (sign @ ('0'..='9' | '*' | '#'), None) => Some(sign),
        (sign @ ('A'..='D' | 'a'..='d'), None) => Some(sign.to_ascii_uppercase()),
        _ => match text {
            "10" => Some('*'),
            "11" => Some('#'),
            "12" => Some('A'),
            "13" => Some('B'),
            "14" => Some('C'),
            "15" => Some('D'),
            _ => None,
        },
    }
}
