//! Our description from one exchange to the next (RFC 3264, 8).

use super::Direction;

/// `next` with the origin that must follow `previous`, the description of ours that the other
/// end has: the same session, and a version that is one higher where anything else changed, the
/// same where nothing did.
pub fn following(previous: &str, next: &str) -> String {
    let Some(before) = Origin::of(previous) else { return next.to_owned() };
    let version = if same(previous, next) { before.version } else { before.version.saturating_add(1) };
    let origin = format!("o={} {} {version} {}", before.user, before.id, before.place);
    with_line(next, |line| line.starts_with("o=").then(|| origin.clone()))
}

/// A description of ours with another direction in every stream: to hold the other end, and to
/// let go of it.
pub fn directed(ours: &str, direction: Direction) -> String {
    let mut out = String::with_capacity(ours.len() + 16);
    let mut in_stream = false;
    let attribute = |out: &mut String| {
        out.push_str("a=");
        out.push_str(direction.as_str());
        out.push_str("\r\n");
    };
    for line in ours.lines() {
        if line.strip_prefix("a=").is_some_and(|name| Direction::parse(name).is_some()) {
            continue;
        }
        if line.starts_with("m=") && std::mem::replace(&mut in_stream, true) {
            attribute(&mut out);
        }
        out.push_str(line);
        out.push_str("\r\n");
    }
    if in_stream {
        attribute(&mut out);
    }
    out
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
