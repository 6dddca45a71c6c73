//! Headers of one message.
//!
//! They are kept as they are printed, line by line in one text, with an index beside it: to
//! read, to copy and to print a message costs a handful of allocations, not two for each
//! header.

use std::{fmt, ops::Range};

use memchr::memchr2;

use super::{Method, text};

/// Headers in order. Names compare without case; compact forms were expanded.
#[derive(Clone, Default)]
pub struct Headers {
    /// `Name: value\r\n`, one after the other, and lines that no entry names any more.
    lines: String,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    name: Range<usize>,
    value: Range<usize>,
}

impl Headers {
    /// Room for a message of this many bytes and headers.
    pub fn with_capacity(bytes: usize, headers: usize) -> Self {
        Self { lines: String::with_capacity(bytes), entries: Vec::with_capacity(headers) }
    }

    /// The first value under this name.
    pub fn get<'a>(&'a self, name: &str) -> Option<&'a str> {
        self.find(name).map(|at| &self.lines[self.entries[at].value.clone()])
    }

    /// Every value under this name, in order.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.entries.iter().filter(move |entry| self.named(entry, name)).map(|entry| &self.lines[entry.value.clone()])
    }

    /// Every value of a list header, commas split outside quotes and brackets.
    pub fn list<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.all(name).flat_map(|value| text::split(value, b',')).map(str::trim).filter(|part| !part.is_empty())
    }

    /// Whether a list of tokens (Supported, Require, Allow) names this one.
    pub fn lists(&self, name: &str, token: &str) -> bool {
        self.list(name).any(|one| one.eq_ignore_ascii_case(token))
    }

    /// Adds a header at the end. A line break in the value becomes a space: nobody writes a
    /// header of his own into ours.
    pub fn push(&mut self, name: &str, value: impl AsRef<str>) {
        let entry = self.write(name, value.as_ref());
        self.entries.push(entry);
    }

    /// Adds a header at the end, its value written in place.
    pub fn push_fmt(&mut self, name: &str, value: fmt::Arguments<'_>) {
        let at = self.lines.len();
        let mut entry = self.write(name, "");
        self.lines.truncate(entry.value.start);
        // Writing to a text cannot fail.
        let _ = fmt::write(&mut self.lines, value);
        if memchr2(b'\r', b'\n', &self.lines.as_bytes()[entry.value.start..]).is_some() {
            let clean = self.lines[at..].replace(['\r', '\n'], " ");
            self.lines.truncate(at);
            self.lines.push_str(&clean);
        }
        entry.value.end = self.lines.len();
        self.lines.push_str("\r\n");
        self.entries.push(entry);
    }

    /// Adds a header before all others (Via, Route).
    pub fn push_front(&mut self, name: &str, value: impl AsRef<str>) {
        let entry = self.write(name, value.as_ref());
        self.entries.insert(0, entry);
    }

    /// Replaces the first header of this name, or adds it.
    pub fn set(&mut self, name: &str, value: impl AsRef<str>) {
        let entry = self.write(name, value.as_ref());
        match self.find(name) {
            Some(at) => self.entries[at] = entry,
            None => self.entries.push(entry),
        }
    }

    /// Takes out every header of this name.
    pub fn remove(&mut self, name: &str) {
        let lines = &self.lines;
        self.entries.retain(|entry| !lines[entry.name.clone()].eq_ignore_ascii_case(name));
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|entry| (&self.lines[entry.name.clone()], &self.lines[entry.value.clone()]))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Number and method of the `CSeq`.
    pub fn cseq(&self) -> Option<(u32, Method)> {
        let (number, method) = self.get("CSeq")?.split_once([' ', '\t'])?;
        Some((text::digits(number)?, Method::parse(method.trim())))
    }

    /// The tag of From or To; none where it has none or an empty one.
    pub fn tag(&self, name: &str) -> Option<&str> {
        crate::uri::tag_of(self.get(name)?)
    }

    /// A header that is a number of seconds: Expires, Min-Expires. One that does not fit 32
    /// bits is the largest that does (RFC 4475, 3.1.2.4).
    pub fn seconds(&self, name: &str) -> Option<u32> {
        text::seconds(self.get(name)?)
    }

    /// Bytes they take when printed.
    pub(crate) fn printed_len(&self) -> usize {
        self.entries.iter().map(|entry| entry.value.end - entry.name.start + 2).sum()
    }

    pub(crate) fn print(&self, out: &mut Vec<u8>) {
        // Neighbours in the text go out as one piece.
        let mut piece = 0..0;
        for entry in &self.entries {
            if entry.name.start != piece.end {
                out.extend_from_slice(&self.lines.as_bytes()[piece]);
                piece = entry.name.start..entry.name.start;
            }
            piece.end = entry.value.end + 2;
        }
        out.extend_from_slice(&self.lines.as_bytes()[piece]);
    }

    /// A header as the parser found it; the value may be continued until it is closed.
    pub(crate) fn open(&mut self, name: &str, value: &str) {
        let start = self.lines.len();
        self.lines.push_str(name);
        let name = start..self.lines.len();
        self.lines.push_str(": ");
        let value_start = self.lines.len();
        self.lines.push_str(value);
        self.entries.push(Entry { name, value: value_start..self.lines.len() });
    }

    /// Joins a continuation to the header that was opened last.
    pub(crate) fn fold(&mut self, more: &str) {
        let Some(entry) = self.entries.last_mut() else { return };
        if !more.is_empty() {
            if !entry.value.is_empty() {
                self.lines.push(' ');
            }
            let start = self.lines.len();
            self.lines.push_str(more);
            entry.value = if entry.value.is_empty() { start } else { entry.value.start }..self.lines.len();
        }
    }

    /// Ends the header that was opened last.
    pub(crate) fn close(&mut self) {
        self.lines.push_str("\r\n");
    }

    /// The header that was opened last is not to be kept.
    pub(crate) fn abandon(&mut self) {
        if let Some(entry) = self.entries.pop() {
            self.lines.truncate(entry.name.start);
        }
    }

    /// Name and value of the header that was opened last.
    pub(crate) fn last_line(&self) -> (&str, &str) {
        let entry = self.entries.last();
        entry.map_or(("", ""), |entry| (&self.lines[entry.name.clone()], &self.lines[entry.value.clone()]))
    }

    fn write(&mut self, name: &str, value: &str) -> Entry {
        self.lines.reserve(name.len() + value.len() + 4);
        let start = self.lines.len();
        self.one_line(name);
        let name = start..self.lines.len();
        self.lines.push_str(": ");
        let start = self.lines.len();
        self.one_line(value);
        let value = start..self.lines.len();
        self.lines.push_str("\r\n");
        Entry { name, value }
    }

    fn one_line(&mut self, text: &str) {
        if memchr2(b'\r', b'\n', text.as_bytes()).is_some() {
            self.lines.push_str(&text.replace(['\r', '\n'], " "));
        } else {
            self.lines.push_str(text);
        }
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.entries.iter().position(|entry| self.named(entry, name))
    }

    fn named(&self, entry: &Entry, name: &str) -> bool {
        entry.name.len() == name.len() && self.lines[entry.name.clone()].eq_ignore_ascii_case(name)
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers {}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
