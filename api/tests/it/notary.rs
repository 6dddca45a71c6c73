//! What `songda evidence verify` says of days that have no receipt of the notary.

use std::{fmt::Write as _, sync::Arc};

use clap::Parser;
use serde_json::Value;
use songda_api::{config::Config, evidence, house::House, seed};
use songda_recordings::{
    keys::{KeyFile, KeyProvider as _, PublicKey},
    said::Said,
};
use songda_service::evidence::notary::{Circuit, HandIn, Notariser, Notarising, Notary, NotaryError, NotaryReceipt};
use songda_store::Clock;

use crate::running::sections;

const DAY_MS: i64 = 86_400_000;
/// 2026-11-23 10:00 in Shanghai.
const NOW_MS: i64 = 1_795_399_200_000;

#[derive(Parser)]
struct Ask {
    #[command(flatten)]
    asked: evidence::Verify,
}

/// Signs the first day with a key that nobody pinned, and is away for any other.
struct Wrong {
    day: String,
    key: KeyFile,
    clock: Clock,
}

impl Notary for Wrong {
    async fn hand_in(&self, root: &HandIn) -> Result<NotaryReceipt, NotaryError> {
        if root.day != self.day {
            return Err(NotaryError::Unreachable(Said::new("notary.no_connection", "no connection")));
        }
        let mut receipt = NotaryReceipt {
            handed: root.clone(),
            number: "CZ1".into(),
            block: 1,
            transaction: "tx-1".into(),
            at_ms: self.clock.now_ms(),
            suite: "ed25519".into(),
            key_id: self.key.public_keys().unwrap()[0].id(),
            signature: String::new(),
        };
        receipt.signature = hex(&self.key.sign(&receipt.signed_bytes()).unwrap().bytes);
        Ok(receipt)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

async fn verified(house: &House, more: &[&str]) -> (bool, String) {
    let asked = Ask::parse_from(["verify"].iter().chain(more)).asked;
    let mut out = Vec::new();
    let well = evidence::verify(house, &asked, 0, &mut out).await.unwrap();
    (well, String::from_utf8(out).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x2_a_receipt_that_was_refused_is_named_apart_from_days_that_wait_and_is_no_fault_of_the_evidence() {
    songda_store::http::install_crypto();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let pinned = KeyFile::create(&at("pinned.key")).unwrap().public_keys().unwrap();
    std::fs::write(at("notary.pem"), pinned.iter().map(PublicKey::to_pem).collect::<String>()).unwrap();
    let section = format!(
        "[evidence.notary]\nurl = \"http://127.0.0.1:9/roots\"\nkey_file = {:?}\npublic_keys = {:?}\n",
        at("notary.key"),
        at("notary.pem")
    );
    let on = Config::parse(&(sections(folder.path()) + &section), "x").unwrap();
    let mut house = House::open(&on).await.unwrap();
    house.clock = Clock::fixed(NOW_MS);
    seed::demo(&house, "127.0.0.1:9".parse().unwrap()).await.unwrap();
    house.clock.advance(2 * DAY_MS);
    assert_eq!(evidence::make_roots(&house, 0).await.unwrap(), 2);
    let (well, said) = verified(&house, &[]).await;
    assert!(
        well && said.contains("waiting for the notary, which is no fault: 陕0102 2026-11-23 to 2026-11-24"),
        "{said}"
    );
    assert!(!said.contains("REFUSED"), "{said}");

    let key = KeyFile::create(&at("other.key")).unwrap();
    let mut notariser = Notariser {
        db: house.db.clone(),
        clock: house.clock.clone(),
        house: Arc::clone(&house.keys),
        notary: Wrong { day: "2026-11-23".into(), key, clock: house.clock.clone() },
        keys: pinned,
        settle_ms: 0,
        standing: Notarising::default(),
        circuit: Circuit::default(),
    };
    assert_eq!(notariser.round().await.unwrap(), 0, "no receipt is kept");
    let (well, said) = verified(&house, &[]).await;
    assert!(well, "the evidence is what it was: {said}");
    assert!(said.contains("waiting for the notary, which is no fault: 陕0102 2026-11-24\n"), "{said}");
    assert!(said.contains("REFUSED receipt of the notary for 陕0102 2026-11-23"), "{said}");
    assert!(said.contains("signed with key") && said.contains("that is no fault of the evidence"), "{said}");
    let (well, said) = verified(&house, &["--json"]).await;
    let report: Value = serde_json::from_str(&said).unwrap();
    let notarised = &report["notarised"];
    assert_eq!((well, &report["ok"]), (true, &Value::Bool(true)), "{report}");
    assert_eq!(notarised["waiting"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(notarised["waiting"][0]["day"], "2026-11-24", "{report}");
    let refused = notarised["refused"].as_array().unwrap();
    assert_eq!((refused.len(), &refused[0]["day"], &refused[0]["court"]), (1, &"2026-11-23".into(), &"陕0102".into()));
    assert!(refused[0]["why"].as_str().unwrap().contains("signed with key"), "{report}");

    // Nobody is asked any more: what was refused is not forgotten, and nothing waits.
    house.db.close().await;
    let off = Config::parse(&sections(folder.path()), "x").unwrap();
    let mut house = House::open(&off).await.unwrap();
    house.clock = Clock::fixed(NOW_MS + 2 * DAY_MS);
    let (well, said) = verified(&house, &[]).await;
    assert!(well && said.contains("REFUSED receipt") && !said.contains("waiting for the notary"), "{said}");
}
