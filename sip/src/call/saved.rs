//! What outlives the process: enough of a leg to end it after a crash.

use std::{fmt, net::SocketAddr};

use serde::{Deserialize, Serialize};

use super::{OutboundCall, core::token, dialog::SavedDialog};
use crate::flow::Flow;

/// A leg as it must be kept to be ended by another run of the endpoint: its INVITE, and
/// its dialog once it is answered. It holds the numbers of both ends: keep it sealed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedLeg {
    pub(super) local: SocketAddr,
    pub(super) target: Flow,
    pub(super) domain: String,
    pub(super) callee: String,
    pub(super) caller: String,
    pub(super) ids: LegIds,
    pub(super) dialog: Option<SavedDialog>,
}

/// What names a leg on the wire, chosen before anything goes out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LegIds {
    pub(super) call_id: String,
    pub(super) from_tag: String,
    /// The branch of each INVITE is this and its `CSeq` number, so that a CANCEL of a later
    /// run carries it too (RFC 3261, 9.1).
    pub(super) branch: String,
}

impl LegIds {
    pub(crate) fn new(local: SocketAddr, mut random: impl FnMut() -> u64) -> Self {
        let mut word = |words| token(&mut random, words);
        let call_id = format!("{}@{}", word(2), local.ip());
        Self { call_id, from_tag: word(1), branch: word(2) }
    }

    pub(super) fn branch_of(&self, cseq: u32) -> String {
        format!("{}.{cseq}", self.branch)
    }
}

impl SavedLeg {
    pub(crate) fn new(local: SocketAddr, call: &OutboundCall, target: Flow, ids: LegIds) -> Self {
        Self {
            local,
            target,
            domain: call.trunk.domain.clone(),
            callee: call.callee.reveal().to_owned(),
            caller: call.caller.reveal().to_owned(),
            ids,
            dialog: None,
        }
    }

    /// As it is stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads what [`SavedLeg::to_bytes`] wrote; none when it is something else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// Call-ID, which may stand in logs.
    pub fn call_id(&self) -> &str {
        &self.ids.call_id
    }

    /// The party answered: a BYE ends it, before that a CANCEL.
    pub fn is_answered(&self) -> bool {
        self.dialog.is_some()
    }
}

impl fmt::Debug for SavedLeg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SavedLeg")
            .field("call_id", &self.ids.call_id)
            .field("answered", &self.is_answered())
            .finish_non_exhaustive()
    }
}
