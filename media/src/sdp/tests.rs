use super::*;

fn answer(id: u64, address: SocketAddr, offer: &str, laws: &[Law]) -> Result<(Remote, String), SdpError> {
    Own { id, address, control: address.port() + 1, laws, security: Security::Off, keys: &[] }.answer(offer)
}

#[test]
fn an_answer_gives_address_law_and_events() {
    let sdp = "v=0\r\no=x 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 97\r\n\
               c=IN IP4 10.0.0.2\r\na=rtpmap:97 telephone-event/8000\r\na=sendrecv\r\n";
    let remote = Remote::answered(sdp, &Law::BOTH).unwrap();
    assert_eq!(remote.address.to_string(), "10.0.0.2:4000");
    assert_eq!((remote.law, remote.events, remote.listens), (Law::Pcmu, Some(97), true));
}

#[test]
fn answers_that_cannot_be_used_say_why() {
    let head = "v=0\r\nc=IN IP4 10.0.0.1\r\n";
    let case = |media: &str| Remote::answered(&format!("{head}{media}"), &Law::BOTH).unwrap_err();
    assert_eq!(case(""), SdpError::NoAudio);
    assert_eq!(case("m=audio 0 RTP/AVP 8\r\n"), SdpError::NoAudio);
    assert_eq!(case("m=audio 4000 RTP/AVP 18\r\n"), SdpError::NoCommonCodec);
    assert_eq!(case("m=audio banana RTP/AVP 8\r\n"), SdpError::NoAudio);
    let read = |sdp: &str| Remote::answered(sdp, &Law::BOTH);
    assert_eq!(read("m=audio 4000 RTP/AVP 8\r\n").unwrap_err(), SdpError::NoAddress);
    assert_eq!(read(&"a=x\r\n".repeat(9000)).unwrap_err(), SdpError::TooLong);
    assert!(!read(&format!("{head}m=audio 4000 RTP/AVP 8\r\na=inactive\r\n")).unwrap().listens);
}

#[test]
fn r12_1_of_an_offer_we_choose_of_an_answer_they_and_never_what_the_line_does_not_allow() {
    let sdp = "c=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 0 8\r\n";
    let laws = |laws: &[Law]| {
        [Remote::answered(sdp, laws), Remote::offered(sdp, laws)].map(|remote| remote.map(|remote| remote.law))
    };
    assert_eq!(laws(&Law::BOTH), [Ok(Law::Pcmu), Ok(Law::Pcma)]);
    assert_eq!(laws(&[Law::Pcma]), [Ok(Law::Pcma), Ok(Law::Pcma)]);
    let none = Remote::offered(&sdp.replace(" 0 8", " 0"), &[Law::Pcma]);
    assert_eq!(none, Err(SdpError::NoCommonCodec));
}

#[test]
fn our_offer_can_be_read_by_ourselves() {
    let address = "192.0.2.7:20000".parse().unwrap();
    let remote = Remote::answered(&offer(1, address, &[Law::Pcmu, Law::Pcma]), &Law::BOTH).unwrap();
    let control = "192.0.2.7:20001".parse().unwrap();
    let (law, events, crypto) = (Law::Pcmu, Some(OUR_EVENTS), None);
    let wanted = Remote { address, control, mux: true, rate: 50, law, events, listens: true, talks: true, crypto };
    assert_eq!(remote, wanted);
}

#[test]
fn r12_1_an_offer_holds_the_laws_of_its_line_in_their_order_and_no_other() {
    let address = "192.0.2.7:20000".parse().unwrap();
    for (laws, stream) in [
        (&[Law::Pcma, Law::Pcmu][..], "m=audio 20000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000"),
        (&[Law::Pcmu, Law::Pcma], "m=audio 20000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000"),
        (&[Law::Pcmu], "m=audio 20000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101"),
    ] {
        let offer = offer(1, address, laws);
        assert!(offer.contains(stream), "{offer}");
    }
    let names = ["pcmu", "G729", "PCMA"].map(str::to_owned);
    assert_eq!(Law::named(&names), [Law::Pcmu, Law::Pcma]);
}

#[test]
fn an_offer_is_answered_with_the_first_law_of_the_line_and_every_other_stream_is_refused() {
    let address = "192.0.2.7:20000".parse().unwrap();
    let offer = "v=0\r\no=x 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n\
                 m=audio 4000 RTP/AVP 18 0 8 97\r\na=rtpmap:97 telephone-event/8000\r\na=sendonly\r\n\
                 m=video 4002 RTP/AVP 31\r\nm=image 4004 udptl t38\r\n";
    let (remote, answer) = answer(7, address, offer, &[Law::Pcmu, Law::Pcma]).unwrap();
    assert_eq!((remote.address.to_string().as_str(), remote.law, remote.listens), ("10.0.0.1:4000", Law::Pcmu, false));
    let streams: Vec<&str> = answer.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(streams, ["m=audio 20000 RTP/AVP 0 97", "m=video 0 RTP/AVP 31", "m=image 0 udptl t38"]);
    assert!(answer.contains("a=recvonly\r\n") && answer.contains("a=rtpmap:97 telephone-event/8000"), "{answer}");
    let ours = Remote::answered(&answer, &Law::BOTH).unwrap();
    assert_eq!((ours.law, ours.events, ours.address), (Law::Pcmu, Some(97), address));
    let held = offer.replace("sendonly", "inactive");
    let answer = |offer: &str, laws: &[Law]| self::answer(7, address, offer, laws);
    assert!(answer(&held, &Law::BOTH).unwrap().1.contains("a=inactive\r\n"));
    assert_eq!(answer("v=0\r\n", &Law::BOTH), Err(SdpError::NoAudio));
    assert!(answer(offer, &Law::BOTH).unwrap().1.contains("m=audio 20000 RTP/AVP 8 97\r\n"));
    let other = offer.replace(" 18 0 8 ", " 18 0 ");
    assert_eq!(answer(&other, &[Law::Pcma]), Err(SdpError::NoCommonCodec));
    let many = format!("{offer}{}", "m=video 1 RTP/AVP 31\r\n".repeat(STREAMS));
    assert_eq!(answer(&many, &Law::BOTH), Err(SdpError::NoAudio), "bounded");
}

#[test]
fn the_sound_takes_the_stream_that_the_signalling_takes() {
    let address = "192.0.2.7:20000".parse().unwrap();
    let table = include_str!("../../../tests/offers/table.txt");
    let mut seen = 0;
    for case in table.split("\n== ").skip(1) {
        let (name, rest) = case.split_once('\n').unwrap();
        let (wanted, media) = rest.split_once('\n').unwrap();
        let head = "v=0\r\no=x 1 1 IN IP4 198.51.100.9\r\ns=-\r\nc=IN IP4 198.51.100.9\r\nt=0 0\r\n";
        let offer = format!("{head}{}\r\n", media.trim_end().replace('\n', "\r\n"));
        let got = answer(7, address, &offer, &Law::BOTH).map_or_else(
            |_| "refused".to_owned(),
            |(remote, answer)| {
                let streams: Vec<&str> = answer.lines().filter(|line| line.starts_with("m=")).collect();
                assert_eq!(streams.len(), media.lines().filter(|line| line.starts_with("m=")).count(), "{name}");
                let live: Vec<usize> =
                    (0..streams.len()).filter(|at| streams[*at].split(' ').nth(1) != Some("0")).collect();
                assert_eq!(live.len(), 1, "{name}: {answer}");
                let keys = remote.events.map_or_else(|| "-".to_owned(), |events| events.to_string());
                format!("takes {} law {} keys {keys}", live[0], remote.law.payload_type())
            },
        );
        assert_eq!(got, wanted, "{name}");
        seen += 1;
    }
    assert!(seen > 15);
}

#[test]
fn the_browsers_offer_keeps_only_what_a_telephone_speaks() {
    let sdp = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 0 8 110 126\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 nack\r\n\
               a=fmtp:111 minptime=10\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000/1\r\n\
               a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\na=mid:0\r\n";
    let out = only_telephone(sdp).unwrap();
    assert!(out.contains("m=audio 9 UDP/TLS/RTP/SAVPF 8 0 126\r\n"), "{out}");
    assert!(!out.contains("111") && !out.contains("110") && out.contains("a=mid:0"), "{out}");
    assert_eq!(only_telephone("m=audio 9 X 111\r\na=rtpmap:111 opus/48000/2\r\n"), Err(SdpError::NoCommonCodec));
}

fn keys() -> [Crypto; 2] {
    [Crypto::random(1, Suite::Long).unwrap(), Crypto::random(2, Suite::Short).unwrap()]
}

fn own(security: Security, keys: &[Crypto]) -> Own<'_> {
    let address = "192.0.2.7:20000".parse().unwrap();
    Own { id: 7, address, control: 20_001, laws: &Law::BOTH, security, keys }
}

#[test]
fn control_goes_where_the_description_says() {
    let head = "c=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 8\r\n";
    let read = |more: &str| Remote::answered(&format!("{head}{more}"), &Law::BOTH).unwrap();
    assert_eq!((read("").control.to_string().as_str(), read("").mux), ("10.0.0.1:4001", false));
    assert_eq!(read("a=rtcp:5003\r\n").control.to_string(), "10.0.0.1:5003");
    assert_eq!(read("a=rtcp:5003 IN IP4 10.0.0.9\r\n").control.to_string(), "10.0.0.9:5003");
    for wild in ["a=rtcp:\r\n", "a=rtcp:0\r\n", "a=rtcp:70000\r\n", "a=rtcp:x IN IP4 y\r\n"] {
        assert_eq!(read(wild).control.to_string(), "10.0.0.1:4001", "{wild}");
    }
    assert!(read("a=rtcp-mux\r\n").mux);
    let rates = ["", "a=ptime:20\r\n", "a=ptime:10\r\n", "a=ptime:1\r\n", "a=ptime:60\r\n", "a=ptime:0\r\n"];
    assert_eq!(rates.map(|line| read(line).rate), [50, 50, 100, 100, 50, 50]);
    let odd = Own { control: 30_000, ..own(Security::Off, &[]) };
    assert!(odd.offer().contains("a=rtcp:30000\r\n") && !own(Security::Off, &[]).offer().contains("a=rtcp:"));
    assert!(!odd.answer(head).unwrap().1.contains("rtcp-mux"), "what was not offered is not agreed");
    assert!(odd.answer(&format!("{head}a=rtcp-mux\r\n")).unwrap().1.contains("a=rtcp-mux\r\n"));
}

#[test]
fn a_secured_offer_is_answered_under_the_number_of_its_key() {
    let (ours, theirs) = (keys(), keys());
    for (security, profile) in [(Security::Optional, "RTP/AVP"), (Security::Required, "RTP/SAVP")] {
        let offer = own(security, &theirs).offer();
        assert!(offer.contains(&format!("m=audio 20000 {profile} 8 0 101\r\n")), "{offer}");
        let (remote, answer) = own(security, &ours).answer(&offer).unwrap();
        assert_eq!(remote.crypto, Some(theirs[0]));
        assert!(answer.contains(&format!("m=audio 20000 {profile} 8 101\r\n")), "{answer}");
        let back = own(security, &theirs).answered(&answer).unwrap();
        assert_eq!(back.crypto, Some(ours[0]), "each has the other's key");
        assert_eq!(answer.matches("a=crypto").count(), 1);
    }
    // Only the short suite is offered, under a number of its own.
    let short = own(Security::Required, &theirs[1..]).offer();
    let (remote, answer) = own(Security::Optional, &ours).answer(&short).unwrap();
    assert_eq!(remote.crypto.unwrap().suite, Suite::Short);
    assert!(answer.contains("a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:"), "{answer}");
}

#[test]
fn what_is_required_is_never_spoken_in_the_clear_and_what_is_off_never_secured() {
    let keys = keys();
    let clear = own(Security::Off, &[]).offer();
    assert_eq!(own(Security::Required, &keys).answer(&clear).unwrap_err(), SdpError::NotSecured);
    assert_eq!(own(Security::Required, &keys).answered(&clear).unwrap_err(), SdpError::NotSecured);
    let (remote, answer) = own(Security::Optional, &keys).answer(&clear).unwrap();
    assert!(remote.crypto.is_none() && !answer.contains("crypto"));
    let secured = own(Security::Required, &keys).offer();
    assert_eq!(own(Security::Off, &[]).answer(&secured).unwrap_err(), SdpError::NoAudio);
    let (remote, answer) = own(Security::Off, &[]).answer(&own(Security::Optional, &keys).offer()).unwrap();
    assert!(remote.crypto.is_none() && !answer.contains("crypto"), "best effort falls back to the clear");
    // An answer with a number that we did not offer has no key.
    let alien = Crypto::random(9, Suite::Long).unwrap();
    let answer = own(Security::Required, &[alien]).offer();
    assert_eq!(own(Security::Required, &keys).answered(&answer).unwrap_err(), SdpError::NotSecured);
}

#[test]
fn the_sound_takes_the_key_that_the_signalling_takes() {
    let (table, keys) = (include_str!("../../../tests/offers/secured.txt"), keys());
    let mut seen = 0;
    for case in table.split("\n== ").skip(1) {
        let (name, rest) = case.split_once('\n').unwrap();
        let (wanted, media): (Vec<&str>, Vec<&str>) =
            rest.lines().filter(|line| !line.is_empty()).partition(|line| !line.contains('='));
        let media = media.join("\r\n").replace("LONG", Suite::Long.name()).replace("SHORT", Suite::Short.name());
        let media = media.replace("KEY", &"Ab3+/".repeat(8));
        let offer =
            format!("v=0\r\no=x 1 1 IN IP4 198.51.100.9\r\ns=-\r\nc=IN IP4 198.51.100.9\r\nt=0 0\r\n{media}\r\n");
        for line in wanted {
            let (security, wanted) = line.split_once(' ').unwrap();
            let security = match security {
                "off" => Security::Off,
                "optional" => Security::Optional,
                _ => Security::Required,
            };
            let got = own(security, &keys).answer(&offer).map_or_else(
                |_| "refused".to_owned(),
                |(remote, answer)| {
                    let streams = answer.lines().filter(|line| line.starts_with("m="));
                    let at = streams.map(|line| line.split(' ').nth(1)).position(|port| port != Some("0")).unwrap();
                    let key = answer.lines().find_map(|line| line.strip_prefix("a=crypto:"));
                    assert_eq!(key.is_some(), remote.crypto.is_some(), "{name}");
                    match key.map(|key| key.split(' ').collect::<Vec<_>>()) {
                        None => format!("{at} clear"),
                        Some(words) if words[1] == Suite::Long.name() => format!("{at} key {} LONG", words[0]),
                        Some(words) => format!("{at} key {} SHORT", words[0]),
                    }
                },
            );
            assert_eq!(got, wanted, "{name}: {security:?}");
            seen += 1;
        }
    }
    assert!(seen >= 36);
}
