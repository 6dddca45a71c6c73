//! The house's keys, made anew.

use std::path::Path;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use songda_recordings::keys::{KeyFile, PublicKey, Rotation};
use songda_store::{clock::rfc3339, newest};

use super::note;
use crate::house::House;

/// Keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Makes new keys in the key file; what was sealed and signed before still opens and
    /// verifies, and a server that runs takes them up by itself. Copy the file again afterwards.
    Rotate(RotateKeys),
    /// Prints the public keys of the day roots, the newest first, for whoever checks them.
    Public,
}

/// What is made anew.
#[derive(Debug, Args)]
pub struct RotateKeys {
    /// Which keys.
    #[arg(long, value_enum, default_value_t = Which::Both)]
    what: Which,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Which {
    /// The key under which everything is sealed from now on.
    Master,
    /// The key with which day roots are signed from now on.
    Signing,
    /// Both.
    Both,
}

impl RotateKeys {
    /// What is asked for.
    pub fn rotation(&self) -> Rotation {
        match self.what {
            Which::Master => Rotation::Master,
            Which::Signing => Rotation::Signing,
            Which::Both => Rotation::Both,
        }
    }
}

/// Makes new keys; what is printed of it.
pub async fn rotate_keys(house: &House, file: &Path, what: Rotation) -> anyhow::Result<String> {
    anyhow::ensure!(house.read_only.is_none(), "the house is read-only without its key: put the right key file back");
    let word = match what {
        Rotation::Master => "master",
        Rotation::Signing => "signing",
        Rotation::Both => "both",
    };
    let mut tx = house.db.begin().await?;
    note(&mut tx, &house.clock, "", "keys.rotate", ("keys", word), "ok", json!({})).await?;
    KeyFile::rotate(file, what, house.clock.now_ms())
        .with_context(|| format!("making new keys in {}", file.display()))?;
    // From here on a copy of the file from before is told.
    newest::note(tx.conn(), &house.clock, house.keys.as_ref()).await.context("the keys are new, but are not noted")?;
    tx.commit().await.context("the keys are new, but that could not be written into the audit log")?;
    let id = house.keys.public_keys()?.first().map(PublicKey::id).unwrap_or_default();
    Ok(format!(
        "new keys ({word}) are in {}: copy the file now to where its copy is kept\nday roots are signed with key {id}",
        file.display()
    ))
}

/// The public keys in PEM, each under its id; one that signs no more with the date until which it did.
pub fn public_keys(house: &House) -> anyhow::Result<String> {
    let keys = house.keys.public_keys().context("reading the key file")?;
    let one = |key: &PublicKey| {
        let until = key.until_ms().map(|at_ms| format!("Signed until {}\n", rfc3339(at_ms))).unwrap_or_default();
        format!("{}\n{until}{}", key.id(), key.to_pem())
    };
    Ok(keys.iter().map(one).collect::<Vec<_>>().concat())
}
