//! The small grammar that all headers share (RFC 3261, 25.1): tokens, quoted strings, lists,
//! parameters, numbers.

use std::borrow::Cow;

/// Text is UTF-8; some exchanges write the names in headers and descriptions in GB18030, and
/// then in some lines only.
pub(crate) fn readable(text: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(text) {
        return Cow::Borrowed(text);
    }
    let mut readable = String::with_capacity(text.len() * 2);
    for line in text.split_inclusive(|b| *b == b'\n') {
        match std::str::from_utf8(line) {
            Ok(text) => readable.push_str(text),
            Err(_) => readable.push_str(&encoding_rs::GB18030.decode_without_bom_handling(line).0),
        }
    }
    Cow::Owned(readable)
}

/// `token`.
pub(crate) fn is_token(b: u8) -> bool {
    TOKEN[usize::from(b)]
}

const TOKEN: [bool; 256] = {
    let mut token = [false; 256];
    let mut b = 0;
    while b < 256 {
        token[b] = (b as u8).is_ascii_alphanumeric();
        b += 1;
    }
    let others = b"-.!%*_+`'~";
    let mut at = 0;
    while at < others.len() {
        token[others[at] as usize] = true;
        at += 1;
    }
    token
};

/// Digits and nothing else, as a number that fits.
pub(crate) fn digits<N: std::str::FromStr>(text: &str) -> Option<N> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// `delta-seconds`. One that does not fit is as long as can be said (RFC 4475, 3.1.2.4).
pub(crate) fn seconds(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().unwrap_or(u32::MAX))
}

/// Where the quoted string that begins at the start of `text` ends, behind its quote.
pub(crate) fn quoted_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

/// A quoted string without its quotes and escapes; any other text as it is.
pub(crate) fn unquoted(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"') else { return text.to_owned() };
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        plain.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    plain
}

/// The parts of `text` between a separator, which counts neither inside quotes nor between
/// `<` and `>`. A quote that never closes is a character like any other.
pub(crate) fn split(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let whole = rest?;
        let at = next(whole, separator);
        rest = at.map(|at| &whole[at + 1..]);
        Some(&whole[..at.unwrap_or(whole.len())])
    })
}

fn next(text: &str, separator: u8) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut inside) = (0, false);
    while at < bytes.len() {
        match bytes[at] {
            b'"' if !inside => at += quoted_end(&text[at..]).unwrap_or(1) - 1,
            b'\\' => at += 1,
            b'<' => inside = true,
            b'>' => inside = false,
            b if b == separator && !inside => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// Value of a `;name=value` parameter, quotes removed; an empty text where it has none.
/// `tail` begins with its first `;`.
pub(crate) fn param<'a>(tail: &'a str, name: &str) -> Option<&'a str> {
    raw_param(tail, name).map(bare)
}

/// The same with its quotes.
pub(crate) fn raw_param<'a>(tail: &'a str, name: &str) -> Option<&'a str> {
    split(tail, b';').skip(1).find_map(|part| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn bare(value: &str) -> &str {
    value.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(value)
}

/// Whether every parameter behind the first `;` has a name (RFC 4475, 3.1.2.1).
pub(crate) fn params_are_named(tail: &str) -> bool {
    split(tail, b';').skip(1).all(|part| !matches!(part.trim_start().as_bytes().first(), None | Some(b'=')))
}
