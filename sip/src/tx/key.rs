//! What names a transaction: RFC 3261, 17.1.3 and 17.2.3.

use std::{fmt, sync::Arc};

use crate::{
    msg::{Headers, Method, Request},
    transport::via,
    uri::{NameAddr, param},
};

/// Every branch of a peer of RFC 3261 begins with this.
const COOKIE: &str = "z9hG4bK";

/// Name of a transaction: branch, sent-by and method, where ACK goes with its INVITE. A peer
/// of RFC 2543 has no branch that can be relied on; its Request-URI, From tag, Call-ID, `CSeq`
/// number and top Via stand in for it. Cheap to clone; tells no number when printed.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Method, sent-by and branch with spaces between.
    name: Arc<str>,
    pub(super) server: bool,
    /// It is named as RFC 2543 wants it.
    old: bool,
}

impl Key {
    /// The transaction of ours that a response or a request of ours belongs to.
    pub(super) fn client(headers: &Headers, method: &Method) -> Option<Self> {
        let top = headers.list("Via").next()?;
        let branch = cookie(top)?;
        // Ours are unique by themselves: sent-by may have been rewritten underway (17.1.3).
        Some(Self::new(method, "-", branch, false, false))
    }

    /// The transaction that a request of the other end belongs to.
    pub(super) fn server(request: &Request) -> Option<Self> {
        let top = request.headers.list("Via").next()?;
        if let Some(branch) = cookie(top) {
            return Some(Self::new(&request.method, &via::sent_by(top)?, branch, true, false));
        }
        let headers = &request.headers;
        let from = headers.get("From").and_then(NameAddr::parse)?;
        let (number, _) = headers.cseq()?;
        let rest =
            format!("{number} {} {}\n{}\n{top}", headers.get("Call-ID")?, from.tag().unwrap_or_default(), request.uri);
        Some(Self::new(&request.method, "-", &rest, true, true))
    }

    fn new(method: &Method, sent_by: &str, branch: &str, server: bool, old: bool) -> Self {
        // ACK of a non-2xx belongs to its INVITE.
        let method: &dyn fmt::Display = if *method == Method::ACK { &Method::INVITE } else { method };
        Self { name: format!("{method} {sent_by} {branch}").into(), server, old }
    }

    /// The INVITE that a CANCEL of this name means (9.2).
    pub(super) fn of_invite(&self) -> Self {
        let rest = self.name.split_once(' ').map_or("", |(_, rest)| rest);
        Self { name: format!("INVITE {rest}").into(), ..self.clone() }
    }

    /// Method that began the transaction.
    pub fn method(&self) -> &str {
        self.name.split(' ').next().unwrap_or_default()
    }

    /// Branch of the top Via; empty for a peer of RFC 2543.
    pub fn branch(&self) -> &str {
        if self.old { "" } else { self.name.splitn(3, ' ').nth(2).unwrap_or_default() }
    }

    /// A tag for To where the user of the transactions gave none.
    pub(super) fn tag(&self) -> String {
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};
        let mut hasher = DefaultHasher::new();
        self.name.hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }
}

fn cookie(top: &str) -> Option<&str> {
    param(top, "branch").filter(|branch| branch.len() > COOKIE.len() && branch.starts_with(COOKIE))
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} {})", self.method(), self.branch())
    }
}

/// What two requests have in common that are one and took two ways (RFC 3261, 8.2.2.2); none
/// inside a dialog.
pub(super) fn merged(request: &Request) -> Option<Arc<str>> {
    let headers = &request.headers;
    if NameAddr::parse(headers.get("To")?)?.tag().is_some() {
        return None;
    }
    let from = NameAddr::parse(headers.get("From")?)?;
    Some(format!("{} {} {}", headers.get("CSeq")?, from.tag()?, headers.get("Call-ID")?).into())
}
