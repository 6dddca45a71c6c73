//! The S3 server, asked from threads that may wait.

use std::{error::Error as _, future::Future, ops::Range, sync::Arc, sync::mpsc, time::Duration};

use object_store::{
    ClientOptions, Error, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    multipart::{MultipartStore as _, PartId},
    path::Path,
};
use reqwest::header::{HeaderMap, HeaderValue, IF_NONE_MATCH};
use tokio::runtime::{Builder, Runtime};

use super::{S3Config, S3Error};
use crate::vault::{RecordingId, shelf_of};

/// A server that does not take a connection in this time is not there.
const CONNECT: Duration = Duration::from_secs(5);
/// One request, with a part of eight megabytes on a slow line.
const REQUEST: Duration = Duration::from_mins(2);

/// A connection to the server. Its questions wait for their answers, so they are for threads
/// that may wait; it has its own runtime and can be asked from anywhere else.
pub struct Remote {
    store: Arc<AmazonS3>,
    /// The same, but what it completes must not be there yet.
    creating: Arc<AmazonS3>,
    prefix: String,
    place: String,
    keep_local: Option<u64>,
    /// Taken when it is dropped.
    runtime: Option<Runtime>,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waiting for it is not allowed everywhere where this may be dropped.
            runtime.shutdown_background();
        }
    }
}

impl Remote {
    /// Makes ready to ask the server; it is not asked yet. The process must have chosen its
    /// cryptography for TLS before.
    pub fn new(config: &S3Config) -> Result<Self, S3Error> {
        config.check()?;
        let keys = config.credentials()?;
        let build = |options: ClientOptions| {
            let mut builder = AmazonS3Builder::new()
                .with_bucket_name(&config.bucket)
                .with_region(&config.region)
                .with_access_key_id(&keys.id)
                .with_secret_access_key(keys.secret.as_str())
                .with_virtual_hosted_style_request(!config.path_style)
                // Asked to delete many at once, a server answers that it did what it was asked for, and
                // what it refused of that stands in the text, where nobody tells it from a server that
                // is away. Asked for one it refuses that one.
                .with_disable_bulk_delete(true)
                // Whether it may be HTTP was decided above.
                .with_allow_http(true)
                .with_retry(RetryConfig {
                    max_retries: 2,
                    retry_timeout: Duration::from_secs(20),
                    ..RetryConfig::default()
                })
                .with_client_options(options.with_allow_http(true).with_connect_timeout(CONNECT).with_timeout(REQUEST));
            if let Some(token) = &keys.token {
                builder = builder.with_token(token.as_str());
            }
            if let Some(endpoint) = &config.endpoint {
                builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
            }
            builder.build().map(Arc::new).map_err(|error| S3Error::Config(reason(&error)))
        };
        let mut absent = HeaderMap::new();
        absent.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("vault-s3")
            .enable_all()
            .build()
            .map_err(|error| S3Error::Config(format!("no thread to ask the server with: {error}")))?;
        Ok(Self {
            store: build(ClientOptions::new())?,
            creating: build(ClientOptions::new().with_default_headers(absent))?,
            prefix: config.prefix.clone(),
            place: config.place(),
            keep_local: config.keep_local,
            runtime: Some(runtime),
        })
    }

    /// Bucket and server.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Keeps a small file of the house beside the copies, written once: done when the very same
    /// one is there already; another one is an error, and stays.
    pub fn keep(&self, name: &str, bytes: &[u8]) -> Result<(), S3Error> {
        let object = Path::from(format!("{}/{name}", self.prefix).trim_start_matches('/'));
        if self.create(&object, bytes.to_vec())? {
            return Ok(());
        }
        let (store, place) = (self.store.clone(), object.clone());
        let there = self.ask("read a copy", async move { store.get(&place).await?.bytes().await })?;
        if there == bytes {
            return Ok(());
        }
        let difference = format!("{} bytes that are not the same", there.len());
        Err(S3Error::Differs { place: self.place.clone(), object: object.to_string(), difference })
    }

    pub(in crate::vault) fn keep_local(&self) -> Option<u64> {
        self.keep_local
    }

    /// The object of a recording.
    pub(super) fn object(&self, id: &RecordingId) -> Path {
        let shelf = shelf_of(id);
        Path::from(format!("{}/{shelf}/{id}.sdv", self.prefix).trim_start_matches('/'))
    }

    /// What the server knows of an object; none when there is no such.
    pub(in crate::vault) fn head(&self, id: &RecordingId) -> Result<Option<ObjectMeta>, S3Error> {
        let object = self.object(id);
        let store = self.store.clone();
        match self.ask("look for a copy", async move { store.head(&object).await }) {
            Ok(about) => Ok(Some(about)),
            Err(S3Error::NotThere { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The same, where a bucket that is gone, which the short answer does not tell from an object
    /// that is, is an error: for those who must know that there is no copy.
    pub(in crate::vault) fn find(&self, id: &RecordingId) -> Result<Option<ObjectMeta>, S3Error> {
        if let Some(about) = self.head(id)? {
            return Ok(Some(about));
        }
        match self.range(&self.object(id), 0..1) {
            Err(S3Error::NotThere { .. }) => Ok(None),
            Err(error) => Err(error),
            Ok(_) => Err(self.unreachable("look for a copy", "it does not know what it has".into())),
        }
    }

    /// Part of an object.
    pub(super) fn range(&self, object: &Path, range: Range<u64>) -> Result<Vec<u8>, S3Error> {
        let (store, object, wanted) = (self.store.clone(), object.clone(), range.end - range.start);
        let bytes = self.ask("read a copy", async move { store.get_range(&object, range).await })?;
        if bytes.len() as u64 == wanted {
            Ok(bytes.into())
        } else {
            Err(self.unreachable("read a copy", "it sent another length than was asked for".into()))
        }
    }

    /// Writes a whole object; false when there is one already.
    pub(super) fn create(&self, object: &Path, bytes: Vec<u8>) -> Result<bool, S3Error> {
        let (store, object) = (self.store.clone(), object.clone());
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let asked = async move {
            match store.put_opts(&object, PutPayload::from(bytes), options).await {
                Ok(_) => Ok(true),
                Err(Error::AlreadyExists { .. }) => Ok(false),
                Err(error) => Err(error),
            }
        };
        self.ask("write a copy", asked)
    }

    pub(super) fn begin(&self, object: &Path) -> Result<String, S3Error> {
        let (store, object) = (self.store.clone(), object.clone());
        self.ask("begin a copy", async move { store.create_multipart(&object).await })
    }

    pub(super) fn part(&self, object: &Path, upload: &str, place: usize, bytes: Vec<u8>) -> Result<String, S3Error> {
        let (store, object, upload) = (self.store.clone(), object.clone(), upload.to_owned());
        let asked = async move { store.put_part(&object, &upload, place, PutPayload::from(bytes)).await };
        self.ask("write a part of a copy", asked).map(|part| part.content_id)
    }

    /// Makes an object of its parts; false when there is one already.
    pub(super) fn complete(&self, object: &Path, upload: &str, parts: &[String]) -> Result<bool, S3Error> {
        let (store, object, upload) = (self.creating.clone(), object.clone(), upload.to_owned());
        let parts = parts.iter().map(|part| PartId { content_id: part.clone() }).collect();
        let asked = async move {
            match store.complete_multipart(&object, &upload, parts).await {
                Ok(_) => Ok(true),
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotModified { .. }) => Ok(false),
                Err(error) => Err(error),
            }
        };
        self.ask("complete a copy", asked)
    }

    /// Gives up parts that were sent; that the server does not know them is no error. Where it
    /// refuses they stay, which is no harm but their room.
    pub(super) fn abort(&self, object: &Path, upload: &str) -> Result<(), S3Error> {
        let (store, object, upload) = (self.store.clone(), object.clone(), upload.to_owned());
        match self.ask("give up a copy", async move { store.abort_multipart(&object, &upload).await }) {
            Err(S3Error::NotThere { .. } | S3Error::Forgotten { .. }) => Ok(()),
            Err(error @ S3Error::Refused { .. }) => {
                tracing::warn!(%error, "parts of a copy that was given up stay on the server");
                Ok(())
            }
            done => done,
        }
    }

    /// Removes an object and answers its bytes; none when it is gone already, which is no error. One of
    /// which the bucket keeps versions stays: a removal would hide it, and whoever asks for the version
    /// would get it back, so that nothing may be called deleted for that (PIPL 21).
    pub(in crate::vault) fn delete(&self, id: &RecordingId) -> Result<Option<u64>, S3Error> {
        let Some(about) = self.find(id)? else { return Ok(None) };
        let (store, object) = (self.store.clone(), self.object(id));
        if about.version.is_some() {
            return Err(S3Error::KeepsVersions { place: self.place.clone(), object: object.to_string() });
        }
        match self.ask("remove a copy", async move { store.delete(&object).await }) {
            Ok(()) | Err(S3Error::NotThere { .. }) => Ok(Some(about.size)),
            Err(error) => Err(error),
        }
    }

    /// Asks on the own runtime and waits for the answer.
    fn ask<T: Send + 'static>(
        &self,
        action: &'static str,
        asked: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> Result<T, S3Error> {
        let gone = || self.unreachable(action, "the house is ending".into());
        let runtime = self.runtime.as_ref().ok_or_else(gone)?;
        let (answer, answers) = mpsc::sync_channel(1);
        runtime.spawn(async move {
            let _ = answer.send(asked.await);
        });
        answers.recv().map_err(|_| gone())?.map_err(|error| self.error(action, &error))
    }

    fn unreachable(&self, action: &'static str, reason: String) -> S3Error {
        S3Error::Unreachable { place: self.place.clone(), action, reason, answered: false }
    }

    /// What went wrong, without what a server writes into its answers: some repeat what was
    /// signed.
    fn error(&self, action: &'static str, error: &Error) -> S3Error {
        let place = self.place.clone();
        let code = code(error);
        let said = code.clone().unwrap_or_else(|| "refused".into());
        if matches!(said.as_str(), "NoSuchUpload" | "InvalidPart" | "InvalidPartOrder") {
            return S3Error::Forgotten { place };
        }
        match error {
            Error::NotFound { path, .. } if code.as_deref() != Some("NoSuchBucket") => {
                S3Error::NotThere { place, object: path.clone() }
            }
            Error::NotFound { .. } => S3Error::Refused { place, action, code: said, advice: NO_BUCKET },
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                let advice = match said.as_str() {
                    "RequestTimeTooSkewed" => CLOCK,
                    "AccessDenied" => RIGHTS,
                    _ => KEYS,
                };
                S3Error::Refused { place, action, code: said, advice }
            }
            _ => {
                let answered = code.is_some() || answered(error);
                S3Error::Unreachable { place, action, reason: code.unwrap_or_else(|| reason(error)), answered }
            }
        }
    }
}

const KEYS: &str = "look whether access key and secret in vault.s3.credentials_file are those of this server";
const RIGHTS: &str =
    "give the access key the right to read and write objects of this bucket, to abort uploads and to list it";
const CLOCK: &str = "the clocks of this machine and of the server differ: set them right";
const NO_BUCKET: &str = "make the bucket, or put its right name into vault.s3.bucket";

/// The server's own word for what went wrong, `<Code>` of its answer.
fn code(error: &Error) -> Option<String> {
    let text = error.to_string();
    let code = text.split_once("<Code>")?.1.split_once("</Code>")?.0;
    let plain = (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| code.to_owned())
}

/// Whether an answer came, whatever it was: `object_store` says so in words alone.
fn answered(error: &Error) -> bool {
    error.to_string().contains("Server returned ")
}

/// What is at the bottom of an error: the system's word for it, never what was sent.
fn reason(error: &Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    match deepest.downcast_ref::<std::io::Error>() {
        Some(error) => error.to_string(),
        None if error.source().is_some() => deepest.to_string().chars().take(120).filter(|c| !c.is_control()).collect(),
        None => "it answered with an error".into(),
    }
}
