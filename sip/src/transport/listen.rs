//! Connections that others open.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{
    Arrival, Ground, ServerTls, TlsError,
    limits::Place,
    line::{Ended, Line},
    stream, tls, ws,
};
use crate::flow::{Flow, Protocol};

/// One place where we are reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Transport.
    pub protocol: Protocol,
    /// Address to bind; port 0 lets the system choose.
    pub address: SocketAddr,
    /// Address that the others see, when it is not the bound one.
    pub advertise: Option<IpAddr>,
    /// Needed for TLS and WSS.
    pub tls: Option<ServerTls>,
}

impl Listen {
    /// In the clear, and seen under the address that is bound.
    pub fn new(protocol: Protocol, address: SocketAddr) -> Self {
        Self { protocol, address, advertise: None, tls: None }
    }
}

/// A listener could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The system refused.
    #[error("cannot listen for SIP over {protocol} on {address}: {error}")]
    Io {
        /// Transport.
        protocol: Protocol,
        /// Address.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// A file of TLS is not what it should be.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// TLS without a certificate.
    #[error("SIP over {0} needs a certificate")]
    NoCertificate(Protocol),
    /// No listener at all.
    #[error("SIP has nowhere to listen")]
    Nothing,
}

/// So many handshakes may wait for the system to hand them over.
const BACKLOG: i32 = 1024;
/// After this long without a word the system asks whether the other end is there, and how often.
const QUIET: Duration = Duration::from_mins(1);
const ASK_EVERY: Duration = Duration::from_secs(15);
const ASK: u32 = 4;
/// No more file handles: a moment later there may be one.
const BREATH: Duration = Duration::from_millis(100);

/// Small messages go at once, and an end that is gone is found out.
pub(super) fn tune(stream: &TcpStream) {
    let socket = socket2::SockRef::from(stream);
    let alive = socket2::TcpKeepalive::new().with_time(QUIET).with_interval(ASK_EVERY).with_retries(ASK);
    // Each of these is a wish.
    let _ = stream.set_nodelay(true);
    let _ = socket.set_tcp_keepalive(&alive);
    let _ = socket.set_tcp_user_timeout(Some(QUIET + ASK_EVERY * ASK));
}

impl Listen {
    pub(super) fn failed(&self, error: std::io::Error) -> ListenError {
        ListenError::Io { protocol: self.protocol, address: self.address, error }
    }

    /// Opens a listener of connections; answers its address.
    pub(super) fn open(&self, ground: &Ground) -> Result<SocketAddr, ListenError> {
        let tls = match (self.protocol, &self.tls) {
            (Protocol::Tls | Protocol::Wss, Some(settings)) => Some(tls::server(settings)?),
            (Protocol::Tls | Protocol::Wss, None) => return Err(ListenError::NoCertificate(self.protocol)),
            _ => None,
        };
        let listener = bind(self.address).map_err(|error| self.failed(error))?;
        let local = listener.local_addr().map_err(|error| self.failed(error))?;
        ground.tasks.spawn(accept(listener, self.protocol, tls, ground.clone()));
        Ok(local)
    }
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

async fn accept(listener: TcpListener, protocol: Protocol, tls: Option<Arc<ServerConfig>>, ground: Ground) {
    loop {
        let accepted = tokio::select! {
            () = ground.cancel.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, transport = %protocol, "accepting a SIP connection");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        let Some(place) = ground.gate.enter(remote.ip(), &ground.limits) else {
            metrics::counter!("songda_sip_connections_refused_total", "transport" => protocol.via()).increment(1);
            continue;
        };
        tune(&stream);
        ground.tasks.spawn(serve(
            stream,
            Flow { protocol, remote, connection: ground.number() },
            tls.clone(),
            ground.clone(),
            place,
        ));
    }
}

async fn serve(stream: TcpStream, flow: Flow, tls: Option<Arc<ServerConfig>>, ground: Ground, place: Place) {
    let (sender, out) = mpsc::channel(ground.limits.queue);
    if ground.arrivals.send(Arrival::Opened(flow, sender)).await.is_err() {
        return;
    }
    let mut line =
        Line { flow, arrivals: ground.arrivals.clone(), out, limits: ground.limits, ours: false, reached: false };
    let ended = match tls {
        None => carry(stream, &mut line).await,
        Some(config) => match timeout(ground.limits.patience, TlsAcceptor::from(config).accept(stream)).await {
            Ok(Ok(stream)) => carry(stream, &mut line).await,
            Ok(Err(error)) => Ended::Tls(error.to_string()),
            Err(_) => Ended::Slow,
        },
    };
    drop(place);
    line.close(&ended).await;
}

async fn carry<S>(stream: S, line: &mut Line) -> Ended
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    match line.flow.protocol {
        Protocol::Ws | Protocol::Wss => ws::serve(stream, line).await,
        _ => stream::serve(stream, line).await,
    }
}
