//! Twenty sample orders with the awkward names and numbers of real court work.
//!
//! The same day gives the same twenty, byte for byte: the eighteen whole ones, one with
//! its case number missing and the first one once more. Persons, numbers and companies
//! are invented; telephone numbers come from the demo range.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use time::{Date, Duration};

use super::identity::{credit_code, resident};
use super::pdf;

/// One push.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) order_no: String,
    pub(crate) title: String,
    pub(crate) expected: &'static str,
    pub(crate) order: Value,
    /// Part name, file name and bytes of each document.
    pub(crate) files: Vec<(String, String, Vec<u8>)>,
}

/// Who leads the cases; a court's own people in the system under test.
#[derive(Debug, Clone)]
pub struct Office {
    /// Id and name of the judge.
    pub judge: (String, String),
    /// Id of the clerk.
    pub clerk: String,
}

/// A party of a sample.
struct Party {
    position: &'static str,
    kind: &'static str,
    name: &'static str,
    id: (&'static str, String),
    /// Number and label.
    phones: Vec<(&'static str, &'static str)>,
    agent: Option<(&'static str, &'static str)>,
}

struct Case {
    cause: &'static str,
    procedure: &'static str,
    urgency: &'static str,
    order_kind: &'static str,
    documents: &'static [(&'static str, &'static str)],
    parties: Vec<Party>,
}

const SUMMONS: &[(&str, &str)] = &[("传票", "D1"), ("起诉状副本", "D1")];
const NOTICES: &[(&str, &str)] = &[("应诉通知书", "D1"), ("举证通知书", "D1"), ("开庭传票", "D1")];
const JUDGMENT: &[(&str, &str)] = &[("民事判决书", "D2")];
const CLEAR: &str = "明确送达联系方式";
const SELF: &str = "本人";

fn person(name: &'static str, id: (&'static str, String), phones: &[(&'static str, &'static str)]) -> Party {
    Party { position: "被告", kind: "自然人", name, id, phones: phones.to_vec(), agent: None }
}

fn company(name: &'static str, serial: u32, phones: &[(&'static str, &'static str)]) -> Party {
    let id = ("统一社会信用代码", credit_code(serial));
    Party { position: "被告", kind: "法人", name, id, phones: phones.to_vec(), agent: None }
}

fn card(birth: u32, serial: u32) -> (&'static str, String) {
    ("居民身份证", resident(birth, serial))
}

fn case(cause: &'static str, documents: &'static [(&'static str, &'static str)], parties: Vec<Party>) -> Case {
    Case { cause, procedure: "简易", urgency: "normal", order_kind: "一般诉讼文书", documents, parties }
}

/// Digits and X in their full-width forms.
fn wide(text: &str) -> String {
    let widen = |c: char| char::from_u32(c as u32 + 0xFEE0).unwrap_or(c);
    text.chars().map(|c| if c.is_ascii_graphic() { widen(c) } else { c }).collect()
}

fn spaced(text: &str) -> String {
    format!("{} {} {}", &text[..6], &text[6..14], &text[14..])
}

/// A resident number that ends in X, found by its serial.
fn ending_in_x(birth: u32) -> String {
    (1..1000).map(|serial| resident(birth, serial)).find(|id| id.ends_with('X')).unwrap_or_default()
}

fn cases() -> Vec<Case> {
    let wrong = {
        let mut id = resident(19_830_415, 12);
        let last = if id.ends_with('5') { '6' } else { '5' };
        id.pop();
        id.push(last);
        id
    };
    let mut list = vec![
        case("买卖合同纠纷", SUMMONS, vec![person("阿依古丽·买买提", card(19_880_312, 24), &[("13800000001", CLEAR)])]),
        case("民间借贷纠纷", SUMMONS, vec![person("王𬱖", card(19_790_621, 41), &[("13800000006", SELF)])]),
        case(
            "金融借款合同纠纷",
            NOTICES,
            vec![company("华信（西安）贸易有限公司", 101, &[("029-88000004", "单位"), ("13800000005", SELF)])],
        ),
        case(
            "房屋租赁合同纠纷",
            SUMMONS,
            vec![person(
                "Maximilian-Alexander Ferdinand von Hohenlohe-Schillingsfürst de la Vega y Santamaría",
                ("护照", "E00000001".into()),
                &[("13800000012", SELF)],
            )],
        ),
        case(
            "劳动争议",
            NOTICES,
            vec![
                person("买买提•艾力", card(19_850_101, 7), &[("13800000011", SELF)]),
                person("古丽娜尔‧吐尔逊", card(19_870_707, 28), &[("13800000021", SELF)]),
            ],
        ),
        case(
            "物业服务合同纠纷",
            SUMMONS,
            vec![person(
                "赵国华",
                card(19_700_203, 35),
                &[("13800004001", CLEAR), ("13800002001", "家属"), ("13800000000", SELF)],
            )],
        ),
        case(
            "信用卡纠纷",
            SUMMONS,
            vec![person("周宏博", ("居民身份证", ending_in_x(19_910_909).to_lowercase()), &[("13800003001", SELF)])],
        ),
        case(
            "民间借贷纠纷",
            SUMMONS,
            vec![person("孙晓东", ("居民身份证", wide(&spaced(&resident(19_820_118, 53)))), &[("13800003501", SELF)])],
        ),
        case("买卖合同纠纷", SUMMONS, vec![person("吴志强", ("居民身份证", wrong), &[("13800005001", SELF)])]),
        case("追索劳动报酬纠纷", SUMMONS, vec![person("郑安康", ("", String::new()), &[("13800007001", SELF)])]),
        case("离婚纠纷", JUDGMENT, vec![person("冯䶮㛃", card(19_930_523, 62), &[("13800001001", CLEAR)])]),
        case("建设工程施工合同纠纷", NOTICES, vec![company("远东建设(陕西)有限公司", 102, &[("02988000009", "单位")])]),
        case("继承纠纷", SUMMONS, vec![person("陈𪚥", card(19_680_830, 73), &[("+86 138 0000 0016", SELF)])]),
        case(
            "机动车交通事故责任纠纷",
            NOTICES,
            vec![person("欧阳若曦", card(20_010_214, 84), &[("138-0000-0010", SELF)])],
        ),
        case("房屋租赁合同纠纷", SUMMONS, vec![person("卢明超", card(19_760_606, 95), &[("13800002002", SELF)])]),
        case(
            "物业服务合同纠纷",
            SUMMONS,
            vec![
                person("张伟", card(19_840_404, 106), &[("13800008000", SELF)]),
                person("李娜", card(19_860_808, 117), &[("13800008500", SELF)]),
            ],
        ),
        case(
            "民间借贷纠纷",
            SUMMONS,
            vec![
                person("许关", card(19_720_112, 128), &[("13800004501", SELF)]),
                person("何停", card(19_730_113, 139), &[("13800004601", SELF)]),
                person("彭忙", card(19_740_114, 140), &[("13800004701", SELF)]),
            ],
        ),
        case(
            "买卖合同纠纷",
            SUMMONS,
            vec![
                person("秦德福", ("居民身份证", "610199700101001".into()), &[("13800006001", SELF)]),
                person("江成林", card(19_690_709, 151), &[("13800006501", SELF)]),
            ],
        ),
        case("劳动争议", SUMMONS, vec![person("雷鹏飞", card(19_950_505, 162), &[("13800000002", SELF)])]),
    ];
    list[10].order_kind = "裁判文书";
    list[13].urgency = "urgent";
    list[14].parties[0].agent = Some(("方律", "13800000015"));
    list
}

/// The twenty samples of the day `day`.
pub(crate) fn twenty(day: Date, office: &Office) -> Vec<Sample> {
    let mut samples: Vec<Sample> =
        cases().iter().enumerate().map(|(n, case)| sample(n as u32 + 1, case, day, office)).collect();
    if let Some(last) = samples.last_mut() {
        last.order["case"]["no"] = json!("");
        last.title = format!("（缺案号）{}", last.title);
        last.expected = "incomplete";
    }
    let mut again = samples[0].clone();
    again.expected = "duplicate";
    samples.push(again);
    samples
}

fn sample(n: u32, case: &Case, day: Date, office: &Office) -> Sample {
    let order_no = format!("SD{:04}{:02}{:02}{n:02}", day.year(), u8::from(day.month()), day.day());
    let number = format!("（{}）陕0102民初{}号", day.year(), 100 * u32::from(day.ordinal()) + n);
    let names: Vec<&str> = case.parties.iter().map(|p| p.name).collect();
    let refs: Vec<String> = (1..=case.parties.len()).map(|p| format!("p{p}")).collect();

    let (mut documents, mut files) = (Vec::new(), Vec::new());
    for (d, (name, class)) in case.documents.iter().enumerate() {
        let lines = [
            number.clone(),
            format!("案由：{}", case.cause),
            format!("受送达人：{}", names.join("、")),
            "演示文书，不具法律效力".to_owned(),
        ];
        let bytes = pdf::page(name, &lines, &format!("{order_no}-{}", d + 1));
        let file = format!("f{}", d + 1);
        documents.push(json!({
            "ref": format!("d{}", d + 1), "name": name, "class": class, "sha256": hex::encode(Sha256::digest(&bytes)),
            "pages": 1, "sealed": true, "for": refs, "copies": 1, "file": file,
        }));
        files.push((file, format!("{name}.pdf"), bytes));
    }
    let confirmed = n == 1;
    if confirmed {
        let lines = [number.clone(), format!("确认人：{}", names.join("、"))];
        files.push(("f9".to_owned(), "送达地址确认书.pdf".to_owned(), pdf::page("送达地址确认书", &lines, &order_no)));
    }
    let parties: Vec<Value> = case.parties.iter().zip(&refs).map(|(p, r)| party(p, r, n, confirmed)).collect();
    let order = json!({
        "msg_id": format!("sim-{order_no}"), "source": "ajxt", "order_no": order_no, "revision": 1,
        "court": "陕0102", "dept": "民一庭",
        "case": {
            "no": number, "cause": case.cause, "kind": "民商事", "procedure": case.procedure,
            "judge": {"id": office.judge.0, "name": office.judge.1}, "clerk": {"id": office.clerk},
            "hearing": {"at": format!("{}T09:30:00+08:00", day + Duration::days(17)), "room": "第三法庭"},
            "evidence_until": (day + Duration::days(12)).to_string(), "secret": false,
        },
        "link": if case.order_kind == "裁判文书" { "裁判文书" } else { "庭前送达" },
        "order_kind": case.order_kind, "finish_by": (day + Duration::days(9)).to_string(),
        "urgency": case.urgency, "remark": "", "parties": parties, "documents": documents,
    });
    let title = format!("{number} {} {}", case.cause, names.join("、"));
    Sample { order_no, title, expected: "received", order, files }
}

fn party(party: &Party, party_ref: &str, n: u32, confirmed: bool) -> Value {
    let phones: Vec<Value> =
        party.phones.iter().map(|(no, label)| json!({"no": no, "source": "起诉状", "label": label})).collect();
    let agents: Vec<Value> = party
        .agent
        .iter()
        .map(|(name, phone)| json!({"name": name, "kind": "律师", "phone": phone, "authority": "特别授权", "receiver": true}))
        .collect();
    let mut value = json!({
        "ref": party_ref, "position": party.position, "kind": party.kind, "name": party.name,
        "id_type": party.id.0, "id_no": party.id.1, "phones": phones,
        "addresses": [{"text": format!("陕西省西安市新城区长乐西路{n}号"), "post": "710032", "source": "起诉状", "confirmed": confirmed}],
        "emails": [], "agents": agents,
    });
    if party.id.1.is_empty()
        && let Some(fields) = value.as_object_mut()
    {
        fields.remove("id_type");
        fields.remove("id_no");
    }
    if confirmed {
        value["address_confirmation"] = json!({"signed": true, "e_service": true, "file": "f9"});
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::Number;

    fn samples() -> Vec<Sample> {
        let office = Office { judge: ("J1".into(), "法官".into()), clerk: "C1".into() };
        twenty(Date::from_calendar_date(2026, time::Month::November, 23).unwrap(), &office)
    }

    #[test]
    fn there_are_twenty_and_the_same_day_gives_the_same() {
        let (one, two) = (samples(), samples());
        assert_eq!(one.len(), 20);
        for (a, b) in one.iter().zip(&two) {
            assert_eq!((&a.order, &a.files), (&b.order, &b.files));
        }
        assert_eq!(one[0].order, one[19].order);
        assert_eq!(one[18].expected, "incomplete");
    }

    #[test]
    fn every_phone_is_of_the_demo_range_and_every_file_has_its_hash() {
        for sample in samples() {
            for party in sample.order["parties"].as_array().unwrap() {
                for phone in party["phones"].as_array().unwrap() {
                    let number = Number::parse(phone["no"].as_str().unwrap()).unwrap();
                    assert!(number.demo_ending().is_some(), "{number}");
                }
            }
            for document in sample.order["documents"].as_array().unwrap() {
                let (_, _, bytes) = sample.files.iter().find(|f| f.0 == document["file"].as_str().unwrap()).unwrap();
                assert_eq!(document["sha256"], hex::encode(Sha256::digest(bytes)));
            }
        }
    }
}
