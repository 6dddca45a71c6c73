//! Session timers (RFC 4028): one per dialog.

use std::time::{Duration, Instant};

use super::Trunk;
use crate::msg::{Headers, Refresher, Request, Response, SessionExpires};

/// No session is refreshed more often than this (RFC 4028, 4).
pub(super) const MIN_SE: u32 = 90;

/// A day: whoever asks for more means for ever.
const MAX_SE: u32 = 86_400;

/// The timer of one dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refresh {
    pub(super) seconds: u32,
    /// We refresh; the other end does otherwise.
    pub(super) ours: bool,
    /// When we refresh.
    pub(super) next: Option<Instant>,
    /// When a session that nobody refreshed is over.
    pub(super) expires: Instant,
}

impl Refresh {
    pub(super) fn new(now: Instant, seconds: u32, ours: bool) -> Self {
        // Less than may be asked for would end the call at once (section 4).
        let seconds = seconds.clamp(MIN_SE, MAX_SE);
        let interval = Duration::from_secs(seconds.into());
        // The BYE goes out a little earlier (section 10).
        let early = interval.saturating_sub(Duration::from_secs(32)).max(interval * 2 / 3);
        Self { seconds, ours, next: ours.then(|| now + interval / 2), expires: now + early }
    }

    /// The refresh came to nothing: once more in half of what is left.
    pub(super) fn failed(&mut self, now: Instant) {
        let left = self.expires.saturating_duration_since(now) / 2;
        self.next = (left > Duration::from_secs(1)).then(|| now + left);
    }

    pub(super) fn deadline(&self) -> Instant {
        self.next.map_or(self.expires, |next| next.min(self.expires))
    }

    /// What our next request says of it.
    pub(super) fn ask(&self, headers: &mut Headers, min_se: Option<u32>) {
        let refresher = if self.ours { Refresher::Uac } else { Refresher::Uas };
        ask(headers, SessionExpires { delta: self.seconds, refresher: Some(refresher) }, min_se);
    }
}

/// Asks for a timer.
pub(super) fn ask(headers: &mut Headers, wished: SessionExpires, min_se: Option<u32>) {
    headers.push_fmt("Session-Expires", format_args!("{wished}"));
    if let Some(min_se) = min_se {
        headers.push("Min-SE", min_se.to_string());
    }
}

/// The timer that a 2xx to a request of ours begins (7.2); none when there is to be none. Where
/// the other end says nothing of it, we refresh in these seconds `alone` (4: one side that knows
/// of timers is enough).
pub(super) fn answered(now: Instant, response: &Response, alone: Option<u32>) -> Option<Refresh> {
    match SessionExpires::of(&response.headers) {
        Some(agreed) => Some(Refresh::new(now, agreed.delta, agreed.refresher != Some(Refresher::Uas))),
        None => alone.map(|seconds| Refresh::new(now, seconds, true)),
    }
}

impl Trunk {
    /// The seconds in which a telephone of the house is asked whether it is still there, also
    /// one that knows no timers: nobody sees that it fell silent, for it may say nothing while
    /// its user listens.
    pub(super) fn refreshed_alone(&self) -> Option<u32> {
        let wished = self.session_expires.filter(|_| self.uri.is_some())?;
        u32::try_from(wished.as_secs()).ok()
    }
}

/// What a request of the other end asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// No timer.
    Nothing,
    /// One that we agree to: seconds, and whether we refresh.
    Agreed(u32, bool),
    /// Too short: 422.
    TooSmall,
}

/// How a request of the other end is answered (section 9).
pub(super) fn asked(request: &Request) -> Asked {
    let Some(asked) = SessionExpires::of(&request.headers) else { return Asked::Nothing };
    let knows = request.headers.lists("Supported", "timer") || request.headers.lists("Require", "timer");
    if asked.delta < MIN_SE && knows {
        return Asked::TooSmall;
    }
    // A proxy may ask for one where the caller knows of none: then it is ours to refresh.
    let ours = !knows || asked.refresher == Some(Refresher::Uas);
    Asked::Agreed(asked.delta.max(MIN_SE), ours)
}

/// Says in a 2xx what was agreed; the timer that runs from now.
pub(super) fn agree(now: Instant, asked: Asked, response: &mut Response) -> Option<Refresh> {
    let Asked::Agreed(seconds, ours) = asked else { return None };
    let refresher = if ours { Refresher::Uas } else { Refresher::Uac };
    let agreed = SessionExpires { delta: seconds, refresher: Some(refresher) };
    response.headers.push_fmt("Session-Expires", format_args!("{agreed}"));
    if !ours {
        response.headers.push("Require", "timer");
    }
    Some(Refresh::new(now, seconds, ours))
}
