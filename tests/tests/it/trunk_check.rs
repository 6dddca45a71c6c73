//! `songda trunk check`, as an operator types it: one line for each step, and for one that
//! fails what to do. No server runs; the court is a real one, and its carrier songda-sim.

use std::{
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use songda_sip::{EdgeSettings, Endpoint, EndpointConfig, Listen, OwnCertificate, Protocol, ServerTls};
use songda_tests::agent::until;
use tokio_util::sync::CancellationToken;

use crate::server::songda;

/// The operator's own telephone: answers and sends a tone.
const OWN: &str = "13800008006";

pub(crate) struct Operator {
    folder: tempfile::TempDir,
    sim: songda_sim::Running,
}

impl Operator {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut songda_sim::Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = songda_sim::Config::for_tests(folder.path().join("sim"));
        change(&mut config);
        let sim = songda_sim::start(config).await.unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        // Nobody answers as name server there.
        let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[data]\nfolder = \"{}\"\nfree_floor = 0\n[telephony]\n\
             sip_listen = \"127.0.0.1:0\"\nweb_listen = \"127.0.0.1:0\"\nname_servers = [\"{silent}\"]\n\
             prompts = \"{}\"\nring_limit_s = 12\n[asr]\nmodel = \"{}\"\nsha256 = \"{}\"\n",
            folder.path().join("data").display(),
            root.join("agent-console/calls/prompts").display(),
            root.join("asr/fixtures/ggml-songda-test-zh.bin").display(),
            "0".repeat(64),
        );
        std::fs::write(folder.path().join("songda.toml"), text).unwrap();
        std::fs::write(folder.path().join("proof.pdf"), b"%PDF-1.7\n%%EOF\n").unwrap();
        let operator = Self { folder, sim };
        operator.enters(&["court", "add", "陕0102", "西安市新城区人民法院"], "");
        operator
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(songda());
        command.arg("--config").arg(self.folder.path().join("songda.toml")).args(arguments);
        command.current_dir(self.folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn enters(&self, arguments: &[&str], line: &str) {
        let mut child = self.command(arguments).spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{line}").unwrap();
        let done = child.wait_with_output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// This line, too, stands under `telephony`.
    pub(crate) fn telephony(&self, line: &str) {
        let path = self.folder.path().join("songda.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, text.replace("[telephony]\n", &format!("[telephony]\n{line}\n"))).unwrap();
    }

    /// A trunk of the court to this host, with the court's number.
    fn trunk(&self, host: &str, password: &str, more: &[&str]) {
        self.trunk_in("songda-sim", &[&["--username", "songda", "--host", host], more].concat(), password);
    }

    /// The same in this domain.
    pub(crate) fn trunk_in(&self, domain: &str, more: &[&str], password: &str) {
        let mut arguments = vec!["trunk", "add", "电信", "--domain", domain];
        arguments.extend(more);
        self.enters(&arguments, password);
        let proof = self.folder.path().join("proof.pdf");
        let number = ["number", "add", "02988009000", "--carrier", "中国电信", "--trunk", "电信", "--proof"];
        self.enters(&[&number[..], &[proof.to_str().unwrap()]].concat(), "");
    }

    /// Whether every step passed, and the lines.
    pub(crate) fn check(&self, more: &[&str]) -> (bool, Vec<String>) {
        let done = self.command(&[&["trunk", "check", "电信", "--lang", "en"], more].concat()).output().unwrap();
        let said = String::from_utf8(done.stdout).unwrap();
        (done.status.success(), said.lines().map(str::to_owned).collect())
    }

    pub(crate) fn recording(&self) -> PathBuf {
        self.folder.path().join("check.wav")
    }
}

/// The steps by how they went, such as `ok resolve`; a step that fails has its remedy.
pub(crate) fn steps(lines: &[String]) -> Vec<String> {
    let step = |line: &String| {
        let (how, rest) = line.split_once(' ')?;
        let (name, said) = rest.trim_start().split_once(':')?;
        assert!(how != "FAILED" || said.contains(" -> "), "it says what to do: {line}");
        ["ok", "FAILED", "skipped"].contains(&how).then(|| format!("{how} {name}"))
    };
    lines.iter().filter_map(step).collect()
}

pub(crate) fn failed<'a>(lines: &'a [String], step: &str) -> &'a str {
    let line = lines.iter().find(|line| line.starts_with(&format!("FAILED  {step}: ")));
    line.unwrap_or_else(|| panic!("{step} does not fail: {lines:#?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_in_order_passes_every_step_up_to_a_recorded_call_to_the_operators_own_telephone() {
    let operator = Operator::new().await;
    operator.trunk(&operator.sim.sip_addr.to_string(), "secret", &["--register"]);
    let wav = operator.recording();
    let (passed, lines) = operator.check(&["--call", OWN, "--record", wav.to_str().unwrap()]);
    assert!(passed, "{lines:#?}");
    let names = [
        "trunk",
        "port",
        "resolve",
        "register",
        "options",
        "caller",
        "callee",
        "record",
        "call",
        "sound",
        "hang up",
        "unregister",
    ];
    assert_eq!(steps(&lines), names.map(|name| format!("ok {name}")), "{lines:#?}");
    assert_eq!(lines.last().map(String::as_str), Some("every step passed"));
    assert!(!lines.concat().contains(OWN), "the number is masked: {lines:#?}");
    let reader = hound::WavReader::open(&wav).unwrap();
    assert_eq!((reader.spec().channels, reader.spec().sample_rate), (2, 8_000));
    assert!(reader.duration() > 8_000 * 3, "notice and music");
    let journal = operator.sim.journal();
    let call = &journal.calls[0];
    assert_eq!((journal.calls.len(), call.caller.as_str(), call.number.as_str()), (1, "02988009000", OWN));
    assert_eq!(call.ended_by, Some("caller"));
    assert!(journal.registers.iter().any(|register| register.status == 200 && register.asked_s > 0));
    assert_eq!(journal.registers.last().map(|register| (register.status, register.asked_s)), Some((200, 0)));
    assert!(journal.complaints.is_empty(), "{:?}", journal.complaints);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_said_and_no_call_goes_out() {
    let operator = Operator::new().await;
    operator.trunk(&operator.sim.sip_addr.to_string(), "wrong", &["--register"]);
    let (passed, lines) = operator.check(&["--call", OWN]);
    assert!(!passed);
    let line = failed(&lines, "register");
    assert!(line.contains("password"), "{line}");
    for step in ["record", "call", "sound", "hang up"] {
        assert!(steps(&lines).contains(&format!("skipped {step}")), "{lines:#?}");
    }
    assert!(!lines.iter().any(|line| line.contains("unregister")), "nothing is to be given back: {lines:#?}");
    assert!(operator.sim.journal().calls.is_empty());
    assert_eq!(lines.last().map(String::as_str), Some("not every step passed"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_carrier_that_is_silent_is_said_to_be_so() {
    let operator = Operator::new().await;
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    operator.trunk(&silent.local_addr().unwrap().to_string(), "secret", &[]);
    let (passed, lines) = operator.check(&["--call", OWN]);
    assert!(!passed);
    let line = failed(&lines, "options");
    assert!(line.contains("nothing came back") && line.contains("firewall"), "{line}");
    assert!(steps(&lines).contains(&"skipped call".to_owned()), "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e39_trunk_check_dials_no_emergency_number() {
    let operator = Operator::new().await;
    operator.trunk(&operator.sim.sip_addr.to_string(), "secret", &[]);
    for (number, why) in [
        ("110", "emergency"),
        ("119", "emergency"),
        ("120", "emergency"),
        ("122", "emergency"),
        ("12110", "emergency"),
        ("+86110", "emergency"),
        ("0086 110", "emergency"),
        ("029110", "emergency"),
        ("12368", "service"),
        ("+85223456789", "Hong Kong"),
        ("someone", "no number"),
    ] {
        let (passed, lines) = operator.check(&["--call", number]);
        assert!(!passed, "{number}: {lines:#?}");
        let line = failed(&lines, "callee");
        assert!(line.contains(why) && line.contains("a telephone number of your own"), "{number}: {line}");
        for step in ["record", "call", "sound", "hang up"] {
            assert!(steps(&lines).contains(&format!("skipped {step}")), "{number}: {lines:#?}");
        }
    }
    assert!(operator.sim.journal().calls.is_empty(), "nothing of it reached the carrier");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_a_carrier_refuses_is_said_with_what_to_look_at() {
    let operator = Operator::new().await;
    operator.trunk(&operator.sim.sip_addr.to_string(), "secret", &[]);
    for (status, remedy) in [
        (403, "the carrier does not take our number"),
        (404, "how the called number is written"),
        (484, "how the called number is written"),
        (488, "the codecs of the trunk"),
        (503, "the carrier has a fault"),
    ] {
        let fault = serde_json::json!({ "sip": status, "times": 1 });
        let url = format!("http://{}/_sim/fault", operator.sim.http_addr);
        songda_tests::agent::http().post(url).json(&fault).send().await.unwrap();
        let (passed, lines) = operator.check(&["--call", OWN]);
        assert!(!passed, "{lines:#?}");
        let line = failed(&lines, "call");
        assert!(line.contains(&format!("the carrier answered {status}")) && line.contains(remedy), "{line}");
        assert!(steps(&lines).ends_with(&["skipped sound".to_owned(), "skipped hang up".to_owned()]), "{lines:#?}");
    }
    let calls = operator.sim.journal().calls;
    assert_eq!(calls.iter().map(|call| call.status).collect::<Vec<_>>(), [403, 404, 484, 488, 503].map(Some));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_in_which_nothing_comes_back_is_said_and_hung_up() {
    let operator = Operator::new().await;
    operator.trunk(&operator.sim.sip_addr.to_string(), "secret", &[]);
    // Who never sends a packet, and who sends silence.
    for (number, said, remedy) in [
        ("13800008400", "no sound came back", "telephony.trunk_advertise"),
        ("13800007000", "nothing but silence", "speak during the call"),
    ] {
        let (passed, lines) = operator.check(&["--call", number]);
        assert!(!passed, "{lines:#?}");
        let line = failed(&lines, "sound");
        assert!(line.contains(said) && line.contains(remedy), "{line}");
        assert!(steps(&lines).contains(&"ok hang up".to_owned()), "{lines:#?}");
    }
    assert!(operator.sim.journal().calls.iter().all(|call| call.ended_by == Some("caller")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r12_1_without_an_active_number_of_its_own_a_trunk_is_not_called_over() {
    let operator = Operator::new().await;
    let host = operator.sim.sip_addr.to_string();
    let arguments = ["trunk", "add", "电信", "--domain", "songda-sim", "--username", "songda", "--host", &host];
    operator.enters(&arguments, "secret");
    let (passed, lines) = operator.check(&["--call", OWN]);
    assert!(!passed);
    let line = failed(&lines, "caller");
    assert!(line.contains("no number of the court") && line.contains("with its proof"), "{line}");
    assert!(steps(&lines).contains(&"skipped call".to_owned()), "{lines:#?}");
    assert!(operator.sim.journal().calls.is_empty());
}

/// A carrier that answers OPTIONS over this transport.
fn carrier(protocol: Protocol, certificate: Option<&Path>) -> (Endpoint, SocketAddr) {
    let tls = certificate.map(|folder| ServerTls {
        identity: OwnCertificate { certificate: folder.join("carrier.pem"), key: folder.join("carrier.key") },
        client_roots: None,
    });
    let listen = Listen { tls, ..Listen::new(protocol, ([127, 0, 0, 1], 0).into()) };
    let config = EndpointConfig::new(vec![listen], "carrier");
    let config = EndpointConfig { edge: EdgeSettings { open: true, ..config.edge }, ..config };
    let endpoint = Endpoint::start(config, CancellationToken::new()).unwrap();
    let at = endpoint.local_addr_on(protocol).unwrap();
    (endpoint, at)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_carrier_is_tried_out_over_tcp() {
    let operator = Operator::new().await;
    let (_carrier, at) = carrier(Protocol::Tcp, None);
    operator.trunk(&at.to_string(), "secret", &["--transport", "tcp"]);
    let (passed, lines) = operator.check(&[]);
    assert!(passed, "{lines:#?}");
    assert_eq!(steps(&lines), ["ok trunk", "ok port", "ok resolve", "ok options"]);
    assert!(lines.iter().any(|line| line.contains(&format!("{at} TCP"))), "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_nobody_known_has_signed_is_what_to_look_at_over_tls() {
    let operator = Operator::new().await;
    let signed = rcgen::generate_simple_self_signed(["songda-sim".into()]).unwrap();
    std::fs::write(operator.folder.path().join("carrier.pem"), signed.cert.pem()).unwrap();
    std::fs::write(operator.folder.path().join("carrier.key"), signed.signing_key.serialize_pem()).unwrap();
    let (_carrier, at) = carrier(Protocol::Tls, Some(operator.folder.path()));
    operator.trunk(&at.to_string(), "secret", &["--transport", "tls"]);
    let (passed, lines) = operator.check(&[]);
    assert!(!passed);
    let line = failed(&lines, "options");
    assert!(line.contains("telephony.carrier_tls.roots") && line.contains("certificate"), "{line}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_does_not_resolve_ends_the_check_there() {
    let operator = Operator::new().await;
    operator.trunk("sbc.carrier.invalid", "secret", &["--register"]);
    let (passed, lines) = operator.check(&["--call", OWN]);
    assert!(!passed);
    let line = failed(&lines, "resolve");
    assert!(line.contains("sbc.carrier.invalid") && line.contains("name server"), "{line}");
    assert!(steps(&lines).ends_with(&["skipped hang up".to_owned()]), "{lines:#?}");
}

/// Started, and not waited for.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_in_the_middle_leaves_no_call_up_and_no_registration() {
    let operator = Operator::new().await;
    operator.trunk(&operator.sim.sip_addr.to_string(), "secret", &["--register"]);
    // It rings and nobody answers; then one that was answered.
    for (place, number) in ["13800002001", OWN].into_iter().enumerate() {
        let wav = operator.folder.path().join(format!("{place}.wav"));
        let arguments = ["trunk", "check", "电信", "--lang", "en", "--call", number, "--record"];
        let child = operator.command(&[&arguments[..], &[wav.to_str().unwrap()]].concat()).spawn().unwrap();
        let mut check = Running(child);
        let call = || async { operator.sim.journal().calls.get(place).cloned() };
        let up = |call: &Option<songda_sim::journal::CallRecord>| {
            call.as_ref().is_some_and(|call| if place == 0 { call.ringing_at } else { call.acked_at }.is_some())
        };
        until(call, up).await.unwrap();
        let told = Command::new("kill").args(["-INT", &check.0.id().to_string()]).status().unwrap();
        assert!(told.success());
        let mut said = String::new();
        std::io::Read::read_to_string(&mut check.0.stdout.take().unwrap(), &mut said).unwrap();
        assert!(!check.0.wait().unwrap().success(), "{said}");
        assert!(said.contains("somebody stopped it"), "{said}");
        let journal = operator.sim.journal();
        assert!(journal.calls[place].ended_at.is_some(), "{:?}", journal.calls[place]);
        assert_eq!(journal.calls[place].ended_by, Some("caller"));
        assert_eq!(journal.registers.last().map(|register| register.asked_s), Some(0), "it is given back: {said}");
    }
}
