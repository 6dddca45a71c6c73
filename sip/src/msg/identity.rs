//! Who calls, as the trusted side of the network says it (RFC 3325), and what of it he wants
//! hidden (RFC 3323).

use super::Headers;
use crate::uri::NameAddr;

/// At most so many asserted identities are read: one `sip:` and one `tel:` (RFC 3325, 9.1).
const IDENTITIES: usize = 2;

/// The asserted identities that can be read.
pub fn asserted(headers: &Headers) -> impl Iterator<Item = NameAddr> + '_ {
    headers.list("P-Asserted-Identity").filter_map(NameAddr::parse).take(IDENTITIES)
}

/// What of him the caller wants hidden.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Privacy {
    /// `id`: the asserted identity stays in the network.
    pub id: bool,
    /// `header`.
    pub header: bool,
    /// `session`.
    pub session: bool,
    /// `user`.
    pub user: bool,
    /// `critical`: refuse the call rather than show it.
    pub critical: bool,
}

/// Reads Privacy; `none` and words that we do not know hide nothing.
pub fn privacy(headers: &Headers) -> Privacy {
    let mut privacy = Privacy::default();
    for word in headers.all("Privacy").flat_map(|value| value.split([';', ','])).map(str::trim) {
        let is = |known: &str| word.eq_ignore_ascii_case(known);
        privacy.id |= is("id");
        privacy.header |= is("header");
        privacy.session |= is("session");
        privacy.user |= is("user");
        privacy.critical |= is("critical");
    }
    privacy
}
