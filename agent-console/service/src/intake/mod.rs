//! Intake: a complete order becomes case, parties, documents and one task per recipient,
//! in one transaction (R1.1a). An incomplete one is kept as 待补正 with what is missing.
//!
//! The message itself, its transport and its checks are `link`'s; here stands what an
//! order is.

mod given;
mod main_numbers;
mod opened;
mod parties;
mod store;

pub(crate) use given::{Given, given_in_a_call};
pub use main_numbers::index_main_numbers;
pub use opened::{Region, dialable, open_for};
pub use store::{Existing, accept, existing, keep_incomplete, last_revision, stand_in_line};

use songda_store::{
    Said,
    masked::{IdNumber, Phone},
};

/// Keys under which an order is known to its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderKey {
    /// Source system.
    pub source: String,
    /// Number of the order there.
    pub order_no: String,
    /// Revision, from 1.
    pub revision: i64,
}

/// A complete order.
#[derive(Debug)]
pub struct Intake {
    /// Court.
    pub court_id: String,
    /// Its key.
    pub key: OrderKey,
    /// SHA-256 over the message and its files.
    pub content_hash: String,
    /// The message as it came, an object.
    pub body_object: String,
    /// Case.
    pub case: CaseFacts,
    /// 送达环节.
    pub link: String,
    /// 一般诉讼文书, 裁判文书, 仅直接电子送达 or 仅通知.
    pub order_kind: String,
    /// The court's own date, or empty.
    pub finish_by: String,
    /// normal or urgent.
    pub urgency: String,
    /// Free remark; sealed.
    pub remark: String,
    /// Recipients.
    pub parties: Vec<PartyFacts>,
    /// Documents.
    pub documents: Vec<DocumentFacts>,
}

/// Facts of a case.
#[derive(Debug)]
pub struct CaseFacts {
    /// As it came.
    pub number_raw: String,
    /// Canonical.
    pub number: String,
    /// 民商事, 行政, 执行, 刑事 …
    pub kind: String,
    /// 案由.
    pub cause: String,
    /// 程序.
    pub procedure: String,
    /// 承办部门.
    pub dept: String,
    /// Login of the judge in the court's systems.
    pub judge_login: String,
    /// Name of the judge.
    pub judge_name: String,
    /// Login of the clerk.
    pub clerk_login: String,
    /// Hearing, unix milliseconds.
    pub hearing_ms: Option<i64>,
    /// Room of the hearing.
    pub hearing_room: String,
    /// 举证期限.
    pub evidence_until: String,
    /// 不公开审理.
    pub secret: bool,
}

/// Facts of a recipient.
#[derive(Debug)]
pub struct PartyFacts {
    /// The source's reference.
    pub reference: String,
    /// 诉讼地位.
    pub position: String,
    /// 自然人, 法人 …
    pub kind: String,
    /// Name, exactly as pushed.
    pub name: String,
    /// Kind of identity document.
    pub id_type: String,
    /// Identity number, when one was given.
    pub id: Option<IdNumber>,
    /// Whether the number passes its check; one that does not is kept as 待核实 (E18).
    pub id_checked: bool,
    /// Telephone numbers, in the order of dialling.
    pub phones: Vec<PhoneFacts>,
    /// Addresses.
    pub addresses: Vec<AddressFacts>,
    /// E-mail addresses.
    pub emails: Vec<String>,
    /// 诉讼代理人.
    pub representatives: Vec<RepresentativeFacts>,
}

/// A telephone number as it was given.
#[derive(Debug)]
pub struct PhoneFacts {
    /// The number, sealed at rest.
    pub number: Phone,
    /// Where it comes from, e.g. 起诉状.
    pub source: String,
    /// E.g. 明确送达联系方式.
    pub label: String,
    /// Whether the line can be dialled in this version (E39).
    pub dialable: bool,
}

/// A postal address.
#[derive(Debug)]
pub struct AddressFacts {
    /// Whole text.
    pub text: String,
    /// Where it comes from.
    pub source: String,
    /// Confirmed by the party.
    pub confirmed: bool,
}

/// A representative.
#[derive(Debug)]
pub struct RepresentativeFacts {
    /// Name.
    pub name: String,
    /// 律师 …
    pub kind: String,
    /// 一般授权 or 特别授权.
    pub authority: String,
    /// 代收人.
    pub receiver: bool,
    /// Number, when given.
    pub phone: Option<Phone>,
}

/// A document.
#[derive(Debug)]
pub struct DocumentFacts {
    /// The source's reference.
    pub reference: String,
    /// Name.
    pub name: String,
    /// D1 … D6.
    pub class: String,
    /// Stored file.
    pub object_id: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// SM3 of the file.
    pub sm3: String,
    /// Pages.
    pub pages: i64,
    /// Carries the court's seal.
    pub sealed: bool,
    /// References of the recipients it is for; empty means all.
    pub recipients: Vec<String>,
    /// Copies.
    pub copies: i64,
}

/// What arose from an order.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// Order.
    pub order_id: String,
    /// Case.
    pub case_id: String,
    /// Tasks with the reference of their recipient and their first phase.
    pub tasks: Vec<AcceptedTask>,
}

impl Accepted {
    /// The answer that the pusher gets, now and at each repetition.
    pub fn answer(&self) -> serde_json::Value {
        let tasks: Vec<_> = self
            .tasks
            .iter()
            .map(|task| serde_json::json!({ "id": task.id, "number": task.number, "party_ref": task.party_ref, "phase": task.phase }))
            .collect();
        serde_json::json!({ "status": "received", "order_id": self.order_id, "case_id": self.case_id, "tasks": tasks })
    }
}

/// One task that arose.
#[derive(Debug, Clone)]
pub struct AcceptedTask {
    /// Task.
    pub id: String,
    /// Number shown to people.
    pub number: String,
    /// Recipient's reference at the source.
    pub party_ref: String,
    /// First phase.
    pub phase: &'static str,
}

/// Something that is missing in an incomplete order.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(from = "KeptMissing")]
pub struct Missing {
    /// JSON path in the message.
    pub path: String,
    /// What is missing, in Chinese, as the case system shows it.
    pub text: String,
    /// The same as a code, for pages in either language.
    pub said: Said,
}

/// As it is kept; of an earlier version it has its text alone.
#[derive(serde::Deserialize)]
struct KeptMissing {
    path: String,
    text: String,
    said: Option<Said>,
}

impl From<KeptMissing> for Missing {
    fn from(KeptMissing { path, text, said }: KeptMissing) -> Self {
        let said = said.unwrap_or_else(|| Said::new(Said::PLAIN, "{text}").with("text", text.as_str()));
        Self { path, text, said }
    }
}
