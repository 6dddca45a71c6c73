//! The form of an event from the product, checked field by field.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sm3::Sm3;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Events the court knows (interface 8.1).
const EVENTS: [&str; 9] = [
    "order.received",
    "task.state",
    "attempt.added",
    "result.set",
    "receipt.ready",
    "report.ready",
    "order.closed",
    "order.returned",
    "sync.test",
];

/// One fault of an event.
pub(crate) type Fault = Value;

fn fault(path: &str, code: &str, text: &str) -> Fault {
    json!({"path": path, "code": code, "text": text})
}

/// All faults of `event` with the file `report`, empty when it is right.
pub(crate) fn check(event: &Value, report: Option<&[u8]>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let kind = event["event"].as_str().unwrap_or_default();
    if !EVENTS.contains(&kind) {
        faults.push(fault("event", "unknown", "no such event"));
    }
    if event["source"] != "ajxt" {
        faults.push(fault("source", "unknown", "this case system is ajxt"));
    }
    text(event, "order_no", &mut faults);
    positive(event, "revision", &mut faults);
    positive(event, "seq", &mut faults);
    if event["at"].as_str().is_none_or(|at| OffsetDateTime::parse(at, &Rfc3339).is_err()) {
        faults.push(fault("at", "format", "not a time by RFC 3339"));
    }
    if kind == "report.ready" {
        text(event, "party_ref", &mut faults);
        text(event, "task_id", &mut faults);
        check_outcome(&event["outcome"], &mut faults);
        match report {
            Some(bytes) => check_report(&event["report"], bytes, &mut faults),
            None => faults.push(fault("report", "missing", "the part with the file is missing")),
        }
    } else if report.is_some() {
        faults.push(fault("report", "unexpected", "only report.ready carries a report"));
    }
    faults
}

fn text(event: &Value, name: &str, faults: &mut Vec<Fault>) {
    if !event[name].as_str().is_some_and(|t| !t.is_empty() && t.len() <= 200) {
        faults.push(fault(name, "missing", "a text of 1 to 200 bytes is needed"));
    }
}

fn positive(event: &Value, name: &str, faults: &mut Vec<Fault>) {
    if event[name].as_u64().unwrap_or(0) == 0 {
        faults.push(fault(name, "missing", "a number above zero is needed"));
    }
}

fn check_outcome(outcome: &Value, faults: &mut Vec<Fault>) {
    let code = |name: &str, letter: char| {
        let code = outcome[name].as_str()?;
        let rest = code.strip_prefix(letter)?;
        let digits = rest.trim_end_matches(|c: char| c.is_ascii_lowercase());
        (!digits.is_empty() && digits.len() <= 2 && digits.bytes().all(|b| b.is_ascii_digit())).then_some(())
    };
    if code("technical", 'C').is_none() {
        faults.push(fault("outcome.technical", "format", "a code C01 to C13 is needed"));
    }
    for (name, letter) in [("contact", 'W'), ("business", 'B')] {
        if !outcome[name].is_null() && code(name, letter).is_none() {
            faults.push(fault(&format!("outcome.{name}"), "format", "null or a code of the list"));
        }
    }
}

fn check_report(report: &Value, bytes: &[u8], faults: &mut Vec<Fault>) {
    text_of(report, "id", faults);
    let version = report["version"].as_u64().unwrap_or(0);
    if version == 0 || report["pages"].as_u64().unwrap_or(0) == 0 {
        faults.push(fault("report.version", "missing", "version and pages begin at 1"));
    }
    if (version == 1) != report["supersedes"].is_null() {
        faults.push(fault("report.supersedes", "value", "null for version 1, else the report it replaces"));
    }
    if !bytes.starts_with(b"%PDF-") {
        faults.push(fault("report", "format", "not a PDF file"));
    }
    if report["sha256"].as_str() != Some(&hex::encode(Sha256::digest(bytes))) {
        faults.push(fault("report.sha256", "hash", "not the hash of the file"));
    }
    if report["sm3"].as_str() != Some(&hex::encode(Sm3::digest(bytes))) {
        faults.push(fault("report.sm3", "hash", "not the hash of the file"));
    }
}

fn text_of(report: &Value, name: &str, faults: &mut Vec<Fault>) {
    if report[name].as_str().is_none_or(str::is_empty) {
        faults.push(fault(&format!("report.{name}"), "missing", "a text is needed"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(bytes: &[u8]) -> Value {
        json!({
            "event": "report.ready", "source": "ajxt", "order_no": "SD1", "revision": 1, "party_ref": "p1",
            "task_id": "t", "seq": 1, "at": "2026-11-23T10:00:00+08:00",
            "report": {"id": "r", "version": 1, "supersedes": null, "pages": 1,
                "sha256": hex::encode(Sha256::digest(bytes)), "sm3": hex::encode(Sm3::digest(bytes))},
            "outcome": {"technical": "C02", "contact": null, "business": "B11a"},
        })
    }

    #[test]
    fn a_right_event_has_no_faults_and_each_wrong_field_has_one() {
        let bytes = b"%PDF-1.7 x";
        assert!(check(&event(bytes), Some(bytes)).is_empty());
        let changes: [(&str, Value, &str); 7] = [
            ("/event", json!("no.such"), "event"),
            ("/seq", json!(0), "seq"),
            ("/at", json!("yesterday"), "at"),
            ("/report/sha256", json!("00"), "report.sha256"),
            ("/report/supersedes", json!("r0"), "report.supersedes"),
            ("/outcome/technical", json!("X1"), "outcome.technical"),
            ("/outcome/contact", json!("W"), "outcome.contact"),
        ];
        for (pointer, value, path) in changes {
            let mut event = event(bytes);
            *event.pointer_mut(pointer).unwrap() = value;
            let report = (path != "event").then_some(&bytes[..]);
            assert_eq!(check(&event, report)[0]["path"], path);
        }
    }
}
