//! Transfers (REFER, Replaces), and a 3xx: what others want us to do instead.

use songda_sip::{EndCause, LegEvent, RefOutcome, ReferTo, Rejection, Trunk, machine::Method};

use super::{Bench, SDP, sdp};

/// A telephone of the house talks.
fn telephone() -> Bench {
    let mut bench = Bench::called(&[], SDP);
    bench.act(|core, _, id| core.trust(id));
    bench.act(|core, now, id| core.answer(now, id, sdp(5000)));
    bench.ask("ACK", 1, "a", "");
    bench
}

fn refer(bench: &mut Bench, cseq: u32, to: &str) {
    bench.ask_with("REFER", cseq, "a", &[("Refer-To", to)], "");
}

/// Status line and state of the newest NOTIFY.
fn news(bench: &Bench) -> (String, String) {
    let notify = bench.last(&Method::NOTIFY);
    let body = String::from_utf8(notify.body.clone()).unwrap();
    (body.trim().to_owned(), notify.headers.get("Subscription-State").unwrap().to_owned())
}

#[test]
fn a_telephone_that_asks_to_be_transferred_hears_how_it_goes() {
    let mut bench = telephone();
    refer(&mut bench, 2, "<sip:13800000003@127.0.0.1>");
    assert_eq!(bench.given("REFER", 202), 1);
    let to = ReferTo { user: "13800000003".into(), host: "127.0.0.1".into(), replaces: None };
    assert!(!format!("{to:?}").contains("13800000003"), "{to:?}");
    assert_eq!(bench.events.last(), Some(&LegEvent::Referred { to }));
    assert_eq!(news(&bench), ("SIP/2.0 100 Trying".into(), "active;expires=60".into()));
    let notify = bench.last(&Method::NOTIFY);
    assert_eq!(notify.headers.get("Event"), Some("refer;id=2"));
    assert_eq!(notify.headers.get("Content-Type"), Some("message/sipfrag;version=2.0"));
    refer(&mut bench, 3, "<sip:13800000004@127.0.0.1>");
    assert_eq!(bench.given("REFER", 491), 1, "one at a time");
    bench.act(|core, now, id| core.referred(now, id, RefOutcome::Ringing));
    assert_eq!(news(&bench).0, "SIP/2.0 180 Ringing");
    bench.act(|core, now, id| core.referred(now, id, RefOutcome::Accepted));
    assert_eq!(news(&bench), ("SIP/2.0 200 OK".into(), "terminated;reason=noresource".into()));
    let told = bench.count(&Method::NOTIFY);
    bench.act(|core, now, id| core.referred(now, id, RefOutcome::Accepted));
    assert_eq!(bench.count(&Method::NOTIFY), told, "it is over");
    refer(&mut bench, 4, "<sip:13800000005@127.0.0.1>");
    bench.act(|core, now, id| core.referred(now, id, RefOutcome::Refused(486)));
    assert_eq!(news(&bench).0, "SIP/2.0 486 Busy Here");
    bench.ask("BYE", 9, "a", "");
    bench.settle();
}

#[test]
fn a_refer_that_crosses_a_bye_leads_nowhere() {
    let mut bench = telephone();
    bench.hang_up();
    refer(&mut bench, 2, "<sip:13800000003@127.0.0.1>");
    assert_eq!((bench.status(), bench.count(&Method::NOTIFY)), (481, 0));
    bench.settle();

    let mut bench = telephone();
    refer(&mut bench, 2, "<sip:13800000003@127.0.0.1>");
    bench.ask("BYE", 3, "a", "");
    assert_eq!(bench.status(), 200);
    // It may still wait for news (RFC 5057), and may have forgotten.
    bench.act(|core, now, id| core.referred(now, id, RefOutcome::Accepted));
    let notify = bench.last(&Method::NOTIFY);
    bench.answer_to(&notify, 481);
    bench.settle();
}

#[test]
fn who_wants_no_news_of_his_transfer_gets_none() {
    let mut bench = telephone();
    bench.ask_with("REFER", 2, "a", &[("Refer-To", "<sip:13800000003@127.0.0.1>"), ("Refer-Sub", "false")], "");
    assert_eq!((bench.status(), bench.answers.last().unwrap().headers.get("Refer-Sub")), (202, Some("false")));
    bench.act(|core, now, id| core.referred(now, id, RefOutcome::Accepted));
    assert_eq!(bench.count(&Method::NOTIFY), 0, "RFC 4488");
    bench.hang_up();
    bench.settle();
}

#[test]
fn a_refer_that_names_nobody_or_a_call_that_is_not_ours_is_refused() {
    let mut bench = telephone();
    for (at, to) in
        ["nonsense", "<mailto:a@b>", "<sip:b@127.0.0.1?Replaces=other%3Bto-tag%3Dx%3Bfrom-tag%3Dy>"].iter().enumerate()
    {
        refer(&mut bench, at as u32 + 2, to);
        assert_eq!(bench.status(), 400, "{to}");
    }
    assert_eq!(bench.count(&Method::NOTIFY), 0);
    bench.hang_up();
    bench.settle();
}

#[test]
fn an_attended_transfer_names_the_other_call_of_the_telephone() {
    let mut bench = telephone();
    let tag = bench.names.1.split(";tag=").nth(1).unwrap().to_owned();
    let replaces = format!("{}%3Bto-tag%3D{tag}%3Bfrom-tag%3Da", bench.names.2);
    refer(&mut bench, 2, &format!("<sip:13800000003@127.0.0.1?Replaces={replaces}>"));
    let Some(LegEvent::Referred { to }) = bench.events.last() else { panic!("{:?}", bench.events) };
    assert_eq!(to.replaces.as_deref(), Some(bench.id.as_str()));
    bench.act(|core, now, id| core.referred(now, id, RefOutcome::Accepted));
    bench.hang_up();
    bench.settle();
}

#[test]
fn a_call_may_take_the_place_of_a_telephones_and_of_no_carriers() {
    for phone in [true, false] {
        let mut bench = if phone { telephone() } else { Bench::called(&[], SDP) };
        if !phone {
            bench.act(|core, now, id| core.answer(now, id, sdp(5000)));
            bench.ask("ACK", 1, "a", "");
        }
        let names = bench.names.clone();
        let tag = names.1.split(";tag=").nth(1).unwrap().to_owned();
        let replaces = format!("{};to-tag={tag};from-tag=a", names.2);
        for (at, (value, status)) in [
            (replaces.clone(), 0),
            (format!("{replaces};early-only"), 481),
            ("other;to-tag=x;from-tag=y".into(), 481),
            ("bad".into(), 400),
        ]
        .iter()
        .enumerate()
        {
            bench.names = ("<sip:b@house.test>".into(), "<sip:c@127.0.0.1:5060>".into(), format!("new-{at}"));
            let before = bench.invites.len();
            bench.ask_with("INVITE", at as u32 + 1, "b", &[("Replaces", value), ("Require", "replaces")], SDP);
            if *status == 0 && phone {
                assert_eq!(bench.invites[before].replaces.as_deref(), Some(bench.id.as_str()));
            } else {
                assert_eq!(bench.status(), if *status == 0 { 481 } else { *status }, "RFC 3891, 3: {value}");
                assert_eq!(bench.invites.len(), before);
            }
        }
        bench.names = names;
        bench.hang_up();
        bench.secs(1_000);
        assert!(bench.core.is_empty(), "{:?}", bench.core);
    }
}

#[test]
fn a_carrier_may_not_transfer() {
    let mut bench = Bench::new();
    bench.answer(200, "a", &[], SDP);
    refer(&mut bench, 2, "<sip:13800000003@127.0.0.1>");
    assert_eq!(bench.status(), 405);
    assert!(!bench.answers.last().unwrap().headers.lists("Allow", "REFER"));
    assert!(bench.is_up());
    bench.hang_up();
    bench.settle();
}

#[test]
fn a_3xx_is_followed_to_the_same_number_on_the_same_trunk_only() {
    let same =
        ["<sip:13800000001@127.0.0.1:5071>", "<sip:13800000001@carrier.test>", "<sip:13800000001@other.carrier.test>"];
    let trunk = || Trunk { hosts: vec!["other.carrier.test".into()], ..Bench::trunk() };
    for contact in same {
        let mut bench = Bench::dialled(trunk());
        bench.answer(302, "a", &[("Contact", contact)], "");
        let invite = bench.invite();
        assert_eq!((invite.headers.cseq().unwrap().0, invite.uri.as_str()), (2, "sip:13800000001@carrier.test"));
        bench.answer(200, "b", &[], SDP);
        assert!(bench.events.contains(&LegEvent::Answered { sdp: SDP.into() }));
        bench.hang_up();
        bench.settle();
    }
    let others = [
        "<sip:13800000009@127.0.0.1:5071>",
        "<sip:13800000001@192.0.2.1>",
        "<sip:13800000001@evil.test>",
        "<tel:13800000001>",
        "nonsense",
    ];
    for contact in others {
        let mut bench = Bench::dialled(trunk());
        // The Contact of the bench itself names another user.
        bench.answer(302, "a", &[("Contact", contact)], "");
        assert_eq!(
            (bench.count(&Method::INVITE), bench.end().cause, bench.end().status),
            (1, EndCause::Refused, Some(302))
        );
        bench.settle();
    }
}

#[test]
fn a_3xx_that_leads_in_a_circle_is_left_after_a_few_hops() {
    let mut bench = Bench::new();
    for _ in 0..10 {
        if bench.is_up() {
            bench.answer(302, "a", &[("Contact", "<sip:13800000001@127.0.0.1:5070>")], "");
        }
    }
    assert_eq!((bench.count(&Method::INVITE), bench.end().status), (4, Some(302)));
    bench.settle();
}

#[test]
fn a_call_that_is_refused_elsewhere_may_be_sent_on_by_us() {
    let mut bench = Bench::called(&[], SDP);
    let moved = Rejection { contact: Some("sip:13900000005@127.0.0.1".into()), ..Rejection::status(302) };
    bench.act(|core, now, id| core.reject(now, id, &moved));
    assert_eq!(bench.status(), 302);
    bench.ask("ACK", 1, "a", "");
    bench.settle();
}
