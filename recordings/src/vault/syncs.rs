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

/// Why what was written is not on the disk.
#[derive(Debug)]
pub(super) enum Unsynced {
    /// A sync failed.
    Failed(io::Error),
    /// None returned while it was waited for.
    Stalled,
}

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
    /// How often something before the end was written anew, and how much of that is on the disk.
    rewritten: u64,
    rewritten_durable: u64,
    queued: bool,
    running: bool,
    failed: Option<io::Error>,
    /// What a sync that failed leaves is not known, and a later one that succeeds says
    /// nothing about it: it must be written again, or cut off, first.
    broken: bool,
}

impl State {
    fn is_pending(&self) -> bool {
        !self.broken && (!self.is_rewritten() || self.written > self.durable)
    }

    fn is_rewritten(&self) -> bool {
        self.rewritten == self.rewritten_durable
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

    /// The file was cut to this length, or written again up to there.
    pub(super) fn was_cut(&self, length: u64) {
        let mut state = self.lock();
        state.written = length;
        state.durable = state.durable.min(length);
        state.broken = false;
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
pub(super) struct Syncs {
    queue: Mutex<Queue>,
    wake: Condvar,
    recordings: AtomicU64,
    observer: OnceLock<Observer>,
    spawn: fn(Arc<Syncs>) -> io::Result<()>,
}

impl Default for Syncs {
    fn default() -> Self {
        Self {
            queue: Mutex::default(),
            wake: Condvar::new(),
            recordings: AtomicU64::new(0),
            observer: OnceLock::new(),
            spawn: |own| thread::Builder::new().name("vault-sync".into()).spawn(move || own.work()).map(drop),
        }
    }
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
            rewritten: 0,
            rewritten_durable: 0,
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

    /// The file was written up to here, and is synced when its time comes; false where there is no
    /// thread that would, and who wrote it must.
    pub(super) fn written(self: &Arc<Self>, tail: &Arc<Tail>, end: u64) -> bool {
        let mut state = tail.lock();
        state.written = end;
        self.queue(tail, &mut state, tail.delay)
    }

    /// Something before the end was written anew.
    pub(super) fn rewritten(self: &Arc<Self>, tail: &Arc<Tail>) {
        let mut state = tail.lock();
        state.rewritten += 1;
        // What no thread does is done with the first block.
        self.queue(tail, &mut state, tail.delay);
    }

    /// Has a file synced after a while; false where there is no thread that would.
    fn queue(self: &Arc<Self>, tail: &Arc<Tail>, state: &mut State, after: Duration) -> bool {
        // Who runs looks again when it has done.
        if !state.queued && !state.running {
            state.queued = self.push(tail.clone(), Instant::now() + after);
        }
        state.queued || state.running
    }

    fn push(self: &Arc<Self>, tail: Arc<Tail>, at: Instant) -> bool {
        let mut queue = self.lock();
        if queue.threads < THREADS && queue.threads <= queue.due.len() + queue.running.len() {
            match (self.spawn)(self.clone()) {
                Ok(()) => queue.threads += 1,
                Err(error) if queue.threads == 0 => {
                    tracing::error!(%error, "no thread to sync recordings with: each syncs its own, block by block");
                    return false;
                }
                Err(_) => {}
            }
        }
        queue.turn += 1;
        let turn = queue.turn;
        queue.due.push(Reverse(Due { at, turn, tail }));
        self.wake.notify_one();
        true
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

    /// Waits until no more than so many bytes are not on the disk yet.
    pub(super) fn wait_below(
        self: &Arc<Self>,
        tail: &Arc<Tail>,
        bytes: u64,
        patience: Duration,
    ) -> Result<(), Unsynced> {
        self.wait(tail, patience, |state| !state.broken && state.written - state.durable <= bytes)
    }

    /// Has the file synced at once, and waits until it is on the disk up to this place.
    pub(super) fn now(self: &Arc<Self>, tail: &Arc<Tail>, end: u64, patience: Duration) -> Result<(), Unsynced> {
        {
            let mut state = tail.lock();
            state.written = state.written.max(end);
        }
        self.wait(tail, patience, |state| state.durable >= end && state.is_rewritten())
    }

    /// Waits for syncs until this is so, and no longer than this for each of them. Another thread
    /// syncs, because a sync of a disk that stands still cannot be left; only where there is none
    /// it is done here.
    fn wait(
        self: &Arc<Self>,
        tail: &Arc<Tail>,
        patience: Duration,
        is_done: impl Fn(&State) -> bool,
    ) -> Result<(), Unsynced> {
        let mut state = tail.lock();
        let (mut durable, mut since, mut asked) = (state.durable, Instant::now(), false);
        loop {
            if let Some(error) = state.failed.take() {
                return Err(Unsynced::Failed(error));
            }
            if is_done(&state) {
                return Ok(());
            }
            if state.broken {
                return Err(Unsynced::Failed(io::Error::other("an earlier sync failed")));
            }
            if state.durable > durable {
                (durable, since) = (state.durable, Instant::now());
            }
            let left = patience.saturating_sub(since.elapsed());
            if left.is_zero() {
                return Err(Unsynced::Stalled);
            }
            if !state.running && !asked {
                // Now, even where it is queued for later.
                asked = true;
                state.queued |= self.push(tail.clone(), Instant::now());
                if !state.queued {
                    state.running = true;
                    drop(state);
                    self.run(tail);
                    (state, asked) = (tail.lock(), false);
                    continue;
                }
            }
            state = tail.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            asked &= !state.running && state.queued;
        }
    }

    /// One sync of a file of which no other is under way.
    fn run(self: &Arc<Self>, tail: &Arc<Tail>) {
        let (target, rewritten) = {
            let state = tail.lock();
            (state.written, state.rewritten)
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
            Ok(()) => {
                state.durable = state.durable.max(target.min(state.written));
                state.rewritten_durable = rewritten;
            }
            Err(error) => {
                state.failed = Some(error);
                state.broken = true;
            }
        }
        if state.is_pending() && !state.queued {
            state.queued = self.push(tail.clone(), Instant::now());
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

#[cfg(test)]
mod tests {
    use std::{fs::File, sync::atomic::AtomicUsize};

    use super::*;

    struct Counted(File, AtomicUsize);

    impl BlockFile for Counted {
        fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
            self.0.write(bytes, offset)
        }

        fn sync(&self) -> io::Result<()> {
            self.1.fetch_add(1, Ordering::SeqCst);
            self.0.sync()
        }

        fn cut(&self, length: u64) -> io::Result<()> {
            self.0.cut(length)
        }
    }

    #[test]
    fn e52_where_no_thread_can_be_started_who_writes_is_told_and_syncs_without_waiting_for_one() {
        let file = Arc::new(Counted(tempfile::tempfile().expect("a file"), AtomicUsize::new(0)));
        let syncs = Arc::new(Syncs { spawn: |_| Err(io::ErrorKind::WouldBlock.into()), ..Syncs::default() });
        let tail = syncs.tail(file.clone(), 0);
        for block in 1..=3 {
            assert!(!syncs.written(&tail, block * 100), "nobody else syncs it");
            syncs.now(&tail, block * 100, Duration::from_secs(5)).expect("it is synced here");
            assert_eq!((tail.durable(), file.1.load(Ordering::SeqCst)), (block * 100, block as usize));
        }
        syncs.rewritten(&tail);
        syncs.now(&tail, 300, Duration::from_secs(5)).expect("what was written anew, too");
        assert_eq!(file.1.load(Ordering::SeqCst), 4);
    }

    #[test]
    fn calls_that_begin_together_are_given_syncs_that_are_spread_evenly_over_half_a_second() {
        // Nobody works here: what is due stays where it was put, however slow the machine is.
        let syncs = Arc::new(Syncs { spawn: |_| Ok(()), ..Syncs::default() });
        let file = || Arc::new(Counted(tempfile::tempfile().expect("a file"), AtomicUsize::new(0)));
        let tails: Vec<_> = (0..50).map(|_| syncs.tail(file(), 0)).collect();
        for tail in &tails {
            let before = Instant::now();
            assert!(syncs.written(tail, 100));
            let after = Instant::now();
            let queue = syncs.lock();
            let due = queue.due.iter().find(|due| Arc::ptr_eq(&due.0.tail, tail)).map(|due| due.0.at);
            let own = before + tail.delay..=after + tail.delay;
            assert!(due.is_some_and(|due| own.contains(&due)), "due {:?} after it was written", tail.delay);
        }
        let tenth = SPREAD / 10;
        for from in (0..10).map(|place| tenth * place) {
            let within = tails.iter().filter(|tail| (from..from + tenth).contains(&tail.delay)).count();
            assert!((4..=6).contains(&within), "{within} of 50 within {tenth:?} from {from:?}");
        }
        assert!(tails.iter().all(|tail| tail.delay < SPREAD));
    }
}
