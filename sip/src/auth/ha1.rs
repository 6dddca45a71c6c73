//! What is kept instead of a password (RFC 7616, 3.4.2: H(A1) without its session part).

use std::fmt;

use super::Algorithm;

/// The HA1 values of one user in one realm. They open the account in that realm as the
/// password would, so they are secrets: not printed, to be sealed where they are stored.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Ha1s {
    values: Vec<(Algorithm, String)>,
}

impl Ha1s {
    /// For every hash that we know. The password can be forgotten afterwards.
    pub fn derive(user: &str, realm: &str, password: &str) -> Self {
        let of = |algorithm| (algorithm, Self::one(algorithm, user, realm, password));
        Self { values: Algorithm::ALL.into_iter().map(of).collect() }
    }

    /// Adds a value that was stored; false when it is no hash of this kind.
    pub fn add(&mut self, algorithm: Algorithm, hex: &str) -> bool {
        if hex.len() != algorithm.digits() || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return false;
        }
        self.values.retain(|(known, _)| *known != algorithm);
        self.values.push((algorithm, hex.to_ascii_lowercase()));
        true
    }

    /// The value for this hash, in lower case hexadecimal digits.
    pub fn get(&self, algorithm: Algorithm) -> Option<&str> {
        self.values.iter().find(|(known, _)| *known == algorithm).map(|(_, value)| value.as_str())
    }

    pub(super) fn one(algorithm: Algorithm, user: &str, realm: &str, password: &str) -> String {
        algorithm.hash(format!("{user}:{realm}:{password}").as_bytes())
    }
}

impl fmt::Debug for Ha1s {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ha1s(…)")
    }
}
