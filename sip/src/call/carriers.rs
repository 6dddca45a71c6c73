//! What the carriers asked us to prove, kept between calls: a nonce is used as long as its
//! carrier takes it, with a growing count (RFC 7616, 3.3 and 3.4), so that not each call is
//! challenged.

use super::Trunk;
use crate::{
    auth::{Credentials, DigestClient},
    msg::{Request, Response},
    number::Secret,
};

/// More accounts than these are not remembered; that of the longest ago goes.
const ACCOUNTS: usize = 64;

#[derive(Debug)]
struct Account {
    domain: String,
    username: String,
    password: Secret,
    digest: DigestClient,
}

impl Account {
    fn is_of(&self, trunk: &Trunk) -> bool {
        self.domain == trunk.domain && self.username == trunk.username && self.password == trunk.password
    }
}

/// The challenges of all accounts, the newest last.
#[derive(Debug, Default)]
pub(super) struct Carriers(Vec<Account>);

impl Carriers {
    fn of(&mut self, trunk: &Trunk) -> Option<&mut DigestClient> {
        self.0.iter_mut().find(|account| account.is_of(trunk)).map(|account| &mut account.digest)
    }

    /// Whether anything is known of the account of this trunk.
    pub(super) fn know(&self, trunk: &Trunk) -> bool {
        self.0.iter().any(|account| account.is_of(trunk))
    }

    /// Adds the credentials that the carrier wants, as far as it is known. `cnonce` is ours.
    pub(super) fn authorise(&mut self, trunk: &Trunk, request: &mut Request, cnonce: &str) {
        let who = Credentials { username: &trunk.username, password: trunk.password.reveal() };
        if let Some(digest) = self.of(trunk) {
            digest.authorise(&who, request, cnonce);
        }
    }

    /// See [`DigestClient::challenged`].
    pub(super) fn challenged(&mut self, trunk: &Trunk, sent: &Request, response: &Response) -> bool {
        if !self.know(trunk) {
            if self.0.len() >= ACCOUNTS {
                self.0.remove(0);
            }
            self.0.push(Account {
                domain: trunk.domain.clone(),
                username: trunk.username.clone(),
                password: trunk.password.clone(),
                digest: DigestClient::default(),
            });
        }
        let again = self.of(trunk).is_some_and(|digest| digest.challenged(sent, response));
        if !again {
            self.forget(trunk);
        }
        again
    }

    /// A final answer came: the carrier may give the next nonce with it (RFC 7616, 3.5).
    pub(super) fn answered(&mut self, trunk: &Trunk, response: &Response) {
        if let Some(digest) = self.of(trunk) {
            digest.answered(response);
        }
    }

    /// The carrier does not take what we know: the next call begins anew.
    pub(super) fn forget(&mut self, trunk: &Trunk) {
        self.0.retain(|account| !account.is_of(trunk));
    }
}
