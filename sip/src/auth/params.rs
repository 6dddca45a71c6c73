//! The parameters of a challenge or of credentials (RFC 3261, 25.1: `auth-param`).

/// More parameters than anybody needs are not read.
const LIMIT: usize = 32;

/// `a=b, c="d, e"` as pairs: names in lower case, quotes and escapes removed.
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads what stands after the scheme. A quote that is never closed ends the
    /// list: what was read before stays.
    pub(super) fn read(text: &str) -> Self {
        let mut found = Vec::new();
        let mut rest = text;
        loop {
            rest = rest.trim_start_matches([',', ' ', '\t', '\r', '\n']);
            let Some((name, after)) = rest.split_once('=') else { break };
            let after = after.trim_start();
            let (value, next) = if let Some(quoted) = after.strip_prefix('"') {
                let Some(read) = unquote(quoted) else { break };
                read
            } else {
                let (value, next) = after.split_at(after.find(',').unwrap_or(after.len()));
                (value.trim().to_owned(), next)
            };
            // What stands before a comma had no value, and says nothing.
            let name = name.rsplit(',').next().unwrap_or_default();
            found.push((name.trim().to_ascii_lowercase(), value));
            rest = next;
            if found.len() >= LIMIT {
                break;
            }
        }
        Self(found)
    }

    /// The first value under this name, which stands in lower case.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The text up to the closing quote, and what follows it.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.push(chars.next()?.1),
            '"' => return Some((value, &quoted[at + 1..])),
            _ => value.push(c),
        }
    }
    None
}

/// A quoted string. Line breaks cannot stand in one and are left out.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars().filter(|c| !matches!(c, '\r' | '\n' | '\0')) {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// What follows the word `Digest`; none for another scheme.
pub(super) fn digest(value: &str) -> Option<&str> {
    let (scheme, rest) = value.trim().split_once([' ', '\t'])?;
    scheme.eq_ignore_ascii_case("Digest").then_some(rest)
}

/// The challenges of one header line: RFC 3261, 7.3.1 allows one each, some servers join them.
pub(super) fn challenges(value: &str) -> Vec<&str> {
    let mut starts = vec![0];
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in value.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted && begins_challenge(&value[at + 1..]) => starts.push(at + 1),
            _ => {}
        }
        if starts.len() > LIMIT {
            break;
        }
    }
    let ends = starts.iter().skip(1).map(|next| next - 1).chain([value.len()]);
    starts.iter().zip(ends).map(|(from, to)| &value[*from..to]).collect()
}

/// A scheme and a blank stand here, not a parameter.
fn begins_challenge(text: &str) -> bool {
    let text = text.trim_start();
    let word = text.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'-').count();
    let after = text[word..].trim_start();
    word > 0 && after.len() < text.len() - word && !after.starts_with(['=', ','])
}
