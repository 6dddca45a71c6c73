//! Which account is to be looked at: one entry per account in order of time, and who is at a
//! flow. What was a walk over all accounts with every REGISTER is a look-up.

use std::{
    collections::{BTreeSet, HashMap},
    time::Instant,
};

use super::account::Account;
use crate::flow::Flow;

#[derive(Debug, Default)]
pub(super) struct Index {
    due: BTreeSet<(Instant, String)>,
    at: HashMap<Flow, BTreeSet<String>>,
}

/// What stands in the index of one account.
#[derive(Debug, Default)]
pub(super) struct Entry {
    due: Option<Instant>,
    flows: BTreeSet<Flow>,
}

impl Index {
    /// Brings the entry of an account up to date.
    pub(super) fn set(&mut self, user: &str, account: &mut Account) {
        let new = Entry { due: account.next_deadline(), flows: account.flows() };
        let old = std::mem::replace(&mut account.entry, new);
        if old.due != account.entry.due {
            if let Some(due) = old.due {
                self.due.remove(&(due, user.to_owned()));
            }
            self.due.extend(account.entry.due.map(|due| (due, user.to_owned())));
        }
        for flow in old.flows.difference(&account.entry.flows) {
            if let Some(users) = self.at.get_mut(flow) {
                users.remove(user);
                if users.is_empty() {
                    self.at.remove(flow);
                }
            }
        }
        for flow in account.entry.flows.difference(&old.flows) {
            self.at.entry(*flow).or_default().insert(user.to_owned());
        }
    }

    /// When something is over next.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// An account of which something is over.
    pub(super) fn due(&self, now: Instant) -> Option<String> {
        self.due.first().filter(|(at, _)| *at <= now).map(|(_, user)| user.clone())
    }

    /// Whoever is at this flow.
    pub(super) fn at(&self, flow: &Flow) -> Vec<String> {
        self.at.get(flow).into_iter().flatten().cloned().collect()
    }
}
