//! S3 servers on this machine: moto, which knows conditions and parts, and s3s-fs, which checks
//! signatures.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Command, Stdio},
    sync::{Arc, OnceLock},
};

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use object_store::{
    ObjectStore, ObjectStoreExt as _, PutPayload,
    aws::{AmazonS3, AmazonS3Builder},
    path::Path,
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use songda_recordings::vault::s3::{Remote, S3Config};
use tokio::{net::TcpListener, runtime::Runtime};

pub const KEY: &str = "songda-test";
pub const SECRET: &str = "a-secret-that-is-never-shown";
const BUCKET: &str = "vault";

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Moto,
    S3sFs,
}

/// A server, or a bucket of one, of this test alone.
pub struct Server {
    pub endpoint: String,
    pub bucket: String,
    folder: tempfile::TempDir,
    pub runtime: Arc<Runtime>,
}

/// The runtime on which s3s-fs answers, and on which tests ask.
fn runtime() -> Arc<Runtime> {
    static RUNTIME: OnceLock<Arc<Runtime>> = OnceLock::new();
    RUNTIME.get_or_init(|| Arc::new(Runtime::new().unwrap())).clone()
}

/// Moto ends when the pipe to its standard input does, and that ends with this process.
const MOTO: &str = "
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
";

fn moto() -> SocketAddr {
    static MOTO_AT: OnceLock<SocketAddr> = OnceLock::new();
    *MOTO_AT.get_or_init(|| {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        let folder = Command::new(root.join("scripts/moto")).output().unwrap();
        let folder = String::from_utf8(folder.stdout).unwrap();
        let python = PathBuf::from(folder.trim()).join("bin/python");
        assert!(python.exists(), "scripts/moto installs the S3 server of the tests");
        let mut server = Command::new(python);
        server.args(["-c", MOTO]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = server.spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        // Its input stays open as long as this process lives.
        std::mem::forget(child);
        format!("127.0.0.1:{}", port.trim()).parse().unwrap()
    })
}

/// Serves a folder with s3s-fs.
fn s3s_fs(root: &std::path::Path, runtime: &Runtime) -> SocketAddr {
    let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root).unwrap());
    service.set_auth(SimpleAuth::from_single(KEY, SECRET));
    let service = service.build();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

impl Server {
    pub fn start(kind: Kind) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
        let (address, bucket) = match kind {
            Kind::Moto => {
                static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
                let bucket = format!("{BUCKET}-{}", COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
                let address = moto();
                let url = format!("http://{address}/{bucket}");
                let made = runtime.block_on(async { reqwest::Client::new().put(url).send().await }).unwrap();
                assert!(made.status().is_success(), "{}", made.status());
                (address, bucket)
            }
            Kind::S3sFs => {
                std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
                (s3s_fs(folder.path(), &runtime), BUCKET.to_owned())
            }
        };
        Self { endpoint: format!("http://{address}"), bucket, folder, runtime }
    }

    /// The configuration for this server, with these keys.
    pub fn config(&self, key: &str, secret: &str) -> S3Config {
        use std::os::unix::fs::PermissionsExt;
        let file = self.folder.path().join(format!("keys-{key}-{}", secret.len()));
        std::fs::write(&file, format!("[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"))
            .unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        S3Config {
            endpoint: Some(self.endpoint.clone()),
            bucket: self.bucket.clone(),
            prefix: "recordings".into(),
            region: "us-east-1".into(),
            credentials_file: Some(file),
            path_style: true,
            allow_http: false,
            keep_local: Some(0),
        }
    }

    pub fn remote(&self) -> Arc<Remote> {
        Arc::new(Remote::new(&self.config(KEY, SECRET)).unwrap())
    }

    /// The server as somebody else sees it.
    pub fn outside(&self) -> AmazonS3 {
        let builder = AmazonS3Builder::new().with_bucket_name(&self.bucket).with_region("us-east-1");
        let builder = builder.with_access_key_id(KEY).with_secret_access_key(SECRET);
        builder.with_endpoint(&self.endpoint).with_allow_http(true).build().unwrap()
    }

    pub fn object(id: &str) -> Path {
        Path::from(format!("recordings/{}/{id}.sdv", &id[..id.len().min(5)]))
    }

    pub fn get(&self, id: &str) -> Option<Vec<u8>> {
        let (store, object) = (self.outside(), Self::object(id));
        self.runtime.block_on(async { Some(store.get(&object).await.ok()?.bytes().await.unwrap().to_vec()) })
    }

    /// Writes over an object, as we never do.
    pub fn put(&self, id: &str, bytes: &[u8]) {
        let (store, object, payload) = (self.outside(), Self::object(id), PutPayload::from(bytes.to_vec()));
        self.runtime.block_on(async { store.put(&object, payload).await }).unwrap();
    }

    /// The bucket keeps versions from now on, or none of what comes.
    pub fn keep_versions(&self, status: &str) {
        let url = format!("{}/{}?versioning", self.endpoint, self.bucket);
        let body = format!("<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>");
        let done = async { reqwest::Client::new().put(url).body(body).send().await.unwrap() };
        assert!(self.runtime.block_on(done).status().is_success());
    }

    /// Versions of objects that can be had, and marks of removals.
    pub fn versions(&self) -> (usize, usize) {
        let url = format!("{}/{}?versions", self.endpoint, self.bucket);
        let listed = async { reqwest::get(url).await.unwrap().text().await.unwrap() };
        let listed = self.runtime.block_on(listed);
        (listed.matches("<Version>").count(), listed.matches("<DeleteMarker>").count())
    }

    pub fn delete(&self, id: &str) {
        let (store, object): (Arc<dyn ObjectStore>, _) = (Arc::new(self.outside()), Self::object(id));
        self.runtime.block_on(async { store.delete(&object).await }).unwrap();
    }
}
