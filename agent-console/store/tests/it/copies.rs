//! Copies of recordings that stay away, and a disk that is slow: who is told, and when it is over.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{Arc, Condvar, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use songda_recordings::{
    keys::KeyFile,
    vault::{
        BLOCK_FRAMES, BlockFile, RecordingId, Vault,
        s3::{Remote, S3Config},
    },
};
use songda_store::{
    alarms,
    copies::{Copier, Copies},
    http,
    syncs::Watch,
    testing::{Fixture, databases},
};
use tokio_util::sync::CancellationToken;

type Objects = Arc<Mutex<HashMap<String, Vec<u8>>>>;

/// What the server holds of an object with which it breaks.
const BROKEN: &[u8] = b"broken";

/// Answers as an S3 server does to what the copier asks; the vault's own suite runs on real ones.
fn serve(at: SocketAddr) -> Objects {
    let listener = TcpListener::bind(at).unwrap();
    let objects = Objects::default();
    let own = objects.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = answer(stream, &mut own.lock().unwrap());
        }
    });
    objects
}

fn answer(stream: TcpStream, objects: &mut HashMap<String, Vec<u8>>) -> io::Result<()> {
    let mut input = BufReader::new(stream.try_clone()?);
    let (mut lines, mut line) = (Vec::new(), String::new());
    while input.read_line(&mut line)? > 2 {
        lines.push(line.trim_end().to_lowercase());
        line.clear();
    }
    let value = |name: &str| lines.iter().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
    let mut body = vec![0; value("content-length: ").parse().unwrap_or(0)];
    input.read_exact(&mut body)?;
    let mut words = lines[0].split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default().to_owned());
    let mut stream = stream;
    let about = "ETag: \"1\"\r\nLast-Modified: Fri, 27 Nov 2026 00:00:00 GMT\r\nConnection: close\r\n";
    match (method, objects.get(&path)) {
        (_, Some(held)) if held == BROKEN => {
            write!(stream, "HTTP/1.1 500 Internal Server Error\r\n{about}Content-Length: 0\r\n\r\n")
        }
        ("put", _) => {
            objects.insert(path, body);
            write!(stream, "HTTP/1.1 200 OK\r\n{about}Content-Length: 0\r\n\r\n")
        }
        (_, None) => write!(stream, "HTTP/1.1 404 Not Found\r\n{about}Content-Length: 0\r\n\r\n"),
        ("head", Some(held)) => write!(stream, "HTTP/1.1 200 OK\r\n{about}Content-Length: {}\r\n\r\n", held.len()),
        (_, Some(held)) => {
            let last = held.len() - 1;
            write!(
                stream,
                "HTTP/1.1 206 Partial Content\r\n{about}Content-Range: bytes 0-{last}/{}\r\nContent-Length: {}\r\n\r\n",
                held.len(),
                held.len()
            )?;
            stream.write_all(held)
        }
    }
}

fn vault(folder: &Path) -> Vault {
    let keys = Arc::new(KeyFile::create(&folder.join("vault.key")).unwrap());
    Vault::open(&folder.join("recordings"), keys, 0).unwrap()
}

fn record(vault: &Vault, name: &str) -> RecordingId {
    let id = RecordingId::new(name).unwrap();
    let mut writer = vault.begin(&id, 0).unwrap();
    writer.append(&vec![1; BLOCK_FRAMES * 2]).unwrap();
    writer.finish(Vec::new()).unwrap();
    id
}

fn remote(house: &Fixture, at: SocketAddr) -> Arc<Remote> {
    remote_keeping(house, at, Some(0))
}

fn remote_keeping(house: &Fixture, at: SocketAddr, keep_local: Option<u64>) -> Arc<Remote> {
    http::install_crypto();
    let file = house.folder.join("s3.keys");
    let mut made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file).unwrap();
    made.write_all(b"aws_access_key_id = a\naws_secret_access_key = b\n").unwrap();
    let config = S3Config {
        endpoint: Some(format!("http://{at}")),
        bucket: "vault".into(),
        prefix: "recordings".into(),
        region: "us-east-1".into(),
        credentials_file: Some(file),
        path_style: true,
        allow_http: false,
        keep_local,
    };
    Arc::new(Remote::new(&config).unwrap())
}

async fn open_alarms(house: &Fixture) -> Vec<String> {
    alarms::open(&house.db).await.unwrap().into_iter().map(|alarm| alarm.kind).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_that_fail_for_a_quarter_of_an_hour_are_told_until_one_succeeds() {
    for house in databases().await.unwrap() {
        // Nobody listens there yet.
        let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let vault = Arc::new(vault(&house.folder).with_s3(remote(&house, at)));
        let id = record(&vault, "01WAITS");
        let copies = Copies::default();
        let mut copier = Copier::new(house.db.clone(), house.clock.clone(), vault.clone(), copies.clone());
        let cancel = CancellationToken::new();
        copier.round(&cancel).await.unwrap();
        let standing = copies.standing();
        assert_eq!(standing.waiting, 1);
        let (since, why) = standing.failing.clone().unwrap();
        assert!(since == house.clock.now_ms() && why.text.contains("bucket vault"), "{why}");
        assert!(!standing.is_late(house.clock.now_ms()) && open_alarms(&house).await.is_empty());
        // Not before its time.
        serve(at);
        copier.round(&cancel).await.unwrap();
        assert_eq!(copies.standing().waiting, 1, "it waits a little after a failure");
        house.clock.advance(20_000);
        copier.round(&cancel).await.unwrap();
        assert_eq!((copies.standing().waiting, copies.standing().failing), (0, None), "{}", house.engine);
        assert!(vault.uncopied().unwrap().is_empty());
        assert_eq!(vault.read(&id).unwrap().frames(), BLOCK_FRAMES as u64, "it is read from there");
        assert!(!house.folder.join("recordings/closed/01WAI/01WAITS.sdv").exists(), "no more are to stay here");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stays_away_raises_one_alarm_which_the_next_copy_clears() {
    for house in databases().await.unwrap() {
        let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let vault = Arc::new(vault(&house.folder).with_s3(remote(&house, at)));
        record(&vault, "01WAITS");
        let copies = Copies::default();
        let mut copier = Copier::new(house.db.clone(), house.clock.clone(), vault.clone(), copies.clone());
        let cancel = CancellationToken::new();
        copier.round(&cancel).await.unwrap();
        house.clock.advance(16 * 60_000);
        copier.round(&cancel).await.unwrap();
        assert!(copies.standing().is_late(house.clock.now_ms()));
        assert_eq!(open_alarms(&house).await, ["vault.copies_late"], "{}", house.engine);
        serve(at);
        house.clock.advance(60 * 60_000);
        copier.round(&cancel).await.unwrap();
        assert!(open_alarms(&house).await.is_empty(), "{}", house.engine);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x2_a_damaged_recording_keeps_no_other_from_being_copied_and_is_told_until_it_was_put_back() {
    for house in databases().await.unwrap() {
        let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        serve(at);
        let vault = Arc::new(vault(&house.folder).with_s3(remote(&house, at)));
        // A byte of the key in its header, one of its sound, and one that the disk does not give.
        let rotten = ["01AKEY", "01AROT", "01BDIR"].map(|name| record(&vault, name));
        record(&vault, "01WELL");
        let whole = rotten.each_ref().map(|id| std::fs::read(vault.path(id)).unwrap());
        for (place, at) in [(0, 25), (1, whole[1].len() / 2)] {
            let mut bytes = whole[place].clone();
            bytes[at] ^= 1;
            std::fs::write(vault.path(&rotten[place]), bytes).unwrap();
        }
        std::fs::remove_file(vault.path(&rotten[2])).unwrap();
        std::fs::create_dir(vault.path(&rotten[2])).unwrap();
        let copies = Copies::default();
        let mut copier = Copier::new(house.db.clone(), house.clock.clone(), vault.clone(), copies.clone());
        let cancel = CancellationToken::new();
        copier.round(&cancel).await.unwrap();
        assert_eq!(vault.uncopied().unwrap(), rotten, "{}: the other one is copied", house.engine);
        assert_eq!(copies.standing().failing, None, "{}: nothing is wrong with the server", house.engine);
        assert_eq!(open_alarms(&house).await, ["recording.copy_damaged"; 3], "{}", house.engine);
        let told: Vec<String> =
            alarms::open(&house.db).await.unwrap().into_iter().map(|alarm| alarm.said.text).collect();
        for id in &rotten {
            assert!(told.iter().any(|text| text.contains(id.as_str())), "{}: it is named: {told:?}", house.engine);
        }
        // Put back from the backup.
        std::fs::remove_dir(vault.path(&rotten[2])).unwrap();
        for (id, whole) in rotten.iter().zip(&whole) {
            std::fs::write(vault.path(id), whole).unwrap();
        }
        house.clock.advance(10 * 60_000);
        copier.round(&cancel).await.unwrap();
        assert!(vault.uncopied().unwrap().is_empty(), "{}", house.engine);
        assert!(open_alarms(&house).await.is_empty(), "{}", house.engine);
    }
}

/// Makes the copies, over and over for so many minutes.
async fn for_minutes(minutes: i64, house: &Fixture, copier: &mut Copier) {
    for _ in 0..minutes {
        copier.round(&CancellationToken::new()).await.unwrap();
        house.clock.advance(60_000);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x2_one_recording_that_the_server_does_not_take_keeps_no_other_from_its_copy_and_is_told() {
    for house in databases().await.unwrap() {
        let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let objects = serve(at);
        // As it is in some servers: no file can lie where a folder is. Any request about it fails.
        objects.lock().unwrap().insert("/vault/recordings/01bad/01bad.sdv".into(), BROKEN.into());
        let vault = Arc::new(vault(&house.folder).with_s3(remote(&house, at)));
        let bad = record(&vault, "01BAD");
        record(&vault, "01WELL");
        let copies = Copies::default();
        let mut copier = Copier::new(house.db.clone(), house.clock.clone(), vault.clone(), copies.clone());
        for_minutes(1, &house, &mut copier).await;
        assert_eq!(vault.uncopied().unwrap(), std::slice::from_ref(&bad), "{}: the other is there", house.engine);
        let standing = copies.standing();
        assert_eq!((standing.waiting, standing.differing), (1, 0));
        let (since, why) = standing.failing.clone().unwrap();
        assert!(why.text.contains("bucket vault"), "{}: {why}", house.engine);
        assert!(open_alarms(&house).await.is_empty(), "not yet");
        // A new one is copied at once, though the first goes on failing, which is told in the end.
        record(&vault, "01ZNEW");
        for_minutes(1, &house, &mut copier).await;
        assert_eq!(vault.uncopied().unwrap(), std::slice::from_ref(&bad), "{}", house.engine);
        for_minutes(30, &house, &mut copier).await;
        assert_eq!(copies.standing().failing.unwrap().0, since, "{}: since when", house.engine);
        assert_eq!(open_alarms(&house).await, ["vault.copies_late"], "{}", house.engine);
        let told = alarms::open(&house.db).await.unwrap().remove(0);
        assert!(told.times < 10, "{}: not each time that it is looked: {}", house.engine, told.times);
        objects.lock().unwrap().remove("/vault/recordings/01bad/01bad.sdv");
        for_minutes(11, &house, &mut copier).await;
        assert_eq!((copies.standing().waiting, copies.standing().failing), (0, None), "{}", house.engine);
        assert!(open_alarms(&house).await.is_empty(), "{}", house.engine);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x2_a_copy_that_the_server_lost_is_asked_for_and_made_again() {
    for house in databases().await.unwrap() {
        let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let objects = serve(at);
        let vault = Arc::new(vault(&house.folder).with_s3(remote_keeping(&house, at, None)));
        record(&vault, "01LOST");
        let mut copier = Copier::new(house.db.clone(), house.clock.clone(), vault.clone(), Copies::default());
        let cancel = CancellationToken::new();
        copier.round(&cancel).await.unwrap();
        let copied = objects.lock().unwrap().clone();
        assert_eq!(copied.len(), 1, "{}", house.engine);
        objects.lock().unwrap().clear();
        copier.round(&cancel).await.unwrap();
        assert!(vault.uncopied().unwrap().is_empty(), "{}: the server is not asked all the time", house.engine);
        house.clock.advance(10 * 60_000);
        copier.round(&cancel).await.unwrap();
        copier.round(&cancel).await.unwrap();
        assert!(*objects.lock().unwrap() == copied, "{}: the very same", house.engine);
        assert!(vault.uncopied().unwrap().is_empty() && open_alarms(&house).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x2_a_checked_copy_that_somebody_replaced_is_told_until_it_is_the_right_one_again() {
    for house in databases().await.unwrap() {
        let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let objects = serve(at);
        let vault = Arc::new(vault(&house.folder).with_s3(remote_keeping(&house, at, None)));
        let id = record(&vault, "01OTHER");
        let copies = Copies::default();
        let copier = || Copier::new(house.db.clone(), house.clock.clone(), vault.clone(), copies.clone());
        let (mut own, cancel) = (copier(), CancellationToken::new());
        own.round(&cancel).await.unwrap();
        let right = objects.lock().unwrap().clone();
        for held in objects.lock().unwrap().values_mut() {
            held.push(0);
        }
        for _ in 0..2 {
            house.clock.advance(10 * 60_000);
            own.round(&cancel).await.unwrap();
            let open = alarms::open(&house.db).await.unwrap();
            assert_eq!(open.len(), 1, "{}: told once", house.engine);
            assert_eq!((open[0].kind.as_str(), open[0].object_id.as_str()), ("recording.copy_differs", id.as_str()));
            assert_eq!((copies.standing().differing, copies.standing().failing), (1, None), "{}", house.engine);
            own.round(&cancel).await.unwrap();
        }
        // Another run sees that it was put right.
        *objects.lock().unwrap() = right;
        house.clock.advance(10 * 60_000);
        copier().round(&cancel).await.unwrap();
        assert!(open_alarms(&house).await.is_empty(), "{}", house.engine);
        assert_eq!(copies.standing().differing, 0, "{}", house.engine);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_removed_waits_for_no_copy_and_nobody_is_told_of_it_any_more() {
    for house in databases().await.unwrap() {
        // Nobody listens there.
        let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let vault = Arc::new(vault(&house.folder).with_s3(remote(&house, at)));
        record(&vault, "01GONE");
        let rotten = record(&vault, "01AROT");
        let place = |name: &str| {
            house.folder.join("recordings/closed").join(&name[..5.min(name.len())]).join(format!("{name}.sdv"))
        };
        let mut bytes = std::fs::read(place("01AROT")).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(place("01AROT"), bytes).unwrap();
        let copies = Copies::default();
        let mut copier = Copier::new(house.db.clone(), house.clock.clone(), vault.clone(), copies.clone());
        let cancel = CancellationToken::new();
        copier.round(&cancel).await.unwrap();
        house.clock.advance(16 * 60_000);
        copier.round(&cancel).await.unwrap();
        assert!(copies.standing().is_late(house.clock.now_ms()), "{}", house.engine);
        let told: std::collections::BTreeSet<String> = open_alarms(&house).await.into_iter().collect();
        let wanted = ["recording.copy_damaged", "vault.copies_late"].map(str::to_owned);
        assert_eq!(told, wanted.into_iter().collect(), "{}", house.engine);
        // Their time was over, and the server knew of neither.
        serve(at);
        for id in [&rotten, &RecordingId::new("01GONE").unwrap()] {
            vault.remove(id).unwrap();
        }
        house.clock.advance(60 * 60_000);
        copier.round(&cancel).await.unwrap();
        assert_eq!((copies.standing().waiting, copies.standing().failing), (0, None), "{}", house.engine);
        assert!(open_alarms(&house).await.is_empty(), "{}", house.engine);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_say_what_it_has_is_asked_again_and_counts_as_well_only_when_it_answers() {
    for house in databases().await.unwrap() {
        let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let vault = Arc::new(vault(&house.folder).with_s3(remote_keeping(&house, at, None)));
        record(&vault, "01ASKED");
        // Copied by an earlier run; nobody listens now.
        let note = r#"{"bytes":1,"sha256":"","e_tag":null}"#;
        std::fs::write(house.folder.join("recordings/closed/01ASK/01ASKED.s3"), note).unwrap();
        let copies = Copies::default();
        let mut copier = Copier::new(house.db.clone(), house.clock.clone(), vault.clone(), copies.clone());
        let cancel = CancellationToken::new();
        for _ in 0..2 {
            copier.round(&cancel).await.unwrap();
            assert!(copies.standing().failing.is_some(), "{}: with nothing that waits", house.engine);
            house.clock.advance(11 * 60_000);
        }
        serve(at).lock().unwrap().insert("/vault/recordings/01ask/01asked.sdv".into(), vec![1]);
        copier.round(&cancel).await.unwrap();
        assert_eq!(copies.standing().failing, None, "{}", house.engine);
    }
}

/// A disk whose syncs stand still until they are let go.
struct Stuck {
    file: File,
    began: mpsc::Sender<()>,
    gate: Arc<(Mutex<bool>, Condvar)>,
}

impl BlockFile for Stuck {
    fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        let _ = self.began.send(());
        let open = self.gate.0.lock().unwrap();
        drop(self.gate.1.wait_while(open, |open| !*open).unwrap());
        self.file.sync()
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.file.cut(length)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e52_a_sync_of_more_than_a_second_is_told_while_it_lasts_and_cleared_when_the_disk_is_well() {
    for house in databases().await.unwrap() {
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        let (own, (began, begins)) = (gate.clone(), mpsc::channel());
        let stuck =
            move |file| -> Arc<dyn BlockFile> { Arc::new(Stuck { file, began: began.clone(), gate: own.clone() }) };
        let vault = vault(&house.folder).with_files(stuck);
        let vault = Arc::new(vault);
        let mut watch = Watch::new(house.db.clone(), house.clock.clone(), vault.clone());
        watch.look(Instant::now()).await.unwrap();
        assert!(open_alarms(&house).await.is_empty());
        let mut writer = vault.begin(&RecordingId::new("01SLOW").unwrap(), 0).unwrap();
        writer.put(&vec![1; BLOCK_FRAMES * 2]).unwrap();
        // It has begun, and does not return.
        begins.recv().unwrap();
        watch.look(Instant::now() + Duration::from_secs(2)).await.unwrap();
        assert_eq!(open_alarms(&house).await, ["vault.slow_disk"], "{}", house.engine);
        *gate.0.lock().unwrap() = true;
        gate.1.notify_all();
        writer.append(&vec![1; BLOCK_FRAMES * 2]).unwrap();
        vault.slowest_sync(Instant::now());
        house.clock.advance(30_000);
        watch.look(Instant::now()).await.unwrap();
        assert_eq!(open_alarms(&house).await, ["vault.slow_disk"], "a minute without a slow one");
        house.clock.advance(31_000);
        watch.look(Instant::now()).await.unwrap();
        assert!(open_alarms(&house).await.is_empty());
    }
}
