//! A real file system of a few megabytes that a test can fill: tmpfs in a user and mount
//! namespace of its own, so that it needs no root and nobody else sees it.

use std::{
    ffi::OsString,
    fs::{self, OpenOptions},
    io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A small disk, mounted on a folder for everything that is started through
/// [`SmallDisk::enter`]. It is gone when it is dropped and they have ended.
pub(crate) struct SmallDisk {
    holder: Child,
    at: PathBuf,
}

impl SmallDisk {
    /// Mounts one of so many bytes on a folder that is made for it.
    pub(crate) fn mount(at: &Path, bytes: u64) -> Self {
        fs::create_dir_all(at).unwrap();
        let script = r#"mount -t tmpfs -o "size=$2,mode=0700" small "$1" && echo mounted && exec cat"#;
        let mut holder = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
            .args([at.as_os_str(), bytes.to_string().as_ref()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line.trim() != "mounted" {
            let mut why = String::new();
            holder.stderr.take().unwrap().read_to_string(&mut why).unwrap();
            panic!(
                "this machine gives no small disk: {why}\nThe test needs user namespaces and tmpfs in them; see \
                 /proc/sys/user/max_user_namespaces, /proc/sys/kernel/unprivileged_userns_clone, \
                 /proc/sys/kernel/apparmor_restrict_unprivileged_userns, and the rules of a container"
            );
        }
        Self { holder, at: at.to_owned() }
    }

    /// In front of a command that is to see the disk.
    pub(crate) fn enter(&self) -> Vec<OsString> {
        let holder = self.holder.id().to_string();
        ["nsenter", "--user", "--mount", "--preserve-credentials", "--target", &holder].map(OsString::from).to_vec()
    }

    /// The folder as it is seen from outside.
    fn outside(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(self.at.strip_prefix("/").unwrap())
    }

    /// A file on it as it is seen from outside.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.outside().join(name)
    }

    /// Somebody else's data takes all that is left, to the last byte; more of it each time.
    pub(crate) fn fill(&self) {
        let mut filler = OpenOptions::new().create(true).append(true).open(self.file("filler")).unwrap();
        for size in [1 << 20, 4_096, 1] {
            let junk = vec![0xa5; size];
            loop {
                match filler.write(&junk) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("filling the disk: {error}"),
                }
            }
        }
    }

    /// So many bytes of it.
    pub(crate) fn take(&self, bytes: usize) {
        let mut filler = OpenOptions::new().create(true).append(true).open(self.file("filler")).unwrap();
        filler.write_all(&vec![0xa5; bytes]).unwrap();
    }

    /// It takes its data away.
    pub(crate) fn free(&self) {
        fs::remove_file(self.file("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
