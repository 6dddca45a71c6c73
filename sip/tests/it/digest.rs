//! Digest against the examples of the RFCs, and both sides against each other.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use songda_sip::machine::{
    Algorithm, Challenge, Challenger, Credentials, DigestClient, Ha1s, Headers, Method, Policy, Qop, Request, Response,
    Verdict, answer,
};

const MUFASA: Credentials<'static> = Credentials { username: "Mufasa", password: "Circle of Life" };
const REALM: &str = "phones.court.example";

fn response(value: &str) -> &str {
    value.split("response=\"").nth(1).unwrap().split('"').next().unwrap()
}

fn rfc_7616(algorithm: &str) -> Challenge {
    let value = format!(
        r#"Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#
    );
    Challenge::parse(&value, false).unwrap()
}

const GET: (&str, &str, &[u8]) = ("GET", "/dir/index.html", b"");
const CNONCE: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";

#[test]
fn md5_answers_as_rfc_7616_section_3_9_1() {
    let value = answer(&rfc_7616("MD5"), &MUFASA, GET, 1, CNONCE);
    assert_eq!(response(&value), "8ca523f5e9506fed4657c9700eebdbec");
    assert!(value.contains("nc=00000001") && value.contains("qop=auth,"));
}

#[test]
fn sha_256_answers_as_rfc_7616_section_3_9_1() {
    let value = answer(&rfc_7616("SHA-256"), &MUFASA, GET, 1, CNONCE);
    assert_eq!(response(&value), "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
}

/// The figure printed in the RFC is of SHA-512 cut short; erratum 4897 has this one.
#[test]
fn sha_512_256_answers_as_rfc_7616_section_3_9_2_with_its_erratum() {
    let challenge = Challenge::parse(
        r#"Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true"#,
        false,
    )
    .unwrap();
    let who = Credentials { username: "Jäsøn Doe", password: "Secret, or not?" };
    let value = answer(&challenge, &who, ("GET", "/doe.json", b""), 1, "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v");
    assert_eq!(response(&value), "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5");
}

#[test]
fn md5_answers_as_rfc_2617_section_3_5() {
    let challenge = Challenge::parse(
        r#"Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41""#,
        false,
    )
    .unwrap();
    let who = Credentials { username: "Mufasa", password: "Circle Of Life" };
    let value = answer(&challenge, &who, GET, 1, "0a4f113b");
    assert_eq!(response(&value), "6629fae49393a05397450978507c4ef1");
    assert!(!value.contains("algorithm"), "what was not named is not named: {value}");
}

#[test]
fn a_challenge_without_qop_is_answered_as_rfc_2617() {
    let challenge =
        Challenge::parse(r#"Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093""#, true)
            .unwrap();
    let who = Credentials { username: "Mufasa", password: "Circle Of Life" };
    let value = answer(&challenge, &who, GET, 1, "x");
    // Computed from RFC 2617, 3.2.2.1, without qop.
    assert_eq!(response(&value), "670fd8c2df070c60b045671b8b24ff02");
    assert!(!value.contains("cnonce"));
}

#[test]
fn the_session_variant_with_a_hashed_body_is_answered_as_rfc_7616_section_3_4() {
    let challenge =
        Challenge::parse(r#"Digest realm="court", nonce="n1", algorithm=SHA-256-sess, qop=auth-int"#, false).unwrap();
    let who = Credentials { username: "bob", password: "pw" };
    let value = answer(&challenge, &who, ("INVITE", "sip:1@court", b"v=0"), 2, "c1");
    // Computed with another implementation of SHA-256.
    assert_eq!(response(&value), "e5ecd2e8639482fcd036ab11bc476d048c3907c65225803d1bd4b06f47c7d4d2");
    assert!(value.contains("algorithm=SHA-256-sess") && value.contains("qop=auth-int, nc=00000002"));
}

#[test]
fn what_we_cannot_answer_is_no_challenge() {
    for value in [
        "Basic realm=\"x\"",
        "Digest realm=\"x\", nonce=\"y\", algorithm=SHA-512",
        "Digest realm=\"x\", nonce=\"y\", algorithm=\"-sess\"",
        "Digest realm=\"x\", nonce=\"y\", algorithm=SHA256",
        "Digest realm=\"x\", nonce=\"y\", qop=\"auth-conf\"",
        "Digest realm=\"x\", nonce=\"y\", qop=\"\"",
        "Digest realm=\"x\"",
        "Digest",
        "",
        "Digest realm=\"x\\",
        "Digest realm=\"x\", nonce=\"y",
    ] {
        assert_eq!(Challenge::parse(value, false), None, "{value}");
    }
}

#[test]
fn of_several_challenges_of_a_realm_the_strongest_is_answered_and_the_first_of_equals() {
    let answered = |lines: &[&str]| {
        let request = register(b"");
        let mut challenge = Response::to(&request, 401, "t");
        for line in lines {
            challenge.headers.push("WWW-Authenticate", *line);
        }
        let (mut client, mut again) = (DigestClient::default(), request.clone());
        let may = client.challenged(&request, &challenge);
        client.authorise(&MUFASA, &mut again, "c");
        let said: Vec<Challenge> =
            again.headers.all("Authorization").filter_map(|value| Challenge::parse(value, false)).collect();
        assert_eq!(may, !said.is_empty());
        said.into_iter().map(|said| (said.realm, said.algorithm, said.nonce)).collect::<Vec<_>>()
    };
    let md5 = r#"Digest realm="r", nonce="1", algorithm=MD5"#;
    let sha = r#"Digest realm="r", nonce="2", algorithm=SHA-256"#;
    let cut = r#"Digest realm="r", nonce="3", algorithm=SHA-512-256"#;
    let odd = r#"Digest realm="r", nonce="4", algorithm=SHA3"#;
    let taken = |algorithm, nonce: &str| vec![("r".to_owned(), algorithm, nonce.to_owned())];
    assert_eq!(answered(&[md5, sha, cut]), taken(Algorithm::Sha256, "2"));
    assert_eq!(answered(&[md5, cut, sha]), taken(Algorithm::Sha512_256, "3"));
    assert_eq!(answered(&[odd, md5]), taken(Algorithm::Md5, "1"));
    assert_eq!(answered(&[odd]), []);
    // Joined in one line, with commas in the quotes: two realms.
    let joined = r#"Basic realm="a, b", Digest realm="r, Digest x", nonce="1", qop="auth,auth-int", Digest realm="r", nonce="2", algorithm=SHA-256"#;
    let both = [vec![("r, Digest x".to_owned(), Algorithm::Md5, "1".to_owned())], taken(Algorithm::Sha256, "2")];
    assert_eq!(answered(&[joined]), both.concat());
}

#[test]
fn quotes_and_odd_parameters_are_read_as_they_are_meant() {
    let value = r#"digest  Realm = "a \"b\", c\\d" ,stale=TRUE, flag, nonce="n" , qop=auth"#;
    let challenge = Challenge::parse(value, false).unwrap();
    assert_eq!(challenge.realm, r#"a "b", c\d"#);
    assert!(challenge.stale && challenge.nonce == "n" && challenge.qop == [Qop::Auth]);
    let printed = answer(&challenge, &MUFASA, ("REGISTER", "sip:a;transport=tcp", b""), 1, "c");
    assert!(printed.contains(r#"realm="a \"b\", c\\d""#) && printed.contains(r#"uri="sip:a;transport=tcp""#));
}

#[test]
fn secrets_are_not_printed() {
    let ha1s = Ha1s::derive("bob", REALM, "hunter2");
    let printed = format!("{MUFASA:?} {ha1s:?}");
    assert!(!printed.contains("Circle") && !printed.contains(ha1s.get(Algorithm::Md5).unwrap()));
}

#[test]
fn a_stored_value_of_the_wrong_kind_is_refused() {
    let mut ha1s = Ha1s::default();
    assert!(!ha1s.add(Algorithm::Sha256, "0123456789abcdef0123456789abcdef"));
    assert!(!ha1s.add(Algorithm::Md5, "0123456789abcdef0123456789abcdeg"));
    assert!(ha1s.add(Algorithm::Md5, "0123456789ABCDEF0123456789abcdef"));
    assert_eq!(ha1s.get(Algorithm::Md5), Some("0123456789abcdef0123456789abcdef"));
    assert_eq!(ha1s.get(Algorithm::Sha256), None);
}

fn register(body: &[u8]) -> Request {
    let mut headers = Headers::default();
    headers.push("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1");
    headers.push("From", "<sip:bob@phones.court.example>;tag=1");
    headers.push("To", "<sip:bob@phones.court.example>");
    headers.push("Call-ID", "1");
    headers.push("CSeq", "1 REGISTER");
    let uri = "sip:phones.court.example".to_owned();
    Request { method: Method::parse("REGISTER"), uri, headers, body: body.to_vec() }
}

fn refused(challenges: &[Challenge]) -> Response {
    let mut response = Response::to(&register(b""), 401, "t");
    for challenge in challenges {
        response.headers.push("WWW-Authenticate", challenge.print());
    }
    response
}

const BOB: Credentials<'static> = Credentials { username: "bob", password: "hunter2" };

/// Our side as both of them, and the way between.
struct Pair {
    server: Challenger,
    client: DigestClient,
    ha1s: Ha1s,
    now: Instant,
}

impl Pair {
    fn new(policy: Policy) -> Self {
        let now = Instant::now();
        let ha1s = Ha1s::derive("bob", REALM, "hunter2");
        Self { server: Challenger::new(now, policy, [7; 32]), client: DigestClient::default(), ha1s, now }
    }

    fn later(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn ask(&mut self, who: &Credentials<'_>) -> Request {
        let mut request = register(b"");
        self.client.authorise(who, &mut request, "cn");
        request
    }

    fn judge(&mut self, request: &Request) -> Verdict {
        let ha1s = &self.ha1s;
        self.server.verify(self.now, request, |user| (user == "bob").then_some(ha1s))
    }

    /// Carries the 401 to the client; answers whether it would try again.
    fn challenge(&mut self, sent: &Request, stale: bool) -> bool {
        let response = self.server.refuse(self.now, sent, "t", 42, stale);
        self.client.challenged(sent, &response)
    }
}

fn accepted() -> Verdict {
    Verdict::Accepted { user: "bob".into() }
}

#[test]
fn a_nonce_is_used_again_with_a_growing_count_as_long_as_it_lives() {
    let mut pair = Pair::new(Policy::new(REALM));
    let first = pair.ask(&BOB);
    assert_eq!(pair.judge(&first), Verdict::Challenge { stale: false });
    assert!(pair.challenge(&first, false));
    for count in 1..=20 {
        let request = pair.ask(&BOB);
        let said = request.headers.get("Authorization").unwrap().to_owned();
        assert!(said.contains(&format!("nc={count:08x}")) && said.contains("algorithm=SHA-256"), "{said}");
        assert_eq!(pair.judge(&request), accepted());
    }
    pair.later(301);
    let late = pair.ask(&BOB);
    assert_eq!(pair.judge(&late), Verdict::Challenge { stale: true });
    assert!(pair.challenge(&late, true), "an old nonce is another try");
    let again = pair.ask(&BOB);
    assert_eq!(pair.judge(&again), accepted());
}

#[test]
fn a_wrong_password_and_an_unknown_user_get_the_same_answer_and_no_second_try() {
    for who in [Credentials { username: "bob", password: "x" }, Credentials { username: "eve", password: "hunter2" }] {
        let mut pair = Pair::new(Policy::new(REALM));
        let first = pair.ask(&who);
        assert!(pair.challenge(&first, false));
        let second = pair.ask(&who);
        assert_eq!(pair.judge(&second), Verdict::Challenge { stale: false });
        assert!(!pair.challenge(&second, false));
    }
}

#[test]
fn a_carrier_whose_nonces_serve_once_and_who_does_not_say_stale_is_answered_again() {
    let nonce = |n: u32| {
        let value = format!("Digest realm=\"c\", nonce=\"{n}\", qop=\"auth\"");
        refused(&[Challenge::parse(&value, false).unwrap()])
    };
    let mut client = DigestClient::default();
    let ask = |client: &mut DigestClient| {
        let mut request = register(b"");
        client.authorise(&BOB, &mut request, "cn");
        request
    };
    let bare = ask(&mut client);
    assert!(client.challenged(&bare, &nonce(1)));
    let _accepted = ask(&mut client);
    let reused = ask(&mut client);
    assert!(client.challenged(&reused, &nonce(2)), "the nonce was used before");
    let fresh = ask(&mut client);
    assert!(!client.challenged(&fresh, &nonce(3)), "a fresh nonce was refused: the password is wrong");
}

#[test]
fn an_old_nonce_without_qop_is_told_from_a_wrong_password_by_our_own_count() {
    let who = Credentials { username: "u", password: "p" };
    let nonce = |n: u8| refused(&[Challenge::parse(&format!(r#"Digest realm="c", nonce="{n}""#), false).unwrap()]);
    let mut client = DigestClient::default();
    let bare = register(b"");
    assert!(client.challenged(&bare, &nonce(1)));
    for _ in 0..2 {
        let mut used = bare.clone();
        client.authorise(&who, &mut used, "c");
        assert!(!used.headers.get("Authorization").unwrap().contains("nc="));
    }
    let mut old = bare.clone();
    client.authorise(&who, &mut old, "c");
    assert!(client.challenged(&old, &nonce(2)), "it served before");
    let mut fresh = bare.clone();
    client.authorise(&who, &mut fresh, "c");
    assert!(!client.challenged(&fresh, &nonce(3)), "a fresh nonce was refused: the password is wrong");
}

#[test]
fn a_proxy_and_a_server_that_both_challenge_get_an_answer_each() {
    let mut client = DigestClient::default();
    let mut request = register(b"");
    let mut proxy = Response::to(&request, 407, "t");
    proxy.headers.push("Proxy-Authenticate", r#"Digest realm="proxy", nonce="p", qop="auth""#);
    assert!(client.challenged(&request, &proxy));
    client.authorise(&BOB, &mut request, "cn");
    let server = refused(&[Challenge::parse(r#"Digest realm="server", nonce="s", qop="auth""#, false).unwrap()]);
    assert!(client.challenged(&request, &server));
    client.authorise(&BOB, &mut request, "cn");
    let both: Vec<&str> =
        request.headers.iter().map(|(name, _)| name).filter(|name| name.ends_with("Authorization")).collect();
    assert_eq!(both, ["Proxy-Authorization", "Authorization"]);
}

#[test]
fn the_next_nonce_of_an_answer_is_used() {
    let mut client = DigestClient::default();
    let bare = register(b"");
    client
        .challenged(&bare, &refused(&[Challenge::parse(r#"Digest realm="c", nonce="1", qop="auth""#, false).unwrap()]));
    let mut ok = Response::to(&bare, 200, "t");
    ok.headers.push("Authentication-Info", r#"nextnonce="2", qop=auth"#);
    client.answered(&ok);
    let mut request = register(b"");
    client.authorise(&BOB, &mut request, "cn");
    let said = request.headers.get("Authorization").unwrap();
    assert!(said.contains("nonce=\"2\"") && said.contains("nc=00000001"), "{said}");
}

#[test]
fn a_replayed_request_is_not_accepted_and_a_reordered_one_is() {
    let mut pair = Pair::new(Policy::new(REALM));
    let bare = register(b"");
    pair.challenge(&bare, false);
    let mut sent: Vec<Request> = (0..70).map(|_| pair.ask(&BOB)).collect();
    sent.swap(3, 5);
    for request in &sent[..60] {
        assert_eq!(pair.judge(request), accepted());
    }
    for request in &sent[..60] {
        assert_eq!(pair.judge(request), Verdict::Challenge { stale: true });
    }
    let last = sent.pop().unwrap();
    assert_eq!(pair.judge(&last), accepted());
    for request in &sent[60..] {
        assert_eq!(pair.judge(request), accepted(), "overtaken, never seen");
    }
}

#[test]
fn a_nonce_whose_window_had_to_give_way_cannot_be_replayed() {
    let mut pair = Pair::new(Policy { nonces: 2, ..Policy::new(REALM) });
    let bare = register(b"");
    let mut first = None;
    for salt in 0..5 {
        pair.later(1);
        let response = pair.server.refuse(pair.now, &bare, "t", salt, false);
        pair.client.challenged(&bare, &response);
        let request = pair.ask(&BOB);
        assert_eq!(pair.judge(&request), accepted());
        first.get_or_insert(request);
    }
    assert_eq!(pair.judge(&first.unwrap()), Verdict::Challenge { stale: true });
}

#[test]
fn a_nonce_of_another_run_or_of_nobody_is_old_and_not_wrong() {
    let mut pair = Pair::new(Policy::new(REALM));
    let other = Challenger::new(pair.now, Policy::new(REALM), [8; 32]);
    for nonce in
        [other.challenges(pair.now, 1, false)[0].nonce.clone(), "made-up".into(), String::new(), "é".repeat(32)]
    {
        let mut challenge = pair.server.challenges(pair.now, 1, false).remove(0);
        challenge.nonce = nonce;
        pair.client.forget();
        let bare = register(b"");
        pair.client.challenged(&bare, &refused(&[challenge]));
        let request = pair.ask(&BOB);
        assert_eq!(pair.judge(&request), Verdict::Challenge { stale: true });
    }
}

#[test]
fn an_answer_without_qop_serves_once() {
    let mut pair = Pair::new(Policy::new(REALM));
    let mut challenge = pair.server.challenges(pair.now, 1, false).remove(0);
    challenge.qop.clear();
    let bare = register(b"");
    pair.client.challenged(&bare, &refused(&[challenge]));
    let request = pair.ask(&BOB);
    assert_eq!(pair.judge(&request), accepted());
    assert_eq!(pair.judge(&request), Verdict::Challenge { stale: true });
}

#[test]
fn what_was_not_offered_or_cannot_be_read_is_not_accepted() {
    let mut pair = Pair::new(Policy { algorithms: vec![Algorithm::Sha256], ..Policy::new(REALM) });
    let bare = register(b"");
    pair.challenge(&bare, false);
    let good = pair.ask(&BOB).headers.get("Authorization").unwrap().to_owned();
    let mut judge = |value: String| {
        let mut request = register(b"");
        request.headers.push("Authorization", value);
        pair.judge(&request)
    };
    let nothing = Verdict::Challenge { stale: false };
    assert_eq!(judge(good.replace("SHA-256", "MD5")), nothing, "weaker than offered");
    assert_eq!(judge(good.replace("qop=auth", "qop=auth-int")), nothing);
    assert_eq!(judge(good.replace(REALM, "elsewhere")), nothing);
    for (from, to) in [
        ("nc=00000001", "nc=1"),
        ("nc=00000001", "nc=+0000001"),
        ("nc=00000001", "nc=zzzzzzzz"),
        (", nc=00000001", ""),
        ("cnonce=\"cn\"", "cnonce=\"\""),
        ("qop=auth", "qop=auth-conf"),
        ("username=", "user="),
        ("uri=\"sip:", "uri=\"sip:eve@"),
    ] {
        assert!(good.contains(from));
        assert_eq!(judge(good.replace(from, to)), Verdict::Malformed, "{from} → {to}");
    }
    assert_eq!(judge(good.replace("bob", &"b".repeat(500))), Verdict::Malformed);
    assert_eq!(judge(good), accepted());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever the names, the password, the body and the variant: what one side says the other
    /// accepts, once; one byte more in the body or another password is not accepted.
    #[test]
    fn both_sides_agree(
        user in "[^\u{0}\r\n:]{1,20}", password in "[^\u{0}\r\n]{0,20}", realm in "[^\u{0}\r\n]{0,20}",
        body in proptest::collection::vec(any::<u8>(), 0..50), cnonce in "[!-~]{1,32}",
        algorithm in 0_usize..3, session: bool, integrity: bool, salt: u64, age in 0_u64..300,
    ) {
        let algorithm = Algorithm::ALL[algorithm];
        let now = Instant::now();
        let policy = Policy { algorithms: vec![algorithm], integrity, ..Policy::new(realm.as_str()) };
        let mut server = Challenger::new(now, policy, [1; 32]);
        let mut challenge = server.challenges(now, salt, false).remove(0);
        challenge.session = session;
        if integrity {
            challenge.qop.retain(|qop| *qop == Qop::AuthInt);
        }
        let ha1s = Ha1s::derive(&user, &realm, &password);
        let mut client = DigestClient::default();
        let mut request = register(&body);
        prop_assert!(client.challenged(&request, &refused(&[challenge])));
        client.authorise(&Credentials { username: &user, password: &password }, &mut request, &cnonce);
        let now = now + Duration::from_secs(age);
        let other = Ha1s::derive(&user, &realm, "another password altogether");
        prop_assert_eq!(server.verify(now, &request, |_| Some(&other)), Verdict::Challenge { stale: false });
        if integrity {
            let mut changed = request.clone();
            changed.body.push(b'x');
            prop_assert_eq!(server.verify(now, &changed, |_| Some(&ha1s)), Verdict::Challenge { stale: false });
        }
        prop_assert_eq!(server.verify(now, &request, |_| Some(&ha1s)), Verdict::Accepted { user });
        prop_assert_eq!(server.verify(now, &request, |_| Some(&ha1s)), Verdict::Challenge { stale: true });
    }

    /// Nothing that stands in the two headers makes either side panic.
    #[test]
    fn no_header_text_breaks_either_side(text in "\\PC{0,60}", params in "(Digest )?([a-z]{1,8} ?= ?\"?[^,]{0,9}\"?[, ]*){0,9}") {
        for value in [text, params] {
            let _ = Challenge::parse(&value, false);
            let mut headers = Headers::default();
            headers.push("Proxy-Authenticate", value.as_str());
            let _ = Challenge::all(407, &headers);
            let mut request = register(b"");
            request.headers.push("Authorization", value.replace("nonce", "realm=\"r\",nonce"));
            let ha1s = Ha1s::default();
            let _ = Challenger::new(Instant::now(), Policy::new("r"), [0; 32]).verify(Instant::now(), &request, |_| Some(&ha1s));
        }
    }
}
