//! Day roots at a notary (X2): handed in, answered, believed or not, and nothing lost meanwhile.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
};

use songda_recordings::{
    keys::{KeyFile, KeyProvider as _, PublicKey},
    said::Said,
};
use songda_service::evidence::{
    Found, HOUSE, Which, check_chain, files,
    notary::{Circuit, HandIn, Notariser, Notarising, Notary, NotaryError, NotaryReceipt, receipts, waits},
};
use songda_store::{Clock, alarms, audit, evidence as register, new_id};

use crate::shelf::{DAY_MS, Shelf, shelves};

const HOUR_MS: i64 = 3_600_000;
const SETTLE_MS: i64 = 60_000;
const NEVER: (&str, &str) = ("2026-01-01", "2027-12-31");

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Manner {
    Right,
    Away,
    /// The proof is made, and the answer is lost.
    Lost,
    /// With a key that is not the pinned one.
    OtherKey,
    /// The signature is of another text.
    Altered,
    OtherRoot,
    OtherDay,
    Early,
}

/// A notary that keeps one proof for each name, as a real one does.
#[derive(Clone)]
struct Scripted {
    manner: Arc<Mutex<Manner>>,
    asked: Arc<Mutex<Vec<HandIn>>>,
    proofs: Arc<Mutex<BTreeMap<String, u64>>>,
    /// The day whose root it never takes.
    declines: Arc<Mutex<Option<String>>>,
    key: Arc<KeyFile>,
    other: Arc<KeyFile>,
    clock: Clock,
}

impl Scripted {
    fn new(folder: &Path, clock: &Clock) -> Self {
        let key = |name: String| Arc::new(KeyFile::create(&folder.join(name)).unwrap());
        Self {
            manner: Arc::new(Mutex::new(Manner::Right)),
            asked: Arc::default(),
            proofs: Arc::default(),
            declines: Arc::default(),
            key: key(format!("notary-{}", new_id())),
            other: key(format!("other-{}", new_id())),
            clock: clock.clone(),
        }
    }

    fn is(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    fn asked(&self) -> Vec<HandIn> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn proofs(&self) -> usize {
        self.proofs.lock().unwrap().len()
    }
}

impl Notary for Scripted {
    async fn hand_in(&self, root: &HandIn) -> Result<NotaryReceipt, NotaryError> {
        self.asked.lock().unwrap().push(root.clone());
        let manner = *self.manner.lock().unwrap();
        if manner == Manner::Away {
            return Err(NotaryError::Unreachable(Said::new("notary.no_connection", "no connection")));
        }
        if self.declines.lock().unwrap().as_ref() == Some(&root.day) {
            return Err(NotaryError::Refused { status: 422, text: "from before the contract".into() });
        }
        let block = {
            let mut proofs = self.proofs.lock().unwrap();
            let next = proofs.len() as u64 + 1;
            *proofs.entry(root.key()).or_insert(next)
        };
        if manner == Manner::Lost {
            return Err(NotaryError::Unreachable(Said::new("notary.no_answer", "no answer within 20 s")));
        }
        let mut handed = root.clone();
        match manner {
            Manner::OtherRoot => handed.root.sha256[0] ^= 1,
            Manner::OtherDay => handed.day = "2020-01-01".into(),
            _ => {}
        }
        let key = if manner == Manner::OtherKey { &self.other } else { &self.key };
        let mut receipt = NotaryReceipt {
            handed,
            number: format!("CZ{block:08}"),
            block,
            transaction: format!("tx-{block}"),
            at_ms: if manner == Manner::Early { 1_000 } else { self.clock.now_ms() },
            suite: "ed25519".into(),
            key_id: key.public_keys().unwrap()[0].id(),
            signature: String::new(),
        };
        receipt.signature = hex::encode(key.sign(&receipt.signed_bytes()).unwrap().bytes);
        if manner == Manner::Altered {
            receipt.block += 1;
        }
        Ok(receipt)
    }
}

fn notariser(shelf: &Shelf) -> Notariser<Scripted> {
    let on = &shelf.house.on;
    let notary = Scripted::new(&on.folder, &on.clock);
    let keys: Vec<PublicKey> = notary.key.public_keys().unwrap();
    Notariser {
        db: on.db.clone(),
        clock: on.clock.clone(),
        house: shelf.keys.clone(),
        notary,
        keys,
        settle_ms: SETTLE_MS,
        standing: Notarising::default(),
        circuit: Circuit::default(),
    }
}

async fn kept(shelf: &Shelf) -> Vec<String> {
    receipts(&shelf.house.on.db, &shelf.house.court, NEVER.0, NEVER.1).await.unwrap().into_keys().collect()
}

/// Three days are over, with their roots, and the two clocks may differ by a minute.
async fn three_roots(shelf: &Shelf) {
    shelf.house.on.clock.advance(3 * DAY_MS);
    assert_eq!(shelf.roots().make_due(HOUR_MS).await.unwrap(), 3, "{}", shelf.engine());
    shelf.house.on.clock.advance(SETTLE_MS);
}

const DAYS: [&str; 3] = ["2026-11-23", "2026-11-24", "2026-11-25"];

#[tokio::test]
async fn x2_old_roots_too_are_handed_in_once_each_and_the_receipt_is_evidence_itself() {
    for shelf in shelves().await {
        let (db, court) = (&shelf.house.on.db, &shelf.house.court);
        shelf.case(1).await;
        let mut house = notariser(&shelf);
        shelf.house.on.clock.advance(3 * DAY_MS);
        shelf.roots().make_due(HOUR_MS).await.unwrap();
        assert_eq!(house.round().await.unwrap(), 0, "{}: so long its clock may be behind ours", shelf.engine());
        shelf.house.on.clock.advance(SETTLE_MS);
        assert_eq!(house.round().await.unwrap(), 3, "{}", shelf.engine());
        assert_eq!(house.round().await.unwrap(), 0, "each once");
        let asked = house.notary.asked();
        assert_eq!(asked.iter().map(|root| root.day.as_str()).collect::<Vec<_>>(), DAYS, "the oldest first");
        assert_eq!((asked[0].previous, kept(&shelf).await.len()), (None, 3));
        for (day, body) in receipts(db, court, NEVER.0, NEVER.1).await.unwrap() {
            let root = songda_service::evidence::root(db, court, &day).await.unwrap().unwrap().signed().unwrap();
            NotaryReceipt::from_text(&body).unwrap().verify(&root, &house.keys).unwrap();
            let file = shelf.file(&register::notary_receipt_id(court, &day)).await;
            assert_eq!((file.kind.as_str(), file.size), (register::NOTARY_RECEIPT, body.len() as i64));
            assert_eq!(shelf.examiner().examine(&file, HOUSE).await.unwrap(), Found::Intact, "{}", shelf.engine());
            assert_eq!(shelf.examiner().content(&file).await.unwrap(), body.as_bytes(), "as it is exported");
        }
        let audited = shelf.audited("evidence.notarised").await;
        assert_eq!((audited.len(), audited[2].object_id.as_str()), (3, DAYS[0]));
        assert!(audited[2].detail.contains("CZ00000001"), "{}", audited[2].detail);
        let standing = house.standing.standing();
        assert_eq!((standing.waiting, standing.newest.as_deref()), (0, Some(DAYS[2])));
        // The root of a later day holds them, and the chain stays whole.
        shelf.house.on.clock.advance(DAY_MS);
        shelf.roots().make_due(HOUR_MS).await.unwrap();
        let first = shelf.file(&register::notary_receipt_id(court, DAYS[0])).await;
        assert_eq!(first.leaf.unwrap().0, "2026-11-26", "{}", shelf.engine());
        let checks = check_chain(&shelf.roots(), court, HOUR_MS, HOUSE).await.unwrap();
        assert!(checks.iter().all(|check| check.fault.is_none()), "{checks:?}");
        assert_eq!(audit::verify(db).await.unwrap(), audit::Verdict::Intact { rows: audit_rows(&shelf).await });
    }
}

async fn audit_rows(shelf: &Shelf) -> i64 {
    sqlx::query_scalar("SELECT COUNT(*) FROM audit").fetch_one(shelf.house.on.db.read()).await.unwrap()
}

#[tokio::test]
async fn x2_a_notary_that_is_away_for_days_loses_nothing_and_is_not_hammered() {
    for shelf in shelves().await {
        let (db, clock) = (&shelf.house.on.db, &shelf.house.on.clock);
        shelf.case(1).await;
        let mut house = notariser(&shelf);
        house.notary.is(Manner::Away);
        three_roots(&shelf).await;
        // Two days of looks, one each five seconds at first, then each minute.
        for _ in 0..60 {
            house.round().await.unwrap();
            clock.advance(5_000);
        }
        let busy = house.notary.asked().len();
        assert!((3..=10).contains(&busy), "{}: {busy} tries in five minutes", shelf.engine());
        let told = alarms::open(db).await.unwrap();
        assert!(told.iter().any(|alarm| alarm.kind == "evidence.notary" && alarm.said.text.contains("no connection")));
        let standing = house.standing.standing();
        assert_eq!((standing.waiting, standing.refused, standing.newest), (3, 0, None), "{}", shelf.engine());
        assert!(standing.failing.is_some_and(|(since, _)| since < clock.now_ms() - 200_000));
        for _ in 0..2 * 24 * 60 {
            clock.advance(60_000);
            house.round().await.unwrap();
        }
        let tries = house.notary.asked().len();
        assert!((200..=310).contains(&tries), "{}: {tries} tries in two days", shelf.engine());
        assert_eq!(shelf.roots().make_due(HOUR_MS).await.unwrap(), 2, "the days go on");
        let why = waits(db, &shelf.house.court, NEVER.0, NEVER.1).await.unwrap();
        assert!(why.len() == 3 && why.values().all(|waits| !waits.refused && waits.why.text.contains("no connection")));
        house.notary.is(Manner::Right);
        clock.advance(600_000);
        assert_eq!(house.round().await.unwrap(), 5, "{}", shelf.engine());
        assert_eq!(kept(&shelf).await.len(), 5);
        assert!(alarms::open(db).await.unwrap().is_empty(), "{}", shelf.engine());
        assert_eq!(house.standing.standing().failing, None);
        assert!(waits(db, &shelf.house.court, NEVER.0, NEVER.1).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn x2_a_receipt_that_proves_nothing_of_this_root_is_refused_written_down_and_rings() {
    for shelf in shelves().await {
        let (db, clock, court) = (&shelf.house.on.db, &shelf.house.on.clock, &shelf.house.court);
        shelf.case(1).await;
        let mut house = notariser(&shelf);
        three_roots(&shelf).await;
        for (manner, said) in [
            (Manner::OtherKey, "is not the notary's"),
            (Manner::Altered, "does not fit"),
            (Manner::OtherRoot, "another root"),
            (Manner::OtherDay, "another day"),
            (Manner::Early, "before the root was signed"),
        ] {
            house.notary.is(manner);
            clock.advance(HOUR_MS);
            assert_eq!(house.round().await.unwrap(), 0, "{}: {manner:?}", shelf.engine());
            assert!(kept(&shelf).await.is_empty(), "{}: {manner:?}", shelf.engine());
            let why = waits(db, court, NEVER.0, NEVER.1).await.unwrap();
            let first = &why[DAYS[0]];
            assert!(first.refused && first.why.text.contains(said), "{}: {manner:?}: {first:?}", shelf.engine());
            let told = alarms::open_for(db, court).await.unwrap();
            let about = format!("{court}:{}", DAYS[0]);
            let alarm = told.iter().find(|alarm| alarm.kind == "evidence.notary_receipt" && alarm.object_id == about);
            assert!(alarm.is_some_and(|alarm| alarm.said.text.contains(said)), "{}: {told:?}", shelf.engine());
            assert!(!alarms::open_for(db, "other").await.unwrap().iter().any(|alarm| alarm.object_id == about));
        }
        let audited = shelf.audited("evidence.notary_refused").await;
        assert_eq!((audited.len(), audited[0].result.as_str()), (3, "refused"), "{}: each root once", shelf.engine());
        // Put right over there, the same proofs are believed, and nothing rings any more.
        house.notary.is(Manner::Right);
        clock.advance(HOUR_MS);
        assert_eq!(house.round().await.unwrap(), 3, "{}", shelf.engine());
        assert!(alarms::open(db).await.unwrap().is_empty(), "{}", shelf.engine());
    }
}

#[tokio::test]
async fn x2_a_repeat_after_a_lost_answer_or_a_kill_makes_no_second_proof() {
    for shelf in shelves().await {
        shelf.case(1).await;
        let mut house = notariser(&shelf);
        three_roots(&shelf).await;
        house.notary.is(Manner::Lost);
        house.round().await.unwrap();
        assert_eq!((house.notary.proofs(), kept(&shelf).await.len()), (3, 0), "{}", shelf.engine());
        // Another process: its breaker and its standing are new, the books are the same.
        let (circuit, standing) = (Circuit::default(), Notarising::default());
        house = Notariser { circuit, standing, ..house };
        house.notary.is(Manner::Right);
        shelf.house.on.clock.advance(HOUR_MS);
        assert_eq!(house.round().await.unwrap(), 3, "{}", shelf.engine());
        assert_eq!(house.notary.proofs(), 3, "{}: the same three", shelf.engine());
    }
}

#[tokio::test]
async fn x2_a_receipt_in_the_books_is_never_changed_and_one_that_was_all_the_same_is_found() {
    for shelf in shelves().await {
        let (db, court) = (&shelf.house.on.db, &shelf.house.court);
        shelf.case(1).await;
        let mut house = notariser(&shelf);
        three_roots(&shelf).await;
        house.round().await.unwrap();
        for sql in ["UPDATE evidence_notary_receipts SET body = 'x'", "DELETE FROM evidence_notary_receipts"] {
            assert!(shelf.sql(sql).await.is_err(), "{}: {sql}", shelf.engine());
        }
        shelf.without("no_update", "evidence_notary_receipts").await;
        shelf.without("no_delete", "evidence_notary_receipts").await;
        shelf
            .sql("UPDATE evidence_notary_receipts SET body = REPLACE(body, 'CZ00000002', 'CZ00000009') WHERE day = '2026-11-24'")
            .await
            .unwrap();
        shelf.sql("DELETE FROM evidence_notary_receipts WHERE day = '2026-11-25'").await.unwrap();
        shelf.examiner().round(u64::MAX).await.unwrap();
        let mut marked = BTreeMap::new();
        for file in files(db, Which::After(court, (0, ""), 100)).await.unwrap() {
            let found = shelf.examiner().look(&file).await.unwrap();
            if found.is_broken() {
                marked.insert(file.id, found.word());
            }
        }
        let id = |day: &str| register::notary_receipt_id(court, day);
        let expected = BTreeMap::from([(id("2026-11-24"), "altered"), (id("2026-11-25"), "missing")]);
        assert_eq!(marked, expected, "{}", shelf.engine());
        let told = alarms::open_for(db, court).await.unwrap();
        assert_eq!(told.len(), 2, "{}: {told:?}", shelf.engine());
        let receipt = receipts(db, court, NEVER.0, NEVER.1).await.unwrap().remove("2026-11-24").unwrap();
        let root = songda_service::evidence::root(db, court, "2026-11-24").await.unwrap().unwrap().signed().unwrap();
        assert!(NotaryReceipt::from_text(&receipt).unwrap().verify(&root, &house.keys).is_err());
        // The one that is gone is asked for again, and is the same proof.
        assert_eq!(house.round().await.unwrap(), 1, "{}", shelf.engine());
        assert_eq!(house.notary.proofs(), 3);
    }
}

#[tokio::test]
async fn x2_a_root_that_was_altered_is_not_handed_in_and_keeps_no_other() {
    for shelf in shelves().await {
        shelf.case(1).await;
        let mut house = notariser(&shelf);
        three_roots(&shelf).await;
        shelf.without("no_update", "evidence_roots").await;
        shelf.sql("UPDATE evidence_roots SET body = REPLACE(body, '\"leaves\":5', '\"leaves\":6')").await.unwrap();
        assert_eq!(house.round().await.unwrap(), 2, "{}", shelf.engine());
        assert_eq!(kept(&shelf).await, ["2026-11-24", "2026-11-25"], "{}", shelf.engine());
        let why = waits(&shelf.house.on.db, &shelf.house.court, NEVER.0, NEVER.1).await.unwrap();
        assert!(why[DAYS[0]].why.text.contains("not what was signed"), "{}: {why:?}", shelf.engine());
        assert!(!why[DAYS[0]].refused && shelf.audited("evidence.notary_refused").await.is_empty(), "nobody was asked");
    }
}

#[test]
fn x2_the_breaker_leaves_a_notary_alone_after_three_failures_and_then_tries_with_one() {
    let mut circuit = Circuit::default();
    assert!(!circuit.failed(0) && !circuit.failed(0) && circuit.lets(0), "two may be chance");
    assert!(circuit.failed(0));
    assert_eq!((circuit.lets(9_999), circuit.lets(10_000), circuit.open_until(5)), (false, true, Some(10_000)));
    assert!(circuit.failed(10_000), "the one that tried");
    assert_eq!(circuit.open_until(10_000), Some(30_000), "twice as long");
    let mut now = 30_000;
    for _ in 0..40 {
        circuit.failed(now);
        let until = circuit.open_until(now).unwrap();
        assert!(until - now <= 600_000, "ten minutes at most");
        now = until;
    }
    circuit.worked();
    assert_eq!((circuit.lets(0), circuit.failed(now)), (true, false), "as new");
}

#[tokio::test]
async fn x2_a_root_that_the_notary_never_takes_keeps_no_other_from_it_and_rings() {
    for shelf in shelves().await {
        let (db, clock, court) = (&shelf.house.on.db, &shelf.house.on.clock, &shelf.house.court);
        shelf.case(1).await;
        let mut house = notariser(&shelf);
        *house.notary.declines.lock().unwrap() = Some(DAYS[0].into());
        three_roots(&shelf).await;
        assert_eq!(house.round().await.unwrap(), 2, "{}", shelf.engine());
        for _ in 0..5 {
            // Through all its tries of a day the line stays open, and the new root goes out at once.
            for _ in 0..24 {
                clock.advance(HOUR_MS);
                house.round().await.unwrap();
            }
            assert_eq!(shelf.roots().make_due(HOUR_MS).await.unwrap(), 1, "{}", shelf.engine());
            clock.advance(SETTLE_MS);
            assert_eq!(house.round().await.unwrap(), 1, "{}", shelf.engine());
        }
        assert_eq!(kept(&shelf).await.len(), 7, "{}", shelf.engine());
        assert_eq!(house.standing.standing().open_until_ms, None, "{}", shelf.engine());
        let told = alarms::open_for(db, court).await.unwrap();
        assert_eq!(told.len(), 1, "{}: {told:?}", shelf.engine());
        assert!(told[0].kind == "evidence.notary_receipt" && told[0].said.text.contains("422"), "{told:?}");
        assert!(shelf.audited("evidence.notary_refused").await.is_empty(), "no receipt came");
    }
}
