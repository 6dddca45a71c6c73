//! The press: data in, PDF out.
//!
//! Papers of the house are set by typst, embedded as a library: a template is a file in
//! `templates/`, the case's data reaches it as one JSON document and never as source, so
//! a party called `#read("x")` stays text. There is no clock, network or file system
//! behind a template, and the same data gives the same bytes.
//!
//! Every paper is PDF/A-2u (ISO 19005-2, level u): text that can be read out and kept for
//! decades. That level also refuses a glyph which no font has, so that a rare character in
//! a name is an error that names it and never an empty box.

mod engine;
mod error;
mod fonts;
mod world;

pub use engine::{Form, MAX_DATA_BYTES, MAX_PAGES, Paper, Press, PressConfig, Template};
pub use error::PressError;
