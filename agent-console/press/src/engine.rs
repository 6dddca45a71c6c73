//! One engine per process: templates, fonts, and two papers at a time.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use typst::{
    diag::SourceDiagnostic,
    foundations::{Datetime, Smart},
};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards, Timestamp};

use crate::{
    PressError, fonts,
    world::{Job, Shared, embedded},
};

/// Pages that a paper may have; a longer one is a fault of its data.
pub const MAX_PAGES: usize = 500;

/// Bytes of data, as JSON, that a paper may have.
pub const MAX_DATA_BYTES: usize = 8 << 20;

/// Papers that are set at the same time: each takes a core.
const AT_ONCE: usize = 2;

/// Where the system keeps its fonts.
const SYSTEM_FONTS: &str = "/usr/share/fonts";

/// Layouts remembered from earlier papers, counted in papers.
const REMEMBERED: usize = 10;

/// How the press is set up.
#[derive(Debug, Clone, Default)]
pub struct PressConfig {
    /// Folders with the court's own fonts; they win over those of the system.
    pub font_dirs: Vec<PathBuf>,
}

/// A paper that the press can set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    /// 送达报告书（电话）.
    T3Phone,
}

impl Template {
    /// Every template.
    const ALL: [Self; 1] = [Self::T3Phone];

    /// Stable name, stored with each paper.
    pub fn id(self) -> &'static str {
        match self {
            Self::T3Phone => "t3-phone",
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::T3Phone => "t3-phone.typ",
        }
    }
}

/// What the manifest says of a template.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Form {
    /// Grows with each change of the template; printed in the foot and stored.
    pub version: i64,
    /// Full title.
    pub title: String,
    /// Short title for the foot.
    pub short: String,
}

/// A finished paper.
#[derive(Debug, Clone)]
pub struct Paper {
    /// PDF/A-2u.
    pub pdf: Vec<u8>,
    /// Pages.
    pub pages: usize,
}

/// The press. Clones share one engine.
#[derive(Clone)]
pub struct Press {
    shared: Arc<Shared>,
    slots: Arc<Semaphore>,
}

impl Press {
    /// Reads the embedded templates and scans for fonts, which takes up to half a second.
    ///
    /// # Errors
    /// [`PressError::NoChineseFont`] when no font has Chinese characters.
    pub fn open(config: PressConfig) -> Result<Self, PressError> {
        let mut folders = config.font_dirs;
        folders.push(SYSTEM_FONTS.into());
        Self::with_fonts_from(&folders)
    }

    fn with_fonts_from(folders: &[PathBuf]) -> Result<Self, PressError> {
        for template in Template::ALL {
            form(template)?;
        }
        let shared = Shared::new(fonts::store(folders)?)?;
        Ok(Self { shared: Arc::new(shared), slots: Arc::new(Semaphore::new(AT_ONCE)) })
    }

    /// Names of the font families found, for the health page.
    pub fn fonts(&self) -> Vec<String> {
        fonts::families(self.shared.fonts.book())
    }

    /// Version and title of a template.
    ///
    /// # Errors
    /// [`PressError::Embedded`], which [`Self::open`] would have found already.
    pub fn form(&self, template: Template) -> Result<Form, PressError> {
        form(template)
    }

    /// Sets a paper. `stamp` is the time of making in unix milliseconds, written into the
    /// file's metadata; the same template, data and stamp give the same bytes.
    ///
    /// # Errors
    /// [`PressError::MissingGlyphs`] for a character that no font has, `TooMuchData` and
    /// `TooManyPages` for a paper out of bounds, `Template` when the data lacks something.
    pub async fn render(&self, template: Template, data: Value, stamp: i64) -> Result<Paper, PressError> {
        let stopped = |error: &dyn std::fmt::Display| PressError::Stopped(error.to_string());
        let slot = self.slots.clone().acquire_owned().await.map_err(|error| stopped(&error))?;
        let shared = self.shared.clone();
        // The slot travels along: a caller who goes away does not make room for a third paper.
        tokio::task::spawn_blocking(move || {
            let _slot = slot;
            set(shared, template, data, stamp)
        })
        .await
        .map_err(|error| stopped(&error))?
    }
}

fn form(template: Template) -> Result<Form, PressError> {
    let manifest = "templates.json";
    let fault = |reason: String| PressError::Embedded { file: manifest.into(), reason };
    let text = embedded(manifest).ok_or_else(|| fault("it is not there".into()))?;
    let mut forms: std::collections::HashMap<String, Form> =
        serde_json::from_str(text).map_err(|error| fault(error.to_string()))?;
    forms.remove(template.id()).ok_or_else(|| fault(format!("{} is not in it", template.id())))
}

fn set(shared: Arc<Shared>, template: Template, mut data: Value, stamp: i64) -> Result<Paper, PressError> {
    without_controls(&mut data);
    let text = data.to_string();
    if text.len() > MAX_DATA_BYTES {
        return Err(PressError::TooMuchData { bytes: text.len() });
    }
    let ident = format!("{} {}", template.id(), hex::encode(Sha256::digest(&text)));
    let lacking = fonts::missing(shared.fonts.book(), characters(&data).into_iter());
    if !lacking.is_empty() {
        return Err(PressError::MissingGlyphs { characters: named(&lacking) });
    }
    let job = Job::new(shared, template.file(), text)?;
    let paper = print(&job, template, ident, stamp);
    typst::comemo::evict(REMEMBERED);
    paper
}

fn print(job: &Job, template: Template, ident: String, stamp: i64) -> Result<Paper, PressError> {
    let fault = |errors: &[SourceDiagnostic]| PressError::Template { template: template.id(), reason: said(errors) };
    let document = typst::compile::<PagedDocument>(job).output.map_err(|errors| fault(&errors))?;
    let pages = document.pages().len();
    if pages > MAX_PAGES {
        return Err(PressError::TooManyPages { pages });
    }
    let standards = PdfStandards::new(&[PdfStandard::A_2u])
        .map_err(|error| PressError::Template { template: template.id(), reason: error.message().to_string() })?;
    let options = PdfOptions {
        ident: Smart::Custom(ident),
        creator: Smart::Custom(Some(format!("Songda {}", env!("CARGO_PKG_VERSION")))),
        timestamp: made_at(stamp),
        standards,
        ..PdfOptions::default()
    };
    let pdf = typst_pdf::pdf(&document, &options).map_err(|errors| fault(&errors))?;
    Ok(Paper { pdf, pages })
}

/// The first messages of the compiler, bounded.
fn said(errors: &[SourceDiagnostic]) -> String {
    let joined = errors.iter().take(3).map(|error| error.message.as_str()).collect::<Vec<_>>().join("; ");
    joined.chars().take(400).collect()
}

/// Unix milliseconds as typst writes them into the file; none before 1970.
fn made_at(stamp: i64) -> Option<Timestamp> {
    let seconds = u64::try_from(stamp).ok()? / 1_000;
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    let at = Datetime::from_ymd_hms(year, month, day, hour as u8, minute as u8, second as u8)?;
    Some(Timestamp::new_utc(at))
}

/// Day of the Gregorian calendar from days since 1970-01-01, by 400-year eras.
fn civil(days: u64) -> (i32, u8, u8) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year as i32, month as u8, day as u8)
}

/// Control characters have no form on paper and no place in PDF/A: they become spaces.
fn without_controls(value: &mut Value) {
    match value {
        Value::String(text) if text.chars().any(char::is_control) => {
            *text = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        }
        Value::Array(items) => items.iter_mut().for_each(without_controls),
        Value::Object(fields) => fields.values_mut().for_each(without_controls),
        _ => {}
    }
}

fn characters(value: &Value) -> BTreeSet<char> {
    match value {
        Value::String(text) => text.chars().collect(),
        Value::Array(items) => items.iter().flat_map(characters).collect(),
        Value::Object(fields) => fields.values().flat_map(characters).collect(),
        _ => BTreeSet::new(),
    }
}

/// `𲎯 (U+323AF)`, at most ten of them.
fn named(characters: &BTreeSet<char>) -> String {
    let shown = characters.iter().take(10).map(|c| format!("{c} (U+{:04X})", u32::from(*c)));
    shown.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_chinese_font_the_press_says_what_to_install() {
        let folder = std::env::temp_dir().join("songda-no-fonts-here");
        let error = Press::with_fonts_from(&[folder]).err().unwrap().to_string();
        assert!(error.contains("apt-get install fonts-noto-cjk"), "{error}");
        assert!(error.contains("songda-no-fonts-here"), "{error}");
    }

    #[test]
    fn days_become_dates_over_leap_years_and_centuries() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(20_780), (2026, 11, 23));
        assert_eq!(civil(47_541), (2100, 3, 1));
    }
}
