//! Datagrams (RFC 3261, 18): several sockets, each answered from where it was asked.

use std::{
    io,
    net::SocketAddr,
    task::{Context, Poll},
};

use tokio::net::UdpSocket;

use crate::flow::{Flow, Protocol};

/// So much the system keeps for us while we do something else, in bytes.
const BUFFER: usize = 4 << 20;

/// The sockets. A flow names its socket by the number of its connection; 0 is the first, and
/// also stands for whichever fits the family of the address.
#[derive(Debug, Default)]
pub(super) struct Udp {
    sockets: Vec<(UdpSocket, SocketAddr)>,
    /// The next to be read, so that none is read at the cost of another.
    turn: usize,
}

impl Udp {
    /// Binds one more; answers its address.
    pub(super) fn bind(&mut self, address: SocketAddr) -> io::Result<SocketAddr> {
        use socket2::{Domain, Socket, Type};
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // The system may give less: a wish, not a need.
        let _ = socket.set_recv_buffer_size(BUFFER);
        let _ = socket.set_send_buffer_size(BUFFER);
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        let local = socket.local_addr()?;
        self.sockets.push((socket, local));
        Ok(local)
    }

    /// Ready when a socket has something to read.
    pub(super) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        for (socket, _) in &self.sockets {
            // An error is read, and told, by `receive`.
            if socket.poll_recv_ready(cx).is_ready() {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// One datagram that is there already: its length in `buffer`, and its flow.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> Option<(usize, Flow)> {
        for _ in 0..self.sockets.len() {
            let at = self.turn % self.sockets.len();
            match self.sockets[at].0.try_recv_from(buffer) {
                Ok((length, remote)) => {
                    return Some((length, Flow { protocol: Protocol::Udp, remote, connection: at as u64 }));
                }
                Err(error) => {
                    // A port that nobody listens on answers by ICMP; the transaction times out by itself.
                    if error.kind() != io::ErrorKind::WouldBlock {
                        tracing::debug!(%error, "receiving from a SIP socket");
                    }
                    self.turn = at + 1;
                }
            }
        }
        None
    }

    /// Sends one datagram; what the system has no room for is lost, as on any network.
    pub(super) fn send(&self, flow: &Flow, bytes: &[u8]) -> io::Result<()> {
        let fits = |at: &usize| self.sockets[*at].1.is_ipv6() == flow.remote.is_ipv6();
        let named = usize::try_from(flow.connection).ok().filter(|at| *at < self.sockets.len()).filter(fits);
        let at = named.or_else(|| (0..self.sockets.len()).find(fits)).ok_or(io::ErrorKind::AddrNotAvailable)?;
        match self.sockets[at].0.try_send_to(bytes, flow.remote) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }
}
