//! The telephone desk of this house: signalling, sound, seats, and the work behind them.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::Context as _;
use songda_asr::{Worker, WorkerConfig};
use songda_calls::{Reader, Switchboard, SwitchboardConfig};
use songda_desk::{
    Ground, inbound,
    progress::{self, Hearer},
    recovery,
    seats::Seats,
    telephony::{phones, watch},
    transcripts::{self, Printed, Transcriber},
};
use songda_media::{Engine, EngineConfig};
use songda_papers::{jobs as paper_jobs, reports::Printer};
use songda_press::{Press, PressConfig};
use songda_sip::Endpoint;
use songda_store::{copies, disk, jobs, syncs};
use tokio::{sync::Notify, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{config::Config, house::House, keeper, listen::ListenAt};

/// The desk of a house that is not read-only.
#[derive(Clone)]
pub struct Desk {
    pub(crate) seats: Seats,
    pub(crate) switchboard: Switchboard,
    pub(crate) fonts: Arc<Vec<String>>,
    /// Told when a desk phone changed.
    pub(crate) phones: phones::Changed,
    /// By what a desk phone registers.
    pub(crate) phone_ways: Arc<[ListenAt]>,
    tasks: TaskTracker,
}

/// How long the end waits for the carrier's answers to our last requests.
const FAREWELL: Duration = Duration::from_secs(5);
/// Longer than this nothing takes that ends a call: the words (30 seconds), or a CANCEL whose answer
/// does not come (32).
const PARTED: Duration = Duration::from_secs(40);
/// In this time the end of a call that a full disk held up is written down.
const SETTLED: Duration = Duration::from_secs(3);
/// What is said in six seconds is read in this time, or not while the call is set up.
const NOTICE: Duration = Duration::from_secs(20);
/// How long one work order may outlive its time.
const EXPIRY: Duration = Duration::from_secs(30);

impl Desk {
    /// Opens lines, closes what a kill left open, and starts the work. `config_path` is
    /// read again by the transcriber's process.
    pub async fn open(
        config: &Config,
        config_path: &Path,
        house: &House,
        cancel: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let lines = &config.telephony;
        let listeners = lines.listeners();
        let main = listeners.first().context("telephony.listen names no listener")?;
        let sip = lines.endpoint(concat!("Songda/", env!("CARGO_PKG_VERSION")));
        let endpoint = Endpoint::start(sip, CancellationToken::new())?;
        let (first, last) = lines.trunk_ports.unwrap_or((0, 0));
        let clock = house.clock.clone();
        let engine = Engine::start(EngineConfig {
            unix_ms: Arc::new(move || clock.now_ms()),
            threads: config.media.threads,
            web_listen: lines.web_listen,
            web_tcp_listen: config.media.web_tcp_listen,
            web_advertise: lines.web_advertise.clone().into(),
            trunk_bind: lines.trunk_bind.unwrap_or(main.address.ip()),
            trunk_advertise: lines.trunk_advertise.or(main.advertise),
            trunk_ports: first..=last,
        })?;
        let switchboard = Switchboard::new(SwitchboardConfig {
            endpoint,
            engine,
            vault: house.vault.clone(),
            prompts: lines.prompts.clone(),
            ring_limit: Duration::from_secs(lines.ring_limit_s),
            phone_srtp: lines.phone_srtp.into(),
            reader: reader(config, config_path)?,
            now_ms: {
                let clock = house.clock.clone();
                Arc::new(move || clock.now_ms())
            },
        });
        let wake = Arc::new(Notify::new());
        let ground = Ground {
            db: house.db.clone(),
            clock: house.clock.clone(),
            sealer: house.sealer.clone(),
            vault: house.vault.clone(),
            switchboard: switchboard.clone(),
            demo: house.demo,
            jobs: wake.clone(),
            build: entry_script().into(),
        };
        let tasks = TaskTracker::new();
        let (measured, over) = (switchboard.clone(), cancel.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = measured.tell_figures() => {}
                () = over.cancelled() => {}
            }
        });
        // First of all: a party of the last run may still hold the line.
        let legs = recovery::end_legs(&ground, &tasks, cancel).await.context("ending the last run's legs")?;
        if legs > 0 {
            tracing::warn!(legs, "legs of the last run may be up: they are being ended");
        }
        jobs::take_up_again(&house.db, &house.clock).await.context("taking up the work of the last run")?;
        let recovered = recovery::run(&ground).await.context("closing what the last run left open")?;
        if recovered.calls + recovered.recordings > 0 {
            tracing::warn!(?recovered, "the last run did not end cleanly");
        }
        let fonts = config.papers.fonts.clone();
        let press = tokio::task::spawn_blocking(move || Press::open(PressConfig { font_dirs: fonts })).await??;
        let fonts = Arc::new(press.fonts());
        let printer = Printer {
            db: house.db.clone(),
            clock: house.clock.clone(),
            sealer: house.sealer.clone(),
            objects: house.objects.clone(),
            press,
            transcripts: Arc::new(Printed { db: house.db.clone(), sealer: house.sealer.clone() }),
        };
        tasks.spawn(print(house.clone(), printer, wake.clone(), cancel.clone()));
        let transcriber = transcriber(config, config_path, house)?;
        let hearer = Hearer {
            db: house.db.clone(),
            clock: house.clock.clone(),
            sealer: house.sealer.clone(),
            vault: house.vault.clone(),
            worker: transcriber.worker.clone(),
        };
        tasks.spawn(transcribe(house.clone(), transcriber, wake.clone(), cancel.clone()));
        keeper::start(config, house, &tasks, &wake, cancel)?;
        let room_again = Arc::new(Notify::new());
        let disk = disk::Guard::new(
            house.db.clone(),
            house.clock.clone(),
            house.vault.clone(),
            house.outlook.clone(),
            room_again.clone(),
        );
        tasks.spawn(disk.run(cancel.clone()));
        let (db, clock, vault) = (house.db.clone(), house.clock.clone(), house.vault.clone());
        tasks.spawn(syncs::Watch::new(db.clone(), clock.clone(), vault.clone()).run(cancel.clone()));
        tasks.spawn(copies::Copier::new(db, clock, vault, house.copies.clone()).run(cancel.clone()));
        tasks.spawn(put_away(ground.clone(), room_again, cancel.clone()));
        tasks.spawn(watch::run(ground.clone(), cancel.clone()));
        let (changed, changes) = phones::changes();
        if let Some(realm) = house.phone_realm.clone() {
            tasks.spawn(phones::watch(ground.clone(), realm, changes, cancel.clone()));
        }
        let callers = switchboard.endpoint().incoming();
        let seats = Seats::new(ground, cancel.clone());
        if let Some(callers) = callers {
            tasks.spawn(inbound::receive(seats.clone(), callers, cancel.clone()));
        }
        tasks.spawn(hear(house.clone(), hearer, seats.clone(), wake, cancel.clone()));
        tasks.spawn(expire(seats.clone(), cancel.clone()));
        Ok(Self { seats, switchboard, fonts, phones: changed, phone_ways: listeners.into(), tasks })
    }

    /// Takes no new call and gives no new work. Calls that are under way go on, and so does the
    /// time after them, up to `limit`; then whoever is on the line is told that his call ends, and
    /// it ends.
    pub async fn drain(&self, limit: Duration) {
        self.switchboard.endpoint().drain().await;
        self.seats.drain();
        let finished = async {
            self.switchboard.quiet().await;
            self.seats.quiet().await;
        };
        if timeout(limit, finished).await.is_ok() {
            return;
        }
        tracing::warn!(calls = self.switchboard.live(), "calls that are still live are told that they end, and end");
        self.switchboard.part_all();
        if timeout(PARTED, self.switchboard.quiet()).await.is_err() {
            tracing::warn!(calls = self.switchboard.live(), "calls did not end when they were told to");
        }
    }

    /// Whether it takes no new call any more.
    pub fn is_closing(&self) -> bool {
        self.seats.is_closing()
    }

    /// Ends what is live, and waits until every call is written down and all work has stopped.
    pub async fn close(&self) {
        // Nobody who calls now is taken in, while live calls are ended in order.
        self.switchboard.endpoint().drain().await;
        self.seats.close().await;
        if !self.switchboard.endpoint().close(FAREWELL).await {
            tracing::warn!("the carrier did not answer everything before the end: it may hold a call up");
        }
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Where the entry script of the console lies: a page that runs another one is an old one.
fn entry_script() -> String {
    let index = songda_web::index();
    let page = String::from_utf8_lossy(&index.bytes);
    let scripts = page.split("src=\"").skip(1).filter_map(|rest| rest.split('"').next());
    scripts.filter(|path| path.starts_with("/assets/")).map(str::to_owned).next().unwrap_or_default()
}

async fn print(house: House, printer: Printer, wake: Arc<Notify>, cancel: CancellationToken) {
    let work = |job| {
        let printer = printer.clone();
        async move { paper_jobs::run(&printer, job).await }
    };
    jobs::work(house.db, house.clock, &[paper_jobs::JOB], wake, cancel, work).await;
}

/// How a process that knows the speech model is started.
fn speech(config_path: &Path, limit: Duration) -> anyhow::Result<WorkerConfig> {
    let program = std::env::current_exe().context("finding the songda command for the transcriber")?;
    let arguments = vec!["--config".into(), config_path.display().to_string(), "asr-worker".into()];
    Ok(WorkerConfig { program, arguments, limit })
}

/// Reads notices while calls are set up. A table that cannot be read stops the start.
fn reader(config: &Config, config_path: &Path) -> anyhow::Result<Option<Arc<Reader>>> {
    songda_asr::words::table().map_err(|error| anyhow::anyhow!("the table of key words: {error}"))?;
    let speech = speech(config_path, NOTICE)?;
    Ok((config.asr.notices > 0).then(|| Arc::new(Reader::new(&speech, config.asr.notices))))
}

fn transcriber(config: &Config, config_path: &Path, house: &House) -> anyhow::Result<Transcriber> {
    let worker = Worker::new(speech(config_path, Duration::from_secs(config.asr.limit_s))?);
    Ok(Transcriber {
        db: house.db.clone(),
        clock: house.clock.clone(),
        sealer: house.sealer.clone(),
        vault: house.vault.clone(),
        worker: Arc::new(Mutex::new(worker)),
    })
}

async fn transcribe(house: House, transcriber: Transcriber, wake: Arc<Notify>, cancel: CancellationToken) {
    let again = wake.clone();
    let work = |job: jobs::Job| {
        let (transcriber, again) = (transcriber.clone(), again.clone());
        async move {
            let done = transcriber.run(&job.payload).await.map_err(|error| error.to_string());
            if let Err(error) = &done {
                let stays = job.attempts + 1 == jobs::PATIENCE;
                if let Err(error) = transcriber.failed(&job.payload, error, stays).await {
                    tracing::error!(%error, "a failed transcription could not be noted");
                }
            }
            again.notify_waiters();
            done
        }
    };
    jobs::work(house.db, house.clock, &[transcripts::JOB], wake, cancel, work).await;
}

/// Reads what the lines of calls said that nobody read meanwhile.
async fn hear(house: House, hearer: Hearer, seats: Seats, wake: Arc<Notify>, cancel: CancellationToken) {
    let work = |job: jobs::Job| {
        let (hearer, seats) = (hearer.clone(), seats.clone());
        async move {
            let agent = hearer.run(&job.payload).await.map_err(|error| error.to_string())?;
            if let (Some(agent), Some(call)) = (agent, job.payload.get("call").and_then(|call| call.as_str())) {
                seats.line_was_read(&agent, call).await;
            }
            Ok(())
        }
    };
    jobs::work(house.db, house.clock, &[progress::JOB], wake, cancel, work).await;
}

/// Puts recordings away that a full disk left open, as soon as there is room, and once more
/// when the ends of their calls have been written down as well.
async fn put_away(ground: Ground, room_again: Arc<Notify>, cancel: CancellationToken) {
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            () = room_again.notified() => {}
        }
        for wait in [SETTLED, EXPIRY] {
            tokio::select! {
                () = cancel.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            match recovery::put_away(&ground).await {
                Ok(recordings) => tracing::info!(recordings, "recordings that a full disk left open were put away"),
                Err(error) => tracing::error!(%error, "recordings that a full disk left open could not be put away"),
            }
            ground.jobs.notify_waiters();
        }
    }
}

/// Gives work orders back whose time is over.
async fn expire(seats: Seats, cancel: CancellationToken) {
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(EXPIRY) => {}
        }
        match seats.tick().await {
            Ok(0) => {}
            Ok(expired) => tracing::info!(expired, "work orders went back to the queue"),
            Err(error) => tracing::error!(%error, "work orders could not be given back"),
        }
    }
}
