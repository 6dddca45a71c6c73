//! What the outside world is told at its start.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use time::Date;

use crate::cases::{Office, PushTarget};
use crate::numbers::Number;
use crate::rtp::wav::Channel;
use crate::sip::{Algorithm, Forms, Registering};

/// The whole configuration. No `Debug`: it holds keys.
#[derive(Clone)]
pub struct Config {
    /// UDP address of the carrier; port 0 picks one.
    pub sip: SocketAddr,
    /// TCP address of the case system; port 0 picks one.
    pub http: SocketAddr,
    /// UDP address of the time server; port 0 picks one. No time server without it.
    pub ntp: Option<SocketAddr>,
    /// Digest realm.
    pub realm: String,
    /// Digest user name.
    pub user: String,
    /// Digest password.
    pub password: String,
    /// Algorithms offered in the challenge, best first.
    pub algorithms: Vec<Algorithm>,
    /// How long a nonce lives.
    pub nonce_lifetime: Duration,
    /// Numbers that may call.
    pub callers: Vec<Number>,
    /// Where the court listens, when it does not register.
    pub court: Option<SocketAddr>,
    /// How REGISTER is treated.
    pub registering: Registering,
    /// How numbers must be written.
    pub forms: Forms,
    /// How long a party that answers lets it ring.
    pub answer_after: Duration,
    /// Files of the speakers.
    pub say: Vec<Say>,
    /// Folder for received audio and reports; made if it is missing.
    pub out_dir: PathBuf,
    /// Where orders are pushed.
    pub push: Option<PushTarget>,
    /// How many samples are pushed at the start; none without `push`.
    pub push_at_start: usize,
    /// Bearer key that events must carry.
    pub events_key: String,
    /// Bearer key that a hand-in at the notary must carry.
    pub notary_key: String,
    /// The day of the samples: dates of hearings and terms are counted from it.
    pub day: Date,
    /// Judge and clerk of the samples.
    pub office: Office,
}

impl Config {
    /// A world for tests: loopback, free ports, user `songda`, password `secret`, caller
    /// 029-88009000, events key `events`, key of the notary `notary`, answers after 300 ms.
    pub fn for_tests(out_dir: PathBuf) -> Self {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            sip: loopback,
            http: loopback,
            ntp: Some(loopback),
            realm: "songda-sim".into(),
            user: "songda".into(),
            password: "secret".into(),
            algorithms: vec![Algorithm::Sha256, Algorithm::Md5],
            nonce_lifetime: Duration::from_mins(1),
            callers: Number::parse("02988009000").into_iter().collect(),
            court: None,
            registering: Registering::default(),
            forms: Forms::default(),
            answer_after: Duration::from_millis(300),
            say: Vec::new(),
            out_dir,
            push: None,
            push_at_start: 0,
            events_key: "events".into(),
            notary_key: "notary".into(),
            day: Date::MIN.replace_year(2026).unwrap_or(Date::MIN),
            office: Office { judge: ("J0001".into(), "周明远".into()), clerk: "C0001".into() },
        }
    }
}

/// A file that the speaker of a number plays.
#[derive(Debug, Clone)]
pub struct Say {
    /// The number, of the range of speakers.
    pub number: Number,
    /// 8 kHz WAV in PCM16, A-law or µ-law.
    pub file: PathBuf,
    /// How long after the answer it begins, in milliseconds.
    pub delay_ms: u32,
    /// How long after the answer the speaker hangs up; stays until BYE without it.
    pub hang_up_ms: Option<u64>,
    /// Which channel of a two-channel file.
    pub channel: Channel,
}

impl std::str::FromStr for Say {
    type Err = String;

    /// `NUMBER=FILE.wav[,delay_ms=N][,hang_up_ms=N][,channel=left|right]`
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, rest) = text.split_once('=').ok_or("NUMBER=FILE.wav is needed")?;
        let number = Number::parse(number).ok_or("not a telephone number before =")?;
        let mut parts = rest.split(',');
        let file = parts.next().filter(|f| !f.is_empty()).ok_or("no file after =")?;
        let mut say =
            Self { number, file: file.into(), delay_ms: 1_000, hang_up_ms: None, channel: Channel::default() };
        for part in parts {
            let (name, value) = part.split_once('=').ok_or_else(|| format!("{part}: a value is missing"))?;
            let number = || value.parse::<u32>().map_err(|_| format!("{name}: not a number of milliseconds"));
            match (name, value) {
                ("delay_ms", _) => say.delay_ms = number()?,
                ("hang_up_ms", _) => say.hang_up_ms = Some(number()?.into()),
                ("channel", "left") => say.channel = Channel::Left,
                ("channel", "right") => say.channel = Channel::Right,
                _ => return Err(format!("{part}: unknown")),
            }
        }
        Ok(say)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speaker_is_described_in_one_argument() {
        let say: Say = "13800008501=a.wav,delay_ms=5,hang_up_ms=900,channel=left".parse().unwrap();
        assert_eq!((say.delay_ms, say.hang_up_ms, say.channel), (5, Some(900), Channel::Left));
        assert!("13800008501".parse::<Say>().is_err());
        assert!("13800008501=a.wav,what=1".parse::<Say>().is_err());
    }
}
