//! The push message of domain 8.1: what stands in it, what is wrong, what is missing.

use serde_json::Value;
use songda_service::{
    case_number::CaseNumber,
    intake::{AddressFacts, CaseFacts, OrderKey, PartyFacts, PhoneFacts, RepresentativeFacts},
};
use songda_store::{
    Said,
    masked::{IdNumber, Phone},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::fields::{At, Problems};

/// Most recipients of one order.
const PARTIES: usize = 500;
/// Most documents of one order.
const DOCUMENTS: usize = 1_000;
const ORDER_KINDS: [&str; 4] = ["一般诉讼文书", "裁判文书", "仅直接电子送达", "仅通知"];
const CLASSES: [&str; 6] = ["D1", "D2", "D3", "D4", "D5", "D6"];

/// What was read.
#[derive(Debug)]
pub struct Message {
    /// Key, when it could be read.
    pub key: OrderKey,
    /// Court code named in the message.
    pub court: String,
    /// Case.
    pub case: CaseFacts,
    /// 送达环节.
    pub link: String,
    /// Order kind.
    pub order_kind: String,
    /// Court's date.
    pub finish_by: String,
    /// normal or urgent.
    pub urgency: String,
    /// Remark.
    pub remark: String,
    /// Recipients.
    pub parties: Vec<PartyFacts>,
    /// Documents.
    pub documents: Vec<DocumentEntry>,
}

/// A document as the message names it.
#[derive(Debug)]
pub struct DocumentEntry {
    /// Place in the message.
    pub path: String,
    /// The source's reference.
    pub reference: String,
    /// Name.
    pub name: String,
    /// D1 … D6.
    pub class: String,
    /// Hash that the file must have, lower case hex.
    pub sha256: String,
    /// Pages.
    pub pages: i64,
    /// Carries the court's seal.
    pub sealed: bool,
    /// Recipients; empty means all.
    pub recipients: Vec<String>,
    /// Copies.
    pub copies: i64,
    /// Name of the part that holds the file.
    pub file: String,
}

/// Reads a message; what is wrong or missing stands in `problems` afterwards.
pub fn read(value: &Value, problems: &mut Problems) -> Message {
    let root = At::root(value);
    let p = problems;
    let key = OrderKey {
        source: token(root.text("", "source", p), "source", p),
        order_no: token(root.text("", "order_no", p), "order_no", p),
        revision: root.number("", "revision", 1..=9_999, 1, p),
    };
    let court = root.text("", "court", p);
    if court.is_empty() {
        p.wrong("court", "field.required", "the court's code is required");
    }
    let order_kind = match root.text("", "order_kind", p) {
        kind if kind.is_empty() => ORDER_KINDS[0].to_owned(),
        kind if ORDER_KINDS.contains(&kind.as_str()) => kind,
        _ => {
            p.wrong("order_kind", "field.unknown", format!("must be one of {}", ORDER_KINDS.join(", ")));
            String::new()
        }
    };
    let urgency = match root.text("", "urgency", p).as_str() {
        "" | "normal" => "normal".to_owned(),
        "urgent" => "urgent".to_owned(),
        _ => {
            p.wrong("urgency", "field.unknown", "must be normal or urgent");
            String::new()
        }
    };
    let case = read_case(root, p);
    let parties: Vec<_> =
        root.objects("", "parties", PARTIES, p).into_iter().map(|(path, at)| read_party(&path, at, p)).collect();
    if parties.is_empty() {
        p.missing("parties", "没有受送达人", Said::new("gap.parties", "it names no recipient"));
    }
    unique(parties.iter().map(|party| party.reference.as_str()), "parties", p);
    one_person_once(&parties, p);
    let documents: Vec<_> =
        root.objects("", "documents", DOCUMENTS, p).into_iter().map(|(path, at)| read_document(&path, at, p)).collect();
    if documents.is_empty() && order_kind != "仅通知" {
        p.missing("documents", "没有送达文书", Said::new("gap.documents", "it has no document"));
    }
    unique(documents.iter().map(|document| document.reference.as_str()), "documents", p);
    for document in &documents {
        for reference in &document.recipients {
            if !parties.iter().any(|party| party.reference == *reference) {
                p.wrong(
                    &format!("{}.for", document.path),
                    "field.unknown",
                    "names a recipient that is not in the message",
                );
            }
        }
    }
    Message {
        key,
        court,
        case,
        link: root.text("", "link", p),
        order_kind,
        finish_by: date(root.text("", "finish_by", p), "finish_by", p),
        urgency,
        remark: root.text("", "remark", p),
        parties,
        documents,
    }
}

/// A name that is used as a key: short, printable, without blanks.
fn token(text: String, path: &str, problems: &mut Problems) -> String {
    if text.is_empty() {
        problems.wrong(path, "field.required", "is required");
    } else if text.len() > 64 || !text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c)) {
        problems.wrong(path, "field.format", "at most 64 letters, digits, - _ . /");
    }
    text
}

fn unique<'a>(references: impl Iterator<Item = &'a str>, path: &str, problems: &mut Problems) {
    let mut seen = std::collections::HashSet::new();
    for (index, reference) in references.enumerate() {
        if !reference.is_empty() && !seen.insert(reference) {
            problems.wrong(
                &format!("{path}[{index}].ref"),
                "field.duplicate",
                "this reference stands twice in the message",
            );
        }
    }
}

/// A person stands once in an order: twice would be two tasks for the same papers.
fn one_person_once(parties: &[PartyFacts], problems: &mut Problems) {
    for (index, party) in parties.iter().enumerate() {
        let same = |other: &PartyFacts| {
            let ids = other.id.as_ref().zip(party.id.as_ref());
            ids.is_some_and(|(one, two)| one.reveal() == two.reveal())
                && other.position == party.position
                && other.name == party.name
        };
        if parties[..index].iter().any(same) {
            problems.wrong(
                &format!("parties[{index}].id_no"),
                "field.duplicate",
                "this person stands twice in the message, in the same position",
            );
        }
    }
}

fn date(text: String, path: &str, problems: &mut Problems) -> String {
    let format = time::macros::format_description!("[year]-[month]-[day]");
    if !text.is_empty() && time::Date::parse(&text, &format).is_err() {
        problems.wrong(path, "field.format", "must be a date like 2026-12-02");
        return String::new();
    }
    text
}

fn read_case(root: At<'_>, p: &mut Problems) -> CaseFacts {
    let case = root.object("", "case", p);
    let number_raw = case.text("case", "no", p);
    let number = if number_raw.is_empty() {
        p.missing("case.no", "没有案号", Said::new("gap.case_number", "it has no case number"));
        String::new()
    } else if let Ok(number) = CaseNumber::parse(&number_raw) {
        number.canonical
    } else {
        let said = Said::new("gap.case_number_unreadable", "its case number cannot be read");
        p.missing("case.no", "案号格式不能识别", said);
        String::new()
    };
    let judge = case.object("case", "judge", p);
    let clerk = case.object("case", "clerk", p);
    let hearing = case.object("case", "hearing", p);
    let at = hearing.text("case.hearing", "at", p);
    let hearing_ms = if at.is_empty() {
        None
    } else if let Ok(time) = OffsetDateTime::parse(&at, &Rfc3339) {
        Some((time.unix_timestamp_nanos() / 1_000_000) as i64)
    } else {
        p.wrong("case.hearing.at", "field.format", "must be a time like 2026-12-10T09:30:00+08:00");
        None
    };
    CaseFacts {
        number_raw,
        number,
        kind: case.text("case", "kind", p),
        cause: case.text("case", "cause", p),
        procedure: case.text("case", "procedure", p),
        dept: root.text("", "dept", p),
        judge_login: judge.text("case.judge", "id", p),
        judge_name: judge.text("case.judge", "name", p),
        clerk_login: clerk.text("case.clerk", "id", p),
        hearing_ms,
        hearing_room: hearing.text("case.hearing", "room", p),
        evidence_until: date(case.text("case", "evidence_until", p), "case.evidence_until", p),
        secret: case.flag("case", "secret", p),
    }
}

fn read_party(path: &str, at: At<'_>, p: &mut Problems) -> PartyFacts {
    let reference = at.text(path, "ref", p);
    if reference.is_empty() {
        p.wrong(&format!("{path}.ref"), "field.required", "is required");
    }
    let name = dotted(&at.text(path, "name", p));
    if name.is_empty() {
        let said = Said::new("gap.party_name", "recipient {party} has no name");
        p.missing(&format!("{path}.name"), "没有姓名或名称", said);
    }
    let id_type = at.text(path, "id_type", p);
    let id_text = at.text(path, "id_no", p);
    let (id, id_checked) = read_id(&id_type, &id_text, &format!("{path}.id_no"), p);
    PartyFacts {
        reference,
        position: at.text(path, "position", p),
        kind: at.text(path, "kind", p),
        name,
        id_type,
        id,
        id_checked,
        phones: at
            .objects(path, "phones", 20, p)
            .into_iter()
            .filter_map(|(path, at)| {
                let number = at.text(&path, "no", p);
                if number.is_empty() {
                    let said = Said::new("gap.phone", "telephone {phone} of recipient {party} has no number");
                    p.missing(&format!("{path}.no"), "没有电话号码", said);
                    return None;
                }
                let text = "the number of telephone {phone} of recipient {party} cannot be read";
                let unreadable = Said::new("gap.phone_unreadable", text);
                let number = read_phone(&number, &format!("{path}.no"), unreadable, p)?;
                let dialable = number.dialable();
                Some(PhoneFacts {
                    number,
                    source: at.text(&path, "source", p),
                    label: at.text(&path, "label", p),
                    dialable,
                })
            })
            .collect(),
        addresses: at
            .objects(path, "addresses", 20, p)
            .into_iter()
            .map(|(path, at)| AddressFacts {
                text: at.text(&path, "text", p),
                source: at.text(&path, "source", p),
                confirmed: at.flag(&path, "confirmed", p),
            })
            .filter(|address| !address.text.is_empty())
            .collect(),
        emails: at.texts(path, "emails", 10, p),
        representatives: at
            .objects(path, "agents", 20, p)
            .into_iter()
            .map(|(path, at)| {
                let phone = at.text(&path, "phone", p);
                let text = "the number of representative {agent} of recipient {party} cannot be read";
                let unreadable = Said::new("gap.agent_phone_unreadable", text);
                RepresentativeFacts {
                    name: dotted(&at.text(&path, "name", p)),
                    kind: at.text(&path, "kind", p),
                    authority: at.text(&path, "authority", p),
                    receiver: at.flag(&path, "receiver", p),
                    phone: if phone.is_empty() {
                        None
                    } else {
                        read_phone(&phone, &format!("{path}.phone"), unreadable, p)
                    },
                }
            })
            .collect(),
    }
}

/// The dot in minority names has many spellings and one canonical form, U+00B7 (E24).
/// Nothing else of a name is ever changed.
fn dotted(name: &str) -> String {
    name.replace(['\u{2022}', '\u{2027}', '\u{30fb}', '\u{ff0e}'], "\u{b7}")
}

fn read_phone(text: &str, path: &str, unreadable: Said, p: &mut Problems) -> Option<Phone> {
    let phone = Phone::parse(text);
    if phone.is_err() {
        p.missing(path, "电话号码不能识别", unreadable);
    }
    phone.ok()
}

/// A resident identity number is checked; one that fails is kept as 待核实 (E18). Other
/// kinds of papers are kept as they are (E20).
fn read_id(id_type: &str, text: &str, path: &str, p: &mut Problems) -> (Option<IdNumber>, bool) {
    if text.is_empty() {
        return (None, false);
    }
    if let Ok(number) = IdNumber::parse(id_type, text) {
        let checked = number.checked();
        (Some(number), checked)
    } else {
        p.wrong(path, "field.format", "not readable as an identity number");
        (None, false)
    }
}

fn read_document(path: &str, at: At<'_>, p: &mut Problems) -> DocumentEntry {
    let reference = at.text(path, "ref", p);
    if reference.is_empty() {
        p.wrong(&format!("{path}.ref"), "field.required", "is required");
    }
    let name = at.text(path, "name", p);
    if name.is_empty() {
        let said = Said::new("gap.document_name", "document {document} has no name");
        p.missing(&format!("{path}.name"), "文书没有名称", said);
    }
    let class = at.text(path, "class", p);
    if class.is_empty() {
        let said = Said::new("gap.document_class", "document {document} has no class");
        p.missing(&format!("{path}.class"), "文书没有类别", said);
    } else if !CLASSES.contains(&class.as_str()) {
        p.wrong(&format!("{path}.class"), "field.unknown", "must be D1 to D6");
    }
    let sha256 = at.text(path, "sha256", p).to_ascii_lowercase();
    if sha256.is_empty() {
        let said = Said::new("gap.document_hash", "document {document} has no hash");
        p.missing(&format!("{path}.sha256"), "文书没有哈希", said);
    } else if sha256.len() != 64 || !sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
        p.wrong(&format!("{path}.sha256"), "field.format", "must be 64 hexadecimal digits");
    }
    let file = at.text(path, "file", p);
    if file.is_empty() {
        let said = Said::new("gap.document_file", "document {document} names no file");
        p.missing(&format!("{path}.file"), "文书没有文件", said);
    }
    DocumentEntry {
        path: path.to_owned(),
        reference,
        name,
        class,
        sha256,
        pages: at.number(path, "pages", 1..=10_000, 1, p),
        sealed: at.flag(path, "sealed", p),
        recipients: at.texts(path, "for", PARTIES, p),
        copies: at.number(path, "copies", 1..=100, 1, p),
        file,
    }
}
