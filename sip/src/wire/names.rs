//! Names of headers: compact forms, the spelling of those we know, and which of them may
//! stand only once.

/// Compact forms (RFC 3261, 7.3.3, and the registry of header names).
fn expanded(letter: u8) -> Option<&'static str> {
    Some(match letter.to_ascii_lowercase() {
        b'a' => "Accept-Contact",
        b'b' => "Referred-By",
        b'c' => "Content-Type",
        b'd' => "Request-Disposition",
        b'e' => "Content-Encoding",
        b'f' => "From",
        b'i' => "Call-ID",
        b'j' => "Reject-Contact",
        b'k' => "Supported",
        b'l' => "Content-Length",
        b'm' => "Contact",
        b'n' => "Identity-Info",
        b'o' => "Event",
        b'r' => "Refer-To",
        b's' => "Subject",
        b't' => "To",
        b'u' => "Allow-Events",
        b'v' => "Via",
        b'x' => "Session-Expires",
        b'y' => "Identity",
        _ => return None,
    })
}

/// The name in its long form.
pub(super) fn long(name: &str) -> &str {
    match name.as_bytes() {
        [letter] => expanded(*letter).unwrap_or(name),
        _ => name,
    }
}

/// Headers of which a second one makes the message unreadable (RFC 3261, 7.3.1; RFC 3515,
/// 2.1; RFC 3891, 3; RFC 4475, 3.3.8). The first five are needed in every message.
pub(super) const ONCE: [&str; 12] = [
    "From",
    "To",
    "Call-ID",
    "CSeq",
    "Max-Forwards",
    "Content-Type",
    "Session-Expires",
    "Min-SE",
    "Refer-To",
    "Replaces",
    "RSeq",
    "RAck",
];

/// Place of a name in [`ONCE`].
pub(super) fn once(name: &str) -> Option<usize> {
    // Most headers of most messages fail at the length.
    ONCE.iter().position(|known| known.len() == name.len() && known.eq_ignore_ascii_case(name))
}
