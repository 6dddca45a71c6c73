//! Which trunk takes the next call: by weight, under limits.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// The window of calls per second.
const SECOND: Duration = Duration::from_secs(1);

/// What a trunk may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Id of the trunk.
    pub id: String,
    /// Share beside the others; 0 takes none.
    pub weight: u32,
    /// Calls at a time; none: no limit.
    pub max_calls: Option<u32>,
    /// New calls in any second; none: no limit.
    pub max_calls_per_second: Option<u32>,
}

/// No trunk takes the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoTrunk {
    /// None may: no trunk is allowed for this call, or each was tried.
    #[error("no trunk may take this call")]
    Unknown,
    /// Those that may are down.
    #[error("no trunk is up")]
    Down,
    /// Those that are up have as many calls as they may have.
    #[error("every line is busy")]
    Full,
    /// They took as many new calls as they may take in a second.
    #[error("too many calls were started at once")]
    TooFast {
        /// When one of them takes a call again.
        again: Instant,
    },
}

/// Chooses among trunks. The credit of each grows by its weight with every choice, whoever has
/// most is taken and pays the sum of the weights: in any run of choices each has its share, and
/// no two of the same trunk come together where they need not.
#[derive(Debug, Default)]
pub struct Choice {
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    share: Share,
    calls: u32,
    /// The starts of the last second, at most as many as may be.
    recent: VecDeque<Instant>,
    credit: i64,
    /// No longer a trunk, but calls go on.
    gone: bool,
}

impl Choice {
    /// These are the trunks now. Live calls and credits of those that stay stay.
    pub fn set(&mut self, shares: Vec<Share>) {
        for line in &mut self.lines {
            line.gone = true;
        }
        for share in shares {
            match self.lines.iter_mut().find(|line| line.share.id == share.id) {
                Some(line) => {
                    line.share = share;
                    line.gone = false;
                }
                None => self.lines.push(Line { share, calls: 0, recent: VecDeque::new(), credit: 0, gone: false }),
            }
        }
        self.lines.retain(|line| !line.gone || line.calls > 0);
    }

    /// Chooses for a new call and counts it. `may` says which trunks it may take at all, `up`
    /// which of them are up.
    pub fn choose(
        &mut self,
        now: Instant,
        may: impl Fn(&str) -> bool,
        up: impl Fn(&str) -> bool,
    ) -> Result<String, NoTrunk> {
        let mut why = NoTrunk::Unknown;
        let mut sum = 0;
        let mut best: Option<usize> = None;
        for at in 0..self.lines.len() {
            let line = &self.lines[at];
            if line.gone || line.share.weight == 0 || !may(&line.share.id) {
                continue;
            }
            let id = &line.share.id;
            if let Err(hindered) = if up(id) { line.room(now) } else { Err(NoTrunk::Down) } {
                why = nearer(why, hindered);
                continue;
            }
            let line = &mut self.lines[at];
            line.credit += i64::from(line.share.weight);
            sum += i64::from(line.share.weight);
            let credit = line.credit;
            if best.is_none_or(|best| credit > self.lines[best].credit) {
                best = Some(at);
            }
        }
        let line = best.and_then(|best| self.lines.get_mut(best)).ok_or(why)?;
        line.credit -= sum;
        line.start(now);
        Ok(line.share.id.clone())
    }

    /// A call that came in over a trunk takes a place as well.
    pub fn began(&mut self, id: &str) {
        if let Some(line) = self.lines.iter_mut().find(|line| line.share.id == id) {
            line.calls = line.calls.saturating_add(1);
        }
    }

    /// A call over a trunk is over.
    pub fn ended(&mut self, id: &str) {
        if let Some(line) = self.lines.iter_mut().find(|line| line.share.id == id) {
            line.calls = line.calls.saturating_sub(1);
        }
        self.lines.retain(|line| !line.gone || line.calls > 0);
    }

    /// Live calls of a trunk.
    pub fn calls(&self, id: &str) -> u32 {
        self.lines.iter().find(|line| line.share.id == id).map_or(0, |line| line.calls)
    }
}

impl Line {
    fn room(&self, now: Instant) -> Result<(), NoTrunk> {
        if self.share.max_calls.is_some_and(|most| self.calls >= most) {
            return Err(NoTrunk::Full);
        }
        let Some(most) = self.share.max_calls_per_second else { return Ok(()) };
        // A place comes back one second after it was taken, so that no second, wherever it
        // begins, sees more.
        let most = most as usize;
        let Some(at) = self.recent.len().checked_sub(most) else { return Ok(()) };
        let again = self.recent.get(at).map_or(now + SECOND, |taken| *taken + SECOND);
        if again <= now { Ok(()) } else { Err(NoTrunk::TooFast { again }) }
    }

    fn start(&mut self, now: Instant) {
        self.calls = self.calls.saturating_add(1);
        let most = self.share.max_calls_per_second.unwrap_or(0) as usize;
        self.recent.push_back(now);
        while self.recent.len() > most {
            self.recent.pop_front();
        }
    }
}

/// Of two hindrances the one that passes sooner.
fn nearer(one: NoTrunk, other: NoTrunk) -> NoTrunk {
    let rank = |why: NoTrunk| match why {
        NoTrunk::Unknown => 0,
        NoTrunk::Down => 1,
        NoTrunk::Full => 2,
        NoTrunk::TooFast { .. } => 3,
    };
    match (one, other) {
        (NoTrunk::TooFast { again }, NoTrunk::TooFast { again: sooner }) => {
            NoTrunk::TooFast { again: again.min(sooner) }
        }
        _ if rank(other) > rank(one) => other,
        _ => one,
    }
}
