//! Transfers (REFER, Replaces), which are refused, and a 3xx: what others want us to do instead.

use songda_sip::{EndCause, LegEvent, Rejection, Trunk, machine::Method};

use super::{Bench, SDP, sdp};

#[test]
fn nobody_may_transfer_a_call() {
    for called in [false, true] {
        let mut bench = if called { Bench::called(&[], SDP) } else { Bench::new() };
        if called {
            bench.act(|core, now, id| core.answer(now, id, sdp(5000)));
            bench.ask("ACK", 1, "a", "");
        } else {
            bench.answer(200, "a", &[], SDP);
        }
        bench.ask_with("REFER", 2, "a", &[("Refer-To", "<sip:13800000003@127.0.0.1>")], "");
        assert_eq!(bench.status(), 405);
        assert!(!bench.answers.last().unwrap().headers.lists("Allow", "REFER"));
        assert!(bench.is_up());
        bench.hang_up();
        bench.settle();
    }
}

#[test]
fn no_call_takes_the_place_of_another() {
    let mut bench = Bench::called(&[], SDP);
    bench.act(|core, now, id| core.answer(now, id, sdp(5000)));
    bench.ask("ACK", 1, "a", "");
    let names = bench.names.clone();
    let tag = names.1.split(";tag=").nth(1).unwrap().to_owned();
    let replaces = format!("{};to-tag={tag};from-tag=a", names.2);
    let before = bench.invites.len();
    for (at, (value, requires, status)) in
        [(replaces.as_str(), true, 420), (&replaces, false, 481), ("bad", false, 481)].into_iter().enumerate()
    {
        bench.names = ("<sip:b@house.test>".into(), "<sip:c@127.0.0.1:5060>".into(), format!("new-{at}"));
        let both = [("Replaces", value), ("Require", "replaces")];
        bench.ask_with("INVITE", at as u32 + 1, "b", if requires { &both } else { &both[..1] }, SDP);
        assert_eq!((bench.status(), bench.invites.len()), (status, before), "{value}");
    }
    bench.names = names;
    bench.hang_up();
    bench.secs(1_000);
    assert!(bench.core.is_empty(), "{:?}", bench.core);
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
