//! Fonts: found by folder, mapped into memory when a template first uses them.
//!
//! The court's own folders come first, so that its licensed faces win over the system's.
//! A Chinese collection is 20 MB and more per file and holds ten faces; mapping it costs
//! address space, where reading it would cost that memory for each face.

use std::{
    collections::BTreeSet,
    fs::File,
    path::{Path, PathBuf},
};

use typst::{
    foundations::Bytes,
    text::{Font, FontBook},
};
use typst_kit::fonts::{FontPath, FontSource, FontStore, scan};

use crate::PressError;

/// Characters that a font must have to set any paper of a court.
const NEEDED: &str = "送达报告书";

/// A face in a file, mapped when it is first used.
struct Mapped(FontPath);

impl FontSource for Mapped {
    fn load(&self) -> Option<Font> {
        let file = File::open(&self.0.path).ok()?;
        #[expect(unsafe_code, reason = "mapping a file is unsafe because somebody might shorten it meanwhile")]
        // SAFETY: fonts are installed by the administrator and replaced by renaming, never
        // written in place; the mapping is read-only and private to this process.
        let map = unsafe { memmap2::Mmap::map(&file) }.ok()?;
        Font::new(Bytes::new(map), self.0.index)
    }
}

/// Scans folders, the first one winning, for faces.
pub(crate) fn store(folders: &[PathBuf]) -> Result<FontStore, PressError> {
    let mut store = FontStore::new();
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        store.extend(scan(folder).map(|(path, info)| (Mapped(path), info)));
    }
    if missing(store.book(), NEEDED.chars()).is_empty() {
        return Ok(store);
    }
    let searched = folders.iter().map(|folder| shown(folder)).collect::<Vec<_>>().join(", ");
    Err(PressError::NoChineseFont { searched })
}

fn shown(folder: &Path) -> String {
    folder.display().to_string()
}

/// Names of the families, sorted.
pub(crate) fn families(book: &FontBook) -> Vec<String> {
    let names: BTreeSet<String> = book.families().map(|(name, _)| name.to_owned()).collect();
    names.into_iter().collect()
}

/// Characters that no font of the book has.
pub(crate) fn missing(book: &FontBook, characters: impl Iterator<Item = char>) -> BTreeSet<char> {
    let faces: Vec<_> = (0..).map_while(|index| book.info(index)).collect();
    let wanted: BTreeSet<char> = characters.filter(|c| !c.is_whitespace() && !c.is_control()).collect();
    wanted.into_iter().filter(|c| !faces.iter().any(|face| face.coverage.contains(u32::from(*c)))).collect()
}
