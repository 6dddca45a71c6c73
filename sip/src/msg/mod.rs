//! Messages. `rsip` lends the vocabulary of methods and reason phrases; headers, URIs and
//! framing are ours, because the wire is not always kind.

use std::fmt;

/// A method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// One that we know.
    Known(rsip::Method),
    /// One that we do not: to be answered 501.
    Extension(String),
}

impl Method {
    /// INVITE.
    pub const INVITE: Self = Self::Known(rsip::Method::Invite);
    /// ACK.
    pub const ACK: Self = Self::Known(rsip::Method::Ack);
    /// BYE.
    pub const BYE: Self = Self::Known(rsip::Method::Bye);
    /// CANCEL.
    pub const CANCEL: Self = Self::Known(rsip::Method::Cancel);
    /// OPTIONS.
    pub const OPTIONS: Self = Self::Known(rsip::Method::Options);
    /// PRACK (RFC 3262).
    pub const PRACK: Self = Self::Known(rsip::Method::PRack);
    /// UPDATE (RFC 3311).
    pub const UPDATE: Self = Self::Known(rsip::Method::Update);
    /// INFO (RFC 6086).
    pub const INFO: Self = Self::Known(rsip::Method::Info);

    /// Reads a method; it is case-sensitive (RFC 3261, 7.1).
    pub fn parse(token: &str) -> Self {
        match token.parse::<rsip::Method>() {
            Ok(method) if method.to_string() == token => Self::Known(method),
            _ => Self::Extension(token.to_owned()),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(method) => method.fmt(f),
            Self::Extension(token) => f.write_str(token),
        }
    }
}

/// Headers in order. Names compare without case; compact forms were expanded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// The first value under this name.
    pub fn get<'a>(&'a self, name: &str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// Every value under this name, in order.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.0.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Every value of a list header, commas split outside quotes and brackets.
    pub fn list<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.all(name).flat_map(split_commas)
    }

    /// Adds a header at the end.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), value.into()));
    }

    /// Replaces the first header of this name, or adds it.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        match self.0.iter_mut().find(|(key, _)| key.eq_ignore_ascii_case(name)) {
            Some((_, old)) => *old = value.into(),
            None => self.push(name, value),
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number and method of the `CSeq`.
    pub fn cseq(&self) -> Option<(u32, Method)> {
        let (number, method) = self.get("CSeq")?.split_once([' ', '\t'])?;
        Some((number.parse().ok()?, Method::parse(method.trim())))
    }
}

fn split_commas(value: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut depth) = (false, 0_u32);
    value
        .split(move |c| {
            match c {
                '"' => quoted = !quoted,
                '<' if !quoted => depth += 1,
                '>' if !quoted => depth = depth.saturating_sub(1),
                _ => {}
            }
            c == ',' && !quoted && depth == 0
        })
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

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

impl Response {
    /// The answer to a request, with what must be copied (RFC 3261, 8.2.6); `tag` is our
    /// tag in To where the request had none.
    pub fn to(request: &Request, status: u16, tag: &str) -> Self {
        let mut headers = Headers::default();
        for (name, value) in request.headers.iter() {
            match name.to_ascii_lowercase().as_str() {
                "via" | "from" | "call-id" | "cseq" => headers.push(name, value),
                "record-route" if (101..300).contains(&status) => headers.push(name, value),
                "to" => {
                    let tagged = crate::uri::NameAddr::parse(value).is_some_and(|to| to.tag().is_some());
                    if tagged || status == 100 || tag.is_empty() {
                        headers.push(name, value);
                    } else {
                        headers.push(name, format!("{value};tag={tag}"));
                    }
                }
                _ => {}
            }
        }
        Self { status, reason: reason(status), headers, body: Vec::new() }
    }
}

fn reason(status: u16) -> String {
    let words = rsip::StatusCode::from(status).to_string();
    words.split_once(' ').map_or_else(|| "Answer".to_owned(), |(_, phrase)| phrase.to_owned())
}
