//! A desk phone that registers at the built server over TLS with SHA-256, as linphone does, and is
//! rung over its own connection.

use std::{
    io::Write as _,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::json;
use songda_tests::agent::until;

use crate::{certificates::certificates, server::Machine, survives::talking, world::World};

const REALM: &str = "phones.court.test";

/// A console of linphone, whose log shows the messages.
struct Telephone {
    child: Child,
    folder: tempfile::TempDir,
}

impl Telephone {
    fn start(root: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = format!(
            "[sip]\nsip_port=-1\nsip_tcp_port=-1\nsip_tls_port=-1\nuse_ipv6=0\nroot_ca={}\n",
            root.join("root.pem").display()
        );
        std::fs::write(folder.path().join("linphonerc"), settings).unwrap();
        std::fs::create_dir_all(folder.path().join(".local/share/linphone")).unwrap();
        let log = std::fs::File::create(folder.path().join("said")).unwrap();
        let mut linphone = Command::new("linphonec");
        linphone.arg("-c").arg(folder.path().join("linphonerc")).args(["-d", "6", "-l"]).arg(folder.path().join("log"));
        linphone.env("HOME", folder.path()).env_remove("XDG_CONFIG_HOME").stdin(Stdio::piped());
        let child = linphone.stdout(log.try_clone().unwrap()).stderr(log).spawn();
        let mut telephone = Self { child: child.expect("scripts/test installs linphone"), folder };
        // It has no sound card here.
        telephone.tell("soundcard use files");
        telephone
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Waits until this stands in what it said, or in its log.
    async fn until(&self, file: &str, words: &str) {
        let path = self.folder.path().join(file);
        let read = || async { String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default()).into_owned() };
        let found = until(read, |text| text.contains(words)).await;
        found.unwrap_or_else(|text| {
            panic!("{words} is not in {file}: {}", text.chars().take(4_000).collect::<String>())
        });
    }
}

impl Drop for Telephone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_a_desk_phone_registers_over_tls_with_sha_256_and_is_rung_over_its_connection() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let lines = format!(
        "sip_listen = \"127.0.0.1:0\"\nlisten = [\"tls:{at}\"]\nphone_realm = \"{REALM}\"\n\
         tls = {{ certificate = \"{0}/own.pem\", key = \"{0}/key.pem\" }}",
        folder.path().display()
    );
    let configure = move |text: String| text.replace("sip_listen = \"127.0.0.1:0\"", &lines);
    let world = World::start_on(|_| Machine { configure: Some(Box::new(configure)), ..Machine::default() }).await;
    let (done, said) = world.server.run(&["phone", "add", "8003", "--name", "值班室"]);
    assert!(done, "{said}");
    let password = said.split_whitespace().nth(5).unwrap();
    // A telephone that is refused comes again only after a while.
    let log = || async { world.server.log() };
    until(log, |log| log.contains("\"phones\":1")).await.unwrap();

    let mut telephone = Telephone::start(folder.path());
    // Its TLS compares names only.
    telephone.tell(&format!("register sip:8003@{REALM} sip:localhost:{};transport=tls {password}", at.port()));
    telephone.until("log", "algorithm=SHA-256").await;
    let (mut agent, _) = talking(&world, &world.server.url, "13800008014").await;
    let targets = until(
        || async {
            let supervisor = world.server.cookie("admin").await;
            world.server.get("/api/v1/telephony/phones", &supervisor).await.1
        },
        |phones| phones.contains("\"TLS\""),
    );
    let phones: serde_json::Value = serde_json::from_str(&targets.await.unwrap()).unwrap();
    assert!(phones["items"][0]["devices"][0]["agent"].as_str().unwrap().starts_with("Linphone"), "{phones:#}");
    let to = agent.transfer_targets().await["phones"][0]["id"].as_str().unwrap().to_owned();
    agent.transfer("attended", "phone", &to).await;
    telephone.until("said", "incoming call").await;
    telephone.tell("answer");
    agent.call_until(|call| call["transfer"]["phase"] == "consulting").await;
    let call = agent.call["call_id"].clone();
    agent.send(json!({ "type": "transfer_complete", "call_id": call })).await;
    assert_eq!(agent.frame("work_order_closed").await["reason"], "transferred");
    telephone.tell("terminate");
    // What he owes is told at the transfer too, when it is nothing yet.
    while agent.frame("owed").await["items"][0]["call_id"] != call {}
    assert!(!world.server.log().contains(password), "the password stands in no log");
}
