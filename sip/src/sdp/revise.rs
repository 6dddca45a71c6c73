//! Our description from one exchange to the next (RFC 3264, 8).

use std::fmt::Write as _;

use super::Direction;

/// The laws of G.711 with their payload types (RFC 3551, table 4).
const LAWS: [(&str, &str); 2] = [("8", "PCMA"), ("0", "PCMU")];

/// `next` with the origin that must follow `previous`, the description of ours that the other
/// end has: the same session, and a version that is one higher where anything else changed, the
/// same where nothing did.
pub fn following(previous: &str, next: &str) -> String {
    let Some(before) = Origin::of(previous) else { return next.to_owned() };
    let version = if same(previous, next) { before.version } else { before.version.saturating_add(1) };
    let origin = format!("o={} {} {version} {}", before.user, before.id, before.place);
    with_line(next, |line| line.starts_with("o=").then(|| origin.clone()))
}

/// What our sound can do in a call whose offer it answered by `answer`: an answer names only what
/// the offer left of it, and the next offer may ask for more. The laws of these names in their
/// order, without names both; both ways; place, keys and the other streams are those of the answer.
pub fn unnarrowed(answer: &str, codecs: &[String]) -> String {
    let able = laws(codecs);
    let mut out = String::with_capacity(answer.len() + 64);
    let mut live = false;
    for line in answer.lines() {
        if let Some(media) = line.strip_prefix("m=") {
            live = false;
            let mut words = media.split(' ');
            if let (Some(kind), Some(port), Some(protocol)) = (words.next(), words.next(), words.next())
                && kind.eq_ignore_ascii_case("audio")
                && port != "0"
            {
                live = true;
                let others = words.filter(|format| !matches!(*format, "8" | "0"));
                let listed: Vec<&str> = able.iter().map(|(law, _)| *law).chain(others).collect();
                let _ = write!(out, "m={kind} {port} {protocol} {}\r\n", listed.join(" "));
                for (law, name) in &able {
                    let _ = write!(out, "a=rtpmap:{law} {name}/8000\r\n");
                }
                continue;
            }
        }
        let attribute = line.strip_prefix("a=").unwrap_or_default();
        let narrow = Direction::parse(attribute).is_some();
        let law = attribute.starts_with("rtpmap:8 ") || attribute.starts_with("rtpmap:0 ");
        if live && (narrow || law) {
            continue;
        }
        out.push_str(line);
        out.push_str("\r\n");
    }
    out
}

/// Those of these names, in their order; without names both.
fn laws(codecs: &[String]) -> Vec<(&'static str, &'static str)> {
    let law = |codec: &String| LAWS.into_iter().find(|(_, name)| name.eq_ignore_ascii_case(codec));
    let named: Vec<_> = codecs.iter().filter_map(law).collect();
    if named.is_empty() { LAWS.to_vec() } else { named }
}

struct Origin<'a> {
    user: &'a str,
    id: &'a str,
    version: u64,
    place: &'a str,
}

impl<'a> Origin<'a> {
    fn of(description: &'a str) -> Option<Self> {
        let line = description.lines().find_map(|line| line.strip_prefix("o="))?;
        let mut words = line.splitn(4, ' ');
        let (user, id) = (words.next()?, words.next()?);
        Some(Self { user, id, version: words.next()?.parse().ok()?, place: words.next()? })
    }
}

fn same(one: &str, other: &str) -> bool {
    let rest = |text| str::lines(text).filter(|line| !line.starts_with("o="));
    rest(one).eq(rest(other))
}

fn with_line(text: &str, replace: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for line in text.lines() {
        match replace(line) {
            Some(new) => out.push_str(&new),
            None => out.push_str(line),
        }
        out.push_str("\r\n");
    }
    out
}
