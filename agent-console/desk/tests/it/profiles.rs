//! What a trunk's profile is to signalling (R12.1).

use std::time::Duration;

use songda_calls::sip::{self, HeaderPolicy};
use songda_desk::telephony::trunks::{
    self, Codec, FromForm, HeaderForms, Identity, IdentityUri, MediaSource, Profile, Srtp, Transport, TrunkForm,
};

use crate::{
    desk::{Desk, desks},
    lines::trunk,
};

impl Desk {
    /// The trunk as a call takes it and as signalling keeps it: both say the same.
    async fn told(&self, name: &str, profile: Profile) -> sip::TrunkSettings {
        let form = TrunkForm { profile: Profile { hosts: trunk(name).profile.hosts, ..profile }, ..trunk(name) };
        let id = self.trunk(&form).await;
        let row = trunks::find(&self.ground.db, &self.house.court, &id, false).await.unwrap().unwrap();
        let (call, kept) = (row.sip(&self.ground.sealer).unwrap(), row.settings(&self.ground.sealer).unwrap());
        assert_eq!((&call.headers, &call.codecs), (&kept.headers, &kept.codecs), "{}", self.engine());
        assert_eq!(call.sound, kept.sound, "{}", self.engine());
        assert_eq!(call.session_expires, kept.session_expires, "{}", self.engine());
        kept
    }
}

#[tokio::test]
async fn r12_1_the_headers_that_were_chosen_on_the_page_are_those_of_the_invite() {
    let forms = |from, identity, identity_uri, privacy_none| HeaderForms { from, identity, identity_uri, privacy_none };
    let policy = |from, identity, identity_uri, privacy_none| HeaderPolicy {
        from,
        identity,
        identity_uri,
        privacy_none,
        extra: Vec::new(),
    };
    for desk in desks().await {
        let cases = [
            (HeaderForms::default(), HeaderPolicy::default()),
            (
                forms(FromForm::Number, Identity::Asserted, IdentityUri::Tel, false),
                policy(sip::FromForm::Number, sip::Identity::Asserted, sip::IdentityUri::Tel, false),
            ),
            (
                forms(FromForm::Account, Identity::Preferred, IdentityUri::Sip, true),
                policy(sip::FromForm::Account, sip::Identity::Preferred, sip::IdentityUri::Sip, true),
            ),
            (
                forms(FromForm::Number, Identity::None, IdentityUri::Sip, false),
                policy(sip::FromForm::Number, sip::Identity::Absent, sip::IdentityUri::Sip, false),
            ),
        ];
        for (at, (headers, wanted)) in cases.into_iter().enumerate() {
            let told = desk.told(&format!("trunk {at}"), Profile { headers, ..Profile::default() }).await;
            assert_eq!(told.headers, wanted, "{}: {headers:?}", desk.engine());
        }
    }
}

#[tokio::test]
async fn r12_1_codecs_and_session_timer_of_a_trunk_reach_signalling_as_they_were_entered() {
    for desk in desks().await {
        for (at, (codecs, names)) in [
            (vec![Codec::Pcmu], vec!["PCMU"]),
            (vec![Codec::Pcmu, Codec::Pcma], vec!["PCMU", "PCMA"]),
            (Profile::default().codecs, vec!["PCMA", "PCMU"]),
        ]
        .into_iter()
        .enumerate()
        {
            let told = desk.told(&format!("trunk {at}"), Profile { codecs, ..Profile::default() }).await;
            assert_eq!(told.codecs, names, "{}", desk.engine());
        }
        let timed = desk.told("timed", Profile { session_expires_s: 1_800, ..Profile::default() }).await;
        assert_eq!(timed.session_expires, Some(Duration::from_mins(30)));
        assert_eq!(desk.told("untimed", Profile::default()).await.session_expires, None);
    }
}

#[tokio::test]
async fn r12_1_how_sound_goes_over_a_trunk_reaches_signalling_and_keys_are_never_told_in_the_clear() {
    for desk in desks().await {
        for (at, (srtp, source, wanted)) in [
            (Srtp::Off, MediaSource::Strict, (sip::Srtp::Off, sip::MediaSource::Strict)),
            (Srtp::Optional, MediaSource::Any, (sip::Srtp::Optional, sip::MediaSource::Any)),
            (Srtp::Required, MediaSource::Port, (sip::Srtp::Required, sip::MediaSource::Port)),
        ]
        .into_iter()
        .enumerate()
        {
            let profile = Profile { srtp, media_source: source, transport: Transport::Tls, ..Profile::default() };
            let told = desk.told(&format!("trunk {at}"), profile).await;
            assert_eq!((told.sound.srtp, told.sound.source), wanted, "{}", desk.engine());
        }
        let plain = desk.told("plain", Profile::default()).await;
        assert_eq!(plain.sound, sip::TrunkSound::default(), "{}: in the clear by itself", desk.engine());
    }
    for transport in [Transport::Udp, Transport::Tcp] {
        for srtp in [Srtp::Optional, Srtp::Required] {
            let profile = Profile { srtp, transport, ..trunk("clear").profile };
            let unfit = TrunkForm { profile, ..trunk("clear") }.check().unwrap_err();
            assert_eq!(unfit.field, "profile.srtp", "{transport:?} {srtp:?}");
        }
    }
    // What an earlier release stored says nothing of it.
    let stored: Profile = serde_json::from_str(r#"{"hosts":["192.0.2.1"],"transport":"tls"}"#).unwrap();
    assert_eq!((stored.srtp, stored.media_source), (Srtp::Off, MediaSource::Port));
}
