//! What is said to people: a code with its values, which a page puts into the words of any language,
//! and the sentence in English, for commands, logs and whoever reads the code alone.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Something that is said.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Said {
    /// Stable code, e.g. `root.files`.
    pub code: String,
    /// What stands in the sentence, by name. One may be a [`Said`] itself, as an object. A name that
    /// ends in `_at_ms` holds Unix milliseconds.
    pub values: Map<String, Value>,
    /// The sentence in English.
    pub text: String,
    /// The sentence with its braces, while values are put in; none in what was kept and read again,
    /// whose sentence is whole.
    #[serde(skip)]
    template: Option<String>,
}

/// What is read again is what was kept: how its sentence came about is no part of it.
impl PartialEq for Said {
    fn eq(&self, other: &Self) -> bool {
        (&self.code, &self.values, &self.text) == (&other.code, &other.values, &other.text)
    }
}

impl Eq for Said {}

impl Said {
    /// The code of what was written before there were codes: its text is all that is known.
    pub const PLAIN: &'static str = "plain.text";

    /// A code and its sentence in English, in which a name in braces stands for a value:
    /// `Said::new("root.days", "the days between it and {before} have no root")`.
    pub fn new(code: &str, english: &str) -> Self {
        Self { code: code.to_owned(), values: Map::new(), text: english.to_owned(), template: Some(english.to_owned()) }
    }

    /// Puts a value in its place. What stands in a value is never taken for a place: the sentence is
    /// filled in one pass.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.values.insert(name.to_owned(), value.into());
        if let Some(template) = &self.template {
            self.text = filled(template, &self.values);
        }
        self
    }

    /// As it is kept.
    pub fn to_stored(&self) -> String {
        Value::from(self.clone()).to_string()
    }

    /// What [`Self::to_stored`] wrote. A text from before there were codes is said as it stands.
    pub fn from_stored(stored: &str) -> Self {
        serde_json::from_str(stored).unwrap_or_else(|_| Self::new(Self::PLAIN, "{text}").with("text", stored))
    }
}

/// A sentence with its values in their places; a name that has none stays as it stands.
fn filled(template: &str, values: &Map<String, Value>) -> String {
    let (mut text, mut rest) = (String::new(), template);
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let named = after.split_once('}').and_then(|(name, behind)| Some((name, values.get(name)?, behind)));
        rest = if let Some((name, value, behind)) = named {
            text.push_str(&shown(name, value));
            behind
        } else {
            text.push('{');
            after
        };
    }
    text + rest
}

/// A value as the sentence has it.
fn shown(name: &str, value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(said) => said.get("text").and_then(Value::as_str).unwrap_or_default().to_owned(),
        other if name.ends_with("_at_ms") => format!("{other} (Unix ms)"),
        other => other.to_string(),
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<Said> for Value {
    fn from(said: Said) -> Self {
        serde_json::json!({ "code": said.code, "values": said.values, "text": said.text })
    }
}
