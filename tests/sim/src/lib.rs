//! The outside world of Songda: a strict SIP carrier with parties that behave by their
//! number, the court's case system, a notary, and a time server.
//!
//! Its signalling, digest and caller checks are its own, so that it judges the product
//! instead of repeating its mistakes. Parties and their numbers: [`table_text`].

mod cases;
mod config;
pub mod impair;
pub mod journal;
mod notary;
mod ntp;
mod numbers;
mod party;
mod rtp;
mod sip;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use cases::{Office, PushTarget};
pub use config::{Config, Say};
pub use notary::Notarising;
pub use numbers::{DEMO_LANDLINE, DEMO_MOBILE, Number};
pub use party::{Row, TABLE, table_text};
pub use rtp::wav::{Channel, WavError};
pub use sip::control::{CallIn, Manners};
pub use sip::{Algorithm, Change, Forms, NumberForm, Registering};

use journal::Journal;
use sip::carrier::{Carrier, Rules};
use sip::control::Order;
use sip::digest::Guard;
use sip::driver::{Driver, Speech};

/// How long the end waits for open calls and requests.
const FAREWELL: Duration = Duration::from_secs(3);

/// Why the world did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// An address could not be bound.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The output folder could not be made.
    #[error("cannot use the folder {path}: {source}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A speaker's file cannot be spoken.
    #[error("cannot speak {path}: {source}")]
    Speech {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: WavError,
    },
    /// The HTTP client could not be made.
    #[error("cannot make the HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    /// The notary's key could not be made.
    #[error("cannot make the notary's key: {0}")]
    Key(#[from] rustls::Error),
}

/// Why the carrier does not do what it is told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The world ended.
    #[error("the outside world has ended")]
    Stopped,
    /// The order makes no sense; the text says why.
    #[error("{0}")]
    Refused(String),
}

/// A world that runs; it ends with [`Running::stop`] or when it is dropped.
pub struct Running {
    /// Address of the carrier.
    pub sip_addr: SocketAddr,
    /// Address of the case system.
    pub http_addr: SocketAddr,
    /// Address of the time server, if there is one.
    pub ntp_addr: Option<SocketAddr>,
    offset: ntp::Offset,
    notary: notary::Notary,
    journal: Journal,
    orders: mpsc::Sender<Order>,
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl Running {
    /// Everything that happened so far.
    pub fn journal(&self) -> journal::Content {
        self.journal.content()
    }

    /// The time server is so much ahead of the machine from now on.
    pub fn set_time_offset_ms(&self, ms: i64) {
        self.offset.set_ms(ms);
    }

    /// The notary behaves so from now on.
    pub fn notarise(&self, manner: Notarising) {
        self.notary.behave(manner);
    }

    /// The notary's public key, PEM.
    pub fn notary_key(&self) -> String {
        self.notary.public_key()
    }

    /// A party calls the court; the Call-ID, under which the journal knows it.
    pub async fn call_in(&self, call: CallIn) -> Result<String, ControlError> {
        let (done, placed) = oneshot::channel();
        self.orders.send(Order::CallIn { call, done }).await.map_err(|_| ControlError::Stopped)?;
        placed.await.map_err(|_| ControlError::Stopped)?.map_err(|why| ControlError::Refused(why.to_owned()))
    }

    /// The carrier changes a live call by a re-INVITE; its answer stands in the journal.
    pub async fn change(&self, call_id: &str, what: Change) -> Result<(), ControlError> {
        let (done, begun) = oneshot::channel();
        let order = Order::Change { call_id: call_id.to_owned(), what, done };
        self.orders.send(order).await.map_err(|_| ControlError::Stopped)?;
        begun.await.map_err(|_| ControlError::Stopped)?.map_err(|why| ControlError::Refused(why.to_owned()))
    }

    /// The carrier changes its manners; what is not given stays.
    pub async fn behave(&self, manners: Manners) -> Result<(), ControlError> {
        let (done, changed) = oneshot::channel();
        self.orders.send(Order::Manners { manners, done }).await.map_err(|_| ControlError::Stopped)?;
        changed.await.map_err(|_| ControlError::Stopped)?.map_err(ControlError::Refused)
    }

    /// Hangs up all calls, closes all files and ends.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tracker.close();
        if tokio::time::timeout(FAREWELL, self.tracker.wait()).await.is_err() {
            tracing::warn!("not everything ended in time");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
        self.tracker.close();
    }
}

/// Starts carrier, case system, notary and time server.
pub async fn start(config: Config) -> Result<Running, StartError> {
    // A second start in one process finds the provider installed, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    std::fs::create_dir_all(&config.out_dir)
        .map_err(|source| StartError::Folder { path: config.out_dir.clone(), source })?;
    let speeches = config.say.iter().map(speech).collect::<Result<HashMap<_, _>, _>>()?;

    let failed = |address| move |source| StartError::Listen { address, source };
    let socket = UdpSocket::bind(config.sip).await.map_err(failed(config.sip))?;
    let sip_addr = socket.local_addr().map_err(failed(config.sip))?;
    let listener = TcpListener::bind(config.http).await.map_err(failed(config.http))?;
    let http_addr = listener.local_addr().map_err(failed(config.http))?;

    let time = match config.ntp {
        Some(address) => Some(UdpSocket::bind(address).await.map_err(failed(address))?),
        None => None,
    };
    let ntp_addr = time.as_ref().map(UdpSocket::local_addr).transpose().map_err(failed(config.sip))?;

    let (journal, stop, tracker) = (Journal::default(), CancellationToken::new(), TaskTracker::new());
    let (orders, inbox) = mpsc::channel(64);
    let guard = Guard::new(config.realm, config.user, config.password, config.algorithms, config.nonce_lifetime);
    let rules = Rules {
        local: sip_addr,
        callers: config.callers,
        answer_after: config.answer_after,
        registering: config.registering,
        forms: config.forms,
        court: config.court,
    };
    let driver = Driver {
        socket,
        carrier: Carrier::new(rules, guard, Box::new(token)),
        journal: journal.clone(),
        audio_dir: config.out_dir.clone(),
        speeches,
        orders: inbox,
        tracker: tracker.clone(),
        stop: stop.clone(),
    };
    tracker.spawn(driver.run());
    let offset = ntp::Offset::default();
    if let Some(socket) = time {
        tracker.spawn(ntp::serve(socket, offset.clone(), journal.clone(), stop.clone()));
    }

    let cases = cases::Cases {
        journal: journal.clone(),
        events_key: config.events_key.into(),
        target: config.push,
        client: reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(1)).build()?,
        out_dir: config.out_dir,
        day: config.day,
        office: Arc::new(config.office),
        orders: orders.clone(),
        fault: Arc::new(Mutex::new(None)),
    };
    let (pusher, at_start, stopped) = (cases.clone(), config.push_at_start, stop.clone());
    tracker.spawn(async move { stopped.run_until_cancelled(pusher.push_at_start(at_start)).await });
    let notary = notary::Notary::new(journal.clone(), &config.notary_key)?;
    let (router, stopped) = (cases.router().merge(notary.clone().router()), stop.clone());
    tracker.spawn(async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(stopped.cancelled_owned()).await;
        if let Err(error) = served {
            tracing::error!(%error, "the case system ended");
        }
    });
    Ok(Running { sip_addr, http_addr, ntp_addr, offset, notary, journal, orders, stop, tracker })
}

fn speech(say: &Say) -> Result<(Number, Speech), StartError> {
    let samples = rtp::wav::read(&say.file, say.channel)
        .map_err(|source| StartError::Speech { path: say.file.clone(), source })?;
    let name = say.file.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let clip = party::voices::Clip { name: name.into(), samples };
    let hang_up_after = say.hang_up_ms.map(Duration::from_millis);
    Ok((say.number.clone(), Speech { clip, delay_ms: say.delay_ms, hang_up_after }))
}

fn token() -> String {
    hex::encode(rand::random::<[u8; 16]>())
}
