//! A folder that was taken out of the house, as a stranger may hand it over.

use std::path::Path;

use clap::Parser;
use songda_api::{config::Config, evidence, house::House, seed};
use songda_recordings::keys::PublicKey;
use songda_store::{Clock, Objects};

use crate::running::sections;

const DAY_MS: i64 = 86_400_000;
/// 2026-11-23 10:00 in Shanghai.
const NOW_MS: i64 = 1_795_399_200_000;

#[derive(Parser)]
struct AskExport {
    #[command(flatten)]
    asked: evidence::Export,
}

#[derive(Parser)]
struct AskVerify {
    #[command(flatten)]
    asked: evidence::Verify,
}

/// A house with one paper, and all of it taken out; the keys lie beside the folder.
async fn taken_out(folder: &Path) {
    let mut house = House::open(&Config::parse(&sections(folder), "x").unwrap()).await.unwrap();
    house.clock = Clock::fixed(NOW_MS);
    house.objects = Objects::open(&folder.join("objects"), house.sealer.clone(), house.clock.clone()).unwrap();
    seed::demo(&house, "127.0.0.1:9".parse().unwrap()).await.unwrap();
    let court = songda_people::courts::list(&house.db).await.unwrap().remove(0);
    // The seed made its keys in the sealer of this house.
    let mut tx = house.db.begin().await.unwrap();
    house.objects.put(&mut tx, &court.id, "document", "application/pdf", b"%PDF-1.4").await.unwrap();
    tx.commit().await.unwrap();
    house.clock.advance(DAY_MS);
    assert_eq!(evidence::make_roots(&house, 0).await.unwrap(), 1);
    let to = folder.join("bundle");
    let asked = ["export", "--all", "--court", &court.code, "--to", to.to_str().unwrap()];
    let whole = evidence::export(&house, &AskExport::parse_from(asked).asked, &mut Vec::new()).await.unwrap();
    assert!(whole);
    let keys: String = house.keys.public_keys().unwrap().iter().map(PublicKey::to_pem).collect();
    std::fs::write(folder.join("keys.pem"), keys).unwrap();
}

/// The exit code and what is printed.
fn verified(folder: &Path) -> (u8, String) {
    let (bundle, keys) = (folder.join("bundle"), folder.join("keys.pem"));
    let asked = ["verify", "--bundle", bundle.to_str().unwrap(), "--keys", keys.to_str().unwrap()];
    let mut out = Vec::new();
    match evidence::verify_bundle(&bundle, &AskVerify::parse_from(asked).asked, &mut out) {
        Ok(code) => (code, String::from_utf8(out).unwrap()),
        Err(error) => (1, format!("{error:#}")),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x2_no_byte_of_a_bundles_roots_and_signature_can_be_another() {
    let folder = tempfile::tempdir().unwrap();
    taken_out(folder.path()).await;
    let (code, said) = verified(folder.path());
    assert_eq!(code, 0, "{said}");
    for name in ["roots.json", "bundle.sig.json"] {
        let path = folder.path().join("bundle").join(name);
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            // The second turns a letter of a hexadecimal number into a capital.
            for bit in [0x01, 0x20] {
                let mut flipped = whole.clone();
                flipped[at] ^= bit;
                std::fs::write(&path, &flipped).unwrap();
                let (code, said) = verified(folder.path());
                assert_eq!(code, 1, "{name}, byte {at}, bit {bit}: {said}");
            }
        }
        std::fs::write(&path, whole).unwrap();
    }
    assert_eq!(verified(folder.path()).0, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x2_a_strangers_bundle_leads_nowhere_outside_its_folder_and_to_nothing_that_never_ends() {
    let folder = tempfile::tempdir().unwrap();
    taken_out(folder.path()).await;
    let listing = folder.path().join("bundle/bundle.json");
    let whole = std::fs::read_to_string(&listing).unwrap();
    let file = serde_json::from_str::<serde_json::Value>(&whole).unwrap()["files"][0].clone();
    for outside in ["/dev/zero", "../songda.key", "../../../../../../../../dev/zero"] {
        let mut bundle: serde_json::Value = serde_json::from_str(&whole).unwrap();
        bundle["deleted"] = serde_json::json!([{ "request": "r", "certificate": outside, "was": file }]);
        bundle["receipts"] = serde_json::json!([{ "day": file["day"], "file": outside, "sha256": "" }]);
        bundle["files"][0]["file"] = outside.into();
        std::fs::write(&listing, bundle.to_string()).unwrap();
        let (code, said) = verified(folder.path());
        assert_eq!(code, 1, "{said}");
        assert_eq!(said.matches("leads out of the folder").count(), 2, "{outside}: {said}");
        assert!(said.contains("names a place outside"), "{outside}: {said}");
    }
    std::fs::write(&listing, &whole).unwrap();
    // A link does so as well, also in the place of a file of the folder itself.
    for name in [file["file"].as_str().unwrap(), "roots.json"] {
        let path = folder.path().join("bundle").join(name);
        let kept = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        assert_eq!(verified(folder.path()).0, 1, "{name}");
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, kept).unwrap();
    }
    assert_eq!(verified(folder.path()).0, 0);
}
