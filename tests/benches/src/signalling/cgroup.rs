//! A share of a core that a server is held to.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

/// The kernel hands the share out in slices of this length: short ones resemble a slower core,
/// long ones a core that stops and starts.
const PERIOD_US: u64 = 20_000;

/// A group of processes with a share. Dropped, the group is gone; its processes must be, too.
#[derive(Debug)]
pub(super) struct Held {
    folder: PathBuf,
}

impl Held {
    /// Holds these processes, and what they start, to a share of one core.
    pub(super) fn to(share: f64, pids: &[u32]) -> anyhow::Result<Self> {
        let name = format!("songda-bench-{}", std::process::id());
        let quota = (PERIOD_US as f64 * share) as u64;
        let (root, limits) = if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
            ("/sys/fs/cgroup", vec![("cpu.max", format!("{quota} {PERIOD_US}"))])
        } else {
            let limits = vec![("cpu.cfs_period_us", PERIOD_US.to_string()), ("cpu.cfs_quota_us", quota.to_string())];
            ("/sys/fs/cgroup/cpu", limits)
        };
        let folder = Path::new(root).join(name);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make the control group {}", folder.display()))?;
        let held = Self { folder };
        for (file, value) in limits {
            fs::write(held.folder.join(file), value).with_context(|| format!("cannot set {file}"))?;
        }
        for pid in pids {
            fs::write(held.folder.join("cgroup.procs"), pid.to_string()).context("cannot move the server")?;
        }
        Ok(held)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.folder);
    }
}
