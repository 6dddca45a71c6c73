//! A trunk as signalling takes it.

use std::time::Duration;

use songda_calls::sip::{self, HeaderPolicy, Protocol, Trunk, TrunkSettings, TrunkSound};
use songda_store::Sealer;

use super::{Codec, FromForm, Identity, IdentityUri, MediaSource, Profile, Srtp, Transport, TrunkRow, TrunkState};
use crate::DeskError;

impl TrunkRow {
    /// What a call over it needs to know.
    pub fn sip(&self, sealer: &Sealer) -> Result<Trunk, DeskError> {
        let profile = &self.profile;
        let first = profile.hosts.first().map(String::as_str).unwrap_or_default();
        // The transport is the operator's word, so that no NAPTR is asked; without a port the
        // name is asked for SRV of this transport first (RFC 3263, 4.1 and 4.2).
        let transport = profile.transport.protocol().via().to_ascii_lowercase();
        Ok(Trunk {
            name: self.name.clone(),
            proxy: format!("{first};transport={transport}"),
            domain: self.domain.clone(),
            username: self.username.clone(),
            password: self.password(sealer)?.into(),
            headers: profile.policy(),
            codecs: profile.codec_names(),
            sound: profile.sound(),
            session_expires: profile.session_expires(),
            hosts: profile.hosts.clone(),
            large_over_tcp: true,
            ..Trunk::default()
        })
    }

    /// How it is registered, watched and limited.
    pub fn settings(&self, sealer: &Sealer) -> Result<TrunkSettings, DeskError> {
        let profile = &self.profile;
        let some = |limit: u32| Some(limit).filter(|limit| *limit > 0);
        let first = profile.hosts.first().cloned().unwrap_or_default();
        Ok(TrunkSettings {
            name: self.name.clone(),
            hosts: profile.hosts.clone(),
            protocol: profile.transport.protocol(),
            register: profile.register,
            username: self.username.clone(),
            password: self.password(sealer)?.into(),
            weight: profile.weight,
            max_calls: some(profile.max_calls),
            max_calls_per_second: some(profile.max_calls_per_second),
            paused: self.state == TrunkState::Paused,
            headers: profile.policy(),
            codecs: profile.codec_names(),
            sound: profile.sound(),
            session_expires: profile.session_expires(),
            accept: profile.accept.clone(),
            ..TrunkSettings::new(&self.id, first, &self.domain)
        })
    }
}

impl Transport {
    fn protocol(self) -> Protocol {
        match self {
            Self::Udp => Protocol::Udp,
            Self::Tcp => Protocol::Tcp,
            Self::Tls => Protocol::Tls,
        }
    }
}

impl Profile {
    fn policy(&self) -> HeaderPolicy {
        HeaderPolicy {
            from: match self.headers.from {
                FromForm::Number => sip::FromForm::Number,
                FromForm::Account => sip::FromForm::Account,
            },
            identity: match self.headers.identity {
                Identity::Asserted => sip::Identity::Asserted,
                Identity::Preferred => sip::Identity::Preferred,
                Identity::None => sip::Identity::Absent,
            },
            identity_uri: match self.headers.identity_uri {
                IdentityUri::Sip => sip::IdentityUri::Sip,
                IdentityUri::Tel => sip::IdentityUri::Tel,
            },
            privacy_none: self.headers.privacy_none,
            extra: Vec::new(),
        }
    }

    fn codec_names(&self) -> Vec<String> {
        let name = |codec: &Codec| match codec {
            Codec::Pcma => "PCMA".to_owned(),
            Codec::Pcmu => "PCMU".to_owned(),
        };
        self.codecs.iter().map(name).collect()
    }

    fn sound(&self) -> TrunkSound {
        TrunkSound {
            srtp: match self.srtp {
                Srtp::Off => sip::Srtp::Off,
                Srtp::Optional => sip::Srtp::Optional,
                Srtp::Required => sip::Srtp::Required,
            },
            source: match self.media_source {
                MediaSource::Strict => sip::MediaSource::Strict,
                MediaSource::Port => sip::MediaSource::Port,
                MediaSource::Any => sip::MediaSource::Any,
            },
        }
    }

    fn session_expires(&self) -> Option<Duration> {
        (self.session_expires_s > 0).then(|| Duration::from_secs(self.session_expires_s.into()))
    }
}
