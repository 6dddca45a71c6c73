//! Which sockets of a thread have something: `epoll`, asked once per sweep and never waited for
//! while a call is up; and the bell that wakes a thread that sleeps.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
};

use rustix::{
    buffer::spare_capacity,
    event::{
        EventfdFlags, Timespec,
        epoll::{self, CreateFlags, Event, EventData, EventFlags},
        eventfd,
    },
};

/// Sockets that are told of in one look; the others come in the next sweep.
const LOOK: usize = 1_024;

/// The sockets of one thread. A socket that is closed leaves by itself.
#[derive(Debug)]
pub(super) struct Poll {
    epoll: OwnedFd,
}

/// What one look found.
pub(super) struct Look {
    found: Vec<Event>,
    /// Tokens of what can be read from.
    pub(super) ready: Vec<u64>,
}

impl Look {
    pub(super) fn new() -> Self {
        Self { found: Vec::with_capacity(LOOK), ready: Vec::with_capacity(LOOK) }
    }
}

impl Poll {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { epoll: epoll::create(CreateFlags::CLOEXEC)? })
    }

    /// From here on this is told of when something can be read from it.
    pub(super) fn add(&self, socket: impl AsFd, token: u64) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(token), EventFlags::IN)?)
    }

    /// What can be read from now. `asleep`: waits until there is something.
    pub(super) fn look(&self, asleep: bool, look: &mut Look) {
        let Look { found, ready } = look;
        ready.clear();
        found.clear();
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        // Interrupted, there is nothing; the next sweep asks again.
        let _ = epoll::wait(&self.epoll, spare_capacity(found), (!asleep).then_some(&now));
        ready.extend(found.iter().map(|event| event.data.u64()));
    }
}

/// Wakes a thread. Rung when it is dropped too: the last handle may have gone.
#[derive(Debug, Clone)]
pub(super) struct Bell(Arc<OwnedFd>);

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?)))
    }

    pub(super) fn ring(&self) {
        // Full, it rings already.
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }

    pub(super) fn hush(&self) {
        let _ = rustix::io::read(&*self.0, &mut [0u8; 8]);
    }

    pub(super) fn watched(&self) -> &OwnedFd {
        &self.0
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.ring();
    }
}
