//! The vault with an S3 server behind it, in the built server: copied after the call, read when the
//! file here is lost, and gone from both when the contract ends (X2, X6).

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use songda_tests::agent::{http, until};

use crate::{
    evidence::{command, elsewhere, only, post, read, served, two_days_later},
    server::Machine,
    world::World,
};

const BUCKET: &str = "vault";

/// Moto ends when the pipe to its standard input does.
const MOTO: &str = "
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
";

/// An S3 server with an empty bucket.
struct Moto {
    child: Child,
    url: String,
}

impl Moto {
    async fn start() -> Self {
        songda_store::http::install_crypto();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let folder = Command::new(root.join("scripts/moto")).output().unwrap();
        let python = PathBuf::from(String::from_utf8(folder.stdout).unwrap().trim()).join("bin/python");
        assert!(python.exists(), "scripts/moto installs the S3 server of the tests");
        let mut server = Command::new(python);
        server.args(["-c", MOTO]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = server.spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let url = format!("http://127.0.0.1:{}", port.trim());
        let made = http().put(format!("{url}/{BUCKET}")).send().await.unwrap();
        assert!(made.status().is_success(), "{}", made.status());
        Self { child, url }
    }

    /// An object of the vault; none when there is no such.
    async fn object(&self, recording: &str) -> Option<Vec<u8>> {
        let url = format!("{}/{BUCKET}/recordings/{}/{recording}.sdv", self.url, &recording[..5]);
        // It looks at whose object it is, and takes anybody's word for the signature.
        let signed = "AWS4-HMAC-SHA256 Credential=songda-test/20261128/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
        let answer = http().get(url).header("authorization", signed).send().await.unwrap();
        if answer.status() == 404 {
            return None;
        }
        assert!(answer.status().is_success(), "{}", answer.status());
        Some(answer.bytes().await.unwrap().to_vec())
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A world whose recordings are copied to this server.
async fn world(moto: &Moto, keys: &Path) -> World {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(keys).unwrap();
    file.write_all(b"aws_access_key_id = songda-test\naws_secret_access_key = a-secret\n").unwrap();
    let lines = format!(
        "[vault.s3]\nendpoint = \"{}\"\nbucket = \"{BUCKET}\"\ncredentials_file = \"{}\"\n",
        moto.url,
        keys.display()
    );
    let configure = move |text: String| text + &lines;
    World::start_on(|_| Machine { configure: Some(Box::new(configure)), ..Machine::default() }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x2_x6_a_recording_is_copied_after_its_call_read_when_its_file_is_lost_and_gone_from_both_at_the_contracts_end()
{
    let (moto, keys) = (Moto::start().await, tempfile::tempdir().unwrap());
    let mut world = world(&moto, &keys.path().join("s3.keys")).await;
    let task = served(&world).await;
    // Hung up, and nobody asked for it.
    let sealed = only(&world.server, "recordings/closed", ".sdv");
    let id = sealed.file_stem().unwrap().to_str().unwrap().to_owned();
    let noted = until(async || sealed.with_extension("s3").exists(), |there| *there).await;
    assert!(noted.is_ok(), "{}", world.server.log_tail());
    assert!(moto.object(&id).await.unwrap() == std::fs::read(&sealed).unwrap(), "the sealed file as it is");
    let metrics = world.server.metrics().await;
    let p99 = metrics.lines().find(|line| line.starts_with("songda_vault_sync_seconds{quantile=\"0.99\"}"));
    let p99: f64 = p99.and_then(|line| line.rsplit(' ').next()).unwrap_or_else(|| panic!("{metrics}")).parse().unwrap();
    assert!(p99 > 0.0, "{p99}");
    assert!(metrics.contains("songda_vault_copies_waiting 0"), "{metrics}");
    // The file here is lost: it is heard, checked and exported all the same.
    let judge = world.server.cookie("J0001").await;
    let recording = format!("/api/v1/calls/{}/recording/download", task["calls"][0]["id"].as_str().unwrap());
    let (status, before) = world.server.file(&recording, &judge).await;
    assert_eq!(status, 200);
    std::fs::remove_file(&sealed).unwrap();
    let (status, after) = world.server.file(&recording, &judge).await;
    assert!(status == 200 && after == before, "{status}");
    assert_eq!(task["calls"][0]["recording"]["sha256"], hex::encode(Sha256::digest(&after)));
    let (code, said) = command(&world.server, &["evidence", "verify"]);
    assert_eq!(code, 0, "{said}");
    contract_end(&mut world, &moto, &id).await;
}

/// Nothing goes before all of it was returned, and only what was listed then counts as returned.
async fn contract_end(world: &mut World, moto: &Moto, recording: &str) {
    two_days_later(world).await;
    let (admin, supervisor) = (world.server.cookie("admin").await, world.server.cookie("supervisor").await);
    let server = &world.server;
    let why = json!({ "reason": "合同期满，已交还法院" });
    let ask = async || post(server, "/api/v1/retention/contract-end", &admin, &why).await;
    let (status, refused) = ask().await;
    assert_eq!((status, &refused["code"]), (409, &json!("retention.not_exported")), "nothing was returned: {refused}");
    let folder = tempfile::tempdir().unwrap();
    let court = command(server, &["court", "list"]).1.split_whitespace().next().unwrap().to_owned();
    let export = |name: &str| {
        let to = folder.path().join(name);
        let asked = ["evidence", "export", "--court", &court, "--all", "--to", to.to_str().unwrap()];
        let (code, said) = command(server, &asked);
        assert!(code == 0 && said.contains("of the whole court"), "{said}");
        let (code, said) = elsewhere(&to, &["--keys", to.join("keys.pem").to_str().unwrap()]);
        (to, code, said)
    };
    let (_, code, said) = export("first");
    assert_eq!(code, 0, "{said}");
    // An order that comes after the list was read is not returned by it.
    world.push("13800000002").await;
    let (status, refused) = ask().await;
    assert_eq!((status, &refused["code"]), (409, &json!("retention.not_exported")), "{refused}");
    export("second");
    let plan = read(server, "/api/v1/retention/contract-end", &admin).await;
    assert_eq!(plan["kept"]["no_root"]["files"], 2, "what came today is in no root yet: {plan}");
    let (status, asked) = ask().await;
    assert_eq!(status, 201, "{asked}");
    let request = format!("/api/v1/retention/requests/{}", asked["id"].as_str().unwrap());
    let yes = json!({ "approve": true, "reason": "清单已核对", "files": 6 });
    let (status, _) = post(server, &format!("{request}/decision"), &admin, &yes).await;
    assert_eq!(status, 403, "who asked does not approve");
    let (status, _) = post(server, &format!("{request}/decision"), &supervisor, &yes).await;
    assert_eq!(status, 204);
    let state = async || read(server, &request, &supervisor).await;
    let done = until(state, |found: &Value| found["request"]["state"] == "done").await.unwrap();
    let items = done["items"].as_array().unwrap();
    assert!(items.len() == 6 && items.iter().all(|item| item["state"] == "deleted"), "{done}");
    assert!(items.iter().any(|item| item["file"] == recording), "{done}");
    assert!(moto.object(recording).await.is_none(), "and from the S3 server");
    let certificate = format!("/api/v1/retention/certificates/{}", done["request"]["certificate"].as_str().unwrap());
    let shown = read(server, &certificate, &admin).await;
    assert_eq!((&shown["is_genuine"], &shown["content"]["contract_end"]), (&json!(true), &json!(true)), "{shown}");
    let (code, said) = command(server, &["evidence", "verify"]);
    assert!(code == 0 && said.contains("6 files are gone under a deletion certificate"), "{said}");
    let (_, code, said) = export("third");
    assert!(code == 0 && said.contains("are in no root yet"), "today's are in no root yet: {said}");
    assert!(!said.contains("its certificate"), "what is gone is proven: {said}");
}
