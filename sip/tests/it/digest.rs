//! Digest against the examples of the RFCs.

use songda_sip::machine::{Challenge, Credentials, answer};

const MUFASA: Credentials<'static> = Credentials { username: "Mufasa", password: "Circle of Life" };

fn response(value: &str) -> &str {
    value.split("response=\"").nth(1).unwrap().split('"').next().unwrap()
}

#[test]
fn md5_answers_as_rfc_7616_section_3_9_1() {
    let challenge = Challenge::parse(
        r#"Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#,
        false,
    )
    .unwrap();
    let who = Credentials { username: "Mufasa", password: "Circle of Life" };
    let value = answer(&challenge, &who, "GET", "/dir/index.html", 1, "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ");
    assert_eq!(response(&value), "8ca523f5e9506fed4657c9700eebdbec");
    assert!(value.contains("nc=00000001") && value.contains("qop=auth,"));
}

#[test]
fn sha_256_answers_as_rfc_7616_section_3_9_1() {
    let challenge = Challenge::parse(
        r#"Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#,
        false,
    )
    .unwrap();
    let value =
        answer(&challenge, &MUFASA, "GET", "/dir/index.html", 1, "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ");
    assert_eq!(response(&value), "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
}

#[test]
fn a_challenge_without_qop_is_answered_as_rfc_2617() {
    let challenge =
        Challenge::parse(r#"Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093""#, true)
            .unwrap();
    let who = Credentials { username: "Mufasa", password: "Circle Of Life" };
    let value = answer(&challenge, &who, "GET", "/dir/index.html", 1, "x");
    // Computed from RFC 2617, 3.2.2.1, without qop.
    assert_eq!(response(&value), "670fd8c2df070c60b045671b8b24ff02");
    assert!(!value.contains("cnonce"));
}

#[test]
fn what_we_cannot_answer_is_no_challenge() {
    for value in [
        "Basic realm=\"x\"",
        "Digest realm=\"x\", nonce=\"y\", algorithm=SHA-512-256",
        "Digest realm=\"x\", nonce=\"y\", qop=\"auth-int\"",
        "Digest realm=\"x\"",
        "Digest",
        "",
        "Digest realm=\"x\\",
    ] {
        assert_eq!(Challenge::parse(value, false), None, "{value}");
    }
}
