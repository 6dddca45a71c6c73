//! Numbers hidden in text that came from outside.

use std::fmt::Write as _;

/// Shorter runs are no telephone number of a person: extensions, ports, payload types.
const SHORTEST: usize = 7;
/// So many characters may stand between two digits of one number as it is written down.
const GAP: usize = 3;

/// The text with every number of seven digits or more hidden but for its ends, also when it is
/// written with blanks, hyphens, dots, brackets, percent signs (`%31%33`) or full-width digits.
/// Addresses of IPv4 stay.
pub fn mask(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|b| b.is_ascii_digit() || b == b'%' || !b.is_ascii()) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match plain(rest).or_else(|| ipv4(rest)) {
            Some(length) => length,
            None if digit(rest).is_some() => {
                let (digits, length) = run(rest);
                // `%31234567` may be eight digits after a percent sign, or one that is escaped and six.
                let written = rest[..length].bytes().filter(u8::is_ascii_digit).count();
                if digits.len() >= SHORTEST || written >= SHORTEST {
                    hide(&mut out, &digits);
                    rest = &rest[length..];
                    continue;
                }
                length
            }
            None => rest.chars().next().map_or(rest.len(), char::len_utf8),
        };
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

/// Length of a few digits with nothing after them that could go on: by far the most frequent case.
fn plain(text: &str) -> Option<usize> {
    let length = text.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let ends = text.as_bytes().get(length).is_none_or(|b| b.is_ascii() && !b" %-.()\t".contains(b));
    (length < SHORTEST && length > 0 && ends).then_some(length)
}

/// The digits of the number that begins here, and how long it is written.
fn run(text: &str) -> (Vec<char>, usize) {
    let mut digits = Vec::with_capacity(16);
    let mut end = 0;
    loop {
        let mut at = end;
        let mut gap = 0;
        let found = loop {
            let rest = &text[at..];
            if let Some((value, width)) = digit(rest) {
                break Some((value, at + width));
            }
            let Some(width) = separator(rest).filter(|_| gap < GAP && end > 0) else { break None };
            at += width;
            // An address that follows a blank is not part of the number.
            if rest.starts_with(' ') && ipv4(&text[at..]).is_some() {
                break None;
            }
            gap += 1;
        };
        match found {
            Some((value, next)) => {
                digits.push(value);
                end = next;
            }
            None => return (digits, end),
        }
    }
}

fn hide(out: &mut String, digits: &[char]) {
    let (head, tail) = match digits.len() {
        ..9 => (0, 2),
        9..11 => (2, 3),
        _ => (3, 4),
    };
    out.extend(&digits[..head]);
    let _ = write!(out, "****");
    out.extend(&digits[digits.len() - tail..]);
}

/// A digit of any script, also escaped (RFC 3986, 2.1); and how long it is.
fn digit(text: &str) -> Option<(char, usize)> {
    let first = text.chars().next()?;
    if first == '%' {
        let [_, b'3', value @ b'0'..=b'9', ..] = text.as_bytes() else { return None };
        return Some((char::from(*value), 3));
    }
    (first.is_ascii_digit() || (!first.is_ascii() && first.is_numeric())).then(|| (first, first.len_utf8()))
}

/// What may stand between the digits of a number (RFC 3966, 3, and what people write).
fn separator(text: &str) -> Option<usize> {
    let first = text.chars().next()?;
    if first == '%' {
        let escaped = text.get(1..3)?;
        return matches!(escaped.to_ascii_uppercase().as_str(), "20" | "28" | "29" | "2D" | "2E").then_some(3);
    }
    let between = "-.() \t\u{a0}\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}\u{3000}\u{ff0d}";
    between.contains(first).then(|| first.len_utf8())
}

/// Length of the address of IPv4 that stands here.
fn ipv4(text: &str) -> Option<usize> {
    let length = text.bytes().position(|b| !b.is_ascii_digit() && b != b'.').unwrap_or(text.len());
    let written = text[..length].trim_end_matches('.');
    let follows = digit(&text[written.len()..]).is_some();
    (!follows && written.parse::<std::net::Ipv4Addr>().is_ok()).then_some(written.len())
}
