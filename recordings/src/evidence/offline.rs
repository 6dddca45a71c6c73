//! Checking a folder of files against manifests and day roots, without the house.

use std::{
    collections::HashMap,
    fs::File,
    io::Read,
    path::{Component, Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{DayRoot, Facts, Hashes, Inclusion, Leaf, Tree, tree::Hashing};
use crate::keys::PublicKey;

/// A file that should be there, as its manifest has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Object id, which is that of the leaf.
    pub object: String,
    /// Where it lies, relative to the folder.
    pub file: String,
    /// Court.
    pub court: String,
    /// Day in whose root it stands.
    pub day: String,
    /// Bytes of the file; of a recording, of its WAV.
    pub bytes: u64,
    /// SHA-256 of the file; of a recording, of its WAV. Hex.
    pub sha256: String,
    /// SM3 of the same, hex.
    pub sm3: String,
    /// The way to the root. Without it every file of the day must be listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Inclusion>,
    /// Kind of the file, which its leaf holds with court, owner and bytes; a leaf without a
    /// kind holds none of that.
    #[serde(default)]
    pub kind: String,
    /// The call of a recording or transcript.
    #[serde(default)]
    pub owner: String,
    /// Whose it is, as case and task; told with the verdict, and not looked into.
    #[serde(default)]
    pub about: String,
}

/// What was found out about a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "standing", rename_all = "snake_case")]
pub enum Standing {
    /// It has the hashes of its manifest, and they are in the signed root of its day.
    Intact,
    /// It differs from its manifest.
    Altered {
        /// How.
        reason: String,
    },
    /// It is not there.
    Missing,
    /// It has the hashes of its manifest, but no signed root holds them.
    NotInRoot {
        /// Why.
        reason: String,
    },
    /// Nothing could be found out: a disk that does not answer.
    Unread {
        /// Why, and what to do.
        reason: String,
    },
}

/// A file and what was found out about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked<'a> {
    /// Its manifest.
    pub listed: &'a Listed,
    /// What was found out.
    pub standing: Standing,
}

/// A folder, the roots and the public keys.
pub struct Offline<'a> {
    folder: &'a Path,
    /// By court and day: the root, when it is signed, else what is wrong with it.
    roots: HashMap<(&'a str, &'a str), Result<&'a DayRoot, String>>,
}

impl std::fmt::Debug for Offline<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Offline").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl<'a> Offline<'a> {
    /// Takes a folder and the roots. Their signatures are checked here; whether they are a
    /// chain, [`check_chain`](super::check_chain) tells.
    pub fn new(folder: &'a Path, roots: &'a [DayRoot], keys: &[PublicKey]) -> Self {
        let mut by_day = HashMap::with_capacity(roots.len());
        for root in roots {
            let place = (root.court.as_str(), root.day.as_str());
            let mut found = root.verify(keys).map(|()| root).map_err(|fault| fault.to_string());
            if by_day.get(&place).is_some_and(|other: &Result<&DayRoot, _>| other.as_ref().ok() != Some(&root)) {
                found = Err("there are two different roots of that day".into());
            }
            by_day.insert(place, found);
        }
        Self { folder, roots: by_day }
    }

    /// Checks each file in turn, reading it piece by piece.
    pub fn check<'b>(&'b self, list: &'b [Listed]) -> impl Iterator<Item = Checked<'b>> + 'b {
        let trees = Trees::new(list);
        list.iter().map(move |listed| Checked { listed, standing: self.standing(listed, &trees) })
    }

    /// Whether the hashes of a file that is gone are in the signed root of its day, by its proof;
    /// why not, if not.
    pub fn proven(&self, gone: &Listed) -> Result<(), String> {
        if gone.proof.is_none() {
            return Err("it has no proof".into());
        }
        self.in_root(gone, &Trees { by_day: HashMap::new() })
    }

    fn standing(&self, listed: &Listed, trees: &Trees<'_>) -> Standing {
        match self.read(listed) {
            Ok(()) => {}
            Err(standing) => return standing,
        }
        match self.in_root(listed, trees) {
            Ok(()) => Standing::Intact,
            Err(reason) => Standing::NotInRoot { reason },
        }
    }

    /// Whether the file is what its manifest says.
    fn read(&self, listed: &Listed) -> Result<(), Standing> {
        let altered = |reason: String| Standing::Altered { reason };
        let expected = Hashes::from_hex(&listed.object, &listed.sha256, &listed.sm3)
            .map_err(|error| altered(format!("its manifest is unreadable: {error}")))?;
        let path = inside(self.folder, &listed.file)
            .ok_or_else(|| altered("its manifest names a place outside, or what is no file".into()))?;
        let (bytes, found) = hashed(&path)?;
        if bytes != listed.bytes {
            return Err(altered(format!("{bytes} bytes instead of {}", listed.bytes)));
        }
        for (name, same) in [("SHA-256", found.sha256 == expected.sha256), ("SM3", found.sm3 == expected.sm3)] {
            if !same {
                return Err(altered(format!("its {name} differs from the manifest")));
            }
        }
        Ok(())
    }

    fn in_root(&self, listed: &Listed, trees: &Trees<'_>) -> Result<(), String> {
        let place = (listed.court.as_str(), listed.day.as_str());
        let root = match self.roots.get(&place) {
            Some(Ok(root)) => root,
            Some(Err(fault)) => return Err(format!("the root of {}: {fault}", listed.day)),
            None => return Err(format!("there is no root of {}", listed.day)),
        };
        let found = if let Some(proof) = &listed.proof {
            let leaf = leaf(listed)?;
            let found = proof.root(&leaf).ok_or("its proof does not fit a tree")?;
            if proof.leaves != root.leaves {
                return Err(format!("its proof is of {} files, the root of {}", proof.leaves, root.leaves));
            }
            found
        } else {
            let (leaves, found) = trees.by_day.get(&place).cloned().unwrap_or(Err("it is not listed".into()))?;
            if leaves != root.leaves {
                return Err(format!("{leaves} files of {} are listed, the root has {}", listed.day, root.leaves));
            }
            found
        };
        if found == root.root { Ok(()) } else { Err(format!("it does not lead to the root of {}", listed.day)) }
    }
}

fn leaf(listed: &Listed) -> Result<Leaf, String> {
    let leaf = Leaf::from_hex(&listed.object, &listed.sha256, &listed.sm3).map_err(|error| error.to_string())?;
    if listed.kind.is_empty() {
        return Ok(leaf);
    }
    let Listed { court, kind, owner, bytes, .. } = listed;
    Ok(leaf.with(&Facts { court, kind, owner, bytes: *bytes }))
}

/// Number of leaves and root, or why there is none.
type Rebuilt = Result<(u64, Hashes), String>;

/// The trees of the days as the list has them, for files without a proof.
struct Trees<'a> {
    by_day: HashMap<(&'a str, &'a str), Rebuilt>,
}

impl<'a> Trees<'a> {
    fn new(list: &'a [Listed]) -> Self {
        let mut days: HashMap<(&str, &str), Vec<&Listed>> = HashMap::new();
        for listed in list {
            days.entry((&listed.court, &listed.day)).or_default().push(listed);
        }
        days.retain(|_, listed| listed.iter().any(|listed| listed.proof.is_none()));
        let build = |listed: Vec<&Listed>| {
            let leaves = listed.into_iter().map(leaf).collect::<Result<Vec<_>, _>>()?;
            let tree = Tree::new(leaves).map_err(|error| error.to_string())?;
            Ok((tree.len(), tree.root()))
        };
        Self { by_day: days.into_iter().map(|(day, listed)| (day, build(listed))).collect() }
    }
}

/// Where a file of this name lies in a folder that may be a stranger's; none for a name or a link that
/// leads out of it, and for what is no file and may never end. Whether it is there, whoever opens it
/// sees.
pub fn inside(folder: &Path, name: &str) -> Option<PathBuf> {
    let name = Path::new(name);
    if name.file_name().is_none() || !name.components().all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    let path = folder.join(name);
    let (Ok(real), Ok(home)) = (path.canonicalize(), folder.canonicalize()) else { return Some(path) };
    (real.starts_with(home) && (real.is_file() || real.is_dir())).then_some(path)
}

/// Hashes a file piece by piece.
fn hashed(path: &Path) -> Result<(u64, Hashes), Standing> {
    let unread = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Standing::Missing,
        _ => Standing::Unread { reason: format!("{} cannot be read: {error}", path.display()) },
    };
    let mut file = File::open(path).map_err(unread)?;
    let mut hashing = Hashing::default();
    let mut piece = vec![0; 64 << 10];
    let mut bytes = 0;
    loop {
        match file.read(&mut piece).map_err(unread)? {
            0 => return Ok((bytes, hashing.finish())),
            read => {
                hashing.update(&piece[..read]);
                bytes += read as u64;
            }
        }
    }
}
