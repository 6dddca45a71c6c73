//! The browser side, embedded.
//!
//! `console/` is a Vite project; `npm run build` writes it to `dist/`, and the build script
//! copies that into this crate, so that the server is one file on an intranet without
//! anything to fetch. Built without Node, the crate holds a page that says what to run.
//!
//! The server asks for a path and sets its own headers: what lies under `assets/` carries
//! the hash of its content in its name and never changes; a missing asset is `None` and
//! must stay a 404, for an entry page served as a script only hides the fault.

use std::borrow::Cow;

use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "$OUT_DIR/web"]
struct Files;

/// One file of the console, as it goes to a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// Content.
    pub bytes: Cow<'static, [u8]>,
    /// Value of `Content-Type`.
    pub media_type: String,
    /// Whether the content can never change under this name.
    pub immutable: bool,
}

/// The file at `path` (with or without a leading slash), if the console has it.
pub fn asset(path: &str) -> Option<Asset> {
    let path = path.trim_start_matches('/');
    let file = Files::get(path)?;
    let media_type = mime_guess::from_path(path).first_or_octet_stream();
    let media_type = if media_type.type_() == mime_guess::mime::TEXT {
        format!("{media_type}; charset=utf-8")
    } else {
        media_type.to_string()
    };
    Some(Asset { bytes: file.data, media_type, immutable: path.starts_with("assets/") })
}

/// The entry page: for `/` and for each address that the console routes by itself.
pub fn index() -> Asset {
    asset("index.html").unwrap_or_else(|| Asset {
        bytes: Cow::Borrowed(b""),
        media_type: "text/html; charset=utf-8".to_owned(),
        immutable: false,
    })
}

/// Whether the page that names the build commands is embedded in place of the console.
pub fn is_placeholder() -> bool {
    cfg!(placeholder)
}
