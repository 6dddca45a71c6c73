//! Desk phones: telephones of the house, which register by extension and password and to which
//! a call can be handed on (docs/telephony.md).
//!
//! A desk phone takes calls and places none. Its password is made by us, shown once, and kept
//! only as what a digest is judged by, sealed. One administrator is enough for a phone: it
//! shows no number and opens no way outside.

mod store;
mod watch;

use songda_calls::sip::{Algorithm, Ha1s};
use songda_store::StoreError;

pub use self::{
    store::{PhoneRow, accounts, active, add, change, find, list, remove, renew, set_active},
    watch::{Changed, Changes, changes, watch},
};
use super::Unfit;
use crate::DeskError;

/// A desk phone as it is entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneForm {
    /// 3 to 6 digits, the only one of this server.
    pub extension: String,
    /// Name, for people.
    pub name: String,
    /// Whose it is, by the id of his account.
    pub owner: Option<String>,
}

impl PhoneForm {
    /// What is wrong with it by itself, when something is.
    pub fn check(&self) -> Result<(), Unfit> {
        let digits = self.extension.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || !(3..=6).contains(&self.extension.len()) {
            return Err(Unfit::field("extension", "must have 3 to 6 digits"));
        }
        check_name(&self.name)
    }
}

fn check_name(name: &str) -> Result<(), Unfit> {
    let control = name.chars().any(char::is_control);
    if name.trim().is_empty() || name.chars().count() > 40 || control {
        return Err(Unfit::field("name", "must have 1 to 40 characters"));
    }
    Ok(())
}

/// Without what is easily taken for something else: it is read from a screen and typed on a
/// telephone.
const SIGNS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// 80 bits: what is kept of it cannot be searched.
const LENGTH: usize = 16;

/// A new password.
fn password() -> Result<String, DeskError> {
    let mut random = [0_u8; LENGTH];
    getrandom::fill(&mut random).map_err(|error| StoreError::internal("drawing random numbers", error))?;
    Ok(random.iter().map(|byte| char::from(SIGNS[usize::from(byte % 32)])).collect())
}

/// What is kept of a password: the hashes that phones know.
const KEPT: [(Algorithm, &str); 2] = [(Algorithm::Md5, "md5"), (Algorithm::Sha256, "sha256")];

fn write_ha1s(extension: &str, realm: &str, password: &str) -> Vec<u8> {
    let ha1s = Ha1s::derive(extension, realm, password);
    let kept: serde_json::Map<String, serde_json::Value> =
        KEPT.iter().filter_map(|(algorithm, name)| Some(((*name).into(), ha1s.get(*algorithm)?.into()))).collect();
    serde_json::Value::Object(kept).to_string().into_bytes()
}

fn read_ha1s(kept: &[u8]) -> Option<Ha1s> {
    let kept: serde_json::Value = serde_json::from_slice(kept).ok()?;
    let mut ha1s = Ha1s::default();
    let all = KEPT.iter().all(|(algorithm, name)| kept[name].as_str().is_some_and(|hex| ha1s.add(*algorithm, hex)));
    all.then_some(ha1s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_judges_as_the_password_would() {
        let password = password().unwrap();
        assert_eq!(password.len(), LENGTH);
        let kept = write_ha1s("8001", "court.example", &password);
        assert!(!String::from_utf8_lossy(&kept).contains(&password));
        let (read, derived) = (read_ha1s(&kept).unwrap(), Ha1s::derive("8001", "court.example", &password));
        for (algorithm, _) in KEPT {
            assert_eq!(read.get(algorithm), derived.get(algorithm));
        }
        assert_eq!(read_ha1s(b"{}"), None);
    }
}
