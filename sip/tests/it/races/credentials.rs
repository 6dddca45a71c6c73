//! What a carrier asked for is known to the next call (RFC 7616, 3.3 and 3.4).

use songda_sip::{EndCause, Trunk};

use super::{Bench, SDP, far};

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
