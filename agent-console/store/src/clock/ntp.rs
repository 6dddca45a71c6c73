//! Asking an NTP server for the time (RFC 5905, as a client that only asks). The packets
//! are `sntpc`'s, which checks origin, mode, stratum, leap, root distance and kisses. What
//! it is given as our own time is what has passed, so that nobody's setting of the
//! machine's clock while the answer is on its way can spoil it.

use std::{net::SocketAddr, time::Duration};

use sntpc::{NtpContext, NtpTimestampGenerator, NtpUdpSocket};
use tokio::{
    net::{UdpSocket, lookup_host},
    time::timeout,
};

use super::kept::Kept;

/// A server that does not answer within this time has not answered.
const PATIENCE: Duration = Duration::from_secs(2);
/// An answer that was longer on its way says too little, microseconds.
const SLOW: u64 = 1_000_000;
/// Our own scale begins here, so that nothing in it lies before 1970.
const BEGIN_US: i64 = 1_000_000_000 * 1_000_000;

/// What a server said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Heard {
    /// When, in passed milliseconds.
    pub(super) passed_ms: i64,
    /// The time that it was, unix milliseconds.
    pub(super) at_ms: i64,
}

/// Why there is no time from a server.
#[derive(Debug, thiserror::Error)]
pub(super) enum NtpError {
    #[error("the name cannot be resolved: {0}")]
    Name(std::io::Error),
    #[error("the network failed: {0}")]
    Network(std::io::Error),
    #[error("no answer within {PATIENCE:?}")]
    Silent,
    #[error("the answer is none that counts: {0:?}")]
    Refused(sntpc::Error),
    #[error("the answer was longer than a second on its way")]
    Slow,
}

/// Asks one server, `host:port`.
pub(super) async fn ask(kept: &Kept, server: &str) -> Result<Heard, NtpError> {
    timeout(PATIENCE, exchange(kept, server)).await.unwrap_or(Err(NtpError::Silent))
}

async fn exchange(kept: &Kept, server: &str) -> Result<Heard, NtpError> {
    let address = lookup_host(server).await.map_err(NtpError::Name)?.next();
    let address = address.ok_or_else(|| NtpError::Name(std::io::ErrorKind::NotFound.into()))?;
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await.map_err(NtpError::Network)?;
    // Connected: the system drops what others send.
    socket.connect(address).await.map_err(NtpError::Network)?;
    let context = NtpContext::new(Passed { kept, now_us: BEGIN_US });
    let said = sntpc::get_time(address, &Connected(socket), context).await.map_err(NtpError::Refused)?;
    if said.roundtrip() > SLOW {
        return Err(NtpError::Slow);
    }
    let passed_ms = kept.passed_ms();
    Ok(Heard { passed_ms, at_ms: (BEGIN_US + said.offset()) / 1_000 + passed_ms })
}

/// What has passed, as a clock that began at [`BEGIN_US`].
#[derive(Clone, Copy)]
struct Passed<'a> {
    kept: &'a Kept,
    now_us: i64,
}

impl NtpTimestampGenerator for Passed<'_> {
    fn init(&mut self) {
        self.now_us = BEGIN_US + self.kept.passed_ms() * 1_000;
    }

    fn timestamp_sec(&self) -> u64 {
        (self.now_us / 1_000_000) as u64
    }

    fn timestamp_subsec_micros(&self) -> u32 {
        (self.now_us % 1_000_000) as u32
    }

    /// A millisecond, 2^-10 s.
    fn precision(&self) -> i8 {
        -10
    }
}

struct Connected(UdpSocket);

impl NtpUdpSocket for Connected {
    async fn send_to(&self, buffer: &[u8], _: SocketAddr) -> sntpc::Result<usize> {
        self.0.send(buffer).await.map_err(|_| sntpc::Error::Network)
    }

    async fn recv_from(&self, buffer: &mut [u8]) -> sntpc::Result<(usize, SocketAddr)> {
        self.0.recv_from(buffer).await.map_err(|_| sntpc::Error::Network)
    }
}
