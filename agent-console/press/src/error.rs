//! Errors of the press. None repeats the data that was to be printed, but for the
//! characters that no font has: somebody must install one that does.

/// Why a paper could not be printed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PressError {
    /// No font with Chinese characters was found.
    #[error(
        "no Chinese font under {searched}: install one (apt-get install fonts-noto-cjk) or name its folder in papers.fonts"
    )]
    NoChineseFont {
        /// Folders that were searched.
        searched: String,
    },
    /// A character that no font can show.
    #[error("no installed font has {characters}: install one that does (apt-get install fonts-babelstone-han)")]
    MissingGlyphs {
        /// The characters with their code points.
        characters: String,
    },
    /// The data is larger than [`crate::MAX_DATA_BYTES`].
    #[error("{bytes} bytes of data are more than a paper may have")]
    TooMuchData {
        /// Bytes of the data as JSON.
        bytes: usize,
    },
    /// The paper is longer than [`crate::MAX_PAGES`].
    #[error("{pages} pages are more than a paper may have")]
    TooManyPages {
        /// Pages that it would have.
        pages: usize,
    },
    /// The template does not compile with this data.
    #[error("the template {template} cannot be set: {reason}")]
    Template {
        /// Template.
        template: &'static str,
        /// What the compiler said.
        reason: String,
    },
    /// An embedded template file is missing or unreadable: a fault of the build.
    #[error("the embedded template file {file} cannot be used: {reason}")]
    Embedded {
        /// File.
        file: String,
        /// Why not.
        reason: String,
    },
    /// The press stopped in the middle of a paper.
    #[error("the press stopped: {0}")]
    Stopped(String),
}
