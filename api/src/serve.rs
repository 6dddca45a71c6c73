//! The start and the end of the server.

use std::{future::IntoFuture as _, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::{Router, extract::connect_info::Connected, serve::IncomingStream};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use songda_link::deliver::Deliverer;
use songda_store::clock::Guard;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    config::{Config, Tls},
    desk::Desk,
    house::House,
    routes,
    who::Peer,
};

/// How a server is told to end.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Nothing new is taken, and what is live comes to its end: `telephony.drain_s` at most.
    pub drain: CancellationToken,
    /// Nothing is waited for any more.
    pub at_once: CancellationToken,
}

/// Who is in the middle of an answer when everything else has ended has so much longer.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Serves until it is told to stop. `ready` is told the bound address.
pub async fn serve(
    config: &Config,
    config_path: &Path,
    house: House,
    stop: Stop,
    ready: impl FnOnce(SocketAddr),
) -> anyhow::Result<()> {
    let cancel = stop.at_once;
    if let Some(address) = config.server.metrics {
        metrics_exporter_prometheus::PrometheusBuilder::new()
            .with_http_listener(address)
            .install()
            .with_context(|| format!("serving metrics on {address}"))?;
    }
    // Before anything is written: on a full disk what was kept for the books is needed now.
    let vault = house.vault.clone();
    match tokio::task::spawn_blocking(move || vault.tend()).await? {
        Ok(room) if room.is_enough() => {}
        Ok(room) => tracing::error!(free = room.free, needed = room.needed, "the disk is full: no call goes out"),
        Err(error) => tracing::error!(%error, "the room on the disk cannot be measured"),
    }
    // Before anything is dated: a house that starts with a wrong clock knows it by then.
    let mut guard = Guard::new(house.db.clone(), house.clock.clone(), config.clock.ntp.clone());
    guard.settle().await;
    house.tell_read_only().await;
    let guards = TaskTracker::new();
    guards.spawn(guard.run(cancel.clone()));
    let desk = match &house.read_only {
        None => Some(Desk::open(config, config_path, &house, &cancel).await?),
        Some(_) => None,
    };
    // Without its key nothing that waits can be opened: it waits on, untried.
    let deliverer = if house.read_only.is_none() { house.deliverer(config)? } else { None };
    let deliveries = deliverer.map(|deliverer| tokio::spawn(deliver(deliverer, cancel.clone())));
    let listener = TcpListener::bind(config.server.listen)
        .await
        .with_context(|| format!("listening on {}", config.server.listen))?;
    ready(listener.local_addr()?);
    let app: Router = routes::router(house.clone(), desk.clone());
    let app = app.into_make_service_with_connect_info::<Peer>();
    let closing = cancel.clone().cancelled_owned();
    let mut served = match &config.server.tls {
        None => tokio::spawn(axum::serve(listener, app).with_graceful_shutdown(closing).into_future()),
        Some(tls) => {
            let listener = TlsListener::new(listener, tls)?;
            tokio::spawn(axum::serve(listener, app).with_graceful_shutdown(closing).into_future())
        }
    };
    let drained = async {
        stop.drain.cancelled().await;
        if let Some(desk) = &desk {
            desk.drain(Duration::from_secs(config.telephony.drain_s)).await;
        }
    };
    // Pages are served until the last call is over.
    let failed = tokio::select! {
        () = cancel.cancelled() => None,
        () = drained => None,
        ended = &mut served => Some(ended),
    };
    cancel.cancel();
    if let Some(desk) = desk {
        desk.close().await;
    }
    if let Some(ended) = failed {
        ended??;
    } else if let Ok(ended) = timeout(LAST_ANSWERS, served).await {
        ended??;
    } else {
        tracing::warn!("somebody still read an answer at the end, and did not get all of it");
    }
    if let Some(deliveries) = deliveries {
        deliveries.await?;
    }
    guards.close();
    guards.wait().await;
    house.db.close().await;
    Ok(())
}

/// Sends what waits in the outbox, each second.
async fn deliver(deliverer: Deliverer, cancel: CancellationToken) {
    loop {
        if let Err(error) = deliverer.run_once().await {
            tracing::error!(%error, "the outbox could not be worked on");
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
}

impl Connected<IncomingStream<'_, TcpListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Self(*stream.remote_addr())
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// Accepts TLS. Handshakes run beside each other: a slow one holds nobody up.
struct TlsListener {
    local: SocketAddr,
    shaken: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
}

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Handshakes under way at a time; more wait to be accepted.
const HANDSHAKES: usize = 1_024;

/// What browsers are shown: certificate and key of this file pair.
pub(crate) fn identity(tls: &Tls) -> anyhow::Result<rustls::ServerConfig> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(&tls.certificate)
        .and_then(Iterator::collect)
        .with_context(|| format!("reading the certificate {}", tls.certificate.display()))?;
    let key =
        PrivateKeyDer::from_pem_file(&tls.key).with_context(|| format!("reading the key {}", tls.key.display()))?;
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
    config.with_context(|| {
        let (certificate, key) = (tls.certificate.display(), tls.key.display());
        format!("the certificate {certificate} and the key {key} do not fit")
    })
}

impl TlsListener {
    fn new(listener: TcpListener, tls: &Tls) -> anyhow::Result<Self> {
        let config = identity(tls)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let local = listener.local_addr()?;
        let (sender, shaken) = mpsc::channel(64);
        tokio::spawn(async move {
            let places = Arc::new(Semaphore::new(HANDSHAKES));
            loop {
                let Ok(place) = places.clone().acquire_owned().await else { return };
                let accepted = tokio::select! {
                    () = sender.closed() => return,
                    accepted = listener.accept() => accepted,
                };
                let Ok((stream, from)) = accepted else { continue };
                let (acceptor, sender) = (acceptor.clone(), sender.clone());
                tokio::spawn(async move {
                    if let Ok(Ok(stream)) = timeout(HANDSHAKE, acceptor.accept(stream)).await {
                        let _ = sender.send((stream, from)).await;
                    }
                    drop(place);
                });
            }
        });
        Ok(Self { local, shaken })
    }
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.shaken.recv().await {
            Some(accepted) => accepted,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(self.local)
    }
}
