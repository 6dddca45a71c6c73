//! What is wrong with a message, and the answer to it (RFC 3261, 8.2).

use crate::msg::{Method, Request, Response, body};

/// What is wrong with a message that could still be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Defect {
    /// The first line is none of a request: 400.
    StartLine,
    /// The version is not SIP/2.0: 505.
    Version,
    /// A header that must be there once is missing, stands twice or cannot be read: 400.
    Header(&'static str),
    /// Content-Length does not fit the datagram, or several contradict each other: 400.
    ContentLength,
    /// `CSeq` cannot be, or names another method: 400.
    CSeq,
    /// The Request-URI cannot be read: 400.
    Uri,
    /// The Request-URI has a scheme we do not serve: 416.
    Scheme,
    /// Malformed header line: 400.
    Line,
    /// Max-Forwards cannot be: 400.
    MaxForwards,
    /// More or longer headers than are read: 513.
    TooLarge,
    /// A method that nobody knows: 501.
    UnknownMethod,
    /// A method that is known, but not served here: 405.
    Method,
    /// Extensions are required that we do not have: 420, with these names.
    Extension(Vec<String>),
    /// A body of a kind or an encoding that we do not read: 415.
    Body,
    /// An INVITE whose answer may not be of any kind that we write: 406.
    Accept,
}

impl Defect {
    /// The status that answers it.
    pub fn status(&self) -> u16 {
        match self {
            Self::Version => 505,
            Self::Scheme => 416,
            Self::TooLarge => 513,
            Self::UnknownMethod => 501,
            Self::Method => 405,
            Self::Extension(_) => 420,
            Self::Body => 415,
            Self::Accept => 406,
            _ => 400,
        }
    }

    /// The reason phrase: for a 400 it says where to look.
    fn phrase(&self) -> Option<String> {
        match self {
            Self::StartLine => Some("Bad Request Line".into()),
            Self::Header(name) => Some(format!("Missing, Repeated or Malformed {name}")),
            Self::ContentLength => Some("Bad Content-Length".into()),
            Self::CSeq => Some("Bad CSeq".into()),
            Self::Uri => Some("Bad Request-URI".into()),
            Self::Line => Some("Malformed Header Line".into()),
            Self::MaxForwards => Some("Bad Max-Forwards".into()),
            _ => None,
        }
    }
}

/// What an element serves, for the steps of RFC 3261, 8.2.1 to 8.2.3.
#[derive(Debug, Clone, Copy)]
pub struct Serves<'a> {
    /// Methods; they make Allow.
    pub methods: &'a [Method],
    /// Option tags; they make Supported.
    pub extensions: &'a [&'a str],
    /// Types of bodies, `application/sdp`; they make Accept.
    pub bodies: &'a [&'a str],
}

impl Serves<'_> {
    /// What is wrong with a request for an element that serves this; the order is that of
    /// RFC 3261, 8.2. An ACK cannot be refused, and a CANCEL must not be for its
    /// extensions (8.2.2.3).
    pub fn inspect(&self, request: &Request) -> Option<Defect> {
        if request.method == Method::ACK {
            return None;
        }
        if !self.methods.contains(&request.method) {
            return Some(if request.method.is_known() { Defect::Method } else { Defect::UnknownMethod });
        }
        if request.method == Method::CANCEL {
            return None;
        }
        let missing = |tag: &&str| !self.extensions.iter().any(|ours| ours.eq_ignore_ascii_case(tag));
        let missing: Vec<String> = request.headers.list("Require").filter(missing).map(str::to_owned).collect();
        if !missing.is_empty() {
            return Some(Defect::Extension(missing));
        }
        // What other methods carry is for those to read who serve them.
        let session = [Method::INVITE, Method::UPDATE, Method::PRACK].contains(&request.method);
        if session && !request.body.is_empty() && !self.reads(request) {
            return Some(Defect::Body);
        }
        (request.method == Method::INVITE && !self.writes(request)).then_some(Defect::Accept)
    }

    /// Whether an answer may be of a kind that we have; nothing said is `application/sdp`
    /// (RFC 3261, 20.1).
    fn writes(&self, request: &Request) -> bool {
        let mut accepted = request.headers.all("Accept").peekable();
        accepted.peek().is_none()
            || request.headers.list("Accept").map(body::kind).any(|accepted| {
                let group = accepted.strip_suffix('*');
                self.bodies.iter().any(|ours| {
                    accepted == "*/*"
                        || ours.eq_ignore_ascii_case(accepted)
                        || group.is_some_and(|group| {
                            ours.get(..group.len()).is_some_and(|ours| ours.eq_ignore_ascii_case(group))
                        })
                })
            })
    }

    /// Whether the body is of a kind that is read, or need not be.
    fn reads(&self, request: &Request) -> bool {
        let headers = &request.headers;
        let optional = headers.get("Content-Disposition").is_some_and(|value| {
            crate::uri::param(value, "handling").is_some_and(|handling| handling.eq_ignore_ascii_case("optional"))
        });
        let encoded = headers.list("Content-Encoding").any(|encoding| !encoding.eq_ignore_ascii_case("identity"));
        let known = headers.get("Content-Type").is_none_or(|value| {
            if body::is_of_several(value) {
                let parts = body::parts(value, &request.body);
                let ours = |part: &body::Part<'_>| self.bodies.iter().any(|ours| part.is(ours));
                parts.iter().any(ours) && parts.iter().all(|part| ours(part) || !part.must_be_read())
            } else {
                self.bodies.iter().any(|ours| ours.eq_ignore_ascii_case(body::kind(value)))
            }
        });
        optional || (known && !encoded)
    }
}

/// The answer to a request with defects: that to the first of them. None where nothing may be
/// answered: to an ACK, and where nothing is wrong. `tag` is ours in To.
pub fn refuse(request: &Request, defects: &[Defect], serves: Serves<'_>, tag: &str) -> Option<Response> {
    let defect = defects.first().filter(|_| request.method != Method::ACK)?;
    let mut response = Response::to(request, defect.status(), tag);
    if let Some(phrase) = defect.phrase() {
        response.reason = phrase;
    }
    let methods: Vec<&str> = serves.methods.iter().map(Method::as_str).collect();
    match defect {
        Defect::UnknownMethod | Defect::Method => response.headers.push("Allow", methods.join(", ")),
        Defect::Extension(missing) => response.headers.push("Unsupported", missing.join(", ")),
        Defect::Body | Defect::Accept => {
            response.headers.push("Accept", serves.bodies.join(", "));
            response.headers.push("Accept-Encoding", "identity");
        }
        _ => {}
    }
    Some(response)
}
