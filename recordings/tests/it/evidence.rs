//! Day roots: the tree, the signature, the chain, and what is found out without the house.

use std::{path::Path, process::Command, sync::Arc};

use songda_recordings::{
    evidence::{DayRoot, Draft, EvidenceError, Facts, Leaf, Listed, Offline, RootFault, Standing, Tree, check_chain},
    keys::{KeyFile, KeyProvider, PublicKey, Rotation},
    vault::{BLOCK_FRAMES, RecordingId, Vault},
};

/// When a signing key is rotated here: on the afternoon of 2026-11-26.
const ROTATED_MS: i64 = 1_795_700_000_000;

fn keys(folder: &Path) -> Arc<KeyFile> {
    Arc::new(KeyFile::create(&folder.join("key")).unwrap())
}

fn leaf(object: &str) -> Leaf {
    let (sha256, sm3) = hashes(object.as_bytes());
    Leaf::from_hex(object, &sha256, &sm3).unwrap()
}

fn hashes(bytes: &[u8]) -> (String, String) {
    use sha2::Digest;
    (hex::encode(sha2::Sha256::digest(bytes)), hex::encode(sm3::Sm3::digest(bytes)))
}

fn tree(count: usize) -> Tree {
    Tree::new((0..count).rev().map(|one| leaf(&format!("object-{one:03}"))).collect()).unwrap()
}

fn sign(keys: &KeyFile, day: &str, previous: Option<&DayRoot>, tree: &Tree) -> DayRoot {
    DayRoot::sign(&Draft { court: "court", day, previous, tree, signed_ms: 1_764_259_200_000 }, keys).unwrap()
}

/// The tree as RFC 6962 section 2.1 defines it, in another language and by recursion.
const JUDGE: &str = r#"
import hashlib, sys
def leaf(name, h):
    d = name.encode()
    return h(b"\0" + len(d).to_bytes(2, "big") + d + hashlib.sha256(d).digest() + hashlib.new("sm3", d).digest())
def mth(d, h):
    if not d: return h(b"")
    if len(d) == 1: return leaf(d[0], h)
    k = 1
    while k * 2 < len(d): k *= 2
    return h(b"\1" + mth(d[:k], h) + mth(d[k:], h))
for n in map(int, sys.argv[1:]):
    names = [f"object-{i:03}" for i in range(n)]
    print(*(mth(names, lambda b, a=a: hashlib.new(a, b).digest()).hex() for a in ("sha256", "sm3")))
"#;

#[test]
fn x2_the_tree_of_a_day_is_that_of_rfc_6962_with_sha_256_and_with_sm3() {
    let sizes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 13, 64, 100];
    let arguments = sizes.map(|size| size.to_string());
    let judge = Command::new("python3").args(["-c", JUDGE]).args(arguments).output().unwrap();
    let said = String::from_utf8(judge.stdout).unwrap();
    let said: Vec<&str> = said.lines().collect();
    assert_eq!(said.len(), sizes.len(), "{}", String::from_utf8_lossy(&judge.stderr));
    for (size, said) in sizes.into_iter().zip(said) {
        let root = tree(size).root();
        assert_eq!(format!("{} {}", hex::encode(root.sha256), hex::encode(root.sm3)), said, "{size} leaves");
    }
}

#[test]
fn x2_a_leaf_is_bound_to_court_kind_owner_and_size_of_its_file() {
    let facts = Facts { court: "court", kind: "recording", owner: "01CALL", bytes: 44 };
    let root = |facts: &Facts<'_>| Tree::new(vec![leaf("01FILE").with(facts)]).unwrap().root();
    let other = [
        Facts { court: "other", ..facts },
        Facts { kind: "report", ..facts },
        Facts { owner: "02CALL", ..facts },
        Facts { bytes: 45, ..facts },
    ];
    for changed in other {
        assert_ne!(root(&changed), root(&facts), "{changed:?}");
    }
    assert_ne!(Tree::new(vec![leaf("01FILE")]).unwrap().root(), root(&facts));
    // One that is gone is proven by its proof alone, with the facts that its leaf had.
    let folder = tempfile::tempdir().unwrap();
    let keys = keys(folder.path());
    let tree = Tree::new(vec![leaf("01FILE").with(&facts), leaf("02FILE")]).unwrap();
    let roots = [sign(&keys, "2026-11-27", None, &tree)];
    let public = keys.public_keys().unwrap();
    let offline = Offline::new(folder.path(), &roots, &public);
    let (sha256, sm3) = hashes(b"01FILE");
    let gone = Listed {
        object: "01FILE".into(),
        file: String::new(),
        court: "court".into(),
        day: "2026-11-27".into(),
        bytes: 44,
        sha256,
        sm3,
        proof: tree.proof("01FILE"),
        kind: "recording".into(),
        owner: "01CALL".into(),
        about: String::new(),
    };
    offline.proven(&gone).unwrap();
    assert!(offline.proven(&Listed { owner: "02CALL".into(), ..gone.clone() }).is_err());
    assert!(offline.proven(&Listed { proof: None, ..gone }).is_err());
}

#[test]
fn x2_each_leaf_has_a_proof_that_fits_it_alone() {
    for size in 1..=17 {
        let tree = tree(size);
        for at in 0..size {
            let own = leaf(&format!("object-{at:03}"));
            let proof = tree.proof(own.object()).unwrap();
            assert_eq!(proof.root(&own), Some(tree.root()), "{at} of {size}");
            let other = leaf("object-999");
            assert_ne!(proof.root(&other), Some(tree.root()), "{at} of {size}");
            let mut moved = proof.clone();
            moved.index ^= 1;
            assert!(size == 1 || moved.root(&own) != Some(tree.root()), "{at} of {size}");
            let mut long = proof.clone();
            long.path.push(tree.root());
            assert_eq!(long.root(&own), None, "a path that is too long");
            let text = serde_json::to_string(&proof).unwrap();
            assert_eq!(serde_json::from_str::<songda_recordings::evidence::Inclusion>(&text).unwrap(), proof);
        }
        assert!(tree.proof("object-999").is_none());
    }
    assert!(matches!(Tree::new(vec![leaf("a"), leaf("a")]), Err(EvidenceError::Twice(_))));
    assert!(Leaf::from_hex("a\nb", &"0".repeat(64), &"0".repeat(64)).is_err(), "no line of its own");
    assert!(Leaf::from_hex("a", "12", &"0".repeat(64)).is_err());
}

#[test]
fn x2_openssl_accepts_the_signature_of_a_day_root_with_the_exported_key_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let keys = keys(folder.path());
    let root = sign(&keys, "2026-11-27", None, &tree(5));
    let at = |name: &str| folder.path().join(name);
    let verify = |signed: &[u8]| {
        std::fs::write(at("signed"), signed).unwrap();
        let mut openssl = Command::new("openssl");
        openssl.args(["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey"]).arg(at("key.pem"));
        openssl.arg("-in").arg(at("signed")).arg("-sigfile").arg(at("signature"));
        openssl.output().unwrap().status.success()
    };
    std::fs::write(at("key.pem"), keys.public_keys().unwrap()[0].to_pem()).unwrap();
    std::fs::write(at("signature"), hex::decode(&root.signature).unwrap()).unwrap();
    assert!(verify(&root.signed_bytes()));
    let mut altered = root.clone();
    altered.leaves += 1;
    assert!(!verify(&altered.signed_bytes()));
    // And the other way round: a key that openssl made is read.
    let made = Command::new("openssl").args(["genpkey", "-algorithm", "ed25519", "-out"]).arg(at("other")).output();
    assert!(made.unwrap().status.success());
    let pem = Command::new("openssl").args(["pkey", "-pubout", "-in"]).arg(at("other")).output().unwrap().stdout;
    let other = PublicKey::from_pem(&String::from_utf8(pem).unwrap()).unwrap();
    assert!(matches!(root.verify(&[other]), Err(RootFault::UnknownKey(_))));
    assert!(PublicKey::from_pem("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----").is_err());
}

#[test]
fn x2_a_root_follows_the_day_before_and_a_chain_with_one_taken_out_or_changed_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let keys = keys(folder.path());
    let first = sign(&keys, "2026-11-25", None, &tree(3));
    let second = sign(&keys, "2026-11-26", Some(&first), &tree(0));
    let third = sign(&keys, "2026-11-27", Some(&second), &tree(8));
    let public = keys.public_keys().unwrap();
    let fault = |roots: &[DayRoot]| {
        check_chain(roots, &public, true).roots.into_iter().find_map(|(_, day, fault)| Some((day, fault?)))
    };
    assert!(check_chain(&[first.clone(), second.clone(), third.clone()], &public, true).is_whole());
    assert!(check_chain(&[second.clone(), third.clone()], &public, false).is_whole(), "a piece of the chain");
    assert!(matches!(fault(&[second.clone(), third.clone()]), Some((_, RootFault::BrokenChain { .. }))));
    let gap = fault(&[first.clone(), third.clone()]).unwrap();
    assert_eq!(gap, ("2026-11-27".into(), RootFault::BrokenChain { before: "2026-11-25".into() }));
    let order = fault(&[first.clone(), third.clone(), second.clone()]).unwrap();
    assert_eq!(order.0, "2026-11-27");
    let mut altered = second.clone();
    altered.leaves = 1;
    let found = check_chain(&[first.clone(), altered, third.clone()], &public, true);
    let faults: Vec<_> = found.roots.into_iter().map(|(_, _, fault)| fault).collect();
    assert_eq!(faults[1], Some(RootFault::BadSignature));
    assert_eq!(faults[2], Some(RootFault::BrokenChain { before: "2026-11-26".into() }));
    let draft = Draft { court: "court", day: "2026-11-27", previous: Some(&third), tree: &tree(1), signed_ms: 0 };
    assert!(matches!(DayRoot::sign(&draft, &*keys), Err(EvidenceError::Order { .. })), "the same day twice");
    for day in ["2026-13-01", "26-11-27", "2026-11-2x", "2026/11/27", "2026-11-00"] {
        let draft = Draft { court: "court", day, previous: None, tree: &tree(1), signed_ms: 0 };
        assert!(matches!(DayRoot::sign(&draft, &*keys), Err(EvidenceError::BadDay(_))), "{day}");
    }
    let text = serde_json::to_string(&third).unwrap();
    assert_eq!(serde_json::from_str::<DayRoot>(&text).unwrap(), third);
}

#[test]
fn x2_every_field_of_a_root_is_signed() {
    let folder = tempfile::tempdir().unwrap();
    let keys = keys(folder.path());
    let before = sign(&keys, "2026-11-26", None, &tree(1));
    let root = serde_json::to_value(sign(&keys, "2026-11-27", Some(&before), &tree(3))).unwrap();
    let public = keys.public_keys().unwrap();
    let verify = |value: serde_json::Value| serde_json::from_value::<DayRoot>(value).unwrap().verify(&public);
    verify(root.clone()).unwrap();
    let other = "ab".repeat(32);
    for (pointer, value) in [
        ("/court", serde_json::json!("court2")),
        ("/day", serde_json::json!("2026-11-28")),
        ("/previous/sha256", serde_json::json!(other)),
        ("/previous/sm3", serde_json::json!(other)),
        ("/previous", serde_json::Value::Null),
        ("/leaves", serde_json::json!(4)),
        ("/root/sha256", serde_json::json!(other)),
        ("/root/sm3", serde_json::json!(other)),
        ("/signed_ms", serde_json::json!(1)),
        ("/suite", serde_json::json!("none")),
        ("/key_id", serde_json::json!("0011223344556677")),
        ("/signature", serde_json::json!("00".repeat(64))),
    ] {
        let mut altered = root.clone();
        *altered.pointer_mut(pointer).unwrap() = value;
        assert!(verify(altered).is_err(), "{pointer}");
    }
}

#[test]
fn x2_roots_that_an_older_key_signed_verify_after_the_signing_key_was_rotated() {
    let folder = tempfile::tempdir().unwrap();
    let keys = keys(folder.path());
    let old = sign(&keys, "2026-11-26", None, &tree(3));
    KeyFile::rotate(&folder.path().join("key"), Rotation::Signing, ROTATED_MS).unwrap();
    let new = sign(&keys, "2026-11-27", Some(&old), &tree(3));
    assert_ne!(old.key_id, new.key_id, "the running house takes the new key up");
    let public = KeyFile::open(&folder.path().join("key")).unwrap().public_keys().unwrap();
    assert!(check_chain(&[old, new], &public, true).is_whole());
}

#[test]
fn x2_a_retired_key_is_not_believed_for_a_later_day_however_it_is_dated() {
    let folder = tempfile::tempdir().unwrap();
    let keys = keys(folder.path());
    let old = sign(&keys, "2026-11-26", None, &tree(3));
    // Somebody kept a copy of the key file from before.
    let copy = folder.path().join("stolen");
    std::fs::copy(folder.path().join("key"), &copy).unwrap();
    let stolen = KeyFile::open(&copy).unwrap();
    KeyFile::rotate(&folder.path().join("key"), Rotation::Signing, ROTATED_MS).unwrap();
    let public = keys.public_keys().unwrap();
    let forged = |day: &str, signed_ms: i64| {
        let tree = tree(3);
        let draft = Draft { court: &old.court, day, previous: Some(&old), tree: &tree, signed_ms };
        DayRoot::sign(&draft, &stolen).unwrap().verify(&public)
    };
    old.verify(&public).unwrap();
    let retired = |found: Result<(), RootFault>| matches!(found, Err(RootFault::RetiredKey(id)) if id == old.key_id);
    assert!(retired(forged("2026-11-27", ROTATED_MS + 3_600_000)), "signed later");
    assert!(retired(forged("2026-12-24", ROTATED_MS - 1)), "a day that had not begun, dated back");
}

struct Package {
    folder: tempfile::TempDir,
    keys: Arc<KeyFile>,
    list: Vec<Listed>,
    roots: Vec<DayRoot>,
}

/// A folder as it is handed out: an exported WAV and a paper; one day.
fn package(with_proofs: bool) -> Package {
    let folder = tempfile::tempdir().unwrap();
    let keys = keys(folder.path());
    let vault = Vault::open(&folder.path().join("vault"), keys.clone(), 0).unwrap();
    let mut list = Vec::new();
    let mut listed = |object: &str, file: &str, bytes: u64, sha256: String, sm3: String| {
        let (object, file, about) = (object.to_owned(), file.to_owned(), format!("case of {object}"));
        let (court, day) = ("court".to_owned(), "2026-11-27".to_owned());
        let (kind, owner) = (String::new(), String::new());
        list.push(Listed { object, file, court, day, bytes, sha256, sm3, proof: None, kind, owner, about });
    };
    let id = RecordingId::new("01EXPORT").unwrap();
    let mut writer = vault.begin(&id, 0).unwrap();
    writer.append(&vec![7; BLOCK_FRAMES * 2]).unwrap();
    writer.append(&[9; 400]).unwrap();
    let manifest = writer.finish(Vec::new()).unwrap();
    let mut wav = vec![0; manifest.bytes as usize];
    vault.read(&id).unwrap().read_at(0, &mut wav).unwrap();
    std::fs::write(folder.path().join("export.wav"), wav).unwrap();
    listed("01EXPORT", "export.wav", manifest.bytes, manifest.sha256, manifest.sm3);
    std::fs::write(folder.path().join("paper.pdf"), b"%PDF paper").unwrap();
    let (sha256, sm3) = hashes(b"%PDF paper");
    listed("01PAPER", "paper.pdf", 10, sha256, sm3);
    let leaves = list.iter().map(|one| Leaf::from_hex(&one.object, &one.sha256, &one.sm3).unwrap()).collect();
    let tree = Tree::new(leaves).unwrap();
    for one in &mut list {
        one.proof = with_proofs.then(|| tree.proof(&one.object).unwrap());
    }
    let roots = vec![sign(&keys, "2026-11-27", None, &tree)];
    Package { folder, keys, list, roots }
}

impl Package {
    fn standings(&self) -> Vec<Standing> {
        let public = self.keys.public_keys().unwrap();
        let offline = Offline::new(self.folder.path(), &self.roots, &public);
        offline.check(&self.list).map(|checked| checked.standing).collect()
    }

    fn flip(&self, file: &str, at: usize) {
        let path = self.folder.path().join(file);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[at] ^= 1;
        std::fs::write(path, bytes).unwrap();
    }
}

#[test]
fn x2_files_manifests_and_roots_are_checked_without_the_house() {
    for with_proofs in [true, false] {
        assert_eq!(package(with_proofs).standings(), [Standing::Intact, Standing::Intact]);
    }
}

#[test]
fn x2_a_flipped_byte_a_lost_file_and_one_that_no_root_holds_are_each_told_by_their_name() {
    let mut package = package(true);
    package.flip("export.wav", 5_000);
    let found = package.standings();
    assert!(matches!(&found[0], Standing::Altered { reason } if reason.contains("SHA-256")), "{found:?}");
    assert_eq!(found[1], Standing::Intact, "the other is as it was");
    std::fs::remove_file(package.folder.path().join("export.wav")).unwrap();
    assert_eq!(package.standings()[0], Standing::Missing);
    std::fs::create_dir(package.folder.path().join("export.wav")).unwrap();
    assert!(matches!(package.standings()[0], Standing::Unread { .. }), "that is not known");
    // Somebody changes the paper and its manifest with it.
    std::fs::write(package.folder.path().join("paper.pdf"), b"%PDF forgery").unwrap();
    let (sha256, sm3) = hashes(b"%PDF forgery");
    package.list[1] = Listed { bytes: 12, sha256, sm3, ..package.list[1].clone() };
    assert!(matches!(package.standings()[1], Standing::NotInRoot { .. }));
    package.roots.clear();
    assert!(matches!(&package.standings()[1], Standing::NotInRoot { reason } if reason.contains("no root")));
}

#[test]
fn x2_a_root_that_was_altered_or_stands_twice_proves_nothing() {
    let mut package = package(true);
    let good = package.roots[0].clone();
    package.roots[0].signed_ms += 1;
    assert!(package.standings().iter().all(|one| matches!(one, Standing::NotInRoot { .. })));
    package.roots.push(good.clone());
    assert!(package.standings().iter().all(|one| matches!(one, Standing::NotInRoot { .. })));
    package.roots = vec![good.clone(), good];
    assert!(package.standings().iter().all(|one| *one == Standing::Intact), "the same root twice is one");
    package.list[0].file = "../key".into();
    assert!(matches!(&package.standings()[0], Standing::Altered { reason } if reason.contains("outside")));
}

#[test]
fn x2_without_proofs_a_file_that_was_left_off_the_list_is_told() {
    let mut package = package(false);
    package.list.pop();
    let found = package.standings();
    assert!(
        found.iter().all(|one| matches!(one, Standing::NotInRoot { reason } if reason.contains("1 files"))),
        "{found:?}"
    );
}
