//! What outlives the process: enough of a leg to end it after a crash.

use std::{fmt, net::SocketAddr};

use serde::{Deserialize, Serialize};

use super::{OutboundCall, dialog::SavedDialog, post::token};
use crate::flow::Flow;

/// How what follows is written. A run reads what runs of the same version kept.
const VERSION: u32 = 2;

/// A leg as it must be kept to be ended by another run of the endpoint: its INVITE, and
/// its dialog once it is answered. It holds the numbers of both ends: keep it sealed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedLeg {
    version: u32,
    pub(super) local: SocketAddr,
    pub(super) target: Flow,
    pub(super) domain: String,
    /// Request-URI, where it is not the callee at the domain.
    pub(super) uri: Option<String>,
    pub(super) callee: String,
    pub(super) caller: String,
    pub(super) ids: LegIds,
    /// `CSeq` number of the first INVITE that this target saw.
    pub(super) first: u32,
    /// The other end placed the call: there is nothing to cancel.
    pub(super) incoming: bool,
    pub(super) dialog: Option<SavedDialog>,
}

/// What names a leg on the wire, chosen before anything goes out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LegIds {
    pub(super) call_id: String,
    /// Ours: of From where we call, of To where we are called.
    pub(super) local_tag: String,
    /// The branch of each INVITE is this and its `CSeq` number, so that a CANCEL of a later
    /// run carries it too (RFC 3261, 9.1).
    pub(super) branch: String,
}

impl LegIds {
    pub(crate) fn new(local: SocketAddr, mut random: impl FnMut() -> u64) -> Self {
        let mut word = |words| token(&mut random, words);
        let call_id = format!("{}@{}", word(2), local.ip());
        Self { call_id, local_tag: word(1), branch: word(2) }
    }

    pub(super) fn branch_of(&self, cseq: u32) -> String {
        format!("{}.{cseq}", self.branch)
    }
}

impl SavedLeg {
    pub(crate) fn new(local: SocketAddr, call: &OutboundCall, target: Flow, ids: LegIds) -> Self {
        Self {
            version: VERSION,
            local,
            // A connection does not outlive its run.
            target: Flow { connection: 0, ..target },
            domain: call.trunk.domain.clone(),
            uri: call.trunk.uri.clone(),
            callee: call.callee.reveal().to_owned(),
            caller: call.caller.reveal().to_owned(),
            ids,
            first: 1,
            incoming: false,
            dialog: None,
        }
    }

    pub(super) fn incoming(local: SocketAddr, flow: Flow, ids: LegIds) -> Self {
        Self {
            version: VERSION,
            local,
            target: Flow { connection: 0, ..flow },
            domain: String::new(),
            uri: None,
            callee: String::new(),
            caller: String::new(),
            ids,
            first: 1,
            incoming: true,
            dialog: None,
        }
    }

    /// Where its INVITE went, or came from, by whatever connection.
    pub(crate) fn target(&self) -> Flow {
        self.target
    }

    /// As it is stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads what [`SavedLeg::to_bytes`] wrote; none when it is something else, or was written
    /// by another version.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(bytes).ok().filter(|saved| saved.version == VERSION)
    }

    /// Call-ID. Ours may stand in logs; that of a leg that came in was chosen by the other end,
    /// and may hold a number.
    pub fn call_id(&self) -> &str {
        &self.ids.call_id
    }

    /// The other end placed the call.
    pub fn is_incoming(&self) -> bool {
        self.incoming
    }

    /// The party answered: a BYE ends it, before that a CANCEL.
    pub fn is_answered(&self) -> bool {
        self.dialog.is_some()
    }
}

impl fmt::Debug for SavedLeg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SavedLeg")
            .field("call_id", &(!self.incoming).then_some(&self.ids.call_id))
            .field("answered", &self.is_answered())
            .finish_non_exhaustive()
    }
}
