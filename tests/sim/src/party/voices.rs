//! What the parties and the network can say, and the text of each clip.
//!
//! The files are synthetic speech (see `voices/README.md`) and are built in, so that
//! the program needs nothing beside itself.

use std::sync::Arc;

use crate::rtp::wav::{self, Channel, WavError};

/// One piece of speech.
#[derive(Clone)]
pub(crate) struct Clip {
    pub(crate) name: Arc<str>,
    pub(crate) samples: Arc<[i16]>,
}

macro_rules! clips {
    ($($name:literal),+ $(,)?) => {
        const FILES: &[(&str, &[u8])] = &[$(($name, include_bytes!(concat!("../../voices/", $name, ".wav")))),+];
    };
}

clips![
    "hello-m",
    "hello-f",
    "hello-m1",
    "hello-f4",
    "self-m",
    "self-f",
    "self-m1",
    "consent-m",
    "consent-f",
    "number-m",
    "mail-f",
    "understood-m",
    "understood-f",
    "post-m",
    "address-m",
    "doubt-f4",
    "callback-f4",
    "bye-m",
    "bye-f",
    "bye-m1",
    "bye-f4",
    "company-m",
    "cut-off",
    "notice-empty",
    "notice-off",
    "notice-stopped",
    "notice-talking",
    "notice-unreachable",
    "voicemail",
    "assistant",
];

/// Reads a built-in clip; `None` if there is no such name.
pub(crate) fn clip(name: &str) -> Option<Result<Clip, WavError>> {
    let (name, bytes) = FILES.iter().find(|(n, _)| *n == name)?;
    Some(wav::decode(bytes, Channel::Right).map(|samples| Clip { name: (*name).into(), samples }))
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_built_in_clip_is_speech_of_some_length() {
        for (name, _) in super::FILES {
            let clip = super::clip(name).unwrap().unwrap();
            assert!(clip.samples.len() > 4_000, "{name}");
            assert!(clip.samples.iter().any(|s| s.abs() > 5_000), "{name}");
        }
    }
}
