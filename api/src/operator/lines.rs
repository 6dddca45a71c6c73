//! Trunks and numbers.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;
use songda_desk::telephony::{
    numbers::{self, NumberForm, PROOF_LIMIT, Registration},
    trunks::{self, Place, Profile, Transport, TrunkForm, TrunkState},
};
use songda_store::new_id;

use super::{Entry, court, note, secret};
use crate::house::House;

/// A trunk to enter.
#[derive(Debug, Args)]
pub struct AddTrunk {
    /// Name, for people and logs.
    name: String,
    /// 法院代字 of the court, where there are several.
    #[arg(long)]
    court: Option<String>,
    /// Server of the carrier: host, host:port or [address]:port. Once for each, the first before
    /// the others.
    #[arg(long = "host", required = true)]
    hosts: Vec<String>,
    /// SIP domain of the account.
    #[arg(long)]
    domain: String,
    /// Digest user; its password is the first line of standard input then.
    #[arg(long)]
    username: Option<String>,
    /// Registers at the carrier; without it the peer is static.
    #[arg(long, requires = "username")]
    register: bool,
    /// udp, tcp or tls.
    #[arg(long, default_value = "udp", value_parser = ["udp", "tcp", "tls"])]
    transport: String,
    /// JSON file with everything else, as the API takes it in `profile`: limits, number formats,
    /// headers, codecs.
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Calls do not go over it yet; it can be tried out and registers.
    #[arg(long)]
    paused: bool,
}

/// A number to enter.
#[derive(Debug, Args)]
pub struct AddNumber {
    /// The number, with its area code.
    number: String,
    /// 法院代字 of the court, where there are several.
    #[arg(long)]
    court: Option<String>,
    /// Which carrier gave it.
    #[arg(long)]
    carrier: String,
    /// Name of a trunk over which it is shown. Once for each, the first before the others.
    #[arg(long = "trunk", required = true)]
    trunks: Vec<String>,
    /// File that proves that it is the court's: PDF, PNG or JPEG.
    #[arg(long, value_name = "FILE")]
    proof: PathBuf,
    /// First day of its validity, such as 2026-11-27.
    #[arg(long, default_value = "")]
    valid_from: String,
    /// Last day of its validity.
    #[arg(long, default_value = "")]
    valid_until: String,
    /// No call goes out under it yet.
    #[arg(long)]
    inactive: bool,
}

impl AddTrunk {
    fn profile(&self) -> anyhow::Result<Profile> {
        let mut profile = match &self.profile {
            None => Profile::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
                serde_json::from_str(&text).with_context(|| format!("{} is no profile of a trunk", path.display()))?
            }
        };
        profile.hosts.clone_from(&self.hosts);
        profile.register = self.register;
        profile.transport = match self.transport.as_str() {
            "tcp" => Transport::Tcp,
            "tls" => Transport::Tls,
            _ => Transport::Udp,
        };
        Ok(profile)
    }
}

impl Entry for AddTrunk {
    async fn enter(&self, house: &House) -> anyhow::Result<String> {
        let court = court(house, self.court.as_deref()).await?;
        let form = TrunkForm {
            name: self.name.clone(),
            state: if self.paused { TrunkState::Paused } else { TrunkState::Active },
            domain: self.domain.clone(),
            username: self.username.clone().unwrap_or_default(),
            password: if self.username.is_some() { Some(secret()?) } else { None },
            profile: self.profile()?,
        };
        let id = new_id();
        let mut tx = house.db.begin().await?;
        let place = Place { court: &court.id, id: &id, version: 0, demo: house.demo };
        trunks::put(&mut tx, &house.clock, &house.sealer, place, &form).await?;
        let detail = json!({ "to": form.shown() });
        note(&mut tx, &house.clock, &court.id, "telephony.enter", ("trunk", &id), "ok", detail).await?;
        tx.commit().await?;
        Ok(format!("trunk {} entered; try it: songda trunk check {}", self.name, self.name))
    }
}

impl Entry for AddNumber {
    async fn enter(&self, house: &House) -> anyhow::Result<String> {
        let court = court(house, self.court.as_deref()).await?;
        let known = trunks::list(&house.db, Some(&court.id), house.demo).await?;
        let id_of = |name: &String| {
            let trunk = known.iter().find(|trunk| trunk.name == *name);
            trunk.map(|trunk| trunk.id.clone()).with_context(|| format!("the court has no trunk {name}"))
        };
        let size = std::fs::metadata(&self.proof).with_context(|| format!("reading {}", self.proof.display()))?.len();
        anyhow::ensure!(size <= PROOF_LIMIT as u64, "{} is larger than 10 MiB", self.proof.display());
        let content = std::fs::read(&self.proof).with_context(|| format!("reading {}", self.proof.display()))?;
        let id = new_id();
        let mut tx = house.db.begin().await?;
        let proof = numbers::keep_proof(&mut tx, &house.objects, &court.id, &content).await?;
        let form = NumberForm {
            number: self.number.clone(),
            carrier: self.carrier.clone(),
            trunks: self.trunks.iter().map(id_of).collect::<Result<_, _>>()?,
            proof: Some(proof),
            valid_from: self.valid_from.clone(),
            valid_until: self.valid_until.clone(),
            registration: Registration::None,
            label: String::new(),
            active: !self.inactive,
        };
        numbers::put(&mut tx, &house.clock, &court.id, &id, 0, &form).await?;
        let detail = json!({ "to": form });
        note(&mut tx, &house.clock, &court.id, "telephony.enter", ("number", &id), "ok", detail).await?;
        tx.commit().await?;
        Ok("number entered with its proof".to_owned())
    }
}
