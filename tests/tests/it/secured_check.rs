//! `songda trunk check` of a carrier over TLS, with and without keys of sound: baresip.

use crate::{
    certificates::certificates,
    secured::{NUMBER, Party},
    trunk_check::{Operator, failed, steps},
};

/// An operator whose trunk leads to this carrier by TLS, and wants sound like this.
async fn tries(menc: &str, srtp: &str) -> (bool, Vec<String>) {
    let operator = Operator::new().await;
    let keys = tempfile::tempdir().unwrap();
    certificates(keys.path());
    operator.telephony(&format!("carrier_tls = {{ roots = \"{}/root.pem\" }}", keys.path().display()));
    let carrier = Party::start(keys.path(), menc);
    carrier.far.says("baresip is ready", 1).await;
    let profile = keys.path().join("profile.json");
    std::fs::write(&profile, format!(r#"{{"srtp":"{srtp}"}}"#)).unwrap();
    let (host, profile) = (carrier.tls().to_string(), profile.display().to_string());
    operator.trunk_in("127.0.0.1", &["--host", &host, "--transport", "tls", "--profile", &profile], "");
    let wav = operator.recording();
    let found = operator.check(&["--call", NUMBER, "--record", wav.to_str().unwrap()]);
    assert!(!found.1.concat().contains("inline:"), "{:#?}", found.1);
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_a_carrier_that_takes_secured_sound_alone_passes_with_its_suite() {
    let (passed, lines) = tries("srtp-mand", "required").await;
    assert!(passed, "{lines:#?}");
    let end = ["ok call", "ok srtp", "ok sound", "ok hang up"].map(str::to_owned);
    assert!(steps(&lines).ends_with(&end), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("srtp: ") && line.contains("AES_CM_128_HMAC_SHA1_80")), "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_a_carrier_without_keys_passes_where_they_are_optional_and_it_is_said() {
    let (passed, lines) = tries("", "optional").await;
    assert!(passed, "{lines:#?}");
    let said = lines.iter().find(|line| line.contains("srtp: ")).unwrap_or_else(|| panic!("{lines:#?}"));
    assert!(said.starts_with("ok ") && !said.contains("AES_CM"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_a_carrier_without_keys_where_they_are_required_is_told_with_what_to_do() {
    let (passed, lines) = tries("", "required").await;
    assert!(!passed, "{lines:#?}");
    let line = failed(&lines, "call");
    assert!(line.contains("488") && line.contains("SRTP"), "{line}");
    let end = ["skipped srtp", "skipped sound", "skipped hang up"].map(str::to_owned);
    assert!(steps(&lines).ends_with(&end), "{lines:#?}");
}
