//! Nonces that need no memory until somebody uses them rightly (RFC 7616, 3.3 and 5.3).
//!
//! A nonce is time, salt and an HMAC over both with a secret of this server: strangers who
//! are challenged cost nothing. Only a nonce that came back with a right response gets a
//! window of the counts seen, so only who knows a password can fill the table.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Bytes of time and salt, and of the HMAC, cut to 128 bits (RFC 2104, 5).
const HEAD: usize = 16;
const MAC: usize = 16;

/// A nonce of ours: milliseconds since the secret was made, and salt. In order of age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Made {
    at: u64,
    salt: u64,
}

pub(super) struct Nonces {
    secret: [u8; 32],
    begun: Instant,
    life: Duration,
    limit: usize,
    windows: BTreeMap<Made, Window>,
    /// What was made at this millisecond or before is over: its window had to give way.
    over: Option<u64>,
}

impl Nonces {
    pub(super) fn new(begun: Instant, secret: [u8; 32], life: Duration, limit: usize) -> Self {
        Self { secret, begun, life, limit: limit.max(1), windows: BTreeMap::new(), over: None }
    }

    pub(super) fn make(&self, now: Instant, salt: u64) -> String {
        let mut head = [0_u8; HEAD];
        head[..8].copy_from_slice(&self.age_of(now).to_be_bytes());
        head[8..].copy_from_slice(&salt.to_be_bytes());
        let mut nonce = hex::encode(head);
        nonce.push_str(&hex::encode(&self.mac(&head).finalize().into_bytes()[..MAC]));
        nonce
    }

    /// The nonce when it is ours and in its life.
    pub(super) fn read(&self, now: Instant, nonce: &str) -> Option<Made> {
        let mut bytes = [0_u8; HEAD + MAC];
        hex::decode_to_slice(nonce, &mut bytes).ok()?;
        let (head, mac) = bytes.split_at(HEAD);
        self.mac(head).verify_truncated_left(mac).ok()?;
        let (at, salt) = head.split_at(8);
        let made =
            Made { at: u64::from_be_bytes(at.try_into().ok()?), salt: u64::from_be_bytes(salt.try_into().ok()?) };
        let age = self.age_of(now).checked_sub(made.at)?;
        (u128::from(age) <= self.life.as_millis() && self.over.is_none_or(|over| made.at > over)).then_some(made)
    }

    /// Notes a use of a nonce whose response was right; false when this count was seen, or is
    /// too far below the highest to tell.
    pub(super) fn admit(&mut self, now: Instant, made: Made, count: u32) -> bool {
        let young = u128::from(self.age_of(now)).saturating_sub(self.life.as_millis());
        while let Some(oldest) = self.windows.first_entry().filter(|oldest| u128::from(oldest.key().at) < young) {
            oldest.remove();
        }
        if !self.windows.contains_key(&made) && self.windows.len() >= self.limit {
            let Some((oldest, _)) = self.windows.pop_first() else { return false };
            self.over = self.over.max(Some(oldest.at));
            if made.at <= oldest.at {
                return false;
            }
        }
        self.windows.entry(made).or_default().admit(count)
    }

    /// A secret made of the server's, for what must look like an account and is none.
    pub(super) fn decoy(&self, user: &str) -> String {
        hex::encode(self.mac(user.as_bytes()).finalize().into_bytes())
    }

    fn age_of(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.begun).as_millis()).unwrap_or(u64::MAX)
    }

    fn mac(&self, bytes: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("HMAC takes a key of any length");
        mac.update(bytes);
        mac
    }
}

/// The counts seen of one nonce.
#[derive(Default)]
struct Window {
    highest: u32,
    /// Bit n: `highest - n` was seen. 64 counts, because UDP may reorder.
    seen: u64,
}

impl Window {
    fn admit(&mut self, count: u32) -> bool {
        if count > self.highest {
            self.seen = self.seen.checked_shl(count - self.highest).unwrap_or(0) | 1;
            self.highest = count;
            return true;
        }
        let Some(bit) = 1_u64.checked_shl(self.highest - count).filter(|_| count > 0) else { return false };
        let new = self.seen & bit == 0;
        self.seen |= bit;
        new
    }
}
