//! Copies on S3 servers: once, whole, resumed, and never by wrong keys.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use songda_recordings::{
    keys::KeyFile,
    vault::{
        BLOCK_FRAMES, Manifest, RecordingId, Removed, Vault, VaultError, Verdict,
        s3::{Remote, S3Config, S3Error},
    },
};

use crate::servers::{KEY, Kind, SECRET, Server};

/// Longer than a part of eight megabytes.
const LONG: usize = 270;

pub struct House {
    pub folder: tempfile::TempDir,
    pub vault: Vault,
}

pub fn house(config: &S3Config) -> House {
    let folder = tempfile::tempdir().unwrap();
    let keys = Arc::new(KeyFile::create(&folder.path().join("key")).unwrap());
    let vault = Vault::open(&folder.path().join("vault"), keys, 0).unwrap();
    let vault = vault.with_s3(Arc::new(Remote::new(config).unwrap()));
    House { folder, vault }
}

impl House {
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("vault/closed/{}/{name}.sdv", &name[..5]))
    }

    pub fn record(&self, name: &str, seconds: usize) -> Manifest {
        let mut writer = self.vault.begin(&id(name), 0).unwrap();
        for second in 0..seconds {
            writer.put(&vec![second as i16 + 1; BLOCK_FRAMES * 2]).unwrap();
        }
        writer.finish(Vec::new()).unwrap()
    }
}

pub fn id(name: &str) -> RecordingId {
    RecordingId::new(name).unwrap()
}

type Hook = Box<dyn FnOnce() + Send>;

/// Stands between vault and server: counts, breaks, and does something at the right moment.
#[derive(Clone, Default)]
struct Between {
    down: Arc<AtomicU64>,
    /// Bytes to the server after which everything breaks; none breaks nothing.
    breaks: Arc<AtomicU64>,
    before: Arc<Mutex<Option<(&'static str, Hook)>>>,
}

impl Between {
    fn start(&self, server: &Server) -> String {
        self.breaks.store(u64::MAX, Ordering::SeqCst);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (own, to) = (self.clone(), server.endpoint.trim_start_matches("http://").to_owned());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if own.breaks.load(Ordering::SeqCst) == 0 {
                    continue;
                }
                let server = TcpStream::connect(&to).unwrap();
                let up = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (one, other) = (own.clone(), own.clone());
                thread::spawn(move || one.up(up.0, up.1));
                thread::spawn(move || other.down(server, client));
            }
        });
        format!("http://{address}")
    }

    fn up(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut piece = vec![0; 64 << 10];
        while let Ok(read) = from.read(&mut piece) {
            let head = String::from_utf8_lossy(&piece[..read.min(400)]).into_owned();
            let hook = {
                let mut before = self.before.lock().unwrap();
                if before.as_ref().is_some_and(|(needle, _)| head.contains(needle)) { before.take() } else { None }
            };
            if let Some((_, hook)) = hook {
                hook();
            }
            let left = self.breaks.load(Ordering::SeqCst);
            if read == 0 || left < read as u64 {
                self.breaks.store(if left < read as u64 { 0 } else { left }, Ordering::SeqCst);
                let _ = to.shutdown(Shutdown::Both);
                let _ = from.shutdown(Shutdown::Both);
                return;
            }
            if left != u64::MAX {
                self.breaks.store(left - read as u64, Ordering::SeqCst);
            }
            if to.write_all(&piece[..read]).is_err() {
                return;
            }
        }
    }

    fn down(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut piece = vec![0; 64 << 10];
        while let Ok(read @ 1..) = from.read(&mut piece) {
            self.down.fetch_add(read as u64, Ordering::SeqCst);
            if to.write_all(&piece[..read]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    }
}

pub fn each_server(test: impl Fn(&Server)) {
    for kind in [Kind::S3sFs, Kind::Moto] {
        test(&Server::start(kind));
    }
}

#[test]
fn a_long_recording_goes_in_parts_is_read_back_and_is_read_from_there_by_range() {
    each_server(|server| {
        let between = Between::default();
        let house = house(&S3Config { endpoint: Some(between.start(server)), ..server.config(KEY, SECRET) });
        let manifest = house.record("01LONG", LONG);
        assert_eq!(house.vault.uncopied().unwrap(), [id("01LONG")]);
        let bytes = std::fs::read(house.path("01LONG")).unwrap();
        let copied = house.vault.copy(&id("01LONG")).unwrap();
        assert_eq!((copied.bytes, copied.sent), (bytes.len() as u64, bytes.len() as u64));
        assert!(bytes.len() > 8 << 20 && server.get("01LONG").unwrap() == bytes);
        assert_eq!(house.vault.copy(&id("01LONG")).unwrap().sent, 0, "a second time nothing is sent");
        assert!(house.vault.uncopied().unwrap().is_empty());
        assert_eq!(house.vault.evict().unwrap(), bytes.len() as u64);
        assert!(!house.path("01LONG").exists());
        // A jump into the middle.
        between.down.store(0, Ordering::SeqCst);
        let mut reader = house.vault.read(&id("01LONG")).unwrap();
        let mut piece = [0; 1_000];
        reader.read_at(44 + 200 * 32_000, &mut piece).unwrap();
        assert_eq!(piece[..4], [201, 0, 201, 0]);
        let came = between.down.load(Ordering::SeqCst);
        assert!(came < 400 << 10, "{came} bytes came for a jump");
        assert_eq!(house.vault.verify(&id("01LONG"), &manifest).unwrap(), Verdict::Intact);
    });
}

#[test]
fn a_copy_that_broke_off_goes_on_with_the_parts_that_are_missing() {
    each_server(|server| {
        let between = Between::default();
        let house = house(&S3Config { endpoint: Some(between.start(server)), ..server.config(KEY, SECRET) });
        house.record("01BREAK", LONG);
        let bytes = std::fs::read(house.path("01BREAK")).unwrap();
        between.breaks.store((8 << 20) + (64 << 10), Ordering::SeqCst);
        let error = house.vault.copy(&id("01BREAK")).unwrap_err();
        assert!(matches!(error, VaultError::S3(S3Error::Unreachable { .. })), "{error}");
        assert_eq!(house.vault.uncopied().unwrap(), [id("01BREAK")], "it goes on waiting");
        assert!(server.get("01BREAK").is_none());
        assert_eq!(house.vault.evict().unwrap(), 0, "what was not copied stays");
        // The server is still away, and that is no reason to forget what it has.
        let error = house.vault.copy(&id("01BREAK")).unwrap_err();
        assert!(matches!(error, VaultError::S3(S3Error::Unreachable { .. })), "{error}");
        between.breaks.store(u64::MAX, Ordering::SeqCst);
        let copied = house.vault.copy(&id("01BREAK")).unwrap();
        assert_eq!(copied.sent, copied.bytes - (8 << 20), "only what was missing");
        assert!(!house.path("01BREAK").with_extension("upload").exists());
        assert!(server.get("01BREAK").unwrap() == bytes);
    });
}

#[test]
fn a_copy_whose_parts_the_server_forgot_begins_anew() {
    each_server(|server| {
        let house = house(&server.config(KEY, SECRET));
        house.record("01ANEW", LONG);
        let bytes = std::fs::read(house.path("01ANEW")).unwrap();
        let sha256 = {
            use sha2::Digest;
            hex::encode(sha2::Sha256::digest(&bytes))
        };
        let started =
            format!(r#"{{"sha256":"{sha256}","upload":"00000000-0000-4000-8000-000000000000","parts":["\"0123\""]}}"#);
        std::fs::write(house.path("01ANEW").with_extension("upload"), started).unwrap();
        // moto breaks over an upload that it does not know: that may as well be the network.
        let copied = (0..5).find_map(|_| house.vault.copy(&id("01ANEW")).ok()).unwrap();
        assert_eq!(copied.sent, bytes.len() as u64);
        assert!(server.get("01ANEW").unwrap() == bytes);
        assert!(!house.path("01ANEW").with_extension("upload").exists());
    });
}

/// Uploads that were begun on a moto server and are neither complete nor given up.
fn begun(server: &Server) -> usize {
    let url = format!("{}/{}?uploads", server.endpoint, server.bucket);
    let asked = async { reqwest::get(url).await.unwrap().text().await.unwrap() };
    server.runtime.block_on(asked).matches("<UploadId>").count()
}

#[test]
fn x6_what_was_begun_of_a_removed_recordings_copy_is_given_up() {
    let server = Server::start(Kind::Moto);
    let between = Between::default();
    let house = house(&S3Config { endpoint: Some(between.start(&server)), ..server.config(KEY, SECRET) });
    house.record("01HALF", LONG);
    between.breaks.store((8 << 20) + (64 << 10), Ordering::SeqCst);
    house.vault.copy(&id("01HALF")).unwrap_err();
    between.breaks.store(u64::MAX, Ordering::SeqCst);
    assert_eq!(begun(&server), 1);
    let bytes = std::fs::metadata(house.path("01HALF")).unwrap().len();
    let removed = house.vault.remove(&id("01HALF")).unwrap();
    assert_eq!((removed.local_bytes, removed.remote_bytes), (Some(bytes), None));
    assert!(!house.path("01HALF").exists());
    assert_eq!(house.vault.remove(&id("01HALF")).unwrap(), Removed::default(), "a second time does no harm");
    assert_eq!(begun(&server), 0);
    assert!(!house.path("01HALF").with_extension("upload").exists());
    assert!(house.vault.uncopied().unwrap().is_empty());
}

#[test]
fn x6_a_removal_that_fails_leaves_the_recording_waiting_for_its_copy() {
    let server = Server::start(Kind::Moto);
    let between = Between::default();
    let house = house(&S3Config { endpoint: Some(between.start(&server)), ..server.config(KEY, SECRET) });
    let name = id("01FAILS");
    house.record("01FAILS", 1);
    assert_eq!(house.vault.uncopied().unwrap(), std::slice::from_ref(&name));
    between.breaks.store(0, Ordering::SeqCst);
    house.vault.remove(&name).unwrap_err();
    assert!(house.vault.is_there(&name).unwrap(), "its file is");
    assert_eq!(house.vault.uncopied().unwrap(), std::slice::from_ref(&name), "it is copied all the same");
    between.breaks.store(u64::MAX, Ordering::SeqCst);
    house.vault.copy(&name).unwrap();
    assert!(house.vault.uncopied().unwrap().is_empty());
    // The copy went, and then the disk refuses: what is still there needs one again.
    let shelf = house.path("01FAILS");
    let whole = std::fs::read(&shelf).unwrap();
    std::fs::remove_file(&shelf).unwrap();
    std::fs::create_dir(&shelf).unwrap();
    house.vault.remove(&name).unwrap_err();
    assert!(server.get("01FAILS").is_none());
    assert_eq!(house.vault.uncopied().unwrap(), std::slice::from_ref(&name));
    std::fs::remove_dir(&shelf).unwrap();
    std::fs::write(&shelf, whole).unwrap();
    house.vault.copy(&name).unwrap();
    house.vault.remove(&name).unwrap();
    assert!(server.get("01FAILS").is_none() && house.vault.uncopied().unwrap().is_empty());
    assert!(!house.vault.is_there(&name).unwrap());
}

#[test]
fn x6_a_server_or_a_disk_that_does_not_answer_says_neither_that_a_recording_is_there_nor_that_it_is_gone() {
    each_server(|server| {
        let between = Between::default();
        let config = S3Config { endpoint: Some(between.start(server)), ..server.config(KEY, SECRET) };
        let House { folder, vault } = house(&S3Config { keep_local: Some(0), ..config.clone() });
        let house = House { folder, vault };
        let name = id("01THERE");
        house.record("01THERE", 1);
        house.vault.copy(&name).unwrap();
        assert!(house.vault.evict().unwrap() > 0 && house.vault.is_there(&name).unwrap(), "its copy is");
        between.breaks.store(0, Ordering::SeqCst);
        let error = house.vault.is_there(&name).unwrap_err();
        assert!(matches!(error, VaultError::S3(S3Error::Unreachable { .. })), "{error}");
        between.breaks.store(u64::MAX, Ordering::SeqCst);
        house.vault.remove(&name).unwrap();
        assert!(!house.vault.is_there(&name).unwrap(), "now it is known");
        // The disk of the recordings falls away.
        let closed = house.folder.path().join("vault/closed");
        std::fs::rename(&closed, house.folder.path().join("away")).unwrap();
        assert!(matches!(house.vault.is_there(&name), Err(VaultError::Io { .. })));
        std::fs::rename(house.folder.path().join("away"), &closed).unwrap();
        assert!(!house.vault.is_there(&name).unwrap());
    });
}

#[test]
fn x6_no_bucket_is_not_no_copy() {
    let server = Server::start(Kind::Moto);
    let house = house(&S3Config { bucket: "nowhere".into(), ..server.config(KEY, SECRET) });
    let error = house.vault.is_there(&id("01NONE")).unwrap_err();
    assert!(matches!(error, VaultError::S3(S3Error::Refused { .. })), "{error}");
    let manifest = house.record("01HERE", 1);
    let read = house.vault.verify(&id("01NONE"), &manifest);
    assert!(matches!(read, Err(VaultError::S3(S3Error::Refused { .. }))), "a check says neither: {read:?}");
    house.vault.remove(&id("01HERE")).unwrap_err();
    assert!(house.vault.is_there(&id("01HERE")).unwrap(), "it stays with its copy");
}

#[test]
fn x6_a_recording_that_is_removed_while_it_is_copied_does_not_come_back_on_the_server() {
    each_server(|server| {
        for another_process in [false, true] {
            for (seconds, moment) in [(2, "PUT "), (LONG, "POST /vault")] {
                let between = Between::default();
                let House { folder, vault } =
                    house(&S3Config { endpoint: Some(between.start(server)), ..server.config(KEY, SECRET) });
                let house = Arc::new(House { folder, vault });
                let name = format!("01GOES{seconds}{another_process}");
                house.record(&name, seconds);
                // In the same process it waits its turn; another one knows of no turns.
                let (own, gone) = (house.clone(), id(&name));
                let (done, removed) = std::sync::mpsc::channel();
                let remote = server.remote();
                let remover = move || {
                    if another_process {
                        let keys = Arc::new(KeyFile::open(&own.folder.path().join("key")).unwrap());
                        let vault = Vault::open(&own.folder.path().join("vault"), keys, 0).unwrap().with_s3(remote);
                        vault.remove(&gone).unwrap();
                    } else {
                        own.vault.remove(&gone).unwrap();
                    }
                    let _ = done.send(());
                };
                let (waits, waited) = std::sync::mpsc::channel();
                let hook: Hook = Box::new(move || {
                    let thread = thread::spawn(remover);
                    let _ = removed.recv_timeout(std::time::Duration::from_millis(if another_process {
                        60_000
                    } else {
                        300
                    }));
                    waits.send(thread).unwrap();
                });
                *between.before.lock().unwrap() = Some((moment, hook));
                let copied = house.vault.copy(&id(&name));
                waited.recv().unwrap().join().unwrap();
                assert_eq!(matches!(copied, Err(VaultError::Missing(_))), another_process, "{copied:?}");
                assert!(server.get(&name).is_none(), "{name} came back");
                assert!(!house.path(&name).exists() && house.vault.uncopied().unwrap().is_empty());
                let left = std::fs::read_dir(house.path(&name).parent().unwrap()).unwrap().count();
                assert_eq!(left, 0, "nor is anything noted of it");
            }
        }
    });
}

#[test]
fn x2_an_object_that_is_there_is_never_written_over_and_an_equal_one_is_a_copy() {
    each_server(|server| {
        for seconds in [2, LONG] {
            let house = house(&server.config(KEY, SECRET));
            let name = format!("01ONCE{seconds}");
            house.record(&name, seconds);
            let bytes = std::fs::read(house.path(&name)).unwrap();
            let mut other = bytes.clone();
            other[40_000] ^= 1;
            for wrong in [b"another".to_vec(), other] {
                server.put(&name, &wrong);
                let error = house.vault.copy(&id(&name)).unwrap_err();
                assert!(matches!(error, VaultError::S3(S3Error::Differs { .. })), "{error}");
                assert!(error.to_string().contains("not written over"), "{error}");
                assert!(server.get(&name).unwrap() == wrong, "it stays as it was");
                assert_eq!(house.vault.evict().unwrap(), 0);
            }
            server.put(&name, &bytes);
            assert_eq!(house.vault.copy(&id(&name)).unwrap().sent, 0);
        }
    });
}

#[test]
fn x2_an_object_that_arises_while_we_copy_is_not_written_over() {
    each_server(|server| {
        // The one request of a short copy, and the last one of a copy in parts.
        for (seconds, moment) in [(2, "PUT "), (LONG, "POST /vault")] {
            let between = Between::default();
            let house = house(&S3Config { endpoint: Some(between.start(server)), ..server.config(KEY, SECRET) });
            let name = format!("01RACE{seconds}");
            house.record(&name, seconds);
            let outside = (server.outside(), server.runtime.clone(), Server::object(&name));
            let hook: Hook = Box::new(move || {
                let (store, runtime, object) = outside;
                let put =
                    async move { object_store::ObjectStoreExt::put(&store, &object, "somebody else's".into()).await };
                thread::spawn(move || runtime.block_on(put).unwrap()).join().unwrap();
            });
            *between.before.lock().unwrap() = Some((moment, hook));
            let error = house.vault.copy(&id(&name)).unwrap_err();
            assert!(matches!(error, VaultError::S3(S3Error::Differs { .. })), "{error}");
            assert_eq!(server.get(&name).unwrap(), b"somebody else's");
        }
    });
}

#[test]
fn wrong_keys_are_told_with_bucket_and_remedy_and_without_a_secret() {
    let server = Server::start(Kind::S3sFs);
    for (key, secret) in [(KEY, "another-secret"), ("nobody", SECRET)] {
        let house = house(&server.config(key, secret));
        house.record("01KEYS", 1);
        let error = house.vault.copy(&id("01KEYS")).unwrap_err();
        assert!(matches!(error, VaultError::S3(S3Error::Refused { .. })), "{error}");
        let text = format!("{error} {error:?}");
        assert!(text.contains("bucket vault at http://127.0.0.1"), "{text}");
        assert!(text.contains("credentials_file"), "{text}");
        assert!(!text.contains(secret) && !text.contains("Signature="), "{text}");
        assert!(!format!("{:?}", server.config(key, secret)).contains(secret));
    }
    // s3s-fs makes a bucket that is not there.
    let moto = Server::start(Kind::Moto);
    let house = house(&S3Config { bucket: "nowhere".into(), ..moto.config(KEY, SECRET) });
    house.record("01BUCK", 1);
    let text = house.vault.copy(&id("01BUCK")).unwrap_err().to_string();
    assert!(text.contains("nowhere") && text.contains("vault.s3.bucket"), "{text}");
}

#[test]
fn a_server_that_is_away_is_told_and_nothing_is_thrown_out_for_it() {
    let config = {
        let server = Server::start(Kind::S3sFs);
        let config = server.config(KEY, SECRET);
        let credentials = std::fs::read(config.credentials_file.as_ref().unwrap()).unwrap();
        let kept = tempfile::NamedTempFile::new().unwrap().into_temp_path().keep().unwrap();
        std::fs::write(&kept, credentials).unwrap();
        // A port on which nobody listens.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        S3Config { endpoint: Some(format!("http://127.0.0.1:{port}")), credentials_file: Some(kept), ..config }
    };
    let house = house(&config);
    let manifest = house.record("01AWAY", 1);
    let error = house.vault.copy(&id("01AWAY")).unwrap_err();
    assert!(matches!(error, VaultError::S3(S3Error::Unreachable { .. })), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
    assert_eq!(house.vault.evict().unwrap(), 0);
    assert_eq!(house.vault.verify(&id("01AWAY"), &manifest).unwrap(), Verdict::Intact);
    assert!(matches!(house.vault.read(&id("01NONE")), Err(VaultError::S3(_))), "away is not missing");
    std::fs::remove_file(config.credentials_file.unwrap()).unwrap();
}

#[test]
fn the_oldest_go_first_and_only_while_their_copy_is_there() {
    each_server(|server| {
        let house = house(&S3Config { keep_local: Some(80_000), ..server.config(KEY, SECRET) });
        for name in ["01AAA1", "01BBB1", "01CCC1", "01DDD1"] {
            house.record(name, 1);
        }
        assert_eq!(house.vault.uncopied().unwrap().len(), 4);
        assert_eq!(house.vault.evict().unwrap(), 0, "none was copied");
        for name in ["01AAA1", "01BBB1", "01CCC1"] {
            house.vault.copy(&id(name)).unwrap();
        }
        server.delete("01AAA1");
        house.vault.evict().unwrap();
        assert_eq!(house.vault.uncopied().unwrap(), [id("01AAA1"), id("01DDD1")], "what was lost is copied again");
        let there: Vec<bool> = ["01AAA1", "01BBB1", "01CCC1", "01DDD1"].map(|name| house.path(name).exists()).into();
        assert_eq!(there, [true, false, false, true], "one has no copy any more, and one never had");
        // The next start finds what is waiting.
        let keys = Arc::new(KeyFile::open(&house.folder.path().join("key")).unwrap());
        let again = Vault::open(&house.folder.path().join("vault"), keys, 0).unwrap().with_s3(server.remote());
        assert_eq!(again.uncopied().unwrap(), [id("01AAA1"), id("01DDD1")]);
        again.copy(&id("01AAA1")).unwrap();
        assert!(server.get("01AAA1").is_some());
    });
}

#[tokio::test]
async fn a_far_recording_can_be_read_within_a_runtime_and_the_connection_dropped_there() {
    let server = tokio::task::spawn_blocking(|| Server::start(Kind::S3sFs)).await.unwrap();
    let house = house(&server.config(KEY, SECRET));
    let manifest = house.record("01ASYNC", 1);
    house.vault.copy(&id("01ASYNC")).unwrap();
    house.vault.evict().unwrap();
    assert_eq!(house.vault.verify(&id("01ASYNC"), &manifest).unwrap(), Verdict::Intact);
    drop(house);
    drop(server);
}

#[test]
fn x2_a_day_root_is_kept_once_beside_the_copies_and_another_one_is_refused() {
    each_server(|server| {
        let remote = server.remote();
        remote.keep("roots/court/2026-11-27.json", b"root").unwrap();
        remote.keep("roots/court/2026-11-27.json", b"root").unwrap();
        let refused = remote.keep("roots/court/2026-11-27.json", b"another").unwrap_err();
        assert!(matches!(refused, S3Error::Differs { .. }), "{refused}");
        remote.keep("roots/court/2026-11-28.json", b"another").unwrap();
    });
}
