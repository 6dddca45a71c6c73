//! Connections that we open.

use std::sync::Arc;

use bytes::Bytes;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{net::TcpStream, sync::mpsc, time::timeout};
use tokio_rustls::TlsConnector;

use super::{
    ClientTls, Ground, TlsError,
    line::{Ended, Line},
    listen::tune,
    stream, tls,
};
use crate::flow::{Flow, Protocol};

/// What we show, and whom we trust. The roots of the system are read when they are first needed.
#[derive(Debug)]
pub(super) enum Client {
    Later,
    Ready(Arc<ClientConfig>),
}

impl Client {
    pub(super) fn new(settings: &ClientTls) -> Result<Self, TlsError> {
        if *settings == ClientTls::default() {
            return Ok(Self::Later);
        }
        Ok(Self::Ready(tls::client(settings)?))
    }

    fn config(&mut self) -> Result<Arc<ClientConfig>, TlsError> {
        if let Self::Ready(config) = self {
            return Ok(config.clone());
        }
        let config = tls::client(&ClientTls::default())?;
        *self = Self::Ready(config.clone());
        Ok(config)
    }
}

/// Opens a connection in a task of its own. Bytes for it may be queued at once; when it cannot
/// be opened they come back with its end.
pub(super) fn spawn(ground: &Ground, client: &mut Client, flow: Flow, domain: Option<Arc<str>>) -> mpsc::Sender<Bytes> {
    let (sender, out) = mpsc::channel(ground.limits.queue);
    let mut line =
        Line { flow, arrivals: ground.arrivals.clone(), out, limits: ground.limits, ours: true, reached: false };
    let config = if flow.protocol == Protocol::Tls { client.config().map(Some) } else { Ok(None) };
    ground.tasks.spawn(async move {
        let ended = match config {
            Ok(config) => run(&mut line, config, domain).await,
            Err(error) => Ended::Tls(error.to_string()),
        };
        line.close(&ended).await;
    });
    sender
}

async fn run(line: &mut Line, config: Option<Arc<ClientConfig>>, domain: Option<Arc<str>>) -> Ended {
    if matches!(line.flow.protocol, Protocol::Ws | Protocol::Wss) {
        // A phone behind WebSocket opens its connection itself (RFC 7118, 5).
        return Ended::Closed;
    }
    let opening = async {
        let stream = TcpStream::connect(line.flow.remote).await?;
        tune(&stream);
        let Some(config) = config else { return Ok((stream, None)) };
        let name = match &domain {
            Some(domain) => ServerName::try_from(domain.to_string()).map_err(|error| Ended::Tls(error.to_string()))?,
            None => ServerName::IpAddress(line.flow.ip().into()),
        };
        Ok::<_, Ended>((stream, Some((TlsConnector::from(config), name))))
    };
    let limit = line.limits.connect;
    let whole = async {
        match opening.await? {
            (stream, None) => Ok(Either::Clear(stream)),
            (stream, Some((connector, name))) => {
                let stream = connector.connect(name, stream).await.map_err(|error| Ended::Tls(error.to_string()))?;
                Ok(Either::Tls(Box::new(stream)))
            }
        }
    };
    match timeout(limit, whole).await {
        Ok(Ok(Either::Clear(stream))) => stream::serve(stream, line).await,
        Ok(Ok(Either::Tls(stream))) => stream::serve(stream, line).await,
        Ok(Err(ended)) => ended,
        Err(_) => Ended::Slow,
    }
}

enum Either {
    Clear(TcpStream),
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}
