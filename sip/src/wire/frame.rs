//! Where a message ends (RFC 3261, 18.3; RFC 5626, 4.4.1; RFC 7118, 5).
//!
//! A stream is cut by Content-Length. Without one, or with several that contradict each
//! other, nobody knows where the next message begins: the request is answered 400 and the
//! connection must be closed. A datagram and a message of a WebSocket are whole already.

use memchr::{memchr, memmem};

use super::{STREAM_LIMIT, parse, print_response};
use crate::msg::{Message, Method, Response, text};

/// Longest head of a message on a stream, in bytes.
const HEAD_LIMIT: usize = 64 * 1024;

/// What arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Two line breaks: the other end wants to know whether we are there. Send
    /// [`Frame::PONG`].
    Ping,
    /// One line break: the answer to our [`Frame::PING`].
    Pong,
    /// A message, for [`parse`].
    Message(Vec<u8>),
}

impl Frame {
    /// What asks for a sign of life (RFC 5626, 3.5.1).
    pub const PING: &'static [u8] = b"\r\n\r\n";
    /// The answer.
    pub const PONG: &'static [u8] = b"\r\n";

    /// A datagram or a message of a WebSocket; none where it is empty.
    pub fn whole(bytes: Vec<u8>) -> Option<Self> {
        match bytes.as_slice() {
            b"" => None,
            Self::PING => Some(Self::Ping),
            Self::PONG => Some(Self::Pong),
            _ => Some(Self::Message(bytes)),
        }
    }
}

/// Why a stream cannot be read any further: close it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Content-Length is missing, no number, or there are several.
    #[error("a message on a stream does not say where it ends")]
    Length {
        /// The message up to its empty line.
        head: Vec<u8>,
    },
    /// The head or the body is longer than is read.
    #[error("a message on a stream is longer than is read")]
    TooLong {
        /// The message up to its empty line, where that came.
        head: Vec<u8>,
    },
}

impl FrameError {
    /// The last thing to send before the connection is closed; none where nothing can be
    /// answered. `tag` is ours in To.
    pub fn answer(&self, tag: &str) -> Option<Vec<u8>> {
        let (head, status, phrase) = match self {
            Self::Length { head } => (head, 400, "Missing or Bad Content-Length"),
            Self::TooLong { head } => (head, 513, "Message Too Large"),
        };
        match parse(head)?.0 {
            Message::Request(request) if request.method != Method::ACK => {
                let mut response = Response::to(&request, status, tag);
                phrase.clone_into(&mut response.reason);
                Some(print_response(&response))
            }
            _ => None,
        }
    }
}

/// Cuts a stream (TCP, TLS) into messages. Holds at most one message and what was pushed
/// behind it: push what one read gave, then take until there is nothing more.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: Vec<u8>,
    /// Where the next frame begins.
    start: usize,
    /// The empty line is not before this place.
    searched: usize,
    /// The last two bytes before `start` were a line break between messages.
    half_ping: bool,
}

impl Framer {
    /// Adds what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        // What was taken goes when it is cheap: nothing is left, or more is gone than stays.
        if self.start == self.buffer.len() || self.start > self.buffer.len() / 2 {
            self.buffer.drain(..self.start);
            self.searched = self.searched.saturating_sub(self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes that wait for the rest of their message.
    pub fn waiting(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// The next frame; none where more must be read first.
    ///
    /// # Errors
    /// [`FrameError`]: nothing more can be read, now or later.
    pub fn take(&mut self) -> Result<Option<Frame>, FrameError> {
        if let Some(sign) = self.line_breaks() {
            return Ok(Some(sign));
        }
        let waiting = &self.buffer[self.start..];
        let from = self.searched.saturating_sub(self.start).saturating_sub(3);
        let Some(end) = memmem::find(&waiting[from..], b"\r\n\r\n").map(|at| from + at + 4) else {
            if waiting.len() > HEAD_LIMIT {
                return Err(FrameError::TooLong { head: Vec::new() });
            }
            self.searched = self.buffer.len();
            return Ok(None);
        };
        let head = &waiting[..end];
        if end > HEAD_LIMIT {
            return Err(FrameError::TooLong { head: head.to_vec() });
        }
        let Some(length) = content_length(head) else {
            return Err(FrameError::Length { head: head.to_vec() });
        };
        let Some(whole) = end.checked_add(length).filter(|whole| *whole <= STREAM_LIMIT) else {
            return Err(FrameError::TooLong { head: head.to_vec() });
        };
        let Some(message) = waiting.get(..whole) else {
            self.searched = self.start;
            return Ok(None);
        };
        let message = message.to_vec();
        self.start += whole;
        self.searched = self.start;
        self.half_ping = false;
        Ok(Some(Frame::Message(message)))
    }

    /// Line breaks between messages: signs of life, or nothing (RFC 3261, 7.5). A ping that
    /// arrives in two halves is first a pong that nobody waits for, then a ping.
    fn line_breaks(&mut self) -> Option<Frame> {
        loop {
            let waiting = &self.buffer[self.start..];
            let (skip, sign) = match waiting {
                [b'\r', b'\n', b'\r', b'\n', ..] => (4, Some(Frame::Ping)),
                [b'\r', b'\n', ..] if self.half_ping => (2, Some(Frame::Ping)),
                [b'\r', b'\n', ..] => (2, Some(Frame::Pong)),
                [b'\r'] | [] => return None,
                // A stray half of a line break is no message either.
                [b'\r' | b'\n', ..] => (1, None),
                _ => return None,
            };
            self.half_ping = sign == Some(Frame::Pong);
            self.start += skip;
            self.searched = self.start;
            if sign.is_some() {
                return sign;
            }
        }
    }
}

/// What the headers say of the length; none where they do not, or not the same.
fn content_length(head: &[u8]) -> Option<usize> {
    let mut found = None;
    let mut rest = head;
    while let Some(end) = memchr(b'\n', rest) {
        let (line, after) = rest.split_at(end + 1);
        rest = after;
        if !matches!(line.first(), Some(b'c' | b'C' | b'l' | b'L')) {
            continue;
        }
        let Some(colon) = memchr(b':', line) else { continue };
        let name = line[..colon].trim_ascii_end();
        if !name.eq_ignore_ascii_case(b"Content-Length") && !name.eq_ignore_ascii_case(b"l") {
            continue;
        }
        let mut value = line[colon + 1..].trim_ascii().to_vec();
        while matches!(rest.first(), Some(b' ' | b'\t')) {
            let (folded, after) = rest.split_at(memchr(b'\n', rest)? + 1);
            rest = after;
            value.extend_from_slice(folded.trim_ascii());
        }
        let length = text::digits::<usize>(std::str::from_utf8(&value).ok()?)?;
        if found.is_some_and(|before| before != length) {
            return None;
        }
        found = Some(length);
    }
    found
}
