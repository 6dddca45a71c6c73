//! What a template sees: the embedded files, the data, the fonts. Nothing else is there.

use std::{collections::HashMap, sync::Arc};

use include_dir::{Dir, DirEntry, include_dir};
use typst::{
    Library, LibraryExt, World,
    diag::{FileError, FileResult},
    foundations::{Bytes, Datetime, Duration},
    syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot},
    text::{Font, FontBook},
    utils::LazyHash,
};
use typst_kit::fonts::FontStore;

use crate::PressError;

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/templates");

/// Text of an embedded file, by its path under `templates/`.
pub(crate) fn embedded(path: &str) -> Option<&'static str> {
    FILES.get_file(path)?.contents_utf8()
}

/// What all jobs share. File ids are interned for the life of the process and never
/// freed: only these fixed paths ever get one.
pub(crate) struct Shared {
    library: LazyHash<Library>,
    pub(crate) fonts: FontStore,
    files: HashMap<FileId, Source>,
    data: FileId,
}

impl Shared {
    pub(crate) fn new(fonts: FontStore) -> Result<Self, PressError> {
        let mut files = HashMap::new();
        read(&FILES, &mut files)?;
        Ok(Self { library: LazyHash::new(Library::default()), fonts, files, data: id("data.json")? })
    }
}

fn read(folder: &Dir<'static>, files: &mut HashMap<FileId, Source>) -> Result<(), PressError> {
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(inner) => read(inner, files)?,
            DirEntry::File(file) => {
                let path = file.path().to_string_lossy();
                let text = file
                    .contents_utf8()
                    .ok_or_else(|| PressError::Embedded { file: path.to_string(), reason: "it is not UTF-8".into() })?;
                let id = id(&path)?;
                files.insert(id, Source::new(id, text.to_owned()));
            }
        }
    }
    Ok(())
}

fn id(path: &str) -> Result<FileId, PressError> {
    let virtual_path = VirtualPath::new(format!("/{path}"))
        .map_err(|error| PressError::Embedded { file: path.to_owned(), reason: error.to_string() })?;
    Ok(FileId::new(RootedPath::new(VirtualRoot::Project, virtual_path)))
}

/// One paper in the making.
pub(crate) struct Job {
    shared: Arc<Shared>,
    main: FileId,
    data: Bytes,
}

impl Job {
    /// The template in file `main` with this JSON document as its data.
    pub(crate) fn new(shared: Arc<Shared>, main: &str, data: String) -> Result<Self, PressError> {
        let main = id(main)?;
        Ok(Self { shared, main, data: Bytes::from_string(data) })
    }
}

impl World for Job {
    fn library(&self) -> &LazyHash<Library> {
        &self.shared.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        self.shared.fonts.book()
    }

    fn main(&self) -> FileId {
        self.main
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        self.shared.files.get(&id).cloned().ok_or_else(|| not_found(id))
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        if id == self.shared.data {
            return Ok(self.data.clone());
        }
        self.source(id).map(|source| Bytes::from_string(source.text().to_owned()))
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.shared.fonts.font(index)
    }

    /// Dates come from the data alone: the same data gives the same paper on any day.
    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}

fn not_found(id: FileId) -> FileError {
    FileError::NotFound(id.get().vpath().get_with_slash().into())
}
