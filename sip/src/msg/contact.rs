//! Contact (RFC 3261, 20.10; RFC 5626, 4.1).

use super::{Headers, Malformed, text};
use crate::uri::NameAddr;

/// The Contact of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contacts {
    /// `*`: all bindings.
    Star,
    /// Addresses; none where the header is absent.
    List(Vec<Contact>),
}

impl Contacts {
    /// Reads them all; one that cannot be read, or a star beside others, spoils the message
    /// (RFC 3261, 10.3).
    pub fn of(headers: &Headers) -> Result<Self, Malformed> {
        let values: Vec<&str> = headers.list("Contact").collect();
        if values == ["*"] {
            return Ok(Self::Star);
        }
        let read = |value: &&str| Contact::parse(value).ok_or(Malformed("Contact"));
        Ok(Self::List(values.iter().map(read).collect::<Result<_, _>>()?))
    }
}

/// One address of contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact(pub NameAddr);

impl Contact {
    /// Reads one.
    pub fn parse(value: &str) -> Option<Self> {
        NameAddr::parse(value).map(Self)
    }

    /// Seconds of `expires`.
    pub fn expires(&self) -> Option<u32> {
        text::seconds(self.0.param("expires")?)
    }

    /// `q` in thousandths, 0 to 1000.
    pub fn q(&self) -> Option<u16> {
        let value = self.0.param("q")?;
        let (whole, rest) = value.split_once('.').unwrap_or((value, ""));
        let fraction = if rest.is_empty() { 0 } else { text::digits::<u16>(&format!("{rest:0<3}"))? };
        let q = text::digits::<u16>(whole)?.checked_mul(1000)?.checked_add(fraction)?;
        (rest.len() <= 3 && q <= 1000).then_some(q)
    }

    /// `+sip.instance` without its brackets: the device, whatever its address.
    pub fn instance(&self) -> Option<&str> {
        self.0.param("+sip.instance")?.strip_prefix('<')?.strip_suffix('>').filter(|urn| !urn.is_empty())
    }

    /// `reg-id`: which of the device's flows.
    pub fn reg_id(&self) -> Option<u32> {
        text::digits(self.0.param("reg-id")?).filter(|id| *id > 0)
    }
}
