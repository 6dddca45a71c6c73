//! Day roots on the S3 server (X2): one that fails keeps no other back.

use std::{
    collections::HashMap,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

use songda_people::courts;
use songda_recordings::vault::{
    Vault,
    s3::{Remote, S3Config},
};
use songda_service::evidence::Roots;
use songda_store::http;

use crate::shelf::{DAY_MS, Shelf, shelves};

const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;

/// What the server does with the one root that it does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Well,
    /// It answers 500, as one does whose disk has a bad place.
    Broken,
    /// It answers 403, as to an object under a lock.
    Refuses,
    /// It holds another one.
    Differs,
    /// It hangs up, as a line does over which one answer does not come.
    HangsUp,
}

#[derive(Clone)]
struct Server {
    objects: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    /// A piece of the name of the object that it does not take.
    unwanted: Arc<Mutex<(String, Manner)>>,
}

impl Server {
    fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { objects: Arc::default(), unwanted: Arc::new(Mutex::new((String::new(), Manner::Well))) };
        let own = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = own.answer(stream);
            }
        });
        (server, at)
    }

    fn does(&self, name: &str, manner: Manner) {
        *self.unwanted.lock().unwrap() = (name.to_owned(), manner);
    }

    fn holds(&self) -> Vec<String> {
        let mut names: Vec<String> = self.objects.lock().unwrap().keys().cloned().collect();
        names.sort();
        names
    }

    fn answer(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut input = BufReader::new(stream.try_clone()?);
        let (mut lines, mut line) = (Vec::new(), String::new());
        while input.read_line(&mut line)? > 2 {
            lines.push(line.trim_end().to_owned());
            line.clear();
        }
        let length = lines.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        input.read_exact(&mut body)?;
        let mut words = lines[0].split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default().to_owned());
        let (name, manner) = self.unwanted.lock().unwrap().clone();
        let manner = if path.contains(&name) { manner } else { Manner::Well };
        let mut objects = self.objects.lock().unwrap();
        let about = "ETag: \"1\"\r\nLast-Modified: Fri, 27 Nov 2026 00:00:00 GMT\r\nConnection: close\r\n";
        let mut say = |status: &str, body: &[u8]| {
            write!(stream, "HTTP/1.1 {status}\r\n{about}Content-Length: {}\r\n\r\n", body.len())?;
            stream.write_all(body)
        };
        match (manner, method, objects.contains_key(&path)) {
            (Manner::HangsUp, ..) => Ok(()),
            (Manner::Broken, ..) => say("500 Internal Server Error", b""),
            (Manner::Refuses, ..) => say("403 Forbidden", b"<Error><Code>AccessDenied</Code></Error>"),
            (Manner::Differs, "PUT", _) | (Manner::Well, "PUT", true) => say("412 Precondition Failed", b""),
            (Manner::Differs, ..) => say("200 OK", b"{}"),
            (Manner::Well, "PUT", false) => {
                objects.insert(path, body);
                say("200 OK", b"")
            }
            (Manner::Well, _, true) => {
                let held = objects[&path].clone();
                say("200 OK", &held)
            }
            (Manner::Well, ..) => say("404 Not Found", b""),
        }
    }
}

fn roots(shelf: &Shelf, folder: &Path, endpoint: &str) -> Roots {
    http::install_crypto();
    let keys = folder.join("s3.keys");
    let mut made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&keys).unwrap();
    made.write_all(b"aws_access_key_id = a\naws_secret_access_key = b\n").unwrap();
    let config = S3Config {
        endpoint: Some(endpoint.to_owned()),
        bucket: "vault".into(),
        prefix: "house".into(),
        region: "us-east-1".into(),
        credentials_file: Some(keys),
        path_style: true,
        allow_http: false,
        keep_local: None,
    };
    let vault = Vault::open(&folder.join("recordings"), shelf.keys.clone(), 0).unwrap();
    Roots { vault: Arc::new(vault.with_s3(Arc::new(Remote::new(&config).unwrap()))), ..shelf.roots() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x2_one_root_that_the_s3_server_does_not_take_keeps_no_other_from_it_and_is_named() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        let mut tx = on.db.begin().await.unwrap();
        let other = courts::create(&mut tx, &on.clock, "陕0103", "碑林区人民法院", true).await.unwrap().id;
        tx.commit().await.unwrap();
        on.clock.advance(3 * DAY_MS);
        assert_eq!(shelf.roots().make_due(HOUR_MS).await.unwrap(), 6, "{}", shelf.engine());
        // Whichever is asked first: the first day of either court, and the last.
        let first = format!("{}/2026-11-23", shelf.house.court);
        for (no, bad) in [first, format!("{other}/2026-11-23"), format!("{other}/2026-11-25")].iter().enumerate() {
            for manner in [Manner::Broken, Manner::Refuses, Manner::Differs] {
                let folder = on.folder.join(format!("far-{no}-{manner:?}"));
                std::fs::create_dir(&folder).unwrap();
                let (server, at) = Server::start();
                let roots = Roots { folder: folder.join("roots"), ..roots(&shelf, &folder, &at) };
                server.does(bad, manner);
                let told = roots.complete_far().await.unwrap_err().to_string();
                let (court, day) = bad.split_once('/').unwrap();
                assert!(told.contains(court) && told.contains(day), "{}: it is named: {told}", shelf.engine());
                let held = server.holds();
                assert!(
                    held.len() == 5 && !held.iter().any(|name| name.contains(bad.as_str())),
                    "{} {bad} {manner:?}: every other is there: {held:?}",
                    shelf.engine()
                );
                // Again it is the one that is owed, and it is copied once the server takes it.
                roots.complete_far().await.unwrap_err();
                server.does("", Manner::Well);
                assert_eq!(roots.complete_far().await.unwrap(), 1, "{} {bad} {manner:?}", shelf.engine());
                assert_eq!((server.holds().len(), roots.complete_far().await.unwrap()), (6, 0));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x2_a_line_that_breaks_over_one_root_keeps_no_other_from_the_s3_server_for_longer_than_its_turn() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        on.clock.advance(3 * DAY_MS);
        assert_eq!(shelf.roots().make_due(HOUR_MS).await.unwrap(), 3, "{}", shelf.engine());
        let (server, at) = Server::start();
        let roots = roots(&shelf, &on.folder, &at);
        server.does("2026-11-23", Manner::HangsUp);
        // A minute each, as the house does: whoever was behind it is first in one of them.
        for _ in 0..3 {
            roots.complete_far().await.unwrap_err();
            on.clock.advance(MINUTE_MS);
        }
        let held = server.holds();
        assert!(
            held.len() == 2 && !held.iter().any(|name| name.contains("2026-11-23")),
            "{}: {held:?}",
            shelf.engine()
        );
        server.does("", Manner::Well);
        assert_eq!(roots.complete_far().await.unwrap(), 1, "{}", shelf.engine());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x2_a_root_that_was_replaced_on_the_s3_server_is_told_and_another_bucket_gets_all_of_them() {
    for shelf in shelves().await {
        let on = &shelf.house.on;
        on.clock.advance(3 * DAY_MS);
        assert_eq!(shelf.roots().make_due(HOUR_MS).await.unwrap(), 3, "{}", shelf.engine());
        let (server, at) = Server::start();
        let here = roots(&shelf, &on.folder, &at);
        assert_eq!((here.complete_far().await.unwrap(), here.complete_far().await.unwrap()), (3, 0));
        let right = server.objects.lock().unwrap().clone();
        let replaced = right.keys().find(|name| name.contains("2026-11-24")).unwrap().clone();
        server.objects.lock().unwrap().insert(replaced, b"{}".to_vec());
        // One is compared a minute, and what was found is told from then on.
        let mut told = String::new();
        for _ in 0..3 {
            told = here.complete_far().await.err().map_or(told, |error| error.to_string());
            on.clock.advance(MINUTE_MS);
        }
        assert!(told.contains("2026-11-24"), "{}: {told}", shelf.engine());
        assert!(here.complete_far().await.is_err() && here.complete_far().await.is_err(), "{}", shelf.engine());
        *server.objects.lock().unwrap() = right.clone();
        assert_eq!(here.complete_far().await.unwrap(), 1, "{}", shelf.engine());
        // One that the server does not give keeps no other from its turn.
        for no in ["2026-11-23", "2026-11-25"] {
            server.does(no, Manner::Refuses);
            let replaced = right.keys().find(|name| name.contains("2026-11-24")).unwrap().clone();
            server.objects.lock().unwrap().insert(replaced, b"{}".to_vec());
            let mut told = Vec::new();
            for _ in 0..3 {
                told.extend(here.complete_far().await.err().map(|error| error.to_string()));
            }
            assert!(told.iter().any(|text| text.contains("2026-11-24")), "{} {no}: {told:?}", shelf.engine());
            server.does("", Manner::Well);
            *server.objects.lock().unwrap() = right.clone();
            here.complete_far().await.unwrap();
        }
        // A bucket elsewhere has none of them yet, whatever was marked.
        let (elsewhere, at) = Server::start();
        let folder = on.folder.join("elsewhere");
        std::fs::create_dir(&folder).unwrap();
        let there = Roots { folder: here.folder.clone(), ..roots(&shelf, &folder, &at) };
        assert_eq!((there.complete_far().await.unwrap(), elsewhere.holds().len()), (3, 3), "{}", shelf.engine());
    }
}
