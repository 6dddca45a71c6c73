//! What the media threads do, for whoever watches the house (`docs/operations.md`, "Metrics").

use std::time::Duration;

use songda_media::Engine;
use tokio::{task::spawn_blocking, time::interval};

/// So often.
const PERIOD: Duration = Duration::from_secs(5);

/// Tells the figures of the engine until it is dropped.
pub(crate) async fn tell(engine: &Engine) {
    describe();
    let mut beat = interval(PERIOD);
    loop {
        beat.tick().await;
        let asked = engine.clone();
        // Reads the system's tables.
        if let Ok(dropped) = spawn_blocking(move || asked.dropped_by_system()).await {
            metrics::counter!("songda_media_dropped_by_system_total").absolute(dropped);
        }
        threads(engine);
    }
}

fn threads(engine: &Engine) {
    let (mut foreign, mut excess, mut unauthentic) = (0, 0, 0);
    for (thread, figures) in engine.figures().iter().enumerate() {
        let thread = thread.to_string();
        metrics::gauge!("songda_media_calls", "thread" => thread.clone()).set(figures.calls as f64);
        metrics::gauge!("songda_media_sweep_p99_seconds", "thread" => thread.clone())
            .set(figures.sweep_p99.as_secs_f64());
        metrics::counter!("songda_media_sweeps_total", "thread" => thread.clone()).absolute(figures.sweeps);
        metrics::counter!("songda_media_datagrams_total", "thread" => thread.clone()).absolute(figures.datagrams);
        for (taken, count) in [("yes", figures.handed_over), ("no", figures.not_handed_over)] {
            let labels = [("thread", thread.clone()), ("taken", taken.to_owned())];
            metrics::counter!("songda_media_handed_over_total", &labels).absolute(count);
        }
        foreign += figures.foreign;
        excess += figures.excess;
        unauthentic += figures.unauthentic;
    }
    for (why, count) in [("foreign", foreign), ("excess", excess), ("unauthentic", unauthentic)] {
        metrics::counter!("songda_media_refused_total", "why" => why).absolute(count);
    }
}

fn describe() {
    use metrics::{describe_counter, describe_gauge};
    describe_gauge!("songda_media_calls", "Calls whose sound a media thread has at the moment");
    describe_gauge!("songda_media_sweep_p99_seconds", "So long took 99 of 100 sweeps since the start, at most");
    describe_counter!("songda_media_sweeps_total", "Sweeps of a media thread that had a call");
    describe_counter!("songda_media_datagrams_total", "Datagrams that came to a media thread");
    describe_counter!("songda_media_handed_over_total", "Datagrams of another thread's calls: taken by it, or lost");
    describe_counter!("songda_media_dropped_by_system_total", "Datagrams dropped because a socket of ours was full");
    describe_counter!("songda_media_refused_total", "Packets at ports towards carriers and phones that nobody heard");
}
