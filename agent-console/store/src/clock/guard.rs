//! The guard of the clock: looks each second at the machine's clock, asks the reference,
//! and tells people what is off (X1).

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use serde_json::json;
use songda_recordings::said::Said;
use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    Clock, Source,
    kept::{Kept, Level, Reference},
    ntp::{self, Heard},
};
use crate::{Db, StoreError, alarms, audit};

/// How often the machine's clock is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often the servers are asked; public ones ask for no more.
const ASK: Duration = Duration::from_secs(64);
/// A step of this much is reason to ask at once.
const STEP_MS: i64 = 500;
/// But not more often than this.
const PAUSE: Duration = Duration::from_secs(4);
/// Failed rounds after which people are told that there is no reference.
const ROUNDS: u32 = 3;
/// What the alarms are about.
const OBJECT: &str = "house";

/// The guard of one house's clock.
#[derive(Debug)]
pub struct Guard {
    db: Db,
    clock: Clock,
    servers: Vec<String>,
    /// What people were told last; none before the first time.
    told: Option<(Level, i64)>,
    offset_ms: i64,
    stepped: Arc<Notify>,
}

impl Guard {
    /// A guard that asks these NTP servers, `host:port`; without any, only steps of the
    /// machine's clock are seen.
    pub fn new(db: Db, clock: Clock, servers: Vec<String>) -> Self {
        Self { db, clock, servers, told: None, offset_ms: 0, stepped: Arc::default() }
    }

    /// Asks for the first time, before anything is dated. Without an answer the house starts
    /// all the same, by the machine's clock.
    pub async fn settle(&mut self) {
        if !self.servers.is_empty() {
            ask_all(&self.clock, &self.servers).await;
        }
        self.look().await;
    }

    /// Guards until cancelled.
    pub async fn run(mut self, cancel: CancellationToken) {
        let asking = asks(self.db.clone(), self.clock.clone(), self.servers.clone(), self.stepped.clone());
        let looking = async {
            let mut looks = interval(LOOK);
            looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                looks.tick().await;
                self.look().await;
            }
        };
        tokio::select! {
            () = cancel.cancelled() => {}
            () = looking => {}
            () = asking => {}
        }
    }

    /// Looks once; tells what has changed, and tries to tell again what could not be told.
    pub async fn look(&mut self) {
        let (level, offset_ms) = (self.clock.level(), self.clock.offset_ms());
        metrics::gauge!("songda_clock_offset_seconds").set(offset_ms as f64 / 1_000.0);
        metrics::gauge!("songda_clock_trusted").set(if level == Level::Wrong { 0.0 } else { 1.0 });
        if (offset_ms - self.offset_ms).abs() > STEP_MS {
            self.stepped.notify_one();
        }
        self.offset_ms = offset_ms;
        let news = match self.told {
            // The last run may have left alarms.
            None => true,
            Some((told, at_ms)) => told != level || (level != Level::Right && (offset_ms - at_ms).abs() > STEP_MS),
        };
        if !news {
            return;
        }
        match self.tell(level, offset_ms).await {
            Ok(()) => self.told = Some((level, offset_ms)),
            Err(error) => tracing::error!(%error, ?level, offset_ms, "the state of the clock could not be told"),
        }
    }

    async fn tell(&self, level: Level, offset_ms: i64) -> Result<(), StoreError> {
        let was = self.told.map_or(Level::Right, |(told, _)| told);
        if was != level {
            tracing::warn!(?level, offset_ms, "the machine's clock was compared with the reference");
            self.write_down(level, offset_ms).await?;
        }
        let by = |said: Said| Some(said.with("seconds", format!("{:+.1}", offset_ms as f64 / 1_000.0)));
        let (off, wrong) = match level {
            Level::Right => (None, None),
            Level::Off => {
                let text = "the machine's clock is off by {seconds} s, more than 1 s: the house goes on by the reference; set the machine's clock";
                (by(Said::new("clock.off", text)), None)
            }
            Level::Wrong => {
                let text = "the machine's clock is off by {seconds} s, more than 60 s: no new call goes out; set the machine's clock now";
                (None, by(Said::new("clock.wrong", text)))
            }
        };
        for (kind, said) in [("clock.off", off), ("clock.wrong", wrong)] {
            match said {
                Some(said) => alarms::raise(&self.db, &self.clock, kind, OBJECT, &said).await?,
                None => alarms::clear(&self.db, &self.clock, kind, OBJECT).await?,
            }
        }
        Ok(())
    }

    /// Whoever doubts a time later finds when the clock was doubted.
    async fn write_down(&self, level: Level, offset_ms: i64) -> Result<(), StoreError> {
        let (action, result) = match level {
            Level::Right => ("clock.right", "ok"),
            Level::Off => ("clock.off", "failed"),
            Level::Wrong => ("clock.wrong", "failed"),
        };
        let heard = matches!(self.clock.reference(), Reference::Ntp { .. });
        let mut tx = self.db.begin().await?;
        audit::append(
            &mut tx,
            &self.clock,
            audit::Entry {
                court: "",
                actor: "system",
                actor_role: "system",
                action,
                object_kind: "clock",
                object_id: OBJECT,
                case_id: None,
                ip: "",
                result,
                detail: json!({ "offset_ms": offset_ms, "ntp": heard }),
            },
        )
        .await?;
        tx.commit().await
    }
}

/// Asks every so often, and soon after a step of the machine's clock.
async fn asks(db: Db, clock: Clock, servers: Vec<String>, stepped: Arc<Notify>) {
    if servers.is_empty() {
        return std::future::pending().await;
    }
    let (mut failed, mut lost) = (0, None);
    loop {
        failed = if ask_all(&clock, &servers).await { 0 } else { failed + 1 };
        let away = failed >= ROUNDS;
        if lost != Some(away) && (away || failed == 0) {
            match tell_reach(&db, &clock, away).await {
                Ok(()) => lost = Some(away),
                Err(error) => tracing::error!(%error, "whether a time server answers could not be told"),
            }
        }
        sleep(PAUSE).await;
        tokio::select! {
            () = sleep(ASK.saturating_sub(PAUSE)) => {}
            () = stepped.notified() => {}
        }
    }
}

async fn tell_reach(db: &Db, clock: &Clock, away: bool) -> Result<(), StoreError> {
    if away {
        let text = "no time server answers: the house goes on by its own clock; look at clock.ntp and the network";
        return alarms::raise(db, clock, "clock.unreachable", OBJECT, &Said::new("clock.unreachable", text)).await;
    }
    alarms::clear(db, clock, "clock.unreachable", OBJECT).await
}

/// Asks all servers at once and tells the clock what most of them say; whether any answered.
async fn ask_all(clock: &Clock, servers: &[String]) -> bool {
    let Source::Kept(kept) = &clock.source else { return true };
    let answers = join_all(servers.iter().map(|server| ask_one(kept, server))).await;
    let heard = middle(answers.into_iter().flatten().collect());
    if let Some(heard) = heard {
        kept.heard(heard.passed_ms, heard.at_ms);
    }
    heard.is_some()
}

async fn ask_one(kept: &Kept, server: &str) -> Option<Heard> {
    ntp::ask(kept, server)
        .await
        .inspect_err(|error| {
            metrics::counter!("songda_ntp_failures_total").increment(1);
            tracing::warn!(server, %error, "a time server gave no time");
        })
        .ok()
}

/// The middle one: of three, one may lie. Of two that differ nobody knows which; then it is
/// the earlier one.
fn middle(mut heard: Vec<Heard>) -> Option<Heard> {
    heard.sort_by_key(|heard| heard.at_ms - heard.passed_ms);
    let place = heard.len().checked_sub(1)? / 2;
    heard.get(place).copied()
}
