//! What happened, for the tests to read: calls, pushes, events and complaints.
//!
//! This is the outside world, so full numbers stand here, and nowhere else: the
//! journal goes out over HTTP only, never into a log.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

const MAX_RECORDS: usize = 5_000;

/// The journal; clones share one content.
#[derive(Clone, Default)]
pub struct Journal(Arc<Mutex<Content>>);

/// Everything in the journal. All times are Unix milliseconds.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Content {
    /// Calls, oldest first; a call is one Call-ID.
    pub calls: Vec<CallRecord>,
    /// Orders pushed to the product.
    pub pushes: Vec<PushRecord>,
    /// Events that came from the product.
    pub events: Vec<EventRecord>,
    /// Proofs of the notary, oldest first.
    pub proofs: Vec<ProofRecord>,
    /// What became of each REGISTER, oldest first.
    pub registers: Vec<RegisterRecord>,
    /// How many OPTIONS came.
    pub options: u64,
    /// How often the time server told the time.
    pub times_told: u64,
    /// Breaches of protocol by the other side.
    pub complaints: Vec<Complaint>,
}

/// One call.
#[derive(Debug, Default, Clone, Serialize)]
pub struct CallRecord {
    /// SIP Call-ID.
    pub call_id: String,
    /// True when a party called the court; false when the court dialled.
    pub into_court: bool,
    /// Number dialled, in national digits (as it was sent if it is none).
    pub number: String,
    /// User part of From; `anonymous` when a party's number is withheld.
    pub caller: String,
    /// User parts of P-Asserted-Identity.
    pub asserted: Vec<String>,
    /// Payload types that the court's offer lists, in order.
    pub offered: Vec<u8>,
    /// Name of the behaviour of the party dialled.
    pub behaviour: Option<&'static str>,
    /// INVITE requests outside a dialog, repeats not counted.
    pub invites: u32,
    /// Challenges sent.
    pub challenges: u32,
    /// Those of them that said `stale=true`.
    pub stale: u32,
    /// True when the credentials were right, false when they were wrong.
    pub digest_ok: Option<bool>,
    /// Algorithm of the right credentials.
    pub digest_algorithm: Option<&'static str>,
    /// Why the call was refused by the carrier itself.
    pub refused: Option<&'static str>,
    /// Final status of the INVITE.
    pub status: Option<u16>,
    /// When the first INVITE came.
    pub invite_at: Option<u64>,
    /// When 180 was sent first.
    pub ringing_at: Option<u64>,
    /// When 183 was sent first.
    pub early_media_at: Option<u64>,
    /// When 200 was sent first.
    pub answered_at: Option<u64>,
    /// When the 200 was acknowledged.
    pub acked_at: Option<u64>,
    /// When the call ended (BYE, CANCEL or refusal).
    pub ended_at: Option<u64>,
    /// `caller` (the court, of its own call), `court` (of a call into it), `party` or `carrier`.
    pub ended_by: Option<&'static str>,
    /// Reason (RFC 3326) of the court's BYE, CANCEL or refusal.
    pub reason: Option<String>,
    /// Retry-After of the court's refusal, in seconds.
    pub retry_after_s: Option<u64>,
    /// What the carrier changed by a re-INVITE, oldest first.
    pub changes: Vec<ChangeRecord>,
    /// Clips the party began to speak.
    pub said: Vec<Said>,
    /// True when the party's script or file is over.
    pub script_over: bool,
    /// Packet counters.
    pub rtp: RtpRecord,
    /// WAV file with what the party heard; set when the media is closed.
    pub audio: Option<String>,
}

/// One re-INVITE of the carrier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangeRecord {
    /// `new-port`, `hold`, `resume` or `fax`.
    pub what: &'static str,
    /// Final status of the court's answer.
    pub status: u16,
}

/// One REGISTER.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegisterRecord {
    /// When.
    pub at: u64,
    /// Value of Contact.
    pub contact: String,
    /// Status of the answer.
    pub status: u16,
    /// Seconds asked for; 0 takes the binding back.
    pub asked_s: u64,
    /// Seconds granted.
    pub granted_s: u64,
}

/// One clip that a party began to speak.
#[derive(Debug, Clone, Serialize)]
pub struct Said {
    /// Name of the clip.
    pub clip: String,
    /// When it began.
    pub at: u64,
}

/// Counters of the media of one call, seen from the party.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct RtpRecord {
    /// Codec of the answer.
    pub codec: Option<&'static str>,
    /// Packets sent.
    pub sent: u64,
    /// Audio packets received.
    pub received: u64,
    /// Packets that the sequence numbers say were lost.
    pub lost: u64,
    /// Packets from another address than the offered one (not played).
    pub foreign: u64,
    /// Packets that are no RTP or have a payload type that was not agreed.
    pub defective: u64,
    /// Synchronisation sources seen.
    pub sources: u64,
    /// Milliseconds of sound among them: what is louder than -44 dBFS.
    pub heard_ms: u64,
    /// Digits received as telephone-events.
    pub dtmf: String,
    /// Digits sent as telephone-events.
    pub dtmf_sent: String,
    /// First packet sent.
    pub first_sent_at: Option<u64>,
    /// Last packet sent.
    pub last_sent_at: Option<u64>,
    /// First audio packet received; the WAV file begins here.
    pub first_received_at: Option<u64>,
    /// Last audio packet received.
    pub last_received_at: Option<u64>,
}

/// One order pushed.
#[derive(Debug, Clone, Serialize)]
pub struct PushRecord {
    /// When the answer came.
    pub at: u64,
    /// Order number.
    pub order_no: String,
    /// Title of the case for the page.
    pub title: String,
    /// What this sample is to be answered with: `received`, `incomplete` or `duplicate`.
    pub expected: &'static str,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// Body of the answer, or the error when there was none.
    pub reply: serde_json::Value,
}

/// One event accepted.
#[derive(Debug, Clone, Serialize)]
pub struct EventRecord {
    /// When it came first.
    pub at: u64,
    /// Idempotency key.
    pub key: String,
    /// How often it came.
    pub deliveries: u32,
    /// The event itself.
    pub event: serde_json::Value,
    /// File of the report under the output folder.
    pub report: Option<String>,
    /// SHA-256 of the report as received.
    pub sha256: Option<String>,
    /// Length of the report in bytes.
    pub bytes: usize,
}

/// A proof that the notary made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProofRecord {
    /// Court.
    pub court: String,
    /// Day.
    pub day: String,
    /// Block.
    pub block: u64,
    /// How often its root came.
    pub deliveries: u32,
}

/// Something the other side did wrong.
#[derive(Debug, Clone, Serialize)]
pub struct Complaint {
    /// When.
    pub at: u64,
    /// `sip`, `rtp`, `ntp`, `events` or `notary`.
    pub part: &'static str,
    /// What, without personal data.
    pub what: String,
}

/// Unix time in milliseconds.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}

impl Journal {
    /// A copy of everything.
    pub fn content(&self) -> Content {
        self.lock().clone()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the record of a call; makes it if it is new and there is room.
    pub(crate) fn call(&self, call_id: &str, change: impl FnOnce(&mut CallRecord)) {
        let mut content = self.lock();
        if let Some(record) = content.calls.iter_mut().rev().find(|c| c.call_id == call_id) {
            change(record);
        } else if content.calls.len() < MAX_RECORDS {
            let mut record = CallRecord { call_id: call_id.to_owned(), ..CallRecord::default() };
            change(&mut record);
            content.calls.push(record);
        }
    }

    pub(crate) fn register(&self, record: RegisterRecord) {
        let mut content = self.lock();
        if content.registers.len() < MAX_RECORDS {
            content.registers.push(record);
        }
    }

    pub(crate) fn push(&self, record: PushRecord) {
        let mut content = self.lock();
        if content.pushes.len() < MAX_RECORDS {
            content.pushes.push(record);
        }
    }

    pub(crate) fn complain(&self, part: &'static str, what: impl Into<String>) {
        let mut content = self.lock();
        if content.complaints.len() < MAX_RECORDS {
            content.complaints.push(Complaint { at: now_ms(), part, what: what.into() });
        }
    }
}
