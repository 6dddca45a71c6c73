//! Numbers and secrets that do not show themselves.

use std::fmt;

/// A number to dial or to show as caller. `Debug` and `Display` are masked.
#[derive(Clone, PartialEq, Eq)]
pub struct Number(String);

impl Number {
    /// Keeps digits and a leading plus; everything else of a written number is layout.
    pub fn new(text: &str) -> Self {
        let mut number = String::with_capacity(text.len());
        for c in text.chars() {
            if c.is_ascii_digit() || (c == '+' && number.is_empty()) {
                number.push(c);
            }
        }
        Self(number)
    }

    /// The number itself: only the INVITE may need it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.0.len();
        if length < 8 {
            return f.write_str("****");
        }
        write!(f, "{}****{}", &self.0[..3], &self.0[length - 4..])
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Number({self})")
    }
}

/// A password. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
