//! Who keeps the evidence: makes the root of each day, looks at everything again and again, and
//! carries out deletions that two persons decided.

use std::{sync::Arc, time::Duration};

use songda_people::courts;
use songda_recordings::said::Said;
use songda_service::{ServiceError, evidence, retention};
use songda_store::{alarms, clock::Reference, jobs};
use tokio::{sync::Notify, time::MissedTickBehavior};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{config::Config, house::House, notary};

/// How often it is looked whether something is due.
const LOOK: Duration = Duration::from_mins(1);

/// Starts the work, which ends when it is told to.
pub(crate) fn start(
    config: &Config,
    house: &House,
    tasks: &TaskTracker,
    wake: &Arc<Notify>,
    cancel: &CancellationToken,
) -> anyhow::Result<()> {
    // The configuration was checked: an hour that cannot be read never comes here.
    let after_ms = config.evidence.root_after_ms().unwrap_or_default();
    tasks.spawn(make_roots(house.clone(), after_ms, cancel.clone()));
    let bytes = config.evidence.verify_mib_per_minute << 20;
    if bytes > 0 {
        tasks.spawn(look_again(house.clone(), bytes, cancel.clone()));
    }
    tasks.spawn(delete(house.clone(), wake.clone(), cancel.clone()));
    let house = house.clone();
    match notary::notariser(config.evidence.notary.as_ref(), &house)? {
        Some(notariser) => tasks.spawn(notary::work(notariser, cancel.clone())),
        None => tasks.spawn(async move { notary::off(&house).await }),
    };
    Ok(())
}

async fn each_minute<F: Future<Output = ()>>(cancel: CancellationToken, work: impl Fn() -> F) {
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = looks.tick() => {}
        }
        work().await;
    }
}

async fn make_roots(house: House, after_ms: i64, cancel: CancellationToken) {
    let roots = house.roots();
    match house.examiner().enter_earlier().await {
        Ok(0) => {}
        Ok(entered) => tracing::info!(
            entered,
            "calls, transcripts and corrections of an earlier version stand in the register now"
        ),
        Err(error) => {
            tracing::error!(%error, "what an earlier version did not enter in the register could not be entered");
        }
    }
    let make = || async {
        // What a recovery set aside stands in the register before its day has a root.
        match house.examiner().enter_set_aside().await {
            Ok(0) => {}
            Ok(entered) => tracing::warn!(entered, "what a recovery set aside stands in the register now"),
            Err(error) => tracing::error!(%error, "what a recovery set aside could not be entered"),
        }
        // A day that is dated wrong cannot be dated again: where servers are named, one of them
        // must have been heard.
        let heard = house.time_servers == 0 || matches!(house.clock.reference(), Reference::Ntp { .. });
        if !heard || !house.clock.trusted() {
            return;
        }
        copy_far(&house, &roots).await;
        let made = roots.make_due(after_ms).await;
        let copied = roots.complete_copies().await;
        let told = match (made, copied) {
            (Ok(made), Ok(copied)) => {
                if made > 0 || copied > 0 {
                    tracing::info!(made, copied, "day roots made, and copies that were owed");
                }
                alarms::clear(&house.db, &house.clock, "evidence.root_failed", "house").await
            }
            (Err(error), copied) => {
                tracing::error!(%error, ?copied, "day roots could not be made");
                let text = "day roots could not be made; it is tried again each minute: {why}";
                let said = Said::new("evidence.root_failed", text).with("why", why(&error));
                alarms::raise(&house.db, &house.clock, "evidence.root_failed", "house", &said).await
            }
            (Ok(_), Err(error)) => {
                tracing::error!(%error, "copies of day roots could not be made");
                let text = "copies of day roots could not be made; it is tried again each minute: {why}";
                let said = Said::new("evidence.copy_failed", text).with("why", error.to_string());
                alarms::raise(&house.db, &house.clock, "evidence.root_failed", "house", &said).await
            }
        };
        if let Err(error) = told {
            tracing::error!(%error, "the making of day roots could not be told");
        }
    };
    each_minute(cancel, make).await;
}

/// Why no root was made. That the clock may be wrong is for a person to settle, in the words of the page.
fn why(error: &ServiceError) -> serde_json::Value {
    match error {
        ServiceError::Refused { code: "evidence.leap", .. } => Said::new(
            "evidence.leap",
            "nothing was entered for many days: is the clock right? If it is, make the roots with `songda evidence roots`",
        )
        .into(),
        other => other.to_string().into(),
    }
}

/// The third copy of each root, where there is an S3 server.
async fn copy_far(house: &House, roots: &evidence::Roots) {
    let told = match roots.complete_far().await {
        Ok(_) => alarms::clear(&house.db, &house.clock, "evidence.root_copy", "house").await,
        Err(error) => {
            let text = "day roots could not be copied to S3; it is tried again each minute: {why}";
            let said = Said::new("evidence.root_copy", text).with("why", error.to_string());
            alarms::raise(&house.db, &house.clock, "evidence.root_copy", "house", &said).await
        }
    };
    if let Err(error) = told {
        tracing::error!(%error, "the copying of day roots could not be told");
    }
}

async fn look_again(house: House, bytes: u64, cancel: CancellationToken) {
    let (examiner, roots) = (house.examiner(), house.roots());
    let look = || async {
        match examiner.round(bytes).await {
            Ok(done) if done.marked > 0 => tracing::error!(?done, "evidence is not what it was"),
            Ok(done) => tracing::debug!(?done, "evidence was looked at"),
            Err(error) => tracing::error!(%error, "evidence could not be looked at"),
        }
        match evidence::check_oldest(&roots).await {
            Ok(Some(check)) if check.fault.is_some() => tracing::error!(?check, "a day root is not what it was"),
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "a day root could not be looked at"),
        }
        if let Err(error) = look_for_missing(&house, &roots).await {
            tracing::error!(%error, "it could not be looked whether a day root is missing");
        }
    };
    each_minute(cancel, look).await;
}

/// A root that is gone is looked at by nobody: its copy, its files or the audit log miss it.
async fn look_for_missing(house: &House, roots: &evidence::Roots) -> anyhow::Result<()> {
    for court in courts::list(&house.db).await? {
        // One court keeps no other from being looked at.
        match evidence::check_missing(roots, &court.id, evidence::HOUSE).await {
            Ok(gone) => gone.iter().for_each(|check| tracing::error!(court = court.id, ?check, "a day root is gone")),
            Err(error) => tracing::error!(court = court.id, %error, "it could not be looked whether a root is missing"),
        }
    }
    Ok(())
}

async fn delete(house: House, wake: Arc<Notify>, cancel: CancellationToken) {
    let deleter = house.deleter();
    let work = |job: jobs::Job| {
        let (deleter, house) = (deleter.clone(), house.clone());
        async move {
            let request = job.payload["request"].as_str().unwrap_or_default().to_owned();
            let done = deleter.run(&request).await.map_err(|error| error.to_string());
            let told = match &done {
                Ok(()) => alarms::clear(&house.db, &house.clock, "retention.failed", &request).await,
                Err(error) => {
                    let text = "a deletion is not done, and goes on by itself: {why}";
                    let said = Said::new("retention.failed", text).with("why", error.as_str());
                    alarms::raise(&house.db, &house.clock, "retention.failed", &request, &said).await
                }
            };
            if let Err(error) = told {
                tracing::error!(%error, "how a deletion goes could not be told");
            }
            done
        }
    };
    jobs::work(house.db.clone(), house.clock.clone(), &[retention::JOB], wake, cancel, work).await;
}
