//! Offers and answers: RFC 3264, RFC 6337.

use songda_sip::sdp::{Direction, Media, Refusal, Session, agreed, answer_to, first_answer_to, following, unnarrowed};

const OURS: &str = "v=0\r\no=- 7 3 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
    m=audio 20000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";

/// An offer with this address and these streams.
fn offer(address: &str, media: &str) -> String {
    format!("v=0\r\no=carrier 1 1 IN {address}\r\ns=call\r\nc=IN {address}\r\nt=0 0\r\n{media}")
}

fn streams(sdp: &str) -> Vec<&str> {
    sdp.lines().filter(|line| line.starts_with("m=")).collect()
}

fn flow(sdp: &str) -> Direction {
    Session::parse(sdp).unwrap().audio().unwrap().flow()
}

#[test]
fn an_answer_keeps_g711_in_our_order_and_events_under_the_numbers_of_the_offer() {
    let offer = offer(
        "IP4 198.51.100.9",
        "m=audio 4000 RTP/AVP 18 0 8 97 96\r\na=rtpmap:18 G729/8000\r\na=rtpmap:97 telephone-event/8000\r\n\
         a=rtpmap:96 telephone-event/48000\r\na=ptime:30\r\n",
    );
    let answer = answer_to(&offer, OURS).unwrap();
    assert_eq!(
        answer,
        "v=0\r\no=- 7 3 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 20000 RTP/AVP 8 0 97\r\n\
         a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:97 telephone-event/8000\r\na=fmtp:97 0-15\r\n\
         a=ptime:20\r\na=sendrecv\r\n"
    );
    assert_eq!(agreed(&offer, &answer), Ok(Direction::SendRecv));
}

#[test]
fn every_way_to_hold_is_answered_with_its_other_side() {
    let cases = [
        ("IP4 198.51.100.9", "", Direction::SendRecv),
        ("IP4 198.51.100.9", "a=sendrecv\r\n", Direction::SendRecv),
        ("IP4 198.51.100.9", "a=sendonly\r\n", Direction::RecvOnly),
        ("IP4 198.51.100.9", "a=recvonly\r\n", Direction::SendOnly),
        ("IP4 198.51.100.9", "a=inactive\r\n", Direction::Inactive),
        ("IP4 0.0.0.0", "", Direction::RecvOnly),
        ("IP6 ::", "", Direction::RecvOnly),
        ("IP4 0.0.0.0", "a=inactive\r\n", Direction::Inactive),
        ("IP4 0.0.0.0", "a=recvonly\r\n", Direction::Inactive),
    ];
    for (address, attribute, expected) in cases {
        let answer = answer_to(&offer(address, &format!("m=audio 4000 RTP/AVP 8\r\n{attribute}")), OURS).unwrap();
        assert_eq!(flow(&answer), expected, "{address} {attribute:?}");
    }
    // Said for the session, and said again for the stream.
    let session = "v=0\r\no=- 1 1 IN IP4 198.51.100.9\r\ns=-\r\nt=0 0\r\na=sendonly\r\n";
    let stream = "m=audio 4000 RTP/AVP 8\r\nc=IN IP4 198.51.100.9\r\n";
    assert_eq!(flow(&answer_to(&format!("{session}{stream}"), OURS).unwrap()), Direction::RecvOnly);
    assert_eq!(flow(&answer_to(&format!("{session}{stream}a=inactive\r\n"), OURS).unwrap()), Direction::Inactive);
    // We hold: what we do not receive, the other end need not send.
    let held = OURS.replace("a=sendrecv", "a=sendonly");
    assert_eq!(
        flow(&answer_to(&offer("IP4 198.51.100.9", "m=audio 1 RTP/AVP 8\r\n"), &held).unwrap()),
        Direction::SendOnly
    );
}

#[test]
fn the_answer_has_a_stream_for_each_of_the_offer() {
    let media = "m=video 4002 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\nm=audio 0 RTP/AVP 8\r\nm=audio 4000 RTP/AVP 8\r\n\
                 m=audio 4010 RTP/AVP 0\r\nm=image 4004 udptl t38\r\n";
    let offer = offer("IP4 198.51.100.9", media);
    let answer = first_answer_to(&offer, OURS).unwrap();
    assert_eq!(
        streams(&answer),
        [
            "m=video 0 RTP/AVP 99",
            "m=audio 0 RTP/AVP 8",
            "m=audio 20000 RTP/AVP 8",
            "m=audio 0 RTP/AVP 0",
            "m=image 0 udptl t38"
        ]
    );
}

#[test]
fn fax_video_foreign_codecs_and_secured_media_are_refused_and_say_why() {
    let audio = "m=audio 4000 RTP/AVP 8\r\n";
    let cases = [
        ("m=image 4004 udptl t38\r\n".to_owned(), Refusal::MediaType, 304),
        (format!("m=image 4004 udptl t38\r\n{}", audio.replace("4000", "0")), Refusal::MediaType, 304),
        (format!("{audio}m=video 4002 RTP/AVP 99\r\n"), Refusal::MediaType, 304),
        (String::new(), Refusal::MediaType, 304),
        (audio.replace("4000", "0"), Refusal::MediaType, 304),
        ("m=audio 4000 RTP/AVP 18\r\n".into(), Refusal::Codec, 305),
        // A number of table 4 that was given to something else.
        ("m=audio 4000 RTP/AVP 8\r\na=rtpmap:8 iLBC/8000\r\n".into(), Refusal::Codec, 305),
        ("m=audio 4000 RTP/SAVP 8\r\n".into(), Refusal::Transport, 302),
        (format!("{audio}c=IN IP6 2001:db8::1\r\n"), Refusal::Address, 301),
        (format!("{audio}c=IN IP4 name.example\r\n"), Refusal::Address, 301),
    ];
    for (media, why, warning) in cases {
        let refusal = answer_to(&offer("IP4 198.51.100.9", &media), OURS).unwrap_err();
        assert_eq!((refusal, refusal.status(), refusal.warning().0), (why, 488, warning), "{media}");
    }
    // What was declined before is no fax.
    let declined = format!("{audio}m=image 0 udptl t38\r\n");
    assert!(answer_to(&offer("IP4 198.51.100.9", &declined), OURS).is_ok());
}

#[test]
fn what_is_no_description_or_without_end_is_malformed() {
    let many = offer("IP4 198.51.100.9", &"m=audio 1 RTP/AVP 8\r\n".repeat(17));
    let attributes = offer("IP4 198.51.100.9", &format!("m=audio 1 RTP/AVP 8\r\n{}", "a=x\r\n".repeat(300)));
    let long = offer("IP4 198.51.100.9", &"b=AS:64\r\n".repeat(3000));
    for text in
        ["", "v=1\r\n", "hello", "v=0\r\nm=audio\r\n", "v=0\r\nm=audio x RTP/AVP 8\r\n", "v=0\r\nm=audio 1 RTP/AVP\r\n"]
            .into_iter()
            .map(str::to_owned)
            .chain([many, attributes, long])
    {
        let refusal = answer_to(&text, OURS).unwrap_err();
        assert_eq!((refusal, refusal.status()), (Refusal::Malformed, 400), "{text:.60}");
    }
}

#[test]
fn the_version_of_our_origin_is_raised_with_every_change_and_only_then() {
    let offered = offer("IP4 198.51.100.9", "m=audio 4000 RTP/AVP 8\r\n");
    let first = following(OURS, &answer_to(&offered, OURS).unwrap());
    assert!(first.contains("o=- 7 4 IN IP4"), "{first}");
    let again = following(&first, &answer_to(&offered, OURS).unwrap());
    assert_eq!(again, first);
    let held = offer("IP4 198.51.100.9", "m=audio 4000 RTP/AVP 8\r\na=sendonly\r\n");
    let held = following(&again, &answer_to(&held, OURS).unwrap());
    assert!(held.contains("o=- 7 5 IN IP4") && held.contains("a=recvonly"), "{held}");
    let back = following(&held, &answer_to(&offered, OURS).unwrap());
    assert!(back.contains("o=- 7 6 IN IP4") && back.contains("a=sendrecv"), "{back}");
}

#[test]
fn what_our_sound_can_do_is_more_than_an_answer_says() {
    let offered = offer(
        "IP4 198.51.100.9",
        "m=video 4002 RTP/AVP 99\r\nm=audio 4000 RTP/AVP 0 97\r\na=rtpmap:97 telephone-event/8000\r\na=sendonly\r\n",
    );
    let answer = first_answer_to(&offered, OURS).unwrap();
    let able = unnarrowed(&answer, &[]);
    assert_eq!(streams(&able), ["m=video 0 RTP/AVP 99", "m=audio 20000 RTP/AVP 8 0 97"]);
    for (law, direction) in [("8", "a=sendrecv\r\n"), ("0", "")] {
        let next = offer("IP4 198.51.100.9", &format!("m=audio 4000 RTP/AVP {law}\r\n{direction}"));
        let answer = answer_to(&next, &able).unwrap();
        assert_eq!(streams(&answer), [format!("m=audio 20000 RTP/AVP {law}")]);
        assert_eq!(flow(&answer), Direction::SendRecv);
    }
    assert_eq!(unnarrowed(&able, &[]), able);
    // As far as the trunk allows it.
    for (codecs, formats) in [(&["PCMU", "PCMA"][..], "0 8 97"), (&["PCMU"], "0 97")] {
        let codecs: Vec<String> = codecs.iter().map(|codec| (*codec).to_owned()).collect();
        let able = unnarrowed(&answer, &codecs);
        assert_eq!(streams(&able)[1], format!("m=audio 20000 RTP/AVP {formats}"));
    }
}

#[test]
fn r12_1_of_an_offer_only_what_we_offered_is_taken_and_in_our_order() {
    let first = OURS.replace("RTP/AVP 8 0 101", "RTP/AVP 0 8 101");
    let both = offer("IP4 198.51.100.9", "m=audio 4000 RTP/AVP 8 0\r\n");
    assert_eq!(streams(&answer_to(&both, &first).unwrap()), ["m=audio 20000 RTP/AVP 0 8"]);
    let only = OURS.replace("RTP/AVP 8 0 101", "RTP/AVP 0 101").replace("a=rtpmap:8 PCMA/8000\r\n", "");
    assert_eq!(streams(&answer_to(&both, &only).unwrap()), ["m=audio 20000 RTP/AVP 0"]);
    let other = offer("IP4 198.51.100.9", "m=audio 4000 RTP/AVP 8\r\n");
    assert_eq!(answer_to(&other, &only), Err(Refusal::Codec));
}

#[test]
fn an_answer_that_does_not_fit_our_offer_is_not_taken() {
    let good = offer("IP4 198.51.100.9", "m=audio 4000 RTP/AVP 8\r\na=recvonly\r\n");
    assert_eq!(agreed(OURS, &good), Ok(Direction::RecvOnly));
    for (media, why) in [
        ("m=audio 0 RTP/AVP 8\r\n", Refusal::MediaType),
        ("m=audio 4000 RTP/AVP 18\r\n", Refusal::Codec),
        ("m=audio 4000 RTP/AVP 8\r\nm=video 1 RTP/AVP 9\r\n", Refusal::Malformed),
        ("", Refusal::Malformed),
    ] {
        assert_eq!(agreed(OURS, &offer("IP4 198.51.100.9", media)), Err(why), "{media}");
    }
}

#[test]
fn the_signalling_takes_the_stream_that_the_sound_takes() {
    let table = include_str!("../../../tests/offers/table.txt");
    let mut seen = 0;
    for case in table.split("\n== ").skip(1) {
        let (name, rest) = case.split_once('\n').unwrap();
        let (wanted, media) = rest.split_once('\n').unwrap();
        let offer = offer("IP4 198.51.100.9", &format!("{}\r\n", media.trim_end().replace('\n', "\r\n")));
        let got = first_answer_to(&offer, OURS).map_or_else(
            |_| "refused".to_owned(),
            |answer| {
                let session = Session::parse(&answer).unwrap();
                let at = session.media.iter().position(Media::is_live).unwrap();
                let formats = &session.media[at].formats;
                let law = formats.iter().find(|format| matches!(**format, "8" | "0")).unwrap();
                let keys = formats.iter().find(|format| !matches!(**format, "8" | "0")).unwrap_or(&"-");
                format!("takes {at} law {law} keys {keys}")
            },
        );
        assert_eq!(got, wanted, "{name}");
        seen += 1;
    }
    assert!(seen > 15);
}

const LONG: &str = "AES_CM_128_HMAC_SHA1_80";
const SHORT: &str = "AES_CM_128_HMAC_SHA1_32";

/// Ours, as it is offered where sound is secured like this.
fn secured(how: &str) -> String {
    let keys =
        format!("a=crypto:1 {LONG} inline:{}\r\na=crypto:2 {SHORT} inline:{}\r\n", "O".repeat(40), "S".repeat(40));
    match how {
        "off" => OURS.to_owned(),
        "optional" => OURS.replace("a=ptime", &format!("{keys}a=ptime")),
        _ => OURS.replace("RTP/AVP", "RTP/SAVP").replace("a=ptime", &format!("{keys}a=ptime")),
    }
}

#[test]
fn the_signalling_takes_the_key_that_the_sound_takes() {
    let table = include_str!("../../../tests/offers/secured.txt");
    let mut seen = 0;
    for case in table.split("\n== ").skip(1) {
        let (name, rest) = case.split_once('\n').unwrap();
        let (wanted, media): (Vec<&str>, Vec<&str>) =
            rest.lines().filter(|line| !line.is_empty()).partition(|line| !line.contains('='));
        let media = media.join("\r\n").replace("LONG", LONG).replace("SHORT", SHORT);
        let offer = offer("IP4 198.51.100.9", &format!("{}\r\n", media.replace("KEY", &"Ab3+/".repeat(8))));
        for line in wanted {
            let (how, wanted) = line.split_once(' ').unwrap();
            let got = first_answer_to(&offer, &secured(how)).map_or_else(
                |refusal| {
                    assert_eq!(refusal.status(), 488, "{name}: {refusal}");
                    "refused".to_owned()
                },
                |answer| {
                    let session = Session::parse(&answer).unwrap();
                    let at = session.media.iter().position(Media::is_live).unwrap();
                    let of = Session::parse(&offer).unwrap();
                    assert_eq!(session.media[at].protocol, of.media[at].protocol, "{name}");
                    match session.media[at].attribute("crypto").map(|key| key.split(' ').collect::<Vec<_>>()) {
                        None => format!("{at} clear"),
                        Some(words) if words[1] == LONG => {
                            assert_eq!(words[2], format!("inline:{}", "O".repeat(40)), "{name}: our key");
                            format!("{at} key {} LONG", words[0])
                        }
                        Some(words) => {
                            assert_eq!((words[1], words[2]), (SHORT, &*format!("inline:{}", "S".repeat(40))), "{name}");
                            format!("{at} key {} SHORT", words[0])
                        }
                    }
                },
            );
            assert_eq!(got, wanted, "{name}: {how}");
            seen += 1;
        }
    }
    assert!(seen >= 36);
}

#[test]
fn what_is_required_is_refused_in_the_clear_also_inside_a_call_and_as_an_answer() {
    let clear = offer("IP4 198.51.100.9", "m=audio 4000 RTP/AVP 8\r\n");
    let refused = answer_to(&clear, &secured("required")).unwrap_err();
    assert_eq!((refused, refused.status(), refused.warning().0), (Refusal::Secured, 488, 302));
    assert_eq!(agreed(&secured("required"), &clear), Err(Refusal::Secured));
    assert_eq!(agreed(&secured("optional"), &clear), Ok(Direction::SendRecv));
    let key = format!("inline:{}", "T".repeat(40));
    let secured_answer = |tag: u32, suite: &str| {
        offer("IP4 198.51.100.9", &format!("m=audio 4000 RTP/SAVP 8\r\na=crypto:{tag} {suite} {key}\r\n"))
    };
    assert_eq!(agreed(&secured("required"), &secured_answer(1, LONG)), Ok(Direction::SendRecv));
    assert_eq!(agreed(&secured("required"), &secured_answer(2, SHORT)), Ok(Direction::SendRecv));
    for (tag, suite) in [(2, LONG), (1, SHORT), (3, LONG)] {
        assert_eq!(agreed(&secured("required"), &secured_answer(tag, suite)), Err(Refusal::Secured), "{tag} {suite}");
    }
    assert_eq!(agreed(OURS, &secured_answer(1, LONG)), Err(Refusal::Transport));
}

#[test]
fn a_renewed_key_of_theirs_is_answered_with_ours_which_stays() {
    let able = secured("required");
    let offered = |key: char| {
        let key = key.to_string().repeat(40);
        offer("IP4 198.51.100.9", &format!("m=audio 4000 RTP/SAVP 8\r\na=crypto:5 {SHORT} inline:{key}\r\n"))
    };
    let first = answer_to(&offered('x'), &able).unwrap();
    assert!(first.contains("m=audio 20000 RTP/SAVP 8\r\n"), "{first}");
    assert!(first.contains(&format!("a=crypto:5 {SHORT} inline:{}\r\n", "S".repeat(40))), "{first}");
    assert_eq!(answer_to(&offered('y'), &able).unwrap(), first);
    // An answer of ours is what later offers of theirs are judged by, where they called.
    let able = unnarrowed(&first, &[]);
    assert_eq!(streams(&able), ["m=audio 20000 RTP/SAVP 8 0"]);
    assert!(answer_to(&offered('z'), &able).unwrap().contains(&format!("a=crypto:5 {SHORT} inline:S")));
    let clear = offer("IP4 198.51.100.9", "m=audio 4000 RTP/AVP 8\r\n");
    assert_eq!(answer_to(&clear, &able), Err(Refusal::Secured), "what is secured does not fall back");
}
