//! What judge, clerk, supervisor and agent read: cases, orders, recipients, documents.

mod store;

pub use store::{
    case, case_by_number, cases, documents, incomplete_orders, order, orders_of_case, other_parties, party, phone,
    phones,
};

/// A case in a list.
#[derive(Debug, Clone)]
pub struct CaseRow {
    /// Id.
    pub id: String,
    /// Canonical 案号.
    pub number: String,
    /// 案由.
    pub cause: String,
    /// Kind of case.
    pub kind: String,
    /// 程序.
    pub procedure: String,
    /// 承办部门.
    pub dept: String,
    /// Judge's name.
    pub judge_name: String,
    /// Judge's login in the court's systems.
    pub judge_login: String,
    /// Clerk's login.
    pub clerk_login: String,
    /// Hearing.
    pub hearing_ms: Option<i64>,
    /// Room.
    pub hearing_room: String,
    /// 举证期限.
    pub evidence_until: String,
    /// Recipients.
    pub parties: i64,
    /// Tasks.
    pub tasks: i64,
    /// Tasks that are served and reported.
    pub done: i64,
    /// Last event of any task.
    pub last_event_ms: i64,
}

/// Which cases somebody may see.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    /// All of the court.
    Court,
    /// Those in which this login is judge or clerk.
    Own(&'a str),
}

/// An order.
#[derive(Debug, Clone)]
pub struct OrderRow {
    /// Id.
    pub id: String,
    /// Source system.
    pub source: String,
    /// Number there.
    pub order_no: String,
    /// Revision.
    pub revision: i64,
    /// State.
    pub state: String,
    /// 送达环节.
    pub link: String,
    /// Kind.
    pub order_kind: String,
    /// Court's date.
    pub finish_by: String,
    /// normal or urgent.
    pub urgency: String,
    /// What is missing.
    pub gaps: Vec<crate::intake::Missing>,
    /// When it came.
    pub created_ms: i64,
}

/// A recipient.
#[derive(Debug, Clone)]
pub struct PartyRow {
    /// Id.
    pub id: String,
    /// The source's reference.
    pub reference: String,
    /// Name.
    pub name: String,
    /// 诉讼地位.
    pub position: String,
    /// 自然人, 法人 …
    pub kind: String,
    /// Kind of identity document.
    pub id_type: String,
    /// Masked identity number.
    pub id_masked: String,
    /// 有效, 待核实 or 未提供.
    pub id_state: String,
}

/// A number as it may be shown.
#[derive(Debug, Clone)]
pub struct PhoneRow {
    /// Id by which it is dialled.
    pub id: String,
    /// Whose it is.
    pub party_id: String,
    /// Masked number.
    pub masked: String,
    /// Where it comes from.
    pub source: String,
    /// Label.
    pub label: String,
    /// 有效, 空号, 易主, 停机, 不可拨.
    pub state: String,
    /// Words for the last result.
    pub last_result: String,
    /// Sealed number; opened only where it is dialled.
    pub sealed: Vec<u8>,
}

/// A document of a task.
#[derive(Debug, Clone)]
pub struct DocumentRow {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// D1 … D6.
    pub class: String,
    /// Pages.
    pub pages: i64,
    /// Copies for this recipient.
    pub copies: i64,
    /// SHA-256.
    pub sha256: String,
    /// SM3.
    pub sm3: String,
    /// 未送达 or 已送达.
    pub state: String,
    /// Its file.
    pub object_id: String,
}
