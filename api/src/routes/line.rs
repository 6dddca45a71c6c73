//! What every line to a browser, a WebSocket, has in common.

use std::time::Duration;

use axum::{
    extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde_json::Value;
use tokio::time::timeout;

use crate::{desk::Desk, house::House, problem::Problem, who::session_cookie};

/// Largest frame of a browser, bytes: an SDP offer with room.
const FRAME_LIMIT: usize = 64 * 1024;
/// A browser that is silent for this long is gone; it pings each five seconds.
pub(super) const SILENCE_LIMIT: Duration = Duration::from_secs(15);
/// Close codes in the range that applications may use (RFC 6455, section 7.4.2).
pub(super) const BAD_FRAME: u16 = 4400;
pub(super) const SIGNED_OUT: u16 = 4401;

/// What a request to become a WebSocket is read as.
pub(super) type Asked = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// What a line needs: the upgrade, the desk, and the session's cookie, for it outlives one request.
pub(super) struct Opened {
    pub(super) upgrade: WebSocketUpgrade,
    pub(super) desk: Desk,
    pub(super) cookie: String,
}

/// Opens a line for whoever was let in; or the answer to a request that is none for a WebSocket.
pub(super) fn open(
    house: &House,
    desk: Option<Desk>,
    headers: &HeaderMap,
    asked: Asked,
) -> Result<Result<Opened, Response>, Problem> {
    let desk = desk.ok_or_else(Problem::read_only)?;
    let upgrade = match asked {
        Ok(upgrade) => upgrade.max_message_size(FRAME_LIMIT).max_frame_size(FRAME_LIMIT),
        Err(rejection) => return Ok(Err(rejection.into_response())),
    };
    let cookie = session_cookie(house, headers).ok_or_else(Problem::no_session)?;
    Ok(Ok(Opened { upgrade, desk, cookie }))
}

/// Sends a frame; false when the browser does not take it.
pub(super) async fn send(socket: &mut WebSocket, frame: &Value) -> bool {
    let sent = timeout(SILENCE_LIMIT, socket.send(Message::Text(frame.to_string().into()))).await;
    matches!(sent, Ok(Ok(())))
}

/// Ends the line for this reason.
pub(super) async fn close(socket: &mut WebSocket, code: u16, reason: &'static str) {
    let frame = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
    // Whoever reads nothing does not hear it.
    let _ = timeout(SILENCE_LIMIT, socket.send(frame)).await;
}
