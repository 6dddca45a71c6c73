//! Case numbers (案号): one canonical form, whatever was typed.
//!
//! The form is `（2026）陕0102民初11号` (法〔2015〕137号, arts 2–5). Brackets, digit width and
//! blanks are repaired before matching and a missing 号 is added; nothing else is changed.
//! Numbers from before 2016 (`字第`) do not follow the form and are kept as free text.

use std::sync::LazyLock;

use regex::Regex;

static FORM: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"^（([0-9]{4})）",
        r"(最高法|[京津沪渝冀晋辽吉黑苏浙皖闽赣鲁豫鄂湘粤琼川贵云陕甘青桂藏宁新内军兵])",
        r"([0-9]{0,4})(知)?(\p{Han}{1,8}?)([0-9]{1,8})号(之[一二三四五六七八九十]+)?$"
    ))
    .ok()
});

/// A case number in canonical form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseNumber {
    /// What is stored and searched.
    pub canonical: String,
    /// Kept as free text because it is older than the present form.
    pub legacy: bool,
}

/// The text is no case number.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a case number: expected a form like （2026）陕0102民初11号")]
pub struct NotACaseNumber;

impl CaseNumber {
    /// Reads a case number as people write it.
    pub fn parse(raw: &str) -> Result<Self, NotACaseNumber> {
        let mut text: String = raw.chars().filter(|c| !c.is_whitespace()).map(narrow).collect();
        if text.chars().count() > 60 {
            return Err(NotACaseNumber);
        }
        if text.contains("字第") {
            return Ok(Self { canonical: text, legacy: true });
        }
        if !text.contains('号') {
            text.push('号');
        }
        match FORM.as_ref() {
            Some(form) if form.is_match(&text) => Ok(Self { canonical: text, legacy: false }),
            _ => Err(NotACaseNumber),
        }
    }
}

/// Digits become half width, every kind of opening or closing bracket the full-width one.
fn narrow(c: char) -> char {
    match c {
        '０'..='９' => char::from_u32(c as u32 - '０' as u32 + '0' as u32).unwrap_or(c),
        '(' | '[' | '〔' | '［' => '（',
        ')' | ']' | '〕' | '］' => '）',
        _ => c,
    }
}
