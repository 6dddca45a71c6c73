//! Reading a JSON message by hand, so that every wrong field is named, not only the first.

use serde_json::Value;
use songda_service::intake::Missing;
use songda_store::Said;

/// One wrong field.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FieldError {
    /// JSON path, e.g. `parties[0].phones[1].no`.
    pub path: String,
    /// Stable code, e.g. `field.type`.
    pub code: &'static str,
    /// What is wrong. Never repeats the value.
    pub text: String,
}

/// One object of the message, with the place it stands at.
#[derive(Clone, Copy)]
pub struct At<'a> {
    value: Option<&'a Value>,
}

/// Longest text accepted in one field, in characters.
const TEXT_LIMIT: usize = 2_000;

/// Collects what is wrong while the message is read.
#[derive(Debug, Default)]
pub struct Problems {
    /// Wrong fields: the message is refused.
    pub wrong: Vec<FieldError>,
    /// Missing content: the message is kept as incomplete.
    pub missing: Vec<Missing>,
}

impl Problems {
    /// Notes a wrong field.
    pub fn wrong(&mut self, path: &str, code: &'static str, text: impl Into<String>) {
        if self.wrong.len() < 500 {
            self.wrong.push(FieldError { path: path.to_owned(), code, text: text.into() });
        }
    }

    /// Notes missing content: in Chinese for the case system, and as what is said, in which `{party}`,
    /// `{phone}`, `{agent}` and `{document}` stand for the places in the message that the path goes
    /// through, counted from 1.
    pub fn missing(&mut self, path: &str, text: &str, said: Said) {
        if self.missing.len() < 500 {
            self.missing.push(Missing { path: path.to_owned(), text: text.to_owned(), said: placed(said, path) });
        }
    }
}

impl<'a> At<'a> {
    /// The root of a message.
    pub fn root(value: &'a Value) -> Self {
        Self { value: Some(value) }
    }

    /// The raw value of a field; `null` counts as absent.
    fn get(self, key: &str) -> Option<&'a Value> {
        self.value.and_then(|value| value.get(key)).filter(|value| !value.is_null())
    }

    /// A text, trimmed; absent becomes empty. Control and bidi characters are refused (E30).
    pub fn text(self, path: &str, key: &str, problems: &mut Problems) -> String {
        let path = join(path, key);
        match self.get(key) {
            None => String::new(),
            Some(Value::String(text)) => {
                if text.chars().count() > TEXT_LIMIT {
                    problems.wrong(&path, "field.too_long", format!("longer than {TEXT_LIMIT} characters"));
                    return String::new();
                }
                if text.chars().any(hidden) {
                    problems.wrong(&path, "field.control_character", "contains control or direction characters");
                    return String::new();
                }
                text.trim().to_owned()
            }
            Some(_) => {
                problems.wrong(&path, "field.type", "must be a text");
                String::new()
            }
        }
    }

    /// A yes or no; absent is no.
    pub fn flag(self, path: &str, key: &str, problems: &mut Problems) -> bool {
        match self.get(key) {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => {
                problems.wrong(&join(path, key), "field.type", "must be true or false");
                false
            }
        }
    }

    /// A whole number within bounds; absent becomes `default`.
    pub fn number(
        self,
        path: &str,
        key: &str,
        range: std::ops::RangeInclusive<i64>,
        default: i64,
        problems: &mut Problems,
    ) -> i64 {
        let Some(value) = self.get(key) else { return default };
        match value.as_i64() {
            Some(number) if range.contains(&number) => number,
            _ => {
                let text = format!("must be a whole number from {} to {}", range.start(), range.end());
                problems.wrong(&join(path, key), "field.range", text);
                default
            }
        }
    }

    /// An object; absent or wrong reads as empty.
    pub fn object(self, path: &str, key: &str, problems: &mut Problems) -> At<'a> {
        match self.get(key) {
            Some(value) if value.is_object() => At { value: Some(value) },
            None => At { value: None },
            Some(_) => {
                problems.wrong(&join(path, key), "field.type", "must be an object");
                At { value: None }
            }
        }
    }

    /// A list of objects with their paths, bounded.
    pub fn objects(self, path: &str, key: &str, limit: usize, problems: &mut Problems) -> Vec<(String, At<'a>)> {
        let path = join(path, key);
        let mut found = Vec::new();
        for (index, value) in self.list(&path, key, limit, problems).iter().enumerate() {
            let place = format!("{path}[{index}]");
            if value.is_object() {
                found.push((place, At { value: Some(value) }));
            } else {
                problems.wrong(&place, "field.type", "must be an object");
            }
        }
        found
    }

    /// A list of texts, bounded.
    pub fn texts(self, path: &str, key: &str, limit: usize, problems: &mut Problems) -> Vec<String> {
        let path = join(path, key);
        let mut found = Vec::new();
        for (index, value) in self.list(&path, key, limit, problems).iter().enumerate() {
            match value.as_str() {
                Some(text) if text.chars().count() <= TEXT_LIMIT && !text.chars().any(hidden) => {
                    found.push(text.trim().to_owned());
                }
                _ => problems.wrong(&format!("{path}[{index}]"), "field.type", "must be a text"),
            }
        }
        found
    }

    fn list(self, path: &str, key: &str, limit: usize, problems: &mut Problems) -> &'a [Value] {
        match self.get(key) {
            None => &[],
            Some(Value::Array(items)) if items.len() <= limit => items,
            Some(Value::Array(_)) => {
                problems.wrong(path, "field.too_many", format!("more than {limit} entries"));
                &[]
            }
            Some(_) => {
                problems.wrong(path, "field.type", "must be a list");
                &[]
            }
        }
    }
}

/// Puts the places of a path, such as `parties[0].phones[1].no`, into what is said.
fn placed(said: Said, path: &str) -> Said {
    path.split('.').fold(said, |said, step| {
        let Some((list, index)) = step.strip_suffix(']').and_then(|step| step.split_once('[')) else { return said };
        let name = match list {
            "parties" => "party",
            "phones" => "phone",
            "agents" => "agent",
            "documents" => "document",
            _ => return said,
        };
        match index.parse::<u64>() {
            Ok(index) => said.with(name, index + 1),
            Err(_) => said,
        }
    })
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn hidden(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
