//! Browsers whose office lets no UDP through: ICE-TCP (RFC 6544), of which we are the passive
//! side. Each datagram is framed by its length (RFC 4571).
//!
//! A connection belongs to a leg once its first frame is a check with the user name of one, and
//! must show that within five seconds. A leg has one connection; another one takes its place only
//! when the first has fallen silent. What a slow reader does not take is dropped, packet by
//! packet, when little is waiting already: sound that comes seconds late helps nobody, and memory
//! never grows.

mod frames;

use std::{
    collections::{HashMap, VecDeque},
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    time::{Duration, Instant},
};

use self::frames::LONGEST;
pub(crate) use self::frames::{Framed, Frames};
use super::{Door, Mux};

/// So long may a connection take to say whose it is.
const PATIENCE: Duration = Duration::from_secs(5);
/// A leg's connection that was silent for so long may be replaced.
const SILENT: Duration = Duration::from_secs(3);
/// A connection that is silent for so long is closed: ICE checks every few seconds.
const DEAD: Duration = Duration::from_secs(30);
/// Connections that have not said whose they are, of all and of one address.
const STRANGERS: usize = 256;
const STRANGERS_OF_ONE: usize = 16;
/// Connections.
const CONNECTIONS: usize = 4_096;
/// Octets that may wait for a slow reader: about a second of sound.
const WAITING: usize = 12 * 1_024;
/// Frames of one connection in one sweep.
const FAIR: usize = 64;

/// One browser's connection.
#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    since: Instant,
    heard: Instant,
    door: Option<Door>,
    inbox: Frames,
    outbox: VecDeque<u8>,
}

/// A connection on its way to the thread that has its leg, with what came on it.
#[derive(Debug)]
pub(crate) struct Passage {
    stream: TcpStream,
    peer: SocketAddr,
    pub(crate) door: Door,
    inbox: Frames,
}

/// All connections of one thread.
#[derive(Debug)]
pub(crate) struct Lines {
    listener: TcpListener,
    connections: HashMap<u32, Connection>,
    by_peer: HashMap<SocketAddr, u32>,
    by_leg: HashMap<u64, u32>,
    /// Connections for which something waits.
    behind: Vec<u32>,
    next: u32,
    checked: Option<Instant>,
}

impl Lines {
    pub(crate) fn listen(address: SocketAddr, shared: bool) -> io::Result<Self> {
        let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(shared)?;
        // A connection inherits it: what waits in the system is as late as what waits here.
        socket.set_send_buffer_size(WAITING)?;
        socket.bind(&address.into())?;
        socket.listen(128)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            listener: socket.into(),
            connections: HashMap::new(),
            by_peer: HashMap::new(),
            by_leg: HashMap::new(),
            behind: Vec::new(),
            next: 0,
            checked: None,
        })
    }

    pub(crate) fn listener(&self) -> &TcpListener {
        &self.listener
    }

    /// Takes new connections; each is told, so that it can be watched under its number.
    pub(crate) fn accept(&mut self, now: Instant, mut watch: impl FnMut(&TcpStream, u32) -> io::Result<()>) {
        for _ in 0..FAIR {
            let Ok((stream, peer)) = self.listener.accept() else { return };
            let strangers = self.connections.values().filter(|connection| connection.door.is_none());
            let (mut all, mut same) = (0, 0);
            for stranger in strangers {
                all += 1;
                same += usize::from(stranger.peer.ip() == peer.ip());
            }
            let full = self.connections.len() >= CONNECTIONS || all >= STRANGERS || same >= STRANGERS_OF_ONE;
            if full || stream.set_nonblocking(true).is_err() {
                continue;
            }
            let _ = stream.set_nodelay(true);
            self.keep(now, stream, peer, None, Frames::default(), &mut watch);
        }
    }

    /// A connection that another thread has taken.
    pub(crate) fn take_over(
        &mut self,
        now: Instant,
        passage: Passage,
        mut watch: impl FnMut(&TcpStream, u32) -> io::Result<()>,
    ) -> Option<u32> {
        let Passage { stream, peer, door, inbox } = passage;
        if !self.is_free(now, door.leg) {
            return None;
        }
        let id = self.keep(now, stream, peer, Some(door), inbox, &mut watch)?;
        self.bind(id, door);
        Some(id)
    }

    fn keep(
        &mut self,
        now: Instant,
        stream: TcpStream,
        peer: SocketAddr,
        door: Option<Door>,
        inbox: Frames,
        watch: &mut impl FnMut(&TcpStream, u32) -> io::Result<()>,
    ) -> Option<u32> {
        self.next = self.next.wrapping_add(1);
        let id = self.next;
        watch(&stream, id).ok()?;
        let outbox = VecDeque::new();
        self.connections.insert(id, Connection { stream, peer, since: now, heard: now, door, inbox, outbox });
        self.by_peer.insert(peer, id);
        Some(id)
    }

    /// Whether a leg has no connection, or one that has fallen silent.
    fn is_free(&self, now: Instant, leg: u64) -> bool {
        let other = self.by_leg.get(&leg).and_then(|id| self.connections.get(id));
        other.is_none_or(|other| now.saturating_duration_since(other.heard) >= SILENT)
    }

    fn bind(&mut self, id: u32, door: Door) {
        if let Some(old) = self.by_leg.insert(door.leg, id).filter(|old| *old != id) {
            self.close(old);
        }
    }

    /// Reads a connection. Datagrams of this thread's legs are brought; one that belongs to
    /// another thread's is given back to be handed over.
    pub(crate) fn read(
        &mut self,
        now: Instant,
        id: u32,
        mux: &Mux,
        thread: usize,
        mut bring: impl FnMut(Door, SocketAddr, &[u8]),
    ) -> Option<Passage> {
        let connection = self.connections.get_mut(&id)?;
        let mut over = false;
        let mut room = [0u8; 4_096];
        // One look per sweep is enough: what is left is told of again.
        match connection.stream.read(&mut room) {
            Ok(0) => over = true,
            Ok(len) => {
                connection.inbox.take(&room[..len]);
                connection.heard = now;
            }
            Err(error) => over = error.kind() != io::ErrorKind::WouldBlock,
        }
        loop {
            let frame = match connection.inbox.next() {
                Framed::Whole(frame) => frame,
                Framed::Partial => break,
                Framed::TooLong => {
                    over = true;
                    break;
                }
            };
            let door = match connection.door {
                Some(door) => door,
                None => match mux.named(frame) {
                    Some(door) if door.thread != thread => return self.pass_on(id, door),
                    Some(door) => door,
                    None => {
                        over = true;
                        break;
                    }
                },
            };
            connection.door = Some(door);
            bring(door, connection.peer, frame);
            connection.inbox.pass();
        }
        let door = connection.door;
        if over {
            self.close(id);
        } else if let Some(door) = door
            && self.by_leg.get(&door.leg) != Some(&id)
        {
            if self.is_free(now, door.leg) {
                self.bind(id, door);
            } else {
                self.close(id);
            }
        }
        None
    }

    fn pass_on(&mut self, id: u32, door: Door) -> Option<Passage> {
        let Connection { stream, peer, inbox, .. } = self.connections.remove(&id)?;
        self.by_peer.remove(&peer);
        Some(Passage { stream, peer, door, inbox })
    }

    /// A datagram for a browser. Dropped when it is gone or does not read.
    pub(crate) fn send(&mut self, peer: SocketAddr, datagram: &[u8]) {
        let Some(id) = self.by_peer.get(&peer).copied() else { return };
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if datagram.len() > LONGEST || connection.outbox.len() + datagram.len() + 2 > WAITING {
            return;
        }
        let waited = !connection.outbox.is_empty();
        connection.outbox.extend((datagram.len() as u16).to_be_bytes());
        connection.outbox.extend(datagram);
        if !waited {
            self.write(id);
        }
    }

    fn write(&mut self, id: u32) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        while !connection.outbox.is_empty() {
            let (front, _) = connection.outbox.as_slices();
            match connection.stream.write(front) {
                Ok(0) => break,
                Ok(len) => drop(connection.outbox.drain(..len)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if !self.behind.contains(&id) {
                        self.behind.push(id);
                    }
                    return;
                }
                Err(_) => {
                    self.close(id);
                    return;
                }
            }
        }
    }

    /// Writes what waited; now and then closes who says nothing.
    pub(crate) fn tick(&mut self, now: Instant) {
        for id in std::mem::take(&mut self.behind) {
            self.write(id);
        }
        if self.checked.is_some_and(|at| now.saturating_duration_since(at) < Duration::from_secs(1)) {
            return;
        }
        self.checked = Some(now);
        let over = |connection: &Connection| {
            let since = |at: Instant| now.saturating_duration_since(at);
            if connection.door.is_none() {
                since(connection.since) >= PATIENCE
            } else {
                since(connection.heard) >= DEAD
            }
        };
        let silent: Vec<u32> = self.connections.iter().filter(|(_, one)| over(one)).map(|(id, _)| *id).collect();
        for id in silent {
            self.close(id);
        }
    }

    /// A leg is gone, and its connection with it.
    pub(crate) fn leg_gone(&mut self, leg: u64) {
        if let Some(id) = self.by_leg.get(&leg).copied() {
            self.write(id);
            self.close(id);
        }
    }

    fn close(&mut self, id: u32) {
        let Some(gone) = self.connections.remove(&id) else { return };
        if self.by_peer.get(&gone.peer) == Some(&id) {
            self.by_peer.remove(&gone.peer);
        }
        if let Some(door) = gone.door
            && self.by_leg.get(&door.leg) == Some(&id)
        {
            self.by_leg.remove(&door.leg);
        }
    }

    /// Whether nobody is connected.
    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// Connections of one address.
    #[cfg(test)]
    fn of(&self, ip: std::net::IpAddr) -> usize {
        self.connections.values().filter(|connection| connection.peer.ip() == ip).count()
    }
}

#[cfg(test)]
mod tests;
