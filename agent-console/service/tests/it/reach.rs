//! What cannot be reached, and what is in no list: neither is lost, and neither stays for ever.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    os::unix::fs::OpenOptionsExt as _,
    sync::{
        Arc, Mutex,
        mpsc::{Sender, channel},
    },
};

use songda_recordings::vault::{
    Vault,
    s3::{Remote, S3Config},
};
use songda_service::{
    evidence::{self, Examiner, Found, HOUSE, Which, files},
    retention::{Class, Deleter, certificates, plan},
};

use crate::{
    decided::TEN_YEARS,
    shelf::{Shelf, flip, shelves},
};

const HOUR_MS: i64 = 3_600_000;

/// A request: its method, its target, and the bytes that it asks for, the last one too.
struct Asked {
    method: String,
    target: String,
    range: Option<(usize, usize)>,
}

/// A server that answers each request as it is told.
fn serve(at: SocketAddr, answer: impl Fn(&Asked) -> Vec<u8> + Send + 'static) {
    let listener = TcpListener::bind(at).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty());
            let first = head.next().unwrap_or_default();
            let mut words = first.split(' ').map(str::to_owned);
            let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let (mut length, mut range) = (0, None);
            for line in head {
                let line = line.to_ascii_lowercase();
                if let Some(bytes) = line.strip_prefix("content-length: ") {
                    length = bytes.parse().unwrap();
                } else if let Some((from, to)) = line.strip_prefix("range: bytes=").and_then(|r| r.split_once('-')) {
                    range = Some((from.parse().unwrap(), to.parse().unwrap()));
                }
            }
            // All of it, or the answer is lost with the connection.
            let _ = std::io::copy(&mut reader.take(length), &mut std::io::sink());
            let _ = stream.write_all(&answer(&Asked { method, target, range }));
        }
    });
}

/// An answer: what stands behind the version of HTTP, and what follows the head.
fn said(head: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {head}Connection: close\r\n\r\n").as_bytes(), body].concat()
}

/// A server that answers a look with this, and everything else with that.
fn server(at: SocketAddr, look: &'static str, else_: &'static str) {
    serve(at, move |asked| said(if asked.method == "HEAD" { look } else { else_ }, b""));
}

const NOTHING: &str = "404 Not Found\r\nContent-Length: 0\r\n";
const THERE: &str = "200 OK\r\nContent-Length: 9\r\nETag: \"1\"\r\nLast-Modified: Wed, 25 Nov 2026 01:00:00 GMT\r\n";
const LOCKED: &str = "403 Forbidden\r\nContent-Length: 0\r\n";

/// A server that has nothing, and says so.
fn empty_server(at: SocketAddr) {
    server(at, NOTHING, NOTHING);
}

/// A server that has nothing, and says so once this is dropped: until then it says nothing.
pub(crate) fn silent_server(at: SocketAddr) -> Sender<()> {
    let (answers, silence) = channel::<()>();
    serve(at, move |_| {
        let _ = silence.recv();
        said(NOTHING, b"")
    });
    answers
}

/// A server that has this one copy, until it is removed.
fn server_with(at: SocketAddr, copy: Vec<u8>) {
    let copy = Mutex::new(Some(copy));
    serve(at, move |asked| {
        let mut copy = copy.lock().unwrap();
        let Some(bytes) = copy.as_ref() else { return said(NOTHING, b"") };
        let about = "ETag: \"1\"\r\nLast-Modified: Wed, 25 Nov 2026 01:00:00 GMT\r\n";
        match (asked.method.as_str(), asked.range) {
            ("HEAD", _) => said(&format!("200 OK\r\nContent-Length: {}\r\n{about}", bytes.len()), b""),
            ("GET", Some((from, to))) => {
                let part = &bytes[from..=to.min(bytes.len() - 1)];
                let range = format!("Content-Range: bytes {from}-{}/{}\r\n", from + part.len() - 1, bytes.len());
                said(&format!("206 Partial Content\r\nContent-Length: {}\r\n{range}{about}", part.len()), part)
            }
            ("DELETE", _) => {
                *copy = None;
                said("204 No Content\r\n", b"")
            }
            _ => said("501 Not Implemented\r\nContent-Length: 0\r\n", b""),
        }
    });
}

impl Shelf {
    /// A recording whose checked copy alone is left of it, which this is.
    fn thrown_out(&self, recording: &str) -> Vec<u8> {
        let place = self.sealed_recording(recording);
        let sealed = std::fs::read(&place).unwrap();
        std::fs::remove_file(&place).unwrap();
        let note = format!(r#"{{"bytes":{},"sha256":"","e_tag":null}}"#, sealed.len());
        std::fs::write(place.with_extension("s3"), note).unwrap();
        sealed
    }

    /// The same recordings with an S3 server behind them, at an address where nobody listens.
    pub(crate) fn behind_s3(&self) -> (Arc<Vault>, SocketAddr) {
        songda_store::http::install_crypto();
        let on = &self.house.on;
        let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let keys = on.folder.join("s3.keys");
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&keys).unwrap();
        file.write_all(b"aws_access_key_id = a\naws_secret_access_key = b\n").unwrap();
        let config = S3Config {
            endpoint: Some(format!("http://{at}")),
            bucket: "vault".into(),
            prefix: "recordings".into(),
            region: "us-east-1".into(),
            credentials_file: Some(keys),
            path_style: true,
            allow_http: false,
            keep_local: Some(0),
        };
        let vault = Vault::open(&on.folder.join("recordings"), self.keys.clone(), 0).unwrap();
        (Arc::new(vault.with_s3(Arc::new(Remote::new(&config).unwrap()))), at)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x6_an_s3_server_that_is_away_for_days_makes_nothing_lost_and_the_deletion_ends_when_it_is_back() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let (served, id) = shelf.approved(TEN_YEARS).await;
        // The checked copy alone is left of the recording, on a server that is away.
        let copy = shelf.thrown_out(&served.recording);
        let (vault, at) = shelf.behind_s3();
        let deleter = Deleter { vault: vault.clone(), ..shelf.deleter() };
        let examiner = Examiner { vault, ..shelf.examiner() };
        let look = async |file: &str| examiner.examine(&shelf.file(file).await, HOUSE).await.unwrap();
        let unread = look(&served.recording).await;
        assert!(matches!(&unread, Found::Unread { reason, .. } if reason.text.contains("bucket vault")), "{unread:?}");
        // The job is tried again and again, for two days.
        for _ in 0..4 {
            let error = deleter.run(&id).await.unwrap_err().to_string();
            assert!(error.contains(&served.recording), "{}: {error}", shelf.engine());
            on.clock.advance(13 * HOUR_MS);
            for gone in [&served.report, &served.document, &served.transcript] {
                assert_eq!(look(gone).await, Found::Going { request: id.clone() }, "{}: no loss", shelf.engine());
            }
            assert!(matches!(look(&served.recording).await, Found::Unread { .. }), "{}: not reached", shelf.engine());
        }
        let marked = evidence::doubts(&on.db, &shelf.house.court, &evidence::Place::START, 9).await.unwrap();
        assert!(marked.is_empty(), "{}: {marked:?}", shelf.engine());
        assert!(certificates(&on.db, &shelf.house.court).await.unwrap().is_empty(), "{}", shelf.engine());
        assert_eq!(shelf.states(&id).await[&served.recording].0, "waiting", "{}: not begun", shelf.engine());
        server_with(at, copy);
        deleter.run(&id).await.unwrap();
        assert_eq!(shelf.certified().await.0.files, 4, "{}", shelf.engine());
        for gone in [&served.report, &served.recording] {
            assert_eq!(look(gone).await, Found::Deleted { request: id.clone() }, "{}", shelf.engine());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x2_a_copy_that_was_lost_while_its_server_was_away_is_a_loss_and_no_deletion() {
    for shelf in shelves().await {
        let (served, id) = shelf.approved(TEN_YEARS).await;
        shelf.thrown_out(&served.recording);
        let (vault, at) = shelf.behind_s3();
        let deleter = Deleter { vault: vault.clone(), ..shelf.deleter() };
        deleter.run(&id).await.unwrap_err();
        empty_server(at);
        deleter.run(&id).await.unwrap();
        let states = shelf.states(&id).await;
        assert_eq!(states[&served.recording], ("kept".into(), "doubt".into()), "{}", shelf.engine());
        assert_eq!(shelf.certified().await.0.files, 3, "{}", shelf.engine());
        let found = Examiner { vault, ..shelf.examiner() }.look(&shelf.file(&served.recording).await).await.unwrap();
        assert!(matches!(found, Found::Missing { .. }), "{}: {found:?}", shelf.engine());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x6_one_recording_whose_removal_the_server_refuses_keeps_no_other_from_going() {
    for shelf in shelves().await {
        let cases = [shelf.case(1).await, shelf.case(2).await];
        for served in &cases {
            shelf.returned(served).await;
        }
        shelf.pass(TEN_YEARS).await;
        let id = shelf.ask(None).await.unwrap();
        shelf.approve(&id).await;
        let (vault, at) = shelf.behind_s3();
        // A bucket policy keeps one object. Asked for many at once a server answers that it did what
        // it was asked for, and says in the text what it did not do.
        let (kept, gone) = (cases[0].recording.clone(), Mutex::new(false));
        serve(at, move |asked| {
            let refused = |key: &str| {
                format!("<Error><Key>{key}</Key><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")
            };
            let mut gone = gone.lock().unwrap();
            match (asked.method.as_str(), asked.target.contains(&kept)) {
                ("HEAD", is_kept) => said(if is_kept || !*gone { THERE } else { NOTHING }, b""),
                ("DELETE", true) => {
                    let body = refused(&kept);
                    said(&format!("403 Forbidden\r\nContent-Length: {}\r\n", body.len()), body.as_bytes())
                }
                ("DELETE", false) => {
                    *gone = true;
                    said("204 No Content\r\n", b"")
                }
                ("POST", _) => {
                    let body = format!("<DeleteResult>{}</DeleteResult>", refused("recordings/a"));
                    said(&format!("200 OK\r\nContent-Length: {}\r\n", body.len()), body.as_bytes())
                }
                _ => said(NOTHING, b""),
            }
        });
        let deleter = Deleter { vault, ..shelf.deleter() };
        deleter.run(&id).await.unwrap();
        let states = shelf.states(&id).await;
        let (state, why) = &states[&cases[0].recording];
        let told = state == "failed" && why.contains("refused to remove a copy (AccessDenied)");
        assert!(told, "{}: {state} {why}", shelf.engine());
        assert_eq!(states[&cases[1].recording].0, "deleted", "{}: {states:?}", shelf.engine());
        assert_eq!(shelf.certified().await.0.files, 7, "{}", shelf.engine());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x6_recordings_wait_for_a_server_that_is_away_and_are_not_given_up_while_all_else_goes() {
    for shelf in shelves().await {
        let cases = [shelf.case(1).await, shelf.case(2).await];
        for served in &cases {
            shelf.returned(served).await;
        }
        shelf.pass(TEN_YEARS).await;
        let id = shelf.ask(None).await.unwrap();
        shelf.approve(&id).await;
        let (vault, at) = shelf.behind_s3();
        let deleter = Deleter { vault, ..shelf.deleter() };
        deleter.run(&id).await.unwrap_err();
        let states = shelf.states(&id).await;
        let of = |file: &String| states[file].0.as_str();
        // Asked for the first of them, and not for each.
        assert_eq!(cases.each_ref().map(|served| of(&served.recording)), ["deleting", "waiting"], "{}", shelf.engine());
        for served in &cases {
            assert!(shelf.sealed_recording(&served.recording).exists(), "{}: with its copy", shelf.engine());
            assert_eq!((of(&served.report), of(&served.transcript)), ("deleted", "deleted"), "{}", shelf.engine());
        }
        empty_server(at);
        deleter.run(&id).await.unwrap();
        assert!(shelf.states(&id).await.values().all(|(state, _)| state == "deleted"), "{}", shelf.engine());
        assert_eq!(shelf.certified().await.0.files, 8, "{}", shelf.engine());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x6_a_recording_that_the_server_keeps_under_a_lock_stays_and_the_deletion_of_all_else_is_certified() {
    for shelf in shelves().await {
        let (served, id) = shelf.approved(TEN_YEARS).await;
        let (vault, at) = shelf.behind_s3();
        server(at, THERE, LOCKED);
        let deleter = Deleter { vault, ..shelf.deleter() };
        deleter.run(&id).await.unwrap();
        let states = shelf.states(&id).await;
        let (state, why) = &states[&served.recording];
        assert!(state == "failed" && why.contains("refused"), "{}: {state} {why}", shelf.engine());
        assert_eq!(states[&served.report].0, "deleted", "{}", shelf.engine());
        assert_eq!(shelf.certified().await.0.files, 3, "{}", shelf.engine());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x6_what_a_recovery_set_aside_of_a_recording_that_stays_is_still_there() {
    for shelf in shelves().await {
        let (served, id) = shelf.approved(TEN_YEARS).await;
        let lost = shelf.house.on.folder.join("recordings/live/lost");
        std::fs::create_dir_all(&lost).unwrap();
        let piece = lost.join(format!("{}-1.from-4096", served.recording));
        std::fs::write(&piece, b"its end").unwrap();
        let (vault, at) = shelf.behind_s3();
        server(at, THERE, LOCKED);
        Deleter { vault, ..shelf.deleter() }.run(&id).await.unwrap();
        assert_eq!(shelf.states(&id).await[&served.recording].0, "failed", "{}", shelf.engine());
        assert!(piece.exists() && shelf.sealed_recording(&served.recording).exists(), "{}", shelf.engine());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x6_nothing_is_certified_as_gone_whose_copy_lies_on_a_server_that_is_named_no_more() {
    let twice = shelves().await.into_iter().map(|shelf| (shelf, true));
    for (shelf, is_here) in twice.chain(shelves().await.into_iter().map(|shelf| (shelf, false))) {
        let (served, id) = shelf.approved(TEN_YEARS).await;
        let place = shelf.sealed_recording(&served.recording);
        let note = place.with_extension("s3");
        std::fs::write(&note, r#"{"bytes":1,"sha256":"","e_tag":null}"#).unwrap();
        // Not here any more: thrown out of the folder once its copy was checked.
        if !is_here {
            std::fs::remove_file(&place).unwrap();
        }
        shelf.deleter().run(&id).await.unwrap();
        let (state, why) = shelf.states(&id).await.remove(&served.recording).unwrap();
        assert!(state == "failed" && why.contains("[vault.s3]"), "{}: {state} {why}", shelf.engine());
        assert!(place.exists() == is_here && note.exists(), "{}", shelf.engine());
        let _ = std::fs::remove_file(&place);
        let found = shelf.examiner().look(&shelf.file(&served.recording).await).await;
        assert!(found.is_err_and(|error| error.to_string().contains("[vault.s3]")), "{}", shelf.engine());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x6_what_was_set_aside_of_a_recording_that_never_was_one_is_in_the_register_and_goes_with_its_case() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let served = shelf.case(1).await;
        // Of a call of the case no block came to the disk, of a caller neither, and of one whom nobody knows.
        let recording = songda_store::new_id();
        let call = &shelf.file(&served.recording).await.owner_id;
        let caller = shelf.file(&shelf.caller("dismissed").await).await.owner_id;
        let second = songda_store::new_id();
        for (sql, recording, call) in [
            ("UPDATE calls SET recording_id = $1 WHERE id = $2", &recording, call),
            ("UPDATE inbound_calls SET recording_id = $1 WHERE id = $2", &second, &caller),
        ] {
            sqlx::query(sql).bind(recording).bind(call).execute(on.db.read()).await.unwrap();
        }
        let lost = on.folder.join("recordings/live/lost");
        std::fs::create_dir_all(&lost).unwrap();
        let names = [format!("{recording}-1.sdv"), format!("{second}-1.sdv")];
        for name in &names {
            std::fs::write(lost.join(name), format!("sealed {name}")).unwrap();
        }
        std::fs::write(lost.join("01NOBODY-1.sdv"), b"of another house").unwrap();
        // One of a recording that is in the books goes with that.
        std::fs::write(lost.join(format!("{}-1.from-4096", served.recording)), b"its end").unwrap();
        assert_eq!(shelf.examiner().enter_set_aside().await.unwrap(), 2, "{}", shelf.engine());
        assert_eq!(shelf.examiner().enter_set_aside().await.unwrap(), 0, "{}: once", shelf.engine());
        assert_eq!(shelf.audited("evidence.enter_set_aside").await.len(), 2, "{}", shelf.engine());
        let id = format!("L{}", names[0]);
        let file = shelf.file(&id).await;
        assert_eq!((file.kind.as_str(), &file.case_number), ("set_aside", &served.number), "{}", shelf.engine());
        let of_case = files(&on.db, Which::Case(&served.case)).await.unwrap();
        assert!(of_case.iter().any(|of_case| of_case.id == id), "{}", shelf.engine());
        let look = async || shelf.examiner().look(&shelf.file(&id).await).await.unwrap();
        assert_eq!(look().await, Found::Intact, "{}", shelf.engine());
        flip(&lost.join(&names[0]));
        assert!(matches!(look().await, Found::Altered { .. }), "{}", shelf.engine());
        flip(&lost.join(&names[0]));
        shelf.returned(&served).await;
        shelf.pass(TEN_YEARS).await;
        let would_go = plan(&on.db, &on.clock, &shelf.house.court, None).await.unwrap();
        let classes: Vec<Class> =
            would_go.items.iter().filter(|item| item.file.kind == "set_aside").map(|item| item.class).collect();
        assert_eq!(classes.len(), 2, "{}: {classes:?}", shelf.engine());
        assert!(classes.contains(&Class::Recording) && classes.contains(&Class::Caller));
        let request = shelf.ask(None).await.unwrap();
        shelf.approve(&request).await;
        shelf.deleter().run(&request).await.unwrap();
        assert!(names.iter().all(|name| !lost.join(name).exists()), "{}", shelf.engine());
        assert!(lost.join("01NOBODY-1.sdv").exists(), "{}: nobody decided about that", shelf.engine());
        assert_eq!(look().await, Found::Deleted { request: request.clone() }, "{}", shelf.engine());
        let (_, told) = shelf.certified().await;
        let listed = told["files"].as_array().unwrap().iter().find(|listed| listed["file"] == id.as_str()).unwrap();
        assert_eq!(listed["sha256"], file.sha256.as_str(), "{}", shelf.engine());
        std::fs::write(lost.join(&names[0]), b"back").unwrap();
        assert!(matches!(look().await, Found::Altered { .. }), "{}: it is there again", shelf.engine());
    }
}
