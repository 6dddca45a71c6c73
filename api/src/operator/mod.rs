//! What the operator of the machine enters on the command line: a court, its people, its case
//! system, its trunks, numbers and desk phones.
//!
//! Somebody must be the first: a new house has no administrator who could ask for a trunk,
//! and no second one who could approve it. Whoever runs this command can read the key file
//! and write the database, so a second person would protect nothing here. Therefore what he
//! enters holds at once, through the same checks as over the API: number and proof, forms,
//! validity, demo mode. The audit log says that the operator entered it, under which account
//! of the machine, and what. A house in which that is not wanted keeps its operators apart
//! from its court, as it does for backups and keys.

mod keys;
mod lines;
mod people;
mod phones;

use std::io::Read as _;

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::{Value, json};
use songda_people::courts::{self, Court};
use songda_store::{Clock, StoreError, Tx, audit};

pub use self::{
    keys::{KeysCommand, RotateKeys, public_keys, rotate_keys},
    lines::{AddNumber, AddTrunk},
    people::{AddCourt, AddMachine, AddUser},
    phones::{AddPhone, ListPhones, RemovePhone},
};
use crate::house::House;

/// A court.
#[derive(Debug, Subcommand)]
pub enum CourtCommand {
    /// Enters a court.
    Add(AddCourt),
    /// Lists the courts.
    List,
}

/// Accounts.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Enters an account; its password is the first line of standard input.
    Add(AddUser),
}

/// Case systems.
#[derive(Debug, Subcommand)]
pub enum MachineCommand {
    /// Enters the account of a case system, and prints its key this once.
    Add(AddMachine),
}

/// Numbers of a court.
#[derive(Debug, Subcommand)]
pub enum NumberCommand {
    /// Enters a number with its proof.
    Add(AddNumber),
}

/// Desk phones.
#[derive(Debug, Subcommand)]
pub enum PhoneCommand {
    /// Enters a desk phone, and prints its password this once.
    Add(AddPhone),
    /// Lists the desk phones.
    List(ListPhones),
    /// Takes a desk phone out of the books.
    Remove(RemovePhone),
}

/// Enters something; what is printed of it.
pub trait Entry {
    /// Enters it in a transaction of its own.
    fn enter(&self, house: &House) -> impl Future<Output = anyhow::Result<String>> + Send;
}

/// One line for each court: 法院代字 and name.
pub async fn courts(house: &House) -> anyhow::Result<String> {
    let all = courts::list(&house.db).await?;
    Ok(all.iter().map(|court| format!("{} {}", court.code, court.name)).collect::<Vec<_>>().join("\n"))
}

/// The court with this 法院代字, or the only one.
async fn court(house: &House, code: Option<&str>) -> anyhow::Result<Court> {
    anyhow::ensure!(house.read_only.is_none(), "the house is read-only without its key: nothing can be entered");
    let mut all = courts::list(&house.db).await?;
    if let Some(code) = code {
        return all
            .into_iter()
            .find(|court| court.code == code)
            .with_context(|| format!("no court has the code {code}"));
    }
    anyhow::ensure!(all.len() == 1, "there are {} courts: say which one with --court CODE", all.len());
    all.pop().context("there is no court")
}

/// The first line of standard input, without its end.
fn secret() -> anyhow::Result<String> {
    let mut text = String::new();
    std::io::stdin().take(4_096).read_to_string(&mut text).context("reading standard input")?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Writes down that the operator of the machine did something.
pub(crate) async fn note(
    tx: &mut Tx,
    clock: &Clock,
    court: &str,
    action: &str,
    object: (&str, &str),
    result: &str,
    detail: Value,
) -> Result<(), StoreError> {
    let mut detail = detail;
    detail["by"] = json!(account());
    let entry = audit::Entry {
        court,
        actor: "operator",
        actor_role: "operator",
        action,
        object_kind: object.0,
        object_id: object.1,
        case_id: None,
        ip: "",
        result,
        detail,
    };
    audit::append(tx, clock, entry).await.map(drop)
}

/// Whose account of the machine it was, as far as it says.
fn account() -> String {
    let named = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    named.unwrap_or_default().chars().filter(|sign| !sign.is_control()).take(64).collect()
}
