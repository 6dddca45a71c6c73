//! Numbers of people, which never show themselves: `Debug` and `Display` are masked, and
//! `reveal` is the only way out. The masks follow domain 7.

use std::fmt;

use zeroize::Zeroize;

/// The text is no telephone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not readable as a telephone number")]
pub struct NotAPhone;

/// Text that came from outside, with every run of seven or more digits hidden: where it is
/// shown, nobody expects a number in it.
pub fn mask_digits(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut run = String::new();
    for sign in text.chars().chain([' ']) {
        if sign.is_numeric() {
            run.push(sign);
            continue;
        }
        let length = run.chars().count();
        if length >= 7 {
            shown.extend(std::iter::repeat_n('*', length));
        } else {
            shown.push_str(&run);
        }
        run.clear();
        shown.push(sign);
    }
    shown.pop();
    shown
}

/// Text that a machine wrote down from speech, with every number of seven or more digits hidden: they
/// may be written as words (一三八, 幺), and with blanks or commas between them.
pub fn mask_spoken(text: &str) -> String {
    let digit = |sign: char| sign.is_numeric() || "零一二三四五六七八九幺两壹贰叁肆伍陆柒捌玖".contains(sign);
    let between = |sign: char| sign.is_whitespace() || "-—,，、.。".contains(sign);
    let signs: Vec<char> = text.chars().collect();
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    while at < signs.len() {
        let run = signs[at..].iter().take_while(|sign| digit(**sign) || between(**sign)).count().max(1);
        let run = &signs[at..at + run];
        let long = run.iter().filter(|sign| digit(**sign)).count() >= 7;
        shown.extend(run.iter().map(|sign| if long && digit(*sign) { '*' } else { *sign }));
        at += run.len();
    }
    shown
}

/// A telephone number in normal form: national digits, with `+` for a foreign one, and
/// `,` before an extension.
#[derive(Clone, PartialEq, Eq)]
pub struct Phone(String);

impl Phone {
    /// Reads a number as people write it: blanks, hyphens, brackets, full-width digits,
    /// +86, 0086, extensions after 转, `,` or `x`.
    pub fn parse(text: &str) -> Result<Self, NotAPhone> {
        if text.chars().count() > 40 {
            return Err(NotAPhone);
        }
        let mut digits = String::new();
        let mut extension = String::new();
        let mut in_extension = false;
        for c in text.chars().map(half_width) {
            match c {
                '0'..='9' if in_extension => extension.push(c),
                '0'..='9' => digits.push(c),
                '+' if digits.is_empty() => digits.push('+'),
                ' ' | '-' | '(' | ')' | '\u{3000}' | '–' | '—' | '.' => {}
                '转' | ',' | 'x' | 'X' | '#' if !digits.is_empty() && !in_extension => in_extension = true,
                _ => return Err(NotAPhone),
            }
        }
        let national = match digits.strip_prefix("+86").or_else(|| digits.strip_prefix("0086")) {
            // Behind the country code an area code stands without its 0.
            Some(rest) if rest.starts_with('0') || (rest.len() == 11 && rest.starts_with('1')) => rest.to_owned(),
            Some(rest) => format!("0{rest}"),
            None => digits.clone(),
        };
        let national = match national.strip_prefix("00") {
            Some(foreign) => format!("+{foreign}"),
            None => national,
        };
        let length = national.trim_start_matches('+').len();
        let plausible = if national.starts_with('+') { (7..=15).contains(&length) } else { (5..=12).contains(&length) };
        if !plausible || extension.len() > 8 || (in_extension && extension.is_empty()) {
            return Err(NotAPhone);
        }
        Ok(Self(if extension.is_empty() { national } else { format!("{national},{extension}") }))
    }

    /// The number itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The number without its extension.
    #[must_use]
    pub fn main(&self) -> Self {
        Self(self.0.split(',').next().unwrap_or_default().to_owned())
    }

    /// Whether a court dials it unless it opened its lines further: mobiles, landlines (an
    /// extension is pressed after the answer), 400 and 800, customer lines 95 and 96. What is
    /// outside the mainland stays off by default (E39).
    pub fn dialable(&self) -> bool {
        let number = self.0.split(',').next().unwrap_or_default();
        let length = number.len();
        let mobile = length == 11 && number.starts_with('1') && number.as_bytes()[1] >= b'3';
        let landline = (10..=12).contains(&length) && number.starts_with('0') && !number.starts_with("00");
        let toll = length == 10 && (number.starts_with("400") || number.starts_with("800"));
        let customer = (5..=8).contains(&length) && (number.starts_with("95") || number.starts_with("96"));
        mobile || landline || toll || customer
    }

    /// Whether it belongs to the range that demo mode may use: mobiles 1380000xxxx and
    /// landlines with the subscriber number 8800xxxx (X5).
    pub fn is_demo(&self) -> bool {
        let main = self.0.split(',').next().unwrap_or_default();
        let mobile = main.len() == 11 && main.starts_with("1380000");
        let landline = main.starts_with('0') && main.len() >= 11 && main[main.len() - 8..].starts_with("8800");
        mobile || landline
    }
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask_phone(&self.0))
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Phone({self})")
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// 138****1234, 029-****1234, +852****1234.
fn mask_phone(number: &str) -> String {
    let main = number.split(',').next().unwrap_or_default();
    let last = &main[main.len().saturating_sub(4)..];
    if main.starts_with('+') {
        return format!("{}****{last}", &main[..main.len().min(4)]);
    }
    if main.starts_with('0') && main.len() >= 10 {
        let area = if main.starts_with("01") || main.starts_with("02") { 3 } else { 4 };
        return format!("{}-****{last}", &main[..area]);
    }
    if main.len() >= 11 {
        format!("{}****{last}", &main[..3])
    } else {
        format!("****{}", &last[last.len().saturating_sub(2)..])
    }
}

/// The text is no identity number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not readable as an identity number")]
pub struct NotAnId;

/// A number of an identity paper.
#[derive(Clone, PartialEq, Eq)]
pub struct IdNumber {
    number: String,
    checked: bool,
}

impl IdNumber {
    /// Reads a number: full width, blanks and a small x are repaired. A resident identity
    /// number and a 统一社会信用代码 are checked by their check digit (E18, E21); other
    /// papers are kept as they are (E20).
    pub fn parse(kind: &str, text: &str) -> Result<Self, NotAnId> {
        let number: String = text
            .chars()
            .map(half_width)
            .filter(|c| !c.is_whitespace() && *c != '-')
            .flat_map(char::to_uppercase)
            .collect();
        if !(4..=30).contains(&number.len()) || !number.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(NotAnId);
        }
        let checked = match kind {
            "居民身份证" | "" if number.len() == 15 => number.bytes().all(|b| b.is_ascii_digit()),
            "居民身份证" => resident_check(&number),
            "统一社会信用代码" => credit_code_check(&number),
            _ => true,
        };
        Ok(Self { number, checked })
    }

    /// The number itself.
    pub fn reveal(&self) -> &str {
        &self.number
    }

    /// Whether it passes the check of its kind.
    pub fn checked(&self) -> bool {
        self.checked
    }
}

impl fmt::Display for IdNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.number.len();
        if length >= 15 {
            write!(f, "{}{}{}", &self.number[..6], "*".repeat(length - 10), &self.number[length - 4..])
        } else {
            write!(f, "{}{}", "*".repeat(length - 2), &self.number[length - 2..])
        }
    }
}

impl fmt::Debug for IdNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdNumber({self})")
    }
}

impl Drop for IdNumber {
    fn drop(&mut self) {
        self.number.zeroize();
    }
}

/// GB 11643: ISO 7064 MOD 11-2 over 17 digits.
fn resident_check(number: &str) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let bytes = number.as_bytes();
    if bytes.len() != 18 || !bytes[..17].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let sum: u32 = bytes.iter().zip(WEIGHTS).map(|(b, weight)| u32::from(b - b'0') * weight).sum();
    b"10X98765432"[(sum % 11) as usize] == bytes[17]
}

/// GB 32100: MOD 31 over 17 characters without I, O, S, V, Z.
fn credit_code_check(number: &str) -> bool {
    const ALPHABET: &[u8] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    let values: Vec<u32> =
        number.bytes().filter_map(|b| ALPHABET.iter().position(|a| *a == b)).map(|at| at as u32).collect();
    if number.len() != 18 || values.len() != 18 {
        return false;
    }
    let mut weight = 1;
    let mut sum = 0;
    for value in &values[..17] {
        sum += value * weight;
        weight = weight * 3 % 31;
    }
    (31 - sum % 31) % 31 == values[17]
}

fn half_width(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        _ => c,
    }
}

/// a***@x.cn
pub fn mask_email(address: &str) -> String {
    match address.split_once('@') {
        Some((name, domain)) => format!("{}***@{domain}", name.chars().next().unwrap_or('*')),
        None => "***".into(),
    }
}

/// The address up to its street; what follows 路, 街, 巷 or 村 is hidden.
pub fn mask_address(text: &str) -> String {
    match text.char_indices().find(|(_, c)| "路街巷村".contains(*c)) {
        Some((at, c)) => format!("{}****", &text[..at + c.len_utf8()]),
        None => format!("{}****", text.chars().take(6).collect::<String>()),
    }
}
