//! What a carrier asked for is known to the next call (RFC 7616, 3.3 and 3.4).

use std::sync::Arc;

use songda_sip::{
    EndCause, LegEvent, Trunk,
    machine::{Challenge, Credentials, Method, Request, answer},
};

use super::{Bench, SDP, far, sdp};

const CHALLENGE: [(&str, &str); 1] =
    [("Proxy-Authenticate", "Digest realm=\"r\", nonce=\"n1\", qop=\"auth\", algorithm=SHA-256")];
const NEXT: [(&str, &str); 1] =
    [("Proxy-Authenticate", "Digest realm=\"r\", nonce=\"n2\", qop=\"auth\", algorithm=SHA-256")];

impl Bench {
    /// What the newest INVITE proves.
    fn proof(&self) -> Option<String> {
        self.invite().headers.get("Proxy-Authorization").map(str::to_owned)
    }

    fn proves(&self, nonce: &str, count: &str) {
        let proof = self.proof().unwrap();
        assert!(proof.contains(&format!("nonce=\"{nonce}\"")) && proof.contains(&format!("nc={count}")), "{proof}");
    }

    /// The call is answered and over.
    fn talks(&mut self) {
        self.answer(200, "a", &[], SDP);
        self.hang_up();
    }
}

/// A call that was challenged, and is over.
fn known() -> Bench {
    let mut bench = Bench::new();
    assert_eq!(bench.proof(), None);
    bench.answer(407, "a", &CHALLENGE, "");
    bench.proves("n1", "00000001");
    bench.talks();
    bench
}

#[test]
fn the_next_call_of_a_trunk_brings_its_credentials_along_and_each_use_is_counted() {
    let mut bench = known();
    for count in ["00000002", "00000003"] {
        bench.dial(Bench::trunk(), far());
        bench.proves("n1", count);
        bench.talks();
    }
    bench.settle();
}

#[test]
fn a_nonce_that_is_over_costs_one_challenge_and_the_new_one_is_kept() {
    let mut bench = known();
    bench.dial(Bench::trunk(), far());
    bench.answer(407, "a", &NEXT, "");
    bench.proves("n2", "00000001");
    bench.talks();
    bench.dial(Bench::trunk(), far());
    bench.proves("n2", "00000002");
    bench.talks();
    bench.settle();
}

#[test]
fn the_answer_may_bring_the_next_nonce() {
    let mut bench = known();
    bench.dial(Bench::trunk(), far());
    bench.answer(200, "a", &[("Proxy-Authentication-Info", "nextnonce=\"n9\"")], SDP);
    bench.hang_up();
    bench.dial(Bench::trunk(), far());
    bench.proves("n9", "00000001");
    bench.talks();
    bench.settle();
}

#[test]
fn another_account_and_another_password_prove_nothing_of_it() {
    let mut bench = known();
    for trunk in [
        Trunk { username: "other".into(), ..Bench::trunk() },
        Trunk { domain: "other.test".into(), ..Bench::trunk() },
        Trunk { password: "new".to_owned().into(), ..Bench::trunk() },
    ] {
        bench.dial(trunk, far());
        assert_eq!(bench.proof(), None);
        bench.talks();
    }
    bench.settle();
}

#[test]
fn credentials_that_a_carrier_does_not_take_are_not_brought_again() {
    // Some say 403 to a nonce that is over; and whoever knows our answer and refuses it.
    for (status, extra) in [(403, &[][..]), (407, &CHALLENGE[..])] {
        let mut bench = known();
        bench.dial(Bench::trunk(), far());
        bench.answer(status, "a", extra, "");
        let cause = if status == 403 { EndCause::Refused } else { EndCause::AuthenticationFailed };
        assert_eq!(bench.end().cause, cause);
        bench.dial(Bench::trunk(), far());
        assert_eq!(bench.proof(), None);
        bench.talks();
        bench.settle();
    }
}

/// RFC 3261, 22.2 and 22.3; RFC 4028, 7.3: a carrier behind its proxy, and a session timer.
#[test]
fn a_401_a_407_and_a_422_are_one_legal_row_and_a_fifth_invite_is_not() {
    let carrier = [("WWW-Authenticate", "Digest realm=\"c\", nonce=\"c1\", qop=\"auth\"")];
    let mut bench = Bench::new();
    bench.answer(401, "a", &carrier, "");
    bench.answer(407, "b", &CHALLENGE, "");
    bench.answer(422, "c", &[("Min-SE", "3600")], "");
    let invite = bench.invite();
    assert_eq!((bench.fresh(&Method::INVITE), invite.headers.get("Min-SE")), (4, Some("3600")));
    assert!(invite.headers.get("Authorization").is_some() && invite.headers.get("Proxy-Authorization").is_some());
    bench.answer(200, "d", &[], SDP);
    assert!(bench.is_up());
    bench.hang_up();
    bench.settle();
    // A carrier that always wants one more.
    let mut bench = Bench::new();
    for (nonce, tag) in ["1", "2", "3", "4"].into_iter().zip(["a", "b", "c", "d"]) {
        let challenge = format!("Digest realm=\"r\", nonce=\"{nonce}\", stale=true");
        bench.answer(407, tag, &[("Proxy-Authenticate", &challenge)], "");
    }
    assert_eq!((bench.end().cause, bench.fresh(&Method::INVITE)), (EndCause::AuthenticationFailed, 4));
    bench.settle();
}

#[test]
fn a_nonce_that_is_over_costs_one_challenge_also_without_qop_and_stale() {
    let challenge = |nonce: u8| format!("Digest realm=\"r\", nonce=\"n{nonce}\"");
    let mut bench = Bench::new();
    bench.answer(407, "a", &[("Proxy-Authenticate", &challenge(1))], "");
    bench.talks();
    bench.dial(Bench::trunk(), far());
    bench.answer(407, "a", &[("Proxy-Authenticate", &challenge(2))], "");
    assert!(bench.proof().unwrap().contains("nonce=\"n2\""));
    bench.talks();
    // The password is another at the carrier.
    bench.dial(Bench::trunk(), far());
    bench.answer(407, "a", &[("Proxy-Authenticate", &challenge(3))], "");
    bench.answer(407, "a", &[("Proxy-Authenticate", &challenge(4))], "");
    assert_eq!(bench.end().cause, EndCause::AuthenticationFailed);
    bench.settle();
}

/// What a request proves, and that it is its own: the digest covers the method.
fn proves_itself(request: &Request) -> bool {
    let said = request.headers.get("Authorization").unwrap();
    let field =
        |name: &str| said.split(", ").find_map(|part| part.split_once(&format!("{name}=\""))?.1.strip_suffix('"'));
    let challenge = Challenge::parse("Digest realm=\"r\", nonce=\"n1\"", false).unwrap();
    let who = Credentials { username: "court", password: "secret" };
    let own = answer(&challenge, &who, (&request.method.to_string(), &request.uri, &request.body), 1, "");
    own.contains(&format!("response=\"{}\"", field("response").unwrap()))
}

const SERVER: [(&str, &str); 1] = [("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n1\"")];

#[test]
fn a_prack_proves_itself_and_is_repeated_once_when_it_is_challenged() {
    let mut bench = Bench::new();
    bench.answer(401, "a", &SERVER, "");
    bench.answer(183, "a", &[("Require", "100rel"), ("RSeq", "1")], SDP);
    let prack = bench.last(&Method::PRACK);
    assert!(proves_itself(&prack), "only an ACK copies what the INVITE proved (RFC 3261, 22.1)");
    bench.answer_with(&prack, 200, &[]);
    bench.answer(486, "a", &[], "");
    bench.settle();

    let mut bench = Bench::new();
    bench.answer(183, "a", &[("Require", "100rel"), ("RSeq", "1")], SDP);
    let bare = bench.last(&Method::PRACK);
    assert_eq!(bare.headers.get("Authorization"), None);
    bench.answer_with(&bare, 401, &SERVER);
    let again = bench.last(&Method::PRACK);
    assert_eq!((bench.count(&Method::PRACK), again.headers.get("RAck")), (2, Some("1 1 INVITE")));
    assert!(proves_itself(&again) && again.headers.cseq().unwrap().0 > bare.headers.cseq().unwrap().0);
    let stale = [("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n2\", stale=true")];
    bench.answer_with(&again, 401, &stale);
    assert_eq!(bench.count(&Method::PRACK), 2, "once");
    bench.answer(486, "a", &[], "");
    bench.settle();
}

/// A call that came in over a trunk with a password, and is up.
fn carried() -> Bench {
    let mut bench = Bench::called(&[], SDP);
    bench.act(|core, _, id| core.carried(id, Arc::new(Bench::trunk())));
    bench.act(|core, now, id| core.answer(now, id, SDP.into()));
    bench.ask("ACK", 1, "a", "");
    bench
}

#[test]
fn in_a_call_that_came_in_our_own_requests_answer_the_challenge_of_its_trunk() {
    let mut bench = carried();
    bench.act(|core, now, id| core.reoffer(now, id, &sdp(5100)));
    let invite = bench.invite();
    bench.answer_with(&invite, 401, &SERVER);
    let again = bench.invite();
    assert!(again != invite && proves_itself(&again));
    bench.reply(&again, 200, "a", &[], &sdp(6100));
    assert_eq!(bench.events.last(), Some(&LegEvent::ReofferAnswered { sdp: sdp(6100) }));
    bench.hang_up();
    let bye = bench.last(&Method::BYE);
    bench.answer_with(&bye, 401, &SERVER);
    let again = bench.last(&Method::BYE);
    assert!(again != bye && proves_itself(&again));
    bench.answer_with(&again, 200, &[]);
    assert_eq!(bench.down, [true]);
    bench.settle();
}

#[test]
fn a_call_that_came_in_from_nobodys_trunk_proves_nothing() {
    let mut bench = Bench::called(&[], SDP);
    bench.act(|core, now, id| core.answer(now, id, SDP.into()));
    bench.ask("ACK", 1, "a", "");
    bench.hang_up();
    let bye = bench.last(&Method::BYE);
    bench.answer_with(&bye, 401, &SERVER);
    assert_eq!(bench.count(&Method::BYE), 1);
    bench.settle();
}
