//! The configuration names key and line.

use std::{os::unix::fs::PermissionsExt as _, path::Path};

use songda_api::config::Config;
use songda_sip::Protocol;

const GOOD: &str = "[server]\nlisten = \"127.0.0.1:8080\"\n[telephony]\nsip_listen = \"127.0.0.1:5060\"\n\
    web_listen = \"127.0.0.1:43478\"\nprompts = \"prompts\"\n[asr]\nmodel = \"model.bin\"\n\
    sha256 = \"0000000000000000000000000000000000000000000000000000000000000000\"\n[data]\nfolder = \"./data\"\n";

#[test]
fn the_sample_configuration_is_well() {
    let sample = include_str!("../../../docs/songda.sample.toml");
    Config::parse(sample, "songda.sample.toml").unwrap();
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let cases = [
        (format!("{GOOD}foldr = 1\n"), "line 12", "foldr"),
        (GOOD.replace("127.0.0.1:8080", "nowhere"), "line 2", "socket"),
        (GOOD.replace("listen = \"127.0.0.1:8080\"\n", ""), "line 1", "listen"),
        (format!("demo = \"yes\"\n{GOOD}"), "line 1", "boolean"),
        ("[server\n".to_owned(), "line 1", ""),
    ];
    for (text, line, word) in cases {
        let error = Config::parse(&text, "songda.toml").unwrap_err().to_string();
        assert!(error.contains(line) && error.contains(word), "{error}");
    }
}

/// With a notary at this address.
fn notary(url: &str, more: &str) -> String {
    format!("{GOOD}[evidence.notary]\nurl = \"{url}\"\nkey_file = \"k\"\npublic_keys = \"p\"\n{more}")
}

#[test]
fn x2_a_notary_is_off_unless_it_is_named_whole() {
    assert!(Config::parse(GOOD, "x").unwrap().evidence.notary.is_none());
    for url in ["https://notary.court.example/roots", "http://127.0.0.1:8090/notary/roots"] {
        let named = Config::parse(&notary(url, ""), "x").unwrap().evidence.notary.unwrap();
        assert_eq!((named.settle_s, format!("{named:?}").contains(url)), (60, false));
    }
}

#[test]
fn settings_that_would_harm_are_refused() {
    let open = GOOD.replace("127.0.0.1:8080", "0.0.0.0:8080");
    let tls = format!("{open}[server.tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n");
    assert!(Config::parse(&tls, "x").is_ok());
    let reach = "[case_system]\nurl = \"https://court.example/x\"\nkey_file = \"k\"\n";
    let cases = [
        (open, "x, line 2: server.listen"),
        (GOOD.replace("sha256 = \"0000", "sha256 = \"zz00"), "x, line 9: asr.sha256"),
        (GOOD.replace("prompts =", "ring_limit_s = 1\nprompts ="), "x, line 6: telephony.ring_limit_s"),
        (GOOD.replace("prompts =", "drain_s = 7200\nprompts ="), "x, line 6: telephony.drain_s"),
        (GOOD.replace("prompts =", "trunk_ports = [30000, 20000]\nprompts ="), "x, line 6: telephony.trunk_ports"),
        (
            GOOD.replace("prompts =", "listen = [\"tls:0.0.0.0:5061\"]\nprompts ="),
            "x, line 6: telephony.listen names tls or wss: set telephony.tls.certificate",
        ),
        (GOOD.replace("prompts =", "listen = [\"ws:0.0.0.0:80\"]\nprompts ="), "x, line 6: telephony.listen names ws"),
        (GOOD.replace("prompts =", "phone_srtp = \"required\"\nprompts ="), "x, line 6: telephony.phone_srtp requires"),
        (GOOD.replace("prompts =", "phone_srtp = \"always\"\nprompts ="), "x, line 6"),
        (GOOD.replace("sip_listen = \"127.0.0.1:5060\"\n", ""), "x, line 3: telephony.listen must name"),
        (
            GOOD.replace("prompts =", "listen = [\"sctp:0.0.0.0:5061\"]\nprompts ="),
            "x, line 6: telephony.listen: \"sctp:0.0.0.0:5061\" must be",
        ),
        (GOOD.replace("[telephony]", "metrics = \"0.0.0.0:9090\"\n[telephony]"), "x, line 3: server.metrics"),
        (format!("{GOOD}reserve = 1000\n"), "x, line 12: data.reserve"),
        (notary("http://notary.court.example/roots", ""), "x, line 13: evidence.notary.url must begin with https://"),
        (notary("notary", ""), "x, line 13: evidence.notary.url must begin with https://"),
        (
            format!("demo = true\n{}", notary("https://notary.court.example/roots", "")),
            "x, line 14: evidence.notary.url must be on this machine in demo mode",
        ),
        (notary("https://n.example/r", "settle_s = 7200\n"), "x, line 16: evidence.notary.settle_s must lie between"),
        (notary("https://n.example/r", "name = \"court\"\n"), "x, line 16: unknown field `name`"),
        (format!("{GOOD}[evidence.notary]\nurl = \"https://n.example/r\"\n"), "x, line 12: missing field `key_file`"),
        (
            format!("{GOOD}[vault.s3]\nbucket = \"b\"\nendpoint = \"http://10.0.0.5:9000\"\n"),
            "x, line 14: vault.s3: endpoint http://10.0.0.5:9000 is plain HTTP",
        ),
        (format!("{GOOD}[vault.s3]\nbucket = \"a/b\"\n"), "x, line 12: vault.s3: bucket"),
        (format!("demo = true\n{GOOD}[vault.s3]\nbucket = \"b\"\n"), "x, line 13: vault.s3.endpoint must be on"),
        (format!("{GOOD}[clock]\nntp = [\"ntp.court.example\"]\n"), "x, line 13: clock.ntp"),
        // Demo mode reaches nothing real (X5), however it is spelt.
        (format!("demo = true\n{GOOD}[clock]\nntp = [\"ntp.court.example:123\"]\n"), "x, line 14: clock.ntp"),
        (
            format!(
                "demo = true\n{GOOD}{}",
                reach.replace("https://court.example/x", "http://127.0.0.1:80@court.example/")
            ),
            "x, line 14: case_system.url",
        ),
        (format!("demo = true\n{GOOD}{reach}"), "x, line 14: case_system.url"),
    ];
    for (text, told) in cases {
        let error = Config::parse(&text, "x").unwrap_err().to_string();
        assert!(error.starts_with(told), "{error}");
    }
}

#[test]
fn signalling_listens_on_several_transports_and_the_old_key_is_the_first() {
    let listen = "listen = [\"tcp:[2001:db8::5]:5060\", \"tls:10.0.0.5:5061 as 203.0.113.5\"]\nprompts =";
    let tls = "[telephony.tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n";
    let config = Config::parse(&format!("{}{tls}", GOOD.replace("prompts =", listen)), "x").unwrap();
    let at = |text: &str| text.parse::<std::net::SocketAddr>().unwrap();
    let listeners = config.telephony.listeners();
    let places: Vec<_> = listeners.iter().map(|at| (at.protocol, at.address)).collect();
    assert_eq!(
        places,
        [
            (Protocol::Udp, at("127.0.0.1:5060")),
            (Protocol::Tcp, at("[2001:db8::5]:5060")),
            (Protocol::Tls, at("10.0.0.5:5061"))
        ]
    );
    assert_eq!(listeners[2].advertise, Some("203.0.113.5".parse().unwrap()));
}

#[test]
fn a_file_that_the_start_would_refuse_is_named_by_the_check() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("model.bin"), "").unwrap();
    let good = with_files(folder.path());
    let told = |text: &str| {
        let config = Config::parse(text, "x").unwrap();
        songda_api::files::look(&config, FROM_MS).map(drop).map_err(|error| format!("{error:#}"))
    };
    assert_eq!(told(&good), Ok(()));
    std::fs::remove_file(path("model.bin")).unwrap();
    assert!(told(&good).unwrap_err().contains(&path("model.bin")));
    std::fs::write(path("model.bin"), "").unwrap();

    let keys = path("s3");
    let s3 =
        format!("{good}[vault.s3]\nendpoint = \"http://127.0.0.1:9\"\nbucket = \"b\"\ncredentials_file = {keys:?}\n");
    assert!(told(&s3).unwrap_err().contains(&keys), "missing");
    std::fs::write(&keys, "aws_access_key_id = a\naws_secret_access_key = b\n").unwrap();
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(told(&s3).unwrap_err().contains("0600"), "read by all");
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(told(&s3), Ok(()));

    let tls = format!("{good}[server.tls]\ncertificate = {:?}\nkey = \"k.pem\"\n", path("c.pem"));
    assert!(told(&tls).unwrap_err().contains(&path("c.pem")));

    std::fs::write(path("c.pem"), "nothing").unwrap();
    let phones = good.replace("prompts =", "listen = [\"tls:127.0.0.1:5061\"]\nprompts =");
    let phones = format!("{phones}[telephony.tls]\ncertificate = {0:?}\nkey = {0:?}\n", path("c.pem"));
    let unfit = told(&phones).unwrap_err();
    assert!(unfit.starts_with("telephony.tls") && unfit.contains(&path("c.pem")), "{unfit}");
    let carriers = format!("{good}[telephony.carrier_tls]\nroots = {:?}\n", path("c.pem"));
    assert!(told(&carriers).unwrap_err().starts_with("telephony.carrier_tls"));

    let notary = format!(
        "{good}[evidence.notary]\nurl = \"https://notary.example/x\"\nkey_file = {:?}\npublic_keys = {:?}\n",
        path("key"),
        path("notary.pem")
    );
    assert!(told(&notary).unwrap_err().contains(&path("notary.pem")));
}

/// From when until when the certificate of the tests holds.
const FROM_MS: i64 = 1_795_887_293_000;
const UNTIL_MS: i64 = 1_827_423_293_000;
const DAY_MS: i64 = 86_400_000;
const CERTIFICATE: &str = include_str!("certificate.pem");
const KEY: &str = include_str!("certificate.key");

/// A configuration whose prompts are there, and whose model is the empty file `model.bin` of this folder.
fn with_files(folder: &Path) -> String {
    let prompts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agent-console/calls/prompts");
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    GOOD.replace("\"prompts\"", &format!("{:?}", prompts.display().to_string()))
        .replace("\"model.bin\"", &format!("{:?}", folder.join("model.bin").display().to_string()))
        .replace(&"0".repeat(64), empty)
}

#[test]
fn a_certificate_that_ended_or_has_not_begun_is_refused_by_the_check_and_one_that_ends_soon_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("model.bin"), "").unwrap();
    std::fs::write(path("c.pem"), CERTIFICATE).unwrap();
    std::fs::write(path("k.pem"), KEY).unwrap();
    let good = with_files(folder.path());
    let (certificate, key) = (path("c.pem"), path("k.pem"));
    let files = format!("certificate = {certificate:?}\nkey = {key:?}\n");
    for (section, text) in [
        ("server.tls", format!("{good}[server.tls]\n{files}")),
        (
            "telephony.tls",
            format!(
                "{}[telephony.tls]\n{files}",
                good.replace("prompts =", "listen = [\"tls:127.0.0.1:5061\"]\nprompts =")
            ),
        ),
        ("telephony.carrier_tls", format!("{good}[telephony.carrier_tls]\nroots = {certificate:?}\n{files}")),
    ] {
        let config = Config::parse(&text, "x").unwrap();
        let at = |ms: i64| songda_api::files::look(&config, ms).map_err(|error| format!("{error:#}"));
        for well in [FROM_MS, UNTIL_MS - 30 * DAY_MS] {
            assert_eq!(at(well), Ok(Vec::new()), "{section}");
        }
        for soon in [UNTIL_MS - 30 * DAY_MS + 1, UNTIL_MS] {
            let told = at(soon).unwrap();
            assert!(
                told.len() == 1
                    && told[0]
                        .starts_with(&format!("{section}.certificate: {certificate} ends at 2027-11-29T01:34:53")),
                "{told:?}"
            );
        }
        let ended = at(UNTIL_MS + 1).unwrap_err();
        assert!(ended.starts_with(&format!("{section}.certificate: {certificate} ended at 2027-11-29")), "{ended}");
        let early = at(FROM_MS - 1).unwrap_err();
        assert!(early.contains("holds only from 2026-11-29T01:34:53"), "{early}");
    }
}

#[test]
fn another_model_than_the_one_that_is_named_is_told_by_the_check() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::parse(&with_files(folder.path()), "x").unwrap();
    std::fs::write(folder.path().join("model.bin"), "another").unwrap();
    let told = format!("{:#}", songda_api::files::look(&config, FROM_MS).unwrap_err());
    assert!(told.starts_with("asr.sha256: ") && told.contains("model.bin has another SHA-256"), "{told}");
}

#[test]
fn a_prompt_that_a_call_would_miss_is_named_by_the_check() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("model.bin"), "").unwrap();
    let prompts = folder.path().join("prompts");
    let own = format!("prompts = {:?}", prompts.display().to_string());
    let text: String = with_files(folder.path())
        .lines()
        .map(|line| if line.starts_with("prompts =") { own.as_str() } else { line })
        .flat_map(|line| [line, "\n"])
        .collect();
    let config = Config::parse(&text, "x").unwrap();
    let told = || songda_api::files::look(&config, FROM_MS).map_err(|error| format!("{error:#}"));
    assert!(told().unwrap_err().starts_with("telephony.prompts: cannot read"), "no folder");
    std::fs::create_dir(&prompts).unwrap();
    assert!(told().unwrap_err().contains("telephony.prompts, without which no call goes out"), "an empty one");
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agent-console/calls/prompts");
    for entry in std::fs::read_dir(from).unwrap() {
        let file = entry.unwrap().path();
        std::fs::copy(&file, prompts.join(file.file_name().unwrap())).unwrap();
    }
    assert_eq!(told(), Ok(Vec::new()));
    // Each that is played, in a call out or in, and its words.
    for name in ["notice-zh.wav", "recording-failed-zh.wav", "leave-message-zh.wav", "hold-zh.txt"] {
        let away = folder.path().join("away");
        std::fs::rename(prompts.join(name), &away).unwrap();
        let missing = told().unwrap_err();
        assert!(missing.contains(name.trim_end_matches(".wav")), "{name}: {missing}");
        std::fs::rename(&away, prompts.join(name)).unwrap();
    }
    std::fs::write(prompts.join("notice-en.wav"), "no sound").unwrap();
    assert!(told().unwrap_err().contains("notice-en.wav"), "of every language");
}
