//! The configuration names key and line.

use songda_api::config::Config;

const GOOD: &str = "[server]\nlisten = \"127.0.0.1:8080\"\n[telephony]\nsip_listen = \"127.0.0.1:5060\"\n\
    web_listen = \"127.0.0.1:43478\"\nnotice = \"notice.wav\"\n[asr]\nmodel = \"model.bin\"\n\
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

#[test]
fn settings_that_would_harm_are_refused() {
    let open = GOOD.replace("127.0.0.1:8080", "0.0.0.0:8080");
    assert!(Config::parse(&open, "x").unwrap_err().to_string().contains("server.tls"));
    let tls = format!("{open}[server.tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n");
    assert!(Config::parse(&tls, "x").is_ok());
    let model = GOOD.replace("sha256 = \"0000", "sha256 = \"zz00");
    assert!(Config::parse(&model, "x").unwrap_err().to_string().contains("asr.sha256"));
    let ring = GOOD.replace("notice =", "ring_limit_s = 1\nnotice =");
    assert!(Config::parse(&ring, "x").unwrap_err().to_string().contains("ring_limit_s"));
    let ports = GOOD.replace("notice =", "trunk_ports = [30000, 20000]\nnotice =");
    assert!(Config::parse(&ports, "x").unwrap_err().to_string().contains("trunk_ports"));
    let metrics = GOOD.replace("[telephony]", "metrics = \"0.0.0.0:9090\"\n[telephony]");
    assert!(Config::parse(&metrics, "x").unwrap_err().to_string().contains("server.metrics"));
    let reach = format!("demo = true\n{GOOD}[case_system]\nurl = \"https://court.example/x\"\nkey_file = \"k\"\n");
    assert!(Config::parse(&reach, "x").unwrap_err().to_string().contains("demo"), "demo mode reaches nothing real");
}
