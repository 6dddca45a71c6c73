//! Desk phones.

use anyhow::Context as _;
use clap::Args;
use serde_json::json;
use songda_desk::telephony::phones::{self, PhoneForm};
use songda_people::users;

use super::{Entry, court, note};
use crate::house::House;

/// A desk phone to enter.
#[derive(Debug, Args)]
pub struct AddPhone {
    /// Its extension, 3 to 6 digits: the user it registers as.
    extension: String,
    /// 法院代字 of the court, where there are several.
    #[arg(long)]
    court: Option<String>,
    /// Name, for people: a room, a desk, a person.
    #[arg(long)]
    name: String,
    /// Login of the person whose phone it is.
    #[arg(long, value_name = "LOGIN")]
    owner: Option<String>,
}

/// A desk phone to take out of the books.
#[derive(Debug, Args)]
pub struct RemovePhone {
    /// Its extension.
    extension: String,
    /// 法院代字 of the court, where there are several.
    #[arg(long)]
    court: Option<String>,
}

/// Desk phones to list.
#[derive(Debug, Args)]
pub struct ListPhones {
    /// 法院代字 of the court, where there are several.
    #[arg(long)]
    court: Option<String>,
}

impl Entry for AddPhone {
    async fn enter(&self, house: &House) -> anyhow::Result<String> {
        let court = court(house, self.court.as_deref()).await?;
        let realm = house.phone_realm.clone().context(
            "no desk phone can register: set telephony.phone_realm in the configuration and restart the server first",
        )?;
        let owner = match &self.owner {
            None => None,
            Some(login) => {
                let people = users::list(&house.db, &court.id).await?;
                let found = people.into_iter().find(|user| user.login == *login);
                Some(found.with_context(|| format!("the court has nobody with the login {login}"))?.id)
            }
        };
        let form = PhoneForm { extension: self.extension.clone(), name: self.name.clone(), owner };
        let mut tx = house.db.begin().await?;
        let (id, password) = phones::add(&mut tx, &house.clock, &house.sealer, &court.id, &realm, &form).await?;
        let detail = json!({ "extension": form.extension, "name": form.name, "owner": form.owner });
        note(&mut tx, &house.clock, &court.id, "phone.add", ("phone", &id), "ok", detail).await?;
        tx.commit().await?;
        Ok(format!("user {} domain {realm} password {password}\nthe password is shown this once", form.extension))
    }
}

impl Entry for RemovePhone {
    async fn enter(&self, house: &House) -> anyhow::Result<String> {
        let court = court(house, self.court.as_deref()).await?;
        let all = phones::list(&house.db, &court.id).await?;
        let phone = all.into_iter().find(|phone| phone.extension == self.extension);
        let phone = phone.with_context(|| format!("the court has no desk phone {}", self.extension))?;
        let mut tx = house.db.begin().await?;
        phones::remove(&mut tx, &court.id, &phone.id).await?;
        let detail = json!({ "extension": phone.extension, "name": phone.name });
        note(&mut tx, &house.clock, &court.id, "phone.remove", ("phone", &phone.id), "ok", detail).await?;
        tx.commit().await?;
        Ok(format!("desk phone {} removed", phone.extension))
    }
}

impl Entry for ListPhones {
    async fn enter(&self, house: &House) -> anyhow::Result<String> {
        let court = court(house, self.court.as_deref()).await?;
        let all = phones::list(&house.db, &court.id).await?;
        let line = |phone: phones::PhoneRow| {
            let state = match &house.phone_realm {
                _ if !phone.active => "off",
                Some(realm) if **realm == *phone.realm => "on",
                _ => "needs a new password: it was made for another domain",
            };
            let owner = phone.owner_name.map(|name| format!(", {name}")).unwrap_or_default();
            format!("{} {}{owner}: {state}", phone.extension, phone.name)
        };
        Ok(all.into_iter().map(line).collect::<Vec<_>>().join("\n"))
    }
}
