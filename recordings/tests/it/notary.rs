//! A notary's receipt, checked with its public key alone.

use songda_recordings::{
    evidence::{DayRoot, Draft, HandIn, Leaf, NotaryReceipt, Part, ReceiptFault, Tree},
    keys::{KeyFile, KeyProvider as _, PublicKey},
};

const SIGNED_MS: i64 = 1_795_700_000_000;

/// What a receipt is of instead, and what is said of that.
type Change = (fn(&mut NotaryReceipt), ReceiptFault);

struct Desk {
    house: KeyFile,
    notary: KeyFile,
    _folder: tempfile::TempDir,
}

fn desk() -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let key = |name: &str| KeyFile::create(&folder.path().join(name)).unwrap();
    Desk { house: key("house"), notary: key("notary"), _folder: folder }
}

impl Desk {
    fn root(&self, day: &str, previous: Option<&DayRoot>) -> DayRoot {
        let tree = Tree::new(vec![Leaf::from_hex("file", &"a1".repeat(32), &"b2".repeat(32)).unwrap()]).unwrap();
        DayRoot::sign(&Draft { court: "court", day, previous, tree: &tree, signed_ms: SIGNED_MS }, &self.house).unwrap()
    }

    fn keys(&self) -> Vec<PublicKey> {
        self.notary.public_keys().unwrap()
    }

    /// As a notary signs it, after this change.
    fn receipt(&self, root: &DayRoot, change: impl FnOnce(&mut NotaryReceipt)) -> NotaryReceipt {
        let mut receipt = NotaryReceipt {
            handed: HandIn::of(root),
            number: "存证2026-0001".into(),
            block: 81_223,
            transaction: "0x9f2c".into(),
            at_ms: SIGNED_MS,
            suite: "ed25519".into(),
            key_id: self.keys()[0].id(),
            signature: String::new(),
        };
        change(&mut receipt);
        receipt.signature = hex::encode(self.notary.sign(&receipt.signed_bytes()).unwrap().bytes);
        receipt
    }
}

#[test]
fn x2_a_receipt_is_believed_for_its_root_by_the_notarys_key_alone() {
    let desk = desk();
    let first = desk.root("2026-11-26", None);
    let second = desk.root("2026-11-27", Some(&first));
    for root in [&first, &second] {
        let text = desk.receipt(root, |_| {}).to_text();
        assert_eq!(NotaryReceipt::from_text(&text).unwrap().verify(root, &desk.keys()), Ok(()));
        assert!(!text.contains("leaves") && !text.contains("file"), "{text}");
    }
    let receipt = desk.receipt(&second, |_| {});
    assert_eq!(receipt.verify(&first, &desk.keys()), Err(ReceiptFault::Other(Part::Day)));
    assert!(matches!(receipt.verify(&second, &desk.house.public_keys().unwrap()), Err(ReceiptFault::UnknownKey(_))));
    assert!(matches!(receipt.verify(&second, &[]), Err(ReceiptFault::UnknownKey(_))));
    let retired = [desk.keys().remove(0).until(SIGNED_MS - 3_600_000)];
    assert!(matches!(receipt.verify(&second, &retired), Err(ReceiptFault::RetiredKey(_))));
}

#[test]
fn x2_a_receipt_of_anything_else_is_refused_though_the_notary_signed_it() {
    let desk = desk();
    let root = desk.root("2026-11-27", Some(&desk.root("2026-11-26", None)));
    let changes: [Change; 8] = [
        (|receipt| receipt.handed.court = "other".into(), ReceiptFault::Other(Part::Court)),
        (|receipt| receipt.handed.root.sha256[0] ^= 1, ReceiptFault::Other(Part::Root)),
        (|receipt| receipt.handed.root.sm3[31] ^= 1, ReceiptFault::Other(Part::Root)),
        (|receipt| receipt.handed.previous = None, ReceiptFault::Other(Part::Previous)),
        (|receipt| receipt.suite = "sm2".into(), ReceiptFault::UnknownSuite("sm2".into())),
        (|receipt| receipt.key_id = "13800001234".into(), ReceiptFault::UnknownKey("of no known form".into())),
        (|receipt| receipt.number = "1\ntime: 5".into(), ReceiptFault::BadSignature),
        (
            |receipt| receipt.at_ms = SIGNED_MS - 1,
            ReceiptFault::TooEarly { at_ms: SIGNED_MS - 1, signed_ms: SIGNED_MS },
        ),
    ];
    for (change, fault) in changes {
        assert_eq!(desk.receipt(&root, change).verify(&root, &desk.keys()), Err(fault));
    }
}

#[test]
fn x2_every_flipped_bit_of_a_receipt_is_seen() {
    let desk = desk();
    let root = desk.root("2026-11-27", Some(&desk.root("2026-11-26", None)));
    let text = desk.receipt(&root, |_| {}).to_text();
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let Ok(flipped) = String::from_utf8(bytes) else { continue };
            let seen = NotaryReceipt::from_text(&flipped).and_then(|receipt| receipt.verify(&root, &desk.keys()));
            assert!(seen.is_err(), "byte {at}, bit {bit}: {flipped}");
        }
    }
    for other in ["", "{}", "null", &format!("{text} "), &text.replace(",\"block\"", ", \"block\"")] {
        assert_eq!(NotaryReceipt::from_text(other), Err(ReceiptFault::Unreadable), "{other}");
    }
}
