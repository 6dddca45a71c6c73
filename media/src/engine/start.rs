//! From a configuration to threads that sweep.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::{Arc, mpsc},
    thread,
};

use super::{
    COMMANDS, Engine, EngineConfig, EngineError, Line, Thread,
    floor::{Floor, Neighbour, Note},
    measure::Measure,
    poll::{Bell, Poll},
    told::{Told, specified},
};
use crate::{
    egress::Egress,
    rtp::Ports,
    web::{Lines, Places, Shore},
};

/// Datagrams that may wait for the thread that has their call.
const NOTES: usize = 256;
/// Threads, at most.
const MOST: usize = 64;

/// Room for what comes while a thread is busy elsewhere.
const RECEIVE_BUFFER: usize = 4 << 20;

pub(super) fn start(config: &EngineConfig) -> Result<Engine, EngineError> {
    let count = config.threads.clamp(1, MOST);
    let (shores, places) = shores(config, count)?;
    let told = Told::new(config.trunk_bind, config.trunk_advertise)?;
    let mut ways = Vec::new();
    let mut inboxes = Vec::new();
    for _ in 0..count {
        let (commands, inbox) = mpsc::sync_channel(COMMANDS);
        let (notes, noted) = mpsc::sync_channel::<Note>(NOTES);
        let (gossip, heard) = mpsc::channel();
        let bell = Bell::new().map_err(EngineError::Start)?;
        ways.push((Line { commands, bell: bell.clone() }, Neighbour { notes, gossip }));
        inboxes.push((inbox, noted, heard, bell));
    }
    let mut threads = Vec::new();
    for (number, (shore, (inbox, noted, heard, bell))) in shores.into_iter().zip(inboxes).enumerate() {
        let ports = Ports::new(config.trunk_bind, &config.trunk_ports, number, count).map_err(EngineError::Start)?;
        let measure = Arc::new(Measure::of_ports(ports.refusals().clone()));
        let neighbours = if count > 1 { ways.iter().map(|(_, way)| way.clone()).collect() } else { Vec::new() };
        let poll = Poll::new().map_err(EngineError::Start)?;
        let floor = Floor::new(number, config.unix_ms.clone(), shore, places.clone(), told, ports)
            .beside(neighbours, noted, heard)
            .watched(poll, bell, measure.clone())
            .map_err(EngineError::Start)?;
        let name = format!("media-{number}");
        thread::Builder::new().name(name).spawn(move || floor.run(&inbox)).map_err(EngineError::Start)?;
        threads.push(Thread { line: ways[number].0.clone(), measure, load: Arc::default() });
    }
    let (web, web_tcp) = (places.udp(), places.tcp.first().copied());
    Ok(Engine { threads: threads.into(), web, web_tcp, next: Arc::default(), drops: Arc::default() })
}

/// The sockets for browsers, one pair for each thread on the same ports, and what browsers are told
/// of them.
fn shores(config: &EngineConfig, count: usize) -> Result<(Vec<Shore>, Places), EngineError> {
    let listen = |address: SocketAddr| move |source| EngineError::Listen { address, source };
    let told: Vec<Option<IpAddr>> = if config.web_advertise.is_empty() {
        vec![None]
    } else {
        config.web_advertise.iter().copied().map(Some).collect()
    };
    let shared = count > 1;
    let (mut udp_at, mut tcp_at) = (config.web_listen, config.web_tcp_listen);
    let (mut shores, mut places) = (Vec::new(), Places::default());
    for number in 0..count {
        let udp = bind(udp_at, shared).map_err(listen(udp_at))?;
        let tcp = tcp_at.map(|at| Lines::listen(at, shared).map_err(listen(at))).transpose()?;
        if number == 0 {
            // The others share what the system has chosen.
            udp_at = udp.local_addr().map_err(listen(udp_at))?;
            if let (Some(at), Some(lines)) = (&mut tcp_at, &tcp) {
                *at = lines.listener().local_addr().map_err(listen(*at))?;
            }
            for told in &told {
                places.udp.push(SocketAddr::new(specified(told.unwrap_or(udp_at.ip()))?, udp_at.port()));
                if let Some(at) = tcp_at {
                    places.tcp.push(SocketAddr::new(specified(told.unwrap_or(at.ip()))?, at.port()));
                }
            }
        }
        shores.push(Shore { udp, tcp });
    }
    Ok((shores, places))
}

fn bind(address: SocketAddr, shared: bool) -> io::Result<UdpSocket> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::DGRAM, None)?;
    // Best effort: the system may allow less.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    socket.set_reuse_port(shared)?;
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// A stream that starts at random points (RFC 3550, section 5.1); its numbers in the lower half, so
/// that who misses the first of a secured one does not miss their wrap (RFC 3711, section 3.3.1).
pub(super) fn stream() -> Result<Egress, EngineError> {
    let mut random = [0u8; 12];
    getrandom::fill(&mut random).map_err(|_| EngineError::Gone)?;
    let word = |at: usize| u32::from_be_bytes([random[at], random[at + 1], random[at + 2], random[at + 3]]);
    Ok(Egress::new(word(0), word(4) as u16 & 0x7fff, word(8)))
}
