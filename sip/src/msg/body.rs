//! Bodies of several parts (RFC 2046, 5.1; RFC 5621): SIP-I carries a message of ISUP beside
//! the description (ITU-T Q.1912.5).

use std::mem;

use memchr::memmem;

use super::text;

/// More parts than these are not looked at, in all.
const PARTS: usize = 16;
/// Nor those of a body that stands so deep within others.
const DEPTH: usize = 3;

/// One part of a body that is itself none of several.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    headers: Vec<(String, String)>,
    pub(crate) content: &'a [u8],
}

impl Part<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Its type, without parameters; where none is told, text.
    fn kind(&self) -> &str {
        self.header("Content-Type").map_or("text/plain", kind)
    }

    /// Whether it is of this kind, as it is, and about the session (RFC 3959: not about an early
    /// one).
    pub(crate) fn is(&self, wanted: &str) -> bool {
        let plain = ["Content-Transfer-Encoding", "Content-Encoding"].into_iter().all(|name| {
            let coded = self.header(name).unwrap_or_default();
            ["", "binary", "8bit", "7bit", "identity"].iter().any(|plain| coded.eq_ignore_ascii_case(plain))
        });
        let disposition = self.header("Content-Disposition").map_or("session", kind);
        plain && self.kind().eq_ignore_ascii_case(wanted) && disposition.eq_ignore_ascii_case("session")
    }

    /// Whether who cannot read it must not go on (RFC 3261, 20.11). The RFC would have that of a
    /// part that says nothing too; exchanges rely on the opposite.
    pub(crate) fn must_be_read(&self) -> bool {
        let handling = self.header("Content-Disposition").and_then(|value| parameter(value, "handling"));
        handling.is_some_and(|handling| handling.eq_ignore_ascii_case("required"))
    }
}

/// A type without its parameters.
pub(crate) fn kind(value: &str) -> &str {
    value.split(';').next().unwrap_or_default().trim()
}

/// Whether a type is one of several parts.
pub(crate) fn is_of_several(value: &str) -> bool {
    kind(value).get(..10).is_some_and(|start| start.eq_ignore_ascii_case("multipart/"))
}

/// The parts of a body of this type, those within parts too; of `multipart/alternative` the
/// dearest first (RFC 2046, 5.1.4). None where its boundary is not to be found.
pub(crate) fn parts<'a>(value: &str, body: &'a [u8]) -> Vec<Part<'a>> {
    let mut found = Vec::new();
    gather(value, body, 0, &mut found);
    found
}

fn gather<'a>(value: &str, body: &'a [u8], depth: usize, found: &mut Vec<Part<'a>>) {
    let boundary = parameter(value, "boundary").filter(|boundary| (1..=70).contains(&boundary.len()));
    let Some(boundary) = boundary.filter(|_| depth < DEPTH) else { return };
    let mut pieces = cut(boundary, body);
    if kind(value).eq_ignore_ascii_case("multipart/alternative") {
        pieces.reverse();
    }
    for part in pieces {
        if found.len() >= PARTS {
            return;
        }
        match part.header("Content-Type").filter(|inner| is_of_several(inner)) {
            Some(inner) => gather(inner, part.content, depth + 1, found),
            None => found.push(part),
        }
    }
}

/// What stands between the delimiters. One that is missing at the end is as good as there: the
/// length of the whole is known.
fn cut<'a>(boundary: &str, body: &'a [u8]) -> Vec<Part<'a>> {
    let delimiter = format!("--{boundary}");
    let mut pieces = Vec::new();
    let mut begun: Option<usize> = None;
    for at in memmem::find_iter(body, &delimiter) {
        // Only at the start of a line, and with nothing behind it but blanks or the final "--".
        if at > 0 && body[at - 1] != b'\n' {
            continue;
        }
        let behind = &body[at + delimiter.len()..];
        let last = behind.starts_with(b"--");
        let line = memchr::memchr(b'\n', behind);
        let rest = &behind[..line.unwrap_or(behind.len())];
        if !last && !rest.iter().all(|b| matches!(b, b' ' | b'\t' | b'\r')) {
            continue;
        }
        let next = line.filter(|_| !last).map(|line| at + delimiter.len() + line + 1);
        if let Some(from) = mem::replace(&mut begun, next) {
            // The line break before a delimiter belongs to it.
            let piece = &body[from..at.max(from)];
            let piece = piece.strip_suffix(b"\n").unwrap_or(piece);
            pieces.push(part(piece.strip_suffix(b"\r").unwrap_or(piece)));
        }
        if last || pieces.len() >= PARTS {
            return pieces;
        }
    }
    pieces.extend(begun.map(|from| part(&body[from..])));
    pieces
}

/// A piece with its headers, which may be none.
fn part(piece: &[u8]) -> Part<'_> {
    let (head, content) = if let Some(content) = piece.strip_prefix(b"\r\n") {
        (&[][..], content)
    } else {
        match memmem::find(piece, b"\r\n\r\n") {
            Some(end) => (&piece[..end], &piece[end + 4..]),
            None => (piece, &[][..]),
        }
    };
    let head = text::readable(head).replace("\r\n ", " ").replace("\r\n\t", " ");
    let headers = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let long = |name: &str| match name {
        "c" | "C" => "Content-Type".to_owned(),
        "e" | "E" => "Content-Encoding".to_owned(),
        _ => name.to_owned(),
    };
    Part { headers: headers.map(|(name, value)| (long(name.trim()), value.trim().to_owned())).collect(), content }
}

/// A parameter behind the first `;`.
fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    text::param(&value[value.find(';')?..], name)
}
