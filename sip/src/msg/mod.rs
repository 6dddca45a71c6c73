//! Messages, and readers of the headers that others need.

pub(crate) mod body;
mod contact;
mod headers;
mod identity;
mod method;
mod reason;
mod reliable;
mod session;
mod status;
pub(crate) mod text;
mod via;

pub(crate) use self::reason::is_of_the_callee;
pub use self::{
    contact::{Contact, Contacts},
    headers::Headers,
    identity::{Privacy, asserted, privacy},
    method::Method,
    reason::{Reason, q850, reasons},
    reliable::{RAck, retry_after, rseq},
    session::{Refresher, SessionExpires, min_se},
    status::reason,
    via::Via,
};

/// A header that cannot be read: 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the header {0} cannot be read")]
pub struct Malformed(pub &'static str);

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Request-URI as it stands on the wire.
    pub uri: String,
    /// Headers without Content-Length.
    pub headers: Headers,
    /// Body.
    pub body: Vec<u8>,
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Status code, 100 to 699.
    pub status: u16,
    /// Reason phrase.
    pub reason: String,
    /// Headers without Content-Length.
    pub headers: Headers,
    /// Body.
    pub body: Vec<u8>,
}

/// Either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

impl Message {
    /// Its headers.
    pub fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }
}

/// Room for the headers of an answer.
const ANSWER: (usize, usize) = (640, 14);

impl Response {
    /// The answer to a request, with what must be copied (RFC 3261, 8.2.6); `tag` is our
    /// tag in To where the request had none.
    pub fn to(request: &Request, status: u16, tag: &str) -> Self {
        let mut headers = Headers::with_capacity(ANSWER.0, ANSWER.1);
        for (name, value) in request.headers.iter() {
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            let route = is("Record-Route") && (101..300).contains(&status);
            let untagged = is("To") && status != 100 && !tag.is_empty() && crate::uri::tag_of(value).is_none();
            if untagged {
                headers.push_fmt(name, format_args!("{value};tag={tag}"));
            } else if is("Via") || is("From") || is("To") || is("Call-ID") || is("CSeq") || route {
                headers.push(name, value);
            }
        }
        Self { status, reason: reason(status).to_owned(), headers, body: Vec::new() }
    }
}
