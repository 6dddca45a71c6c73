//! Papers as a reader finds them: their text, fonts, pages and bytes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod report;
mod sample;
