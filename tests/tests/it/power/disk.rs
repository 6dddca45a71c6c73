//! A disk that forgets what was not synced, without I/O: what is live, and what is left of it
//! when the power fails.
//!
//! It keeps no promise but those of the standard. `fsync` of a file keeps its octets and its
//! length, and nothing else; `fsync` of a folder keeps what was done to its entries; a rename
//! is done or not done, never half. Whatever was not synced is kept or lost by the dice: each
//! page of 4 KiB of a file by itself, so that later pages outlive earlier ones and a write is
//! torn; its length anywhere between the old and the new one, zeros where no page was kept; and
//! changes of entries up to one of them, in the order in which they were made (the journal of
//! ext4 is one), or none at all.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
};

/// Number of a file or folder.
pub(super) type Ino = u64;

pub(super) const ROOT: Ino = 1;
const PAGE: usize = 4_096;

#[derive(Debug, Clone, Default)]
pub(super) struct File {
    pub(super) live: Vec<u8>,
    synced: Vec<u8>,
    /// Pages that differ, or may.
    dirty: BTreeSet<usize>,
}

impl File {
    fn touch(&mut self, from: usize, to: usize) {
        self.dirty.extend(from / PAGE..to.div_ceil(PAGE));
    }

    pub(super) fn write(&mut self, at: usize, bytes: &[u8]) {
        if self.live.len() < at {
            self.resize(at);
        }
        let end = at + bytes.len();
        if self.live.len() < end {
            self.live.resize(end, 0);
        }
        self.live[at..end].copy_from_slice(bytes);
        self.touch(at, end);
    }

    pub(super) fn resize(&mut self, len: usize) {
        let old = self.live.len();
        self.live.resize(len, 0);
        self.touch(old.min(len), old.max(len));
    }

    fn sync(&mut self) {
        self.synced.resize(self.live.len(), 0);
        for page in std::mem::take(&mut self.dirty) {
            let (from, to) = (page * PAGE, ((page + 1) * PAGE).min(self.live.len()));
            if from < to {
                self.synced[from..to].copy_from_slice(&self.live[from..to]);
            }
        }
    }

    /// What is left of it.
    fn remains(&self, dice: &mut Dice) -> Vec<u8> {
        let (old, new) = (self.synced.len(), self.live.len());
        let len = match dice.below(3) {
            0 => old,
            1 => new,
            // Grown or cut to a page in between.
            _ => (old.min(new) + dice.below((old.abs_diff(new) / PAGE) as u64 + 1) as usize * PAGE).min(old.max(new)),
        };
        let mut left = self.synced.clone();
        left.resize(len, 0);
        for page in &self.dirty {
            let (from, to) = (page * PAGE, ((page + 1) * PAGE).min(len).min(new));
            if from < to && dice.below(2) == 0 {
                left[from..to].copy_from_slice(&self.live[from..to]);
            }
        }
        left
    }
}

#[derive(Debug, Clone)]
pub(super) enum Node {
    File(File),
    Folder(BTreeMap<OsString, Ino>),
}

#[derive(Debug, Clone)]
pub(super) struct Inode {
    pub(super) node: Node,
    pub(super) mode: u16,
}

/// A change of entries that is done or not done.
#[derive(Debug, Clone)]
struct Change {
    folders: [Ino; 2],
    removed: Vec<(Ino, OsString)>,
    added: Option<(Ino, OsString, Ino)>,
    kept: bool,
}

/// `SplitMix64`.
#[derive(Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit.max(1)
    }
}

/// What went wrong, by its POSIX name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    NoEntry,
    Exists,
    NotEmpty,
    NotFolder,
    IsFolder,
}

/// The disk.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) inodes: BTreeMap<Ino, Inode>,
    next: Ino,
    /// Entries as they lie on the disk.
    synced: BTreeMap<Ino, BTreeMap<OsString, Ino>>,
    journal: Vec<Change>,
    /// How often a file and a folder were synced.
    pub(super) syncs: [u64; 2],
}

impl Disk {
    pub(super) fn new() -> Self {
        let root = Inode { node: Node::Folder(BTreeMap::new()), mode: 0o755 };
        let synced = BTreeMap::from([(ROOT, BTreeMap::new())]);
        Self { inodes: BTreeMap::from([(ROOT, root)]), next: ROOT + 1, synced, journal: Vec::new(), syncs: [0; 2] }
    }

    pub(super) fn folder(&self, ino: Ino) -> Result<&BTreeMap<OsString, Ino>, Wrong> {
        match self.inodes.get(&ino).map(|inode| &inode.node) {
            Some(Node::Folder(entries)) => Ok(entries),
            Some(Node::File(_)) => Err(Wrong::NotFolder),
            None => Err(Wrong::NoEntry),
        }
    }

    fn folder_mut(&mut self, ino: Ino) -> Result<&mut BTreeMap<OsString, Ino>, Wrong> {
        match self.inodes.get_mut(&ino).map(|inode| &mut inode.node) {
            Some(Node::Folder(entries)) => Ok(entries),
            Some(Node::File(_)) => Err(Wrong::NotFolder),
            None => Err(Wrong::NoEntry),
        }
    }

    pub(super) fn file(&mut self, ino: Ino) -> Result<&mut File, Wrong> {
        match self.inodes.get_mut(&ino).map(|inode| &mut inode.node) {
            Some(Node::File(file)) => Ok(file),
            Some(Node::Folder(_)) => Err(Wrong::IsFolder),
            None => Err(Wrong::NoEntry),
        }
    }

    pub(super) fn find(&self, folder: Ino, name: &OsString) -> Result<Ino, Wrong> {
        self.folder(folder)?.get(name).copied().ok_or(Wrong::NoEntry)
    }

    /// A new file or folder.
    pub(super) fn make(&mut self, folder: Ino, name: OsString, node: Node, mode: u16) -> Result<Ino, Wrong> {
        if self.folder(folder)?.contains_key(&name) {
            return Err(Wrong::Exists);
        }
        let ino = self.next;
        self.next += 1;
        if let Node::Folder(_) = node {
            self.synced.insert(ino, BTreeMap::new());
        }
        self.inodes.insert(ino, Inode { node, mode });
        self.folder_mut(folder)?.insert(name.clone(), ino);
        self.changed([folder, folder], vec![], Some((folder, name, ino)));
        Ok(ino)
    }

    pub(super) fn remove(&mut self, folder: Ino, name: &OsString) -> Result<(), Wrong> {
        let ino = self.find(folder, name)?;
        if self.folder(ino).is_ok_and(|entries| !entries.is_empty()) {
            return Err(Wrong::NotEmpty);
        }
        self.folder_mut(folder)?.remove(name);
        self.changed([folder, folder], vec![(folder, name.clone())], None);
        Ok(())
    }

    pub(super) fn rename(&mut self, from: (Ino, &OsString), to: (Ino, &OsString)) -> Result<(), Wrong> {
        let ino = self.find(from.0, from.1)?;
        if let Ok(there) = self.find(to.0, to.1)
            && self.folder(there).is_ok_and(|entries| !entries.is_empty())
        {
            return Err(Wrong::NotEmpty);
        }
        self.folder_mut(from.0)?.remove(from.1);
        self.folder_mut(to.0)?.insert(to.1.clone(), ino);
        self.changed([from.0, to.0], vec![(from.0, from.1.clone())], Some((to.0, to.1.clone(), ino)));
        Ok(())
    }

    pub(super) fn link(&mut self, ino: Ino, to: (Ino, &OsString)) -> Result<(), Wrong> {
        if self.find(to.0, to.1).is_ok() {
            return Err(Wrong::Exists);
        }
        self.folder_mut(to.0)?.insert(to.1.clone(), ino);
        self.changed([to.0, to.0], vec![], Some((to.0, to.1.clone(), ino)));
        Ok(())
    }

    fn changed(&mut self, folders: [Ino; 2], removed: Vec<(Ino, OsString)>, added: Option<(Ino, OsString, Ino)>) {
        self.journal.push(Change { folders, removed, added, kept: false });
    }

    pub(super) fn sync_file(&mut self, ino: Ino) -> Result<(), Wrong> {
        self.syncs[0] += 1;
        self.file(ino)?.sync();
        Ok(())
    }

    pub(super) fn sync_folder(&mut self, ino: Ino) {
        self.syncs[1] += 1;
        for change in &mut self.journal {
            change.kept |= change.folders.contains(&ino);
        }
        // What is kept from the beginning on need not be remembered.
        let done = self.journal.iter().position(|change| !change.kept).unwrap_or(self.journal.len());
        for change in self.journal.drain(..done).collect::<Vec<_>>() {
            apply(&mut self.synced, &change);
        }
    }

    /// What is left when the power fails at this moment.
    pub(super) fn cut(&self, dice: &mut Dice) -> Self {
        let mut synced = self.synced.clone();
        let lucky = if dice.below(2) == 0 { 0 } else { dice.below(self.journal.len() as u64 + 1) as usize };
        for (place, change) in self.journal.iter().enumerate() {
            if change.kept || place < lucky {
                apply(&mut synced, change);
            }
        }
        let mut left = Self::new();
        left.next = self.next;
        let mut reached = vec![ROOT];
        while let Some(ino) = reached.pop() {
            let Some(inode) = self.inodes.get(&ino) else { continue };
            let node = match &inode.node {
                Node::Folder(_) => {
                    let entries = synced.get(&ino).cloned().unwrap_or_default();
                    reached.extend(entries.values().filter(|entry| !left.inodes.contains_key(entry)));
                    left.synced.insert(ino, entries.clone());
                    Node::Folder(entries)
                }
                Node::File(file) => {
                    let octets = file.remains(dice);
                    Node::File(File { live: octets.clone(), synced: octets, dirty: BTreeSet::new() })
                }
            };
            left.inodes.insert(ino, Inode { node, mode: inode.mode });
        }
        left
    }
}

fn apply(folders: &mut BTreeMap<Ino, BTreeMap<OsString, Ino>>, change: &Change) {
    for (folder, name) in &change.removed {
        folders.entry(*folder).or_default().remove(name);
    }
    if let Some((folder, name, ino)) = &change.added {
        folders.entry(*folder).or_default().insert(name.clone(), *ino);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> OsString {
        OsString::from(text)
    }

    /// What is left of a file for many throws of the dice.
    fn left(disk: &Disk, at: &str) -> Vec<Option<Vec<u8>>> {
        let one = |seed| {
            let mut left = disk.cut(&mut Dice(seed));
            let ino = left.find(ROOT, &name(at)).ok()?;
            Some(left.file(ino).unwrap().live.clone())
        };
        (0..200).map(one).collect()
    }

    #[test]
    fn what_was_synced_stays_and_what_was_not_may_be_lost_torn_or_kept() {
        let mut disk = Disk::new();
        let file = disk.make(ROOT, name("a"), Node::File(File::default()), 0o600).unwrap();
        disk.file(file).unwrap().write(0, &[1; 2 * PAGE]);
        assert!(left(&disk, "a").contains(&None), "its name is not synced");
        disk.sync_file(file).unwrap();
        disk.sync_folder(ROOT);
        assert!(left(&disk, "a").iter().all(|left| left.as_ref().is_some_and(|left| *left == [1; 2 * PAGE])));
        disk.file(file).unwrap().write(0, &[2; 3 * PAGE]);
        let seen = left(&disk, "a");
        let page = |left: &Option<Vec<u8>>, no: usize| left.as_ref().unwrap().get(no * PAGE).copied();
        assert!(seen.iter().any(|left| (page(left, 0), page(left, 1)) == (Some(1), Some(2))), "torn, the later kept");
        assert!(seen.iter().any(|left| page(left, 2) == Some(0)), "longer, and nothing in it");
        assert!(seen.iter().any(|left| page(left, 2).is_none()), "as long as before");
        assert!(seen.iter().any(|left| *left == Some(vec![2; 3 * PAGE])), "lucky");
    }

    #[test]
    fn a_rename_is_done_or_not_and_keeps_no_octets() {
        let mut disk = Disk::new();
        let old = disk.make(ROOT, name("a"), Node::File(File::default()), 0o600).unwrap();
        disk.file(old).unwrap().write(0, b"old");
        disk.sync_file(old).unwrap();
        disk.sync_folder(ROOT);
        let new = disk.make(ROOT, name("b"), Node::File(File::default()), 0o600).unwrap();
        disk.file(new).unwrap().write(0, b"new");
        disk.rename((ROOT, &name("b")), (ROOT, &name("a"))).unwrap();
        let seen = left(&disk, "a");
        assert!(
            seen.contains(&Some(b"old".to_vec())) && seen.contains(&Some(vec![])),
            "not synced before it was renamed"
        );
        disk.sync_file(new).unwrap();
        assert!(left(&disk, "a").iter().all(|left| *left == Some(b"old".to_vec()) || *left == Some(b"new".to_vec())));
        disk.sync_folder(ROOT);
        assert!(left(&disk, "a").iter().all(|left| *left == Some(b"new".to_vec())));
        assert!(left(&disk, "b").iter().all(Option::is_none));
    }

    #[test]
    fn a_file_in_a_folder_whose_name_is_not_synced_is_lost_with_it() {
        let mut disk = Disk::new();
        let folder = disk.make(ROOT, name("f"), Node::Folder(BTreeMap::new()), 0o700).unwrap();
        let file = disk.make(folder, name("a"), Node::File(File::default()), 0o600).unwrap();
        disk.sync_file(file).unwrap();
        disk.sync_folder(folder);
        let lost = (0..50).filter(|seed| disk.cut(&mut Dice(*seed)).find(ROOT, &name("f")).is_err()).count();
        assert!(lost > 10, "{lost}");
        disk.sync_folder(ROOT);
        for seed in 0..50 {
            let left = disk.cut(&mut Dice(seed));
            let folder = left.find(ROOT, &name("f")).unwrap();
            assert!(left.find(folder, &name("a")).is_ok());
        }
    }
}
