//! The configuration names key and line.

use songda_api::config::Config;

const GOOD: &str = "[server]\nlisten = \"127.0.0.1:8080\"\n[data]\nfolder = \"./data\"\n";

#[test]
fn the_sample_configuration_is_well() {
    let sample = include_str!("../../../docs/songda.sample.toml");
    Config::parse(sample, "songda.sample.toml").unwrap();
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let cases = [
        (format!("{GOOD}foldr = 1\n"), "line 5", "foldr"),
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
    let metrics = GOOD.replace("[data]", "metrics = \"0.0.0.0:9090\"\n[data]");
    assert!(Config::parse(&metrics, "x").unwrap_err().to_string().contains("server.metrics"));
    let reach = format!("demo = true\n{GOOD}[case_system]\nurl = \"https://court.example/x\"\nkey_file = \"k\"\n");
    assert!(Config::parse(&reach, "x").unwrap_err().to_string().contains("demo"), "demo mode reaches nothing real");
}
