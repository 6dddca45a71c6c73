//! Bringing what was written onto the disk, staggered.
//!
//! A block is written at once, where a kill of the process does not reach it, and synced a
//! little later by one of a few threads, so that no recording waits for the disk. Each
//! recording has its own delay, spread evenly over half a second: calls that begin together
//! do not sync together. Half a second, because with the second of the block itself and what
//! the call holds back a power cut then takes less than two.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    io,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::files::BlockFile;

/// Over what the recordings' syncs are spread.
const SPREAD: Duration = Duration::from_millis(500);
/// Syncs at once. A disk that is slow is no faster for more.
const THREADS: usize = 4;
/// A thread that found nothing to do for so long ends.
const IDLE: Duration = Duration::from_secs(5);

type Observer = Box<dyn Fn(Duration) + Send + Sync>;

/// The written end of a recording, and how far it is on the disk.
pub(super) struct Tail {
    file: Arc<dyn BlockFile>,
    delay: Duration,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    written: u64,
    durable: u64,
    /// Something before the end was written anew.
    dirty: bool,
    queued: bool,
    running: bool,
    failed: Option<io::Error>,
    /// What a sync that failed leaves is not known, and a later one that succeeds says
    /// nothing about it: the file must be cut first.
    broken: bool,
}

impl State {
    fn is_pending(&self) -> bool {
        !self.broken && (self.dirty || self.written > self.durable)
    }
}

impl Tail {
    pub(super) fn file(&self) -> &dyn BlockFile {
        &*self.file
    }

    /// Bytes that are on the disk.
    pub(super) fn durable(&self) -> u64 {
        self.lock().durable
    }

    /// Why the last sync failed, told once.
    pub(super) fn fault(&self) -> Option<io::Error> {
        self.lock().failed.take()
    }

    /// The file was cut to this length.
    pub(super) fn was_cut(&self, length: u64) {
        let mut state = self.lock();
        state.written = length;
        state.durable = state.durable.min(length);
        state.broken = false;
    }

    /// Waits until no more than so many bytes are not on the disk yet, or a sync failed.
    pub(super) fn wait_below(&self, bytes: u64) {
        let mut state = self.lock();
        while !state.broken && state.written - state.durable > bytes {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A recording that is to be synced.
struct Due {
    at: Instant,
    turn: u64,
    tail: Arc<Tail>,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.turn == other.turn
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.turn).cmp(&(other.at, other.turn))
    }
}

#[derive(Default)]
struct Queue {
    due: BinaryHeap<Reverse<Due>>,
    threads: usize,
    turn: u64,
    /// When those began that are under way.
    running: Vec<(u64, Instant)>,
    /// The slowest that ended since somebody asked.
    slowest: Duration,
}

/// The syncs of a vault.
#[derive(Default)]
pub(super) struct Syncs {
    queue: Mutex<Queue>,
    wake: Condvar,
    recordings: AtomicU64,
    observer: OnceLock<Observer>,
}

impl Syncs {
    /// A file whose first bytes are on the disk already.
    pub(super) fn tail(&self, file: Arc<dyn BlockFile>, length: u64) -> Arc<Tail> {
        // Multiples of the golden ratio lie apart, however many there are.
        let turn = self.recordings.fetch_add(1, Ordering::Relaxed);
        let delay = SPREAD.mul_f64((turn as f64 * 0.618_033_988_749_894_9).fract());
        let state = State {
            written: length,
            durable: length,
            dirty: false,
            queued: false,
            running: false,
            failed: None,
            broken: false,
        };
        Arc::new(Tail { file, delay, state: Mutex::new(state), changed: Condvar::new() })
    }

    /// Who is told how long each sync took.
    pub(super) fn observe(&self, observer: Observer) {
        let _ = self.observer.set(observer);
    }

    /// The file was written up to here, and is synced when its time comes.
    pub(super) fn written(self: &Arc<Self>, tail: &Arc<Tail>, end: u64) {
        let mut state = tail.lock();
        state.written = end;
        self.later(tail, &mut state);
    }

    /// Something before the end was written anew.
    pub(super) fn rewritten(self: &Arc<Self>, tail: &Arc<Tail>) {
        let mut state = tail.lock();
        state.dirty = true;
        self.later(tail, &mut state);
    }

    fn later(self: &Arc<Self>, tail: &Arc<Tail>, state: &mut State) {
        // Who runs looks again when it has done.
        if !state.queued && !state.running {
            state.queued = true;
            self.push(tail.clone(), Instant::now() + tail.delay);
        }
    }

    fn push(self: &Arc<Self>, tail: Arc<Tail>, at: Instant) {
        let mut queue = self.lock();
        queue.turn += 1;
        let turn = queue.turn;
        queue.due.push(Reverse(Due { at, turn, tail }));
        if queue.threads < THREADS && queue.threads < queue.due.len() + queue.running.len() {
            let own = self.clone();
            match thread::Builder::new().name("vault-sync".into()).spawn(move || own.work()) {
                Ok(_) => queue.threads += 1,
                Err(error) if queue.threads == 0 => tracing::error!(%error, "no thread to sync recordings with"),
                Err(_) => {}
            }
        }
        self.wake.notify_one();
    }

    fn work(self: Arc<Self>) {
        let mut queue = self.lock();
        loop {
            let now = Instant::now();
            let next = queue.due.peek().map(|next| next.0.at);
            if next.is_some_and(|at| at <= now) {
                let Some(Reverse(due)) = queue.due.pop() else { continue };
                drop(queue);
                let ours = {
                    let mut state = due.tail.lock();
                    state.queued = false;
                    state.is_pending() && !state.running && {
                        state.running = true;
                        true
                    }
                };
                if ours {
                    self.run(&due.tail);
                }
                queue = self.lock();
                continue;
            }
            let wait = next.map_or(IDLE, |at| at - now);
            let woken = self.wake.wait_timeout(queue, wait).unwrap_or_else(PoisonError::into_inner);
            queue = woken.0;
            if woken.1.timed_out() && queue.due.is_empty() {
                queue.threads -= 1;
                return;
            }
        }
    }

    /// Syncs here and now, when nobody else does, and waits until the file is on the disk up
    /// to this place.
    pub(super) fn now(self: &Arc<Self>, tail: &Arc<Tail>, end: u64) -> io::Result<()> {
        let mut state = tail.lock();
        state.written = state.written.max(end);
        loop {
            if let Some(error) = state.failed.take() {
                return Err(error);
            }
            if state.durable >= end {
                return Ok(());
            }
            if state.broken {
                return Err(io::Error::other("an earlier sync failed"));
            }
            if state.running {
                state = tail.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            } else {
                state.running = true;
                drop(state);
                self.run(tail);
                state = tail.lock();
            }
        }
    }

    /// One sync of a file of which no other is under way.
    fn run(self: &Arc<Self>, tail: &Arc<Tail>) {
        let target = {
            let mut state = tail.lock();
            state.dirty = false;
            state.written
        };
        let began = Instant::now();
        let turn = {
            let mut queue = self.lock();
            queue.turn += 1;
            let turn = queue.turn;
            queue.running.push((turn, began));
            turn
        };
        let done = tail.file.sync();
        let took = began.elapsed();
        {
            let mut queue = self.lock();
            queue.running.retain(|(other, _)| *other != turn);
            queue.slowest = queue.slowest.max(took);
        }
        if let Some(observer) = self.observer.get() {
            observer(took);
        }
        let mut state = tail.lock();
        state.running = false;
        match done {
            // What was cut off meanwhile is not there any more.
            Ok(()) => state.durable = state.durable.max(target.min(state.written)),
            Err(error) => {
                state.failed = Some(error);
                state.broken = true;
            }
        }
        if state.is_pending() && !state.queued {
            state.queued = true;
            self.push(tail.clone(), Instant::now());
        }
        tail.changed.notify_all();
    }

    /// The slowest sync since this was asked last, with those that are under way.
    pub(super) fn slowest(&self, now: Instant) -> Duration {
        let mut queue = self.lock();
        let ended = std::mem::take(&mut queue.slowest);
        queue.running.iter().map(|(_, began)| now.saturating_duration_since(*began)).fold(ended, Duration::max)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
