//! A bundle of evidence whose day was not over when it was exported.

use clap::Parser;
use songda_api::{evidence, house::House};
use songda_store::Clock;

use crate::{
    running::running,
    scope::{self, PDF_SHA256},
};

const DAY_MS: i64 = 86_400_000;
const NUMBER: &str = "（2026）陕0102民初11号";

#[derive(Parser)]
enum Ask {
    Export(evidence::Export),
    Verify(evidence::Verify),
}

async fn export(house: &House, to: &str) -> String {
    let Ask::Export(asked) = Ask::parse_from(["x", "export", "--case", NUMBER, "--to", to]) else { unreachable!() };
    let mut out = Vec::new();
    assert!(evidence::export(house, &asked, &mut out).await.unwrap());
    String::from_utf8(out).unwrap()
}

fn verified(folder: &str, more: &[&str]) -> (u8, String) {
    let keys = format!("{folder}/keys.pem");
    let line = ["x", "verify", "--bundle", folder, "--keys", &keys];
    let Ask::Verify(asked) = Ask::parse_from(line.iter().chain(more)) else { unreachable!() };
    let mut out = Vec::new();
    let code = evidence::verify_bundle(asked.bundle().unwrap(), &asked, &mut out).unwrap();
    (code, String::from_utf8(out).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x2_a_bundle_of_the_same_day_is_well_and_says_what_is_in_no_root_yet() {
    let running = running().await;
    scope::push(&running).await;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let mut house = running.house.clone();
    export(&house, &at("today")).await;
    let (code, said) = verified(&at("today"), &[]);
    assert!(code == 0 && said.contains("OK: 2 files") && said.contains("2 files are in no root yet"), "{said}");
    let (code, said) = verified(&at("today"), &["--json"]);
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &report["not_in_a_root_yet"], &report["broken"]), (0, &2.into(), &serde_json::json!([])));

    // What is in no root is not above its hashes, nor the list above its signature.
    let file = std::fs::read_dir(at("today/files")).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, [&whole[..whole.len() - 1], b"x"].concat()).unwrap();
    let (code, said) = verified(&at("today"), &[]);
    assert!(code == 1 && said.contains("its SHA-256 differs"), "{said}");
    std::fs::write(&file, &whole).unwrap();
    assert_eq!(verified(&at("today"), &[]).0, 0);
    let list = format!("{}/bundle.json", at("today"));
    let body = std::fs::read_to_string(&list).unwrap();
    assert!(body.contains(PDF_SHA256));
    std::fs::remove_file(&list).unwrap();
    std::fs::write(&list, body.replace("民初11号", "民初12号")).unwrap();
    let (code, said) = verified(&at("today"), &[]);
    assert!(code == 1 && said.contains("there is no root of"), "nobody vouches for it: {said}");

    // Its day is over, and the house made no root of it: that is broken as ever.
    house.clock = Clock::fixed(house.clock.now_ms() + 2 * DAY_MS);
    export(&house, &at("later")).await;
    let (code, said) = verified(&at("later"), &[]);
    assert!(code == 1 && said.contains("there is no root of") && !said.contains("in no root yet"), "{said}");
}
