//! Courts, people and case systems.

use clap::Args;
use serde_json::json;
use songda_people::{
    Role, courts, machines,
    users::{self, NewUser},
};

use super::{Entry, court, note, secret};
use crate::house::House;

/// A court to enter.
#[derive(Debug, Args)]
pub struct AddCourt {
    /// 法院代字, such as 陕0102.
    code: String,
    /// Name.
    name: String,
}

/// An account to enter.
#[derive(Debug, Args)]
pub struct AddUser {
    /// Login.
    login: String,
    /// 法院代字 of the court, where there are several.
    #[arg(long)]
    court: Option<String>,
    /// Name.
    #[arg(long)]
    name: String,
    /// 工号.
    #[arg(long)]
    staff_no: String,
    /// agent, supervisor, judge, clerk, admin or auditor.
    #[arg(long)]
    role: String,
}

/// The account of a case system.
#[derive(Debug, Args)]
pub struct AddMachine {
    /// Its name, as it stands in `source` of what it pushes.
    source: String,
    /// 法院代字 of the court, where there are several.
    #[arg(long)]
    court: Option<String>,
}

fn fits(field: &str, text: &str, most: usize) -> anyhow::Result<()> {
    let length = text.chars().count();
    let plain = text.trim() == text && !text.chars().any(char::is_control);
    anyhow::ensure!(plain && (1..=most).contains(&length), "{field} must have 1 to {most} characters");
    Ok(())
}

impl Entry for AddCourt {
    async fn enter(&self, house: &House) -> anyhow::Result<String> {
        anyhow::ensure!(house.read_only.is_none(), "the house is read-only without its key: nothing can be entered");
        fits("code", &self.code, 20)?;
        fits("name", &self.name, 100)?;
        let known = courts::list(&house.db).await?;
        anyhow::ensure!(known.iter().all(|court| court.code != self.code), "the court {} is there already", self.code);
        let mut tx = house.db.begin().await?;
        let court = courts::create(&mut tx, &house.clock, &self.code, &self.name, house.demo).await?;
        house.sealer.ensure_court(&mut tx, &house.clock, &court.id).await?;
        let detail = json!({ "code": court.code, "name": court.name });
        note(&mut tx, &house.clock, &court.id, "court.add", ("court", &court.id), "ok", detail).await?;
        tx.commit().await?;
        Ok(format!("court {} entered", court.code))
    }
}

impl Entry for AddUser {
    async fn enter(&self, house: &House) -> anyhow::Result<String> {
        let court = court(house, self.court.as_deref()).await?;
        for (field, text, most) in
            [("login", &self.login, 40), ("name", &self.name, 40), ("staff-no", &self.staff_no, 40)]
        {
            fits(field, text, most)?;
        }
        let role = Role::parse(&self.role);
        let words = Role::ALL.map(Role::code).join(", ");
        let role = role.ok_or_else(|| anyhow::anyhow!("role must be one of {words}"))?;
        for court in courts::list(&house.db).await? {
            let taken = users::list(&house.db, &court.id).await?.iter().any(|user| user.login == self.login);
            anyhow::ensure!(!taken, "the login {} is taken", self.login);
        }
        let password = secret()?;
        let user = NewUser {
            court: &court.id,
            login: &self.login,
            name: &self.name,
            staff_no: &self.staff_no,
            role,
            password: &password,
        };
        let mut tx = house.db.begin().await?;
        let id = users::create(&mut tx, &house.clock, &user).await?;
        let detail = json!({ "login": self.login, "role": role.code() });
        note(&mut tx, &house.clock, &court.id, "user.add", ("user", &id), "ok", detail).await?;
        tx.commit().await?;
        Ok(format!("{} entered as {}", self.login, role.code()))
    }
}

impl Entry for AddMachine {
    async fn enter(&self, house: &House) -> anyhow::Result<String> {
        let court = court(house, self.court.as_deref()).await?;
        fits("source", &self.source, 40)?;
        let mut tx = house.db.begin().await?;
        let key = machines::create(&mut tx, &house.clock, &court.id, &self.source).await?;
        let detail = json!({ "source": self.source });
        note(&mut tx, &house.clock, &court.id, "machine.add", ("machine", &self.source), "ok", detail).await?;
        tx.commit().await?;
        Ok(key)
    }
}
