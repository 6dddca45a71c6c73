//! What a REGISTER asks for, read and checked before anything is touched (RFC 3261, 10.3).

use std::time::Duration;

use crate::{
    msg::{Contact, Contacts, Request, Response},
    uri::Uri,
};

/// Extensions that a phone may require of us.
const EXTENSIONS: [&str; 2] = ["outbound", "path"];
/// Longest contact, in bytes; longest Path, in hops and bytes each.
const CONTACT_LENGTH: usize = 512;
const PATH: usize = 8;
/// What a device calls itself is cut after so many characters.
const AGENT: usize = 80;
/// Contacts of one request, at most.
const CONTACTS: usize = 16;

/// Why a REGISTER is not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// 400.
    Malformed,
    /// 401.
    Prove { stale: bool },
    /// 403.
    Forbidden,
    /// 404: the domain is not ours.
    Unknown,
    /// 420.
    Extensions(Vec<String>),
    /// 423.
    TooBrief,
    /// 439 (RFC 5626, 11.6).
    FirstHop,
    /// 500: an older request came later.
    OutOfOrder,
}

impl Refusal {
    /// The answer, but for the 401, which the challenger makes.
    pub(super) fn response(&self, request: &Request, tag: &str, least: Duration) -> Response {
        let status = match self {
            Self::Malformed => 400,
            Self::Prove { .. } => 401,
            Self::Forbidden => 403,
            Self::Unknown => 404,
            Self::Extensions(_) => 420,
            Self::TooBrief => 423,
            Self::FirstHop => 439,
            Self::OutOfOrder => 500,
        };
        let mut response = Response::to(request, status, tag);
        match self {
            Self::Extensions(unknown) => response.headers.push("Unsupported", unknown.join(", ")),
            Self::TooBrief => response.headers.push("Min-Expires", least.as_secs().to_string()),
            _ => {}
        }
        response
    }
}

/// What happens to one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) uri: Uri,
    /// Thousandths.
    pub(super) q: u16,
    /// The device.
    pub(super) instance: Option<String>,
    /// Which of its flows, where it asked for outbound.
    pub(super) reg_id: Option<u32>,
    /// How long, in seconds, where it says so.
    pub(super) expires: Option<u32>,
}

/// What a REGISTER asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) call_id: String,
    pub(super) cseq: u32,
    pub(super) what: What,
    /// Path, as it is to be a Route (RFC 3327).
    pub(super) path: Vec<String>,
    /// What the device calls itself.
    pub(super) agent: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// Forget every binding.
    Nothing,
    /// Bind these; none: only tell.
    These(Vec<Address>),
}

impl Wish {
    pub(super) fn read(request: &Request) -> Result<Self, Refusal> {
        let headers = &request.headers;
        let ours = |tag: &&str| EXTENSIONS.iter().any(|ours| ours.eq_ignore_ascii_case(tag));
        let unknown: Vec<String> = headers.list("Require").filter(|tag| !ours(tag)).map(str::to_owned).collect();
        if !unknown.is_empty() {
            return Err(Refusal::Extensions(unknown));
        }
        let (cseq, _) = headers.cseq().ok_or(Refusal::Malformed)?;
        let call_id = headers.get("Call-ID").filter(|id| id.len() <= CONTACT_LENGTH).ok_or(Refusal::Malformed)?;
        let path: Vec<String> = headers.list("Path").map(str::to_owned).collect();
        if path.len() > PATH || path.iter().any(|hop| hop.len() > CONTACT_LENGTH) {
            return Err(Refusal::Malformed);
        }
        let outbound = headers.lists("Supported", "outbound");
        let what = match Contacts::of(headers).map_err(|_| Refusal::Malformed)? {
            // A star forgets, and does nothing else (10.3, step 6).
            Contacts::Star if headers.seconds("Expires") == Some(0) => What::Nothing,
            Contacts::Star => return Err(Refusal::Malformed),
            Contacts::List(contacts) if contacts.len() > CONTACTS => return Err(Refusal::Malformed),
            Contacts::List(contacts) => {
                let default = headers.seconds("Expires");
                What::These(
                    contacts.iter().map(|contact| address(contact, default, outbound)).collect::<Result<_, _>>()?,
                )
            }
        };
        let agent = headers.get("User-Agent").unwrap_or_default();
        let agent = agent.chars().filter(|c| !c.is_control()).take(AGENT).collect();
        let wish = Self { call_id: call_id.to_owned(), cseq, what, path, agent };
        wish.check_flows(headers.list("Via").count())?;
        Ok(wish)
    }

    /// One flow at a time, and only where the first hop keeps it (RFC 5626, 6).
    fn check_flows(&self, hops: usize) -> Result<(), Refusal> {
        let What::These(addresses) = &self.what else { return Ok(()) };
        let of_flows = addresses.iter().filter(|address| address.reg_id.is_some());
        match of_flows.filter(|address| address.expires != Some(0)).count() {
            0 => Ok(()),
            1 if hops <= 1 || self.path.last().is_some_and(|edge| keeps_flows(edge)) => Ok(()),
            1 => Err(Refusal::FirstHop),
            _ => Err(Refusal::Malformed),
        }
    }

    /// Whether flows of a device are bound.
    pub(super) fn is_outbound(&self) -> bool {
        matches!(&self.what, What::These(addresses) if addresses.iter().any(|address| address.reg_id.is_some()))
    }
}

fn keeps_flows(edge: &str) -> bool {
    crate::uri::NameAddr::parse(edge).is_some_and(|edge| edge.uri.param("ob").is_some())
}

fn address(contact: &Contact, default: Option<u32>, outbound: bool) -> Result<Address, Refusal> {
    let mut uri = contact.0.uri.clone();
    uri.drop_headers();
    let instance = contact.instance().map(str::to_owned);
    let length = uri.to_string().len() + instance.as_ref().map_or(0, String::len);
    // It is printed again, between quotes.
    let plain =
        instance.as_ref().is_none_or(|name| name.bytes().all(|b| b.is_ascii_graphic() && !b"\"\\<>".contains(&b)));
    if length > CONTACT_LENGTH || !plain || !matches!(uri.scheme.as_str(), "sip" | "sips") {
        return Err(Refusal::Malformed);
    }
    Ok(Address {
        uri,
        q: contact.q().unwrap_or(1_000),
        reg_id: contact.reg_id().filter(|_| outbound && instance.is_some()),
        instance,
        expires: contact.expires().or(default),
    })
}
