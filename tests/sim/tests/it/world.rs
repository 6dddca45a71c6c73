//! A world that lives as long as its test.

use songda_sim::journal::CallRecord;
use songda_sim::{Config, Running};

use crate::caller::{Caller, Identity};

pub(crate) struct World {
    pub(crate) sim: Running,
    _folder: tempfile::TempDir,
}

pub(crate) async fn world(change: impl FnOnce(&mut Config)) -> World {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::for_tests(folder.path().to_owned());
    change(&mut config);
    World { sim: songda_sim::start(config).await.unwrap(), _folder: folder }
}

impl World {
    pub(crate) async fn caller(&self, number: &str) -> Caller {
        Caller::new(self.sim.sip_addr, number, Identity::default()).await
    }

    pub(crate) async fn caller_as(&self, identity: Identity) -> Caller {
        Caller::new(self.sim.sip_addr, "13800000001", identity).await
    }

    pub(crate) fn call(&self, caller: &Caller) -> CallRecord {
        self.sim.journal().calls.into_iter().find(|c| c.call_id == caller.call_id()).unwrap()
    }
}
