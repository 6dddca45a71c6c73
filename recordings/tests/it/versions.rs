//! A bucket that keeps versions: nothing is called removed there.

use std::sync::Arc;

use songda_recordings::{
    keys::KeyFile,
    vault::{
        Removed, Vault, VaultError,
        s3::{Remote, S3Error},
    },
};

use crate::{
    s3::{house, id},
    servers::{KEY, Kind, SECRET, Server},
};

#[test]
fn x6_a_copy_of_which_the_bucket_keeps_versions_is_not_hidden_and_called_removed() {
    for status in ["Enabled", "Suspended"] {
        let server = Server::start(Kind::Moto);
        server.keep_versions("Enabled");
        let house = house(&server.config(KEY, SECRET));
        house.record("01KEPT", 1);
        house.vault.copy(&id("01KEPT")).unwrap();
        server.keep_versions(status);
        let error = house.vault.remove(&id("01KEPT")).unwrap_err();
        assert!(matches!(error, VaultError::S3(S3Error::KeepsVersions { .. })), "{status}: {error}");
        assert!(house.path("01KEPT").exists() && server.get("01KEPT").is_some(), "{status}: all of it is there");
        assert_eq!(server.versions(), (1, 0), "{status}: nor is there a mark of a removal");
        // Without versions it goes, and nothing is left to restore.
        let (plain, sealed) = (Server::start(Kind::Moto), std::fs::read(house.path("01KEPT")).unwrap());
        plain.put("01KEPT", &sealed);
        let (folder, vault) = (&house.folder, Arc::new(Remote::new(&plain.config(KEY, SECRET)).unwrap()));
        let keys = Arc::new(KeyFile::open(&folder.path().join("key")).unwrap());
        let moved = Vault::open(&folder.path().join("vault"), keys, 0).unwrap().with_s3(vault);
        let bytes = Some(sealed.len() as u64);
        let removed = moved.remove(&id("01KEPT")).unwrap();
        assert_eq!(removed, Removed { local_bytes: bytes, remote_bytes: bytes }, "{status}");
        assert_eq!(plain.versions(), (0, 0), "{status}");
    }
}
