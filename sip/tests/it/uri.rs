//! URIs: what is one, and when two are the same (RFC 3261, 19.1.4; RFC 3966).

use songda_sip::machine::{NameAddr, Uri};

fn uri(text: &str) -> Uri {
    Uri::parse(text).unwrap_or_else(|| panic!("{text} is not read"))
}

#[test]
fn the_examples_of_rfc_3261_are_equivalent_or_not_as_it_says() {
    let same = [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("SIP:a@b", "sip:a@b"),
        ("sip:a%3ab@c", "sip:a%3Ab@c"),
        ("tel:+86-138-0000-0001", "tel:+8613800000001"),
        ("tel:1234;phone-context=+86;ext=5", "tel:1234;EXT=5;phone-context=+86"),
    ];
    for (one, other) in same {
        assert!(uri(one).matches(&uri(other)) && uri(other).matches(&uri(one)), "{one} is {other}");
        assert!(uri(one).matches(&uri(one)));
    }
    let different = [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:a@b;user=phone", "sip:a@b"),
        ("sip:a@b;maddr=192.0.2.1", "sip:a@b"),
        ("sip:a@b;ttl=15", "sip:a@b"),
        ("sips:a@b", "sip:a@b"),
        ("sip:a@b", "sip:b"),
        ("sip:a%3Ab@c", "sip:a:b@c"),
        ("tel:1234;phone-context=+86", "tel:1234"),
        ("tel:+8613800000001", "sip:+8613800000001@c"),
    ];
    for (one, other) in different {
        assert!(!uri(one).matches(&uri(other)) && !uri(other).matches(&uri(one)), "{one} is not {other}");
    }
}

#[test]
fn what_is_no_uri_is_none() {
    for text in [
        "",
        "sip:",
        ":a@b",
        "a@b",
        "sip:@b",
        "sip:a@",
        "sip:a@b@c",
        "sip:a b@c",
        "sip:a@b c",
        "sip:a@b:x",
        "sip:a@b:70000",
        "sip:a@b:+5",
        "sip:a@[::1",
        "sip:a@[nothing]",
        "sip:a@b:5060x",
        "<sip:a@b>",
        "tel:",
        "sip:a@b\r\nVia: x",
    ] {
        assert_eq!(Uri::parse(text), None, "{text:?}");
    }
}

#[test]
fn headers_of_a_uri_are_read_and_taken_off() {
    let mut target = uri("sip:b@h;user=phone?Replaces=1%402%3Bto-tag%3Dx&Subject=");
    assert_eq!((target.header("replaces"), target.header("Subject")), (Some("1%402%3Bto-tag%3Dx"), Some("")));
    assert_eq!(target.param("user"), Some("phone"));
    target.drop_headers();
    assert_eq!(target.to_string(), "sip:b@h;user=phone");
}

#[test]
fn name_addresses_that_cannot_be_are_none() {
    for text in [
        "",
        "<>",
        "<sip:a@b",
        "\"open <sip:a@b>",
        "\"name\" sip:a@b",
        "\"name\" x <sip:a@b>",
        "<sip:a@b> x",
        "sip:a@b?c=d",
    ] {
        assert_eq!(NameAddr::parse(text), None, "{text:?}");
    }
}
