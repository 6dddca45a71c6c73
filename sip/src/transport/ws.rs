//! WebSocket for desk phones (RFC 7118): a message of SIP in each of its messages.

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, sleep_until, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async_with_config,
    tungstenite::{
        Error, Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::{HeaderValue, StatusCode, header::SEC_WEBSOCKET_PROTOCOL},
        protocol::WebSocketConfig,
    },
};

use super::line::{Due, Ended, Life, Line};
use crate::wire::{Frame, STREAM_LIMIT};

/// Whoever does not speak SIP is told so (RFC 7118, 4.1).
#[expect(clippy::result_large_err, reason = "the shape that tungstenite asks for")]
fn subprotocol(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let sip = offered
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|name| name.trim().eq_ignore_ascii_case("sip"));
    if sip {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("sip"));
        return Ok(response);
    }
    let mut refusal = ErrorResponse::new(Some("the subprotocol of this address is sip\n".into()));
    *refusal.status_mut() = StatusCode::BAD_REQUEST;
    Err(refusal)
}

/// Shakes hands and carries messages until the connection is over.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(stream: S, line: &mut Line) -> Ended {
    let config = WebSocketConfig::default().max_message_size(Some(STREAM_LIMIT)).max_frame_size(Some(STREAM_LIMIT));
    let handshake = accept_hdr_async_with_config(stream, subprotocol, Some(config));
    let mut socket = match timeout(line.limits.patience, handshake).await {
        Ok(Ok(socket)) => socket,
        Ok(Err(error)) => return Ended::WebSocket(Box::new(error)),
        Err(_) => return Ended::Slow,
    };
    line.reached = true;
    match carry(&mut socket, line).await {
        Ok(never) => match never {},
        Err(ended) => {
            let _ = timeout(line.limits.patience, socket.close(None)).await;
            ended
        }
    }
}

async fn carry<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    line: &mut Line,
) -> Result<std::convert::Infallible, Ended> {
    let mut life = Life::new(line, Instant::now());
    loop {
        let deadline = life.deadline();
        tokio::select! {
            message = socket.next() => {
                let message = message.ok_or(Ended::Closed)?;
                life.heard(Instant::now(), false);
                let bytes = match message.map_err(failed)? {
                    Message::Text(text) => Bytes::from(text),
                    Message::Binary(bytes) => bytes,
                    // The library answers pings when it is read again.
                    Message::Ping(_) => {
                        life.asked_for();
                        continue;
                    }
                    Message::Close(_) => return Err(Ended::Closed),
                    Message::Pong(_) | Message::Frame(_) => continue,
                };
                match Frame::whole(bytes.into()) {
                    Some(Frame::Ping) => {
                        life.asked_for();
                        write(socket, line, Bytes::from_static(Frame::PONG)).await?;
                    }
                    Some(Frame::Message(bytes)) => {
                        life.message(Instant::now());
                        line.message(bytes).await?;
                    }
                    Some(Frame::Pong) | None => {}
                }
            }
            bytes = line.out.recv() => {
                let Some(bytes) = bytes else { return Err(Ended::Closing) };
                life.message(Instant::now());
                write(socket, line, bytes).await?;
            }
            () = sleep_until(deadline) => match life.due(Instant::now()) {
                Due::Nothing | Due::Ping => {}
                Due::Idle => return Err(Ended::Idle),
                Due::Slow | Due::Dead => return Err(Ended::Slow),
            },
        }
    }
}

/// Text where it is text, as a browser expects it.
async fn write<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    line: &Line,
    bytes: Bytes,
) -> Result<(), Ended> {
    let message = match bytes.clone().try_into() {
        Ok(text) => Message::Text(text),
        Err(_) => Message::Binary(bytes),
    };
    timeout(line.limits.patience, socket.send(message)).await.map_err(|_| Ended::Slow)?.map_err(failed)
}

fn failed(error: Error) -> Ended {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => Ended::Closed,
        Error::Io(error) => Ended::Io(error),
        error => Ended::WebSocket(Box::new(error)),
    }
}
