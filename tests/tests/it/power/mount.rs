//! The disk as a mounted file system, for everything that the built server does with it.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime},
};

use fuser::{
    AccessFlags, BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem,
    FopenFlags, Generation, INodeNo, LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, SessionACL, TimeOrNow,
    WriteFlags,
};

use super::disk::{Dice, Disk, File, Node, Wrong};

const TTL: Duration = Duration::from_secs(1);

/// A disk on a folder. Without power every operation fails.
pub(crate) struct Power {
    disk: Arc<Mutex<State>>,
    at: PathBuf,
    session: Option<BackgroundSession>,
}

struct State {
    disk: Disk,
    powered: bool,
    /// The power fails with the so-manieth sync from now.
    fuse: Option<u64>,
    dice: Dice,
    /// What is left.
    left: Option<Disk>,
    /// When the power failed last.
    cut_at: SystemTime,
}

impl State {
    fn cut(&mut self) {
        if self.powered {
            self.left = Some(self.disk.cut(&mut self.dice));
            self.powered = false;
            self.cut_at = SystemTime::now();
        }
    }
}

impl Power {
    /// Mounts an empty disk on a folder that is made for it.
    pub(crate) fn mount(at: &Path) -> Self {
        std::fs::create_dir_all(at).unwrap();
        let state = State {
            disk: Disk::new(),
            powered: true,
            fuse: None,
            dice: Dice(0),
            left: None,
            cut_at: SystemTime::UNIX_EPOCH,
        };
        let mut power = Self { disk: Arc::new(Mutex::new(state)), at: at.to_owned(), session: None };
        power.on();
        power
    }

    fn on(&mut self) {
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("power".into()), MountOption::DefaultPermissions];
        config.acl = SessionACL::Owner;
        let mounted = fuser::spawn_mount(Shared(self.disk.clone()), &self.at, &config);
        self.session = Some(mounted.unwrap_or_else(|error| {
            panic!("no file system can be mounted here: {error}; it needs /dev/fuse, and root or fusermount3")
        }));
    }

    /// The power fails just before this many further syncs are done.
    pub(crate) fn cut_at_sync(&self, seed: u64, syncs: u64) {
        let mut state = self.disk.lock().unwrap();
        state.dice = Dice(seed);
        state.fuse = Some(syncs);
    }

    /// Whether it has failed.
    pub(crate) fn is_cut(&self) -> bool {
        !self.disk.lock().unwrap().powered
    }

    /// When it failed last.
    pub(crate) fn cut_at(&self) -> SystemTime {
        self.disk.lock().unwrap().cut_at
    }

    /// Power again, over what is left. Whoever used the disk must be gone.
    pub(crate) fn restore(&mut self) {
        self.session.take().unwrap().umount_and_join().unwrap();
        {
            let mut state = self.disk.lock().unwrap();
            state.cut();
            state.disk = state.left.take().unwrap();
            (state.powered, state.fuse) = (true, None);
        }
        self.on();
    }

    /// How often files and folders were synced.
    pub(crate) fn syncs(&self) -> [u64; 2] {
        self.disk.lock().unwrap().disk.syncs
    }
}

impl Drop for Power {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            let _ = session.umount_and_join();
        }
    }
}

struct Shared(Arc<Mutex<State>>);

impl From<Wrong> for Errno {
    fn from(wrong: Wrong) -> Self {
        match wrong {
            Wrong::NoEntry => Self::ENOENT,
            Wrong::Exists => Self::EEXIST,
            Wrong::NotEmpty => Self::ENOTEMPTY,
            Wrong::NotFolder => Self::ENOTDIR,
            Wrong::IsFolder => Self::EISDIR,
        }
    }
}

impl Shared {
    fn on(&self) -> Result<MutexGuard<'_, State>, Errno> {
        let state = self.0.lock().unwrap();
        if state.powered { Ok(state) } else { Err(Errno::EIO) }
    }

    /// The same for a sync, which may be the one that does not come to pass.
    fn syncing(&self) -> Result<MutexGuard<'_, State>, Errno> {
        let mut state = self.on()?;
        match &mut state.fuse {
            Some(0) => {
                state.cut();
                return Err(Errno::EIO);
            }
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(state)
    }

    fn attributes(state: &State, ino: u64) -> Result<FileAttr, Errno> {
        let inode = state.disk.inodes.get(&ino).ok_or(Errno::ENOENT)?;
        let (kind, size, nlink) = match &inode.node {
            Node::File(file) => (FileType::RegularFile, file.live.len() as u64, 1),
            Node::Folder(_) => (FileType::Directory, 4_096, 2),
        };
        let time = SystemTime::UNIX_EPOCH;
        Ok(FileAttr {
            ino: INodeNo(ino),
            size,
            blocks: size.div_ceil(512),
            atime: time,
            mtime: time,
            ctime: time,
            crtime: time,
            kind,
            perm: inode.mode,
            nlink,
            uid: own_uid(),
            gid: 0,
            rdev: 0,
            blksize: 4_096,
            flags: 0,
        })
    }

    fn make(&self, parent: INodeNo, name: &OsStr, node: Node, mode: u32) -> Result<FileAttr, Errno> {
        let mut state = self.on()?;
        let ino = state.disk.make(parent.0, name.to_owned(), node, (mode & 0o7777) as u16)?;
        Self::attributes(&state, ino)
    }
}

/// The files belong to who runs the test.
fn own_uid() -> u32 {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").map_or(0, |own| own.uid())
}

impl Filesystem for Shared {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = self.on().and_then(|state| {
            let ino = state.disk.find(parent.0, &name.to_owned())?;
            Self::attributes(&state, ino)
        });
        match found {
            Ok(attr) => reply.entry(&TTL, &attr, Generation(0)),
            Err(error) => reply.error(error),
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.on().and_then(|state| Self::attributes(&state, ino.0)) {
            Ok(attr) => reply.attr(&TTL, &attr),
            Err(error) => reply.error(error),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let done = self.on().and_then(|mut state| {
            if let Some(size) = size {
                state.disk.file(ino.0)?.resize(size as usize);
            }
            if let (Some(mode), Some(inode)) = (mode, state.disk.inodes.get_mut(&ino.0)) {
                inode.mode = (mode & 0o7777) as u16;
            }
            Self::attributes(&state, ino.0)
        });
        match done {
            Ok(attr) => reply.attr(&TTL, &attr),
            Err(error) => reply.error(error),
        }
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, mode: u32, umask: u32, reply: ReplyEntry) {
        match self.make(parent, name, Node::Folder(BTreeMap::default()), mode & !umask) {
            Ok(attr) => reply.entry(&TTL, &attr, Generation(0)),
            Err(error) => reply.error(error),
        }
    }

    fn create(&self, _: &Request, parent: INodeNo, name: &OsStr, mode: u32, umask: u32, _: i32, reply: ReplyCreate) {
        match self.make(parent, name, Node::File(File::default()), mode & !umask) {
            Ok(attr) => reply.created(&TTL, &attr, Generation(0), FileHandle(0), FopenFlags::empty()),
            Err(error) => reply.error(error),
        }
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(reply, self.on().and_then(|mut state| Ok(state.disk.remove(parent.0, &name.to_owned())?)));
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(reply, self.on().and_then(|mut state| Ok(state.disk.remove(parent.0, &name.to_owned())?)));
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if flags.contains(RenameFlags::RENAME_EXCHANGE) {
            return reply.error(Errno::EINVAL);
        }
        let (name, newname) = (OsString::from(name), OsString::from(newname));
        let renamed = self.on().and_then(|mut state| {
            if flags.contains(RenameFlags::RENAME_NOREPLACE) && state.disk.find(newparent.0, &newname).is_ok() {
                return Err(Errno::EEXIST);
            }
            Ok(state.disk.rename((parent.0, &name), (newparent.0, &newname))?)
        });
        done(reply, renamed);
    }

    fn link(&self, _: &Request, ino: INodeNo, newparent: INodeNo, newname: &OsStr, reply: ReplyEntry) {
        let linked = self.on().and_then(|mut state| {
            state.disk.link(ino.0, (newparent.0, &newname.to_owned()))?;
            Self::attributes(&state, ino.0)
        });
        match linked {
            Ok(attr) => reply.entry(&TTL, &attr, Generation(0)),
            Err(error) => reply.error(error),
        }
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.on() {
            Ok(_) => reply.opened(FileHandle(0), FopenFlags::empty()),
            Err(error) => reply.error(error),
        }
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let read = self.on().and_then(|mut state| {
            let live = &state.disk.file(ino.0)?.live;
            let from = (offset as usize).min(live.len());
            Ok(live[from..(from + size as usize).min(live.len())].to_vec())
        });
        match read {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(error),
        }
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let written = self.on().and_then(|mut state| {
            state.disk.file(ino.0)?.write(offset as usize, data);
            Ok(data.len() as u32)
        });
        match written {
            Ok(len) => reply.written(len),
            Err(error) => reply.error(error),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        // Closing a file syncs nothing.
        reply.ok();
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        done(reply, self.syncing().and_then(|mut state| Ok(state.disk.sync_file(ino.0)?)));
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        done(reply, self.syncing().map(|mut state| state.disk.sync_folder(ino.0)));
    }

    fn readdir(&self, _: &Request, ino: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let listed = self.on().and_then(|state| {
            for (place, (name, ino)) in state.disk.folder(ino.0)?.iter().enumerate().skip(offset as usize) {
                let kind = match state.disk.inodes.get(ino).map(|inode| &inode.node) {
                    Some(Node::Folder(_)) => FileType::Directory,
                    _ => FileType::RegularFile,
                };
                if reply.add(INodeNo(*ino), place as u64 + 1, kind, name) {
                    break;
                }
            }
            Ok(())
        });
        match listed {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(error),
        }
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        // 16 GiB, half of them free.
        reply.statfs(1 << 22, 1 << 21, 1 << 21, 1 << 20, 1 << 19, 4_096, 255, 4_096);
    }

    fn access(&self, _: &Request, _: INodeNo, _: AccessFlags, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fallocate(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        if mode != 0 {
            return reply.error(Errno::EOPNOTSUPP);
        }
        let grown = self.on().and_then(|mut state| {
            let (file, end) = (state.disk.file(ino.0)?, (offset + length) as usize);
            if file.live.len() < end {
                file.resize(end);
            }
            Ok(())
        });
        done(reply, grown);
    }
}

fn done(reply: ReplyEmpty, result: Result<(), Errno>) {
    match result {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}
