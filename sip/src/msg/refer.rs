//! Refer-To (RFC 3515) and Replaces (RFC 3891).

use super::{Headers, text};
use crate::uri::{NameAddr, Uri, decoded};

/// Where a REFER sends us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferTo {
    /// The URI, without its headers.
    pub uri: Uri,
    /// The dialog that the new call takes over: an attended transfer.
    pub replaces: Option<Replaces>,
}

impl ReferTo {
    /// Reads Refer-To; none where it is absent, stands twice, or cannot be read.
    pub fn of(headers: &Headers) -> Option<Self> {
        let mut values = headers.all("Refer-To");
        let mut uri = NameAddr::parse(values.next()?)?.uri;
        if values.next().is_some() {
            return None;
        }
        let replaces = match uri.header("Replaces") {
            Some(value) => Some(Replaces::parse(&decoded(value))?),
            None => None,
        };
        uri.drop_headers();
        Some(Self { uri, replaces })
    }
}

/// A dialog as another element names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaces {
    /// Call-ID.
    pub call_id: String,
    /// Tag of the receiver of the header.
    pub to_tag: String,
    /// Tag of the other end.
    pub from_tag: String,
    /// Only while the dialog is early.
    pub early_only: bool,
}

impl Replaces {
    /// Reads the value of a Replaces header.
    pub fn parse(value: &str) -> Option<Self> {
        let (call_id, tail) = value.split_at(value.find(';')?);
        let call_id = call_id.trim();
        // Both tags are tokens (RFC 3891, section 6.1).
        let is_tag = |tag: &&str| !tag.is_empty() && tag.bytes().all(text::is_token);
        let tag = |name| text::param(tail, name).filter(is_tag).map(str::to_owned);
        Some(Self {
            call_id: (!call_id.is_empty()).then(|| call_id.to_owned())?,
            to_tag: tag("to-tag")?,
            from_tag: tag("from-tag")?,
            early_only: text::param(tail, "early-only").is_some(),
        })
    }

    /// Reads the Replaces of an INVITE: none in it is `Ok(None)`, one that cannot be read or
    /// stands twice is an error, to be answered 400 (RFC 3891, 3).
    pub fn of(headers: &Headers) -> Result<Option<Self>, super::Malformed> {
        let mut values = headers.all("Replaces");
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(super::Malformed("Replaces"));
        }
        Self::parse(value).map(Some).ok_or(super::Malformed("Replaces"))
    }
}

impl std::fmt::Display for Replaces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{};to-tag={};from-tag={}", self.call_id, self.to_tag, self.from_tag)?;
        if self.early_only { f.write_str(";early-only") } else { Ok(()) }
    }
}
