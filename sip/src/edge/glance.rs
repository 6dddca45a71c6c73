//! What a look at a message tells before it is read, when there is too much to read everything.

/// Whether the header To holds this, in whatever case. One that is folded or hidden behind a
/// defect is not found.
pub(super) fn to_has(message: &[u8], part: &[u8]) -> bool {
    let mut lines = message.split(|byte| *byte == b'\n').take_while(|line| line.len() > 1);
    let to = lines.find(|line| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii_end();
        name.eq_ignore_ascii_case(b"To") || name.eq_ignore_ascii_case(b"t")
    });
    to.is_some_and(|to| to.windows(part.len()).any(|here| here.eq_ignore_ascii_case(part)))
}
