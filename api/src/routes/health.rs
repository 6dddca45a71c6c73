//! Health, for whoever watches the machine. No personal data, no numbers.

use axum::{Json, extract::State, http::StatusCode};
use songda_calls::Sounds;
use songda_people::Permission;
use songda_recordings::said::Said;
use songda_service::evidence;
use songda_store::{
    clock::{Level, Reference},
    jobs,
    outlook::Lasts,
};

use super::require;
use crate::{
    desk::Desk,
    house::House,
    notary,
    problem::Problem,
    shapes::{Check, Health, ProblemBody},
    who::SignedIn,
};

/// The process answers.
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200, body = Health)))]
pub(super) async fn live(State(house): State<House>) -> Json<Health> {
    Json(Health { status: "ok", demo: house.demo, checks: Vec::new() })
}

/// What the house needs is there; without details.
#[utoipa::path(get, path = "/health/ready", tag = "health",
    responses((status = 200, body = Health), (status = 503, body = Health)))]
pub(super) async fn ready(State(house): State<House>, State(desk): State<Option<Desk>>) -> (StatusCode, Json<Health>) {
    let mut health = examine(&house, desk.as_ref()).await;
    for check in &mut health.checks {
        check.said = None;
    }
    let status = if health.status == "ok" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health))
}

/// What the house needs, with details.
#[utoipa::path(get, path = "/api/v1/health", tag = "health",
    responses((status = 200, body = Health), (status = 403, body = ProblemBody)))]
pub(super) async fn detailed(
    State(house): State<House>,
    State(desk): State<Option<Desk>>,
    SignedIn(actor): SignedIn,
) -> Result<Json<Health>, Problem> {
    require(&house, &actor, Permission::HealthRead).await?;
    Ok(Json(examine(&house, desk.as_ref()).await))
}

async fn examine(house: &House, desk: Option<&Desk>) -> Health {
    let mut checks = vec![
        outcome("database", house.db.ping().await.map(|()| None).map_err(fault)),
        outcome(
            "keys",
            house
                .read_only
                .as_ref()
                .map_or(Ok(None), |why| Err(Said::new("keys.read_only", "read-only: {why}").with("why", why.clone()))),
        ),
        outcome("clock", clock(house)),
        outcome("vault", vault(house)),
    ];
    let waiting = |depth: i64| Some(Said::new("jobs.waiting", "{waiting}").with("waiting", depth));
    checks.push(outcome("jobs", jobs::depth(&house.db).await.map(waiting).map_err(fault)));
    if let Some(desk) = desk {
        // A call plays more than the notice; without one of them none goes out.
        let words = |sounds: Sounds| -> Option<Said> {
            let text: String = sounds.notice.into_iter().map(|notice| notice.text).collect();
            Some(Said::new("notice.text", "{text}").with("text", text))
        };
        checks.push(outcome("notice", desk.switchboard.sounds("").map(words).map_err(|error| error.said())));
        let live = Said::new("calls.live", "{live}").with("live", desk.switchboard.live());
        checks.push(Check::new("calls", "ok", Some(live)));
        let fonts = Said::new("fonts.names", "{names}").with("names", desk.fonts.join(", "));
        checks.push(Check::new("fonts", "ok", Some(fonts)));
        // A house without pages still serves the case system; people see the page that says so.
        let here = (!songda_web::is_placeholder()).then(|| Check::new("console", "ok", None));
        let off = || Check::new("console", "off", Some(Said::new("console.none", "the console is not built in")));
        checks.push(here.unwrap_or_else(off));
    }
    checks.push(room(house));
    checks.extend(copies(house));
    checks.push(evidence_check(house).await);
    checks.extend(notary::check(house));
    let well = checks.iter().all(|check| check.status != "failed");
    let closing = desk.is_some_and(Desk::is_closing);
    let status = match (closing, well) {
        (true, _) => "draining",
        (false, true) => "ok",
        (false, false) => "degraded",
    };
    Health { status, demo: house.demo, checks }
}

fn outcome(name: &'static str, done: Result<Option<Said>, Said>) -> Check {
    match done {
        Ok(said) => Check::new(name, "ok", said),
        Err(said) => Check::new(name, "failed", Some(said)),
    }
}

/// What a part of the house met.
fn fault(error: impl std::fmt::Display) -> Said {
    Said::new("part.failed", "{why}").with("why", error.to_string())
}

/// How much of the evidence of all courts is 待核查.
async fn evidence_check(house: &House) -> Check {
    match evidence::all_standing_doubts(&house.db).await {
        Ok(0) => Check::new("evidence", "ok", Some(Said::new("evidence.no_marks", "nothing is under examination"))),
        Ok(marks) => {
            let said = Said::new("evidence.marks", "{marks} under examination").with("marks", marks);
            Check::new("evidence", "warn", Some(said))
        }
        Err(error) => Check::new("evidence", "failed", Some(fault(error))),
    }
}

/// How long the room lasts, so that people know long before it is gone (E52).
fn room(house: &House) -> Check {
    let room = house.vault.room().ok();
    let lasts = room.and_then(|room| house.outlook.lasts(room));
    let warns = room.is_some_and(|room| house.outlook.warns(room, false));
    let said = match lasts {
        None => Said::new("room.unknown", "how fast it fills is known ten minutes after the start"),
        Some(Lasts { hours: None, .. }) => Said::new("room.idle", "nothing was written in the last hour"),
        Some(Lasts { bytes_per_hour, hours: Some(hours) }) => {
            Said::new("room.fills", "{mib} MiB an hour: full in about {hours} h; an alarm below {below} h")
                .with("mib", bytes_per_hour >> 20)
                .with("hours", hours.round() as i64)
                .with("below", house.outlook.warn_hours().round() as i64)
        }
    };
    Check::new("room", if warns { "warn" } else { "ok" }, Some(said))
}

/// How many recordings wait for their copy; none where there is no server for copies.
fn copies(house: &House) -> Option<Check> {
    let place = house.vault.s3()?.place().to_string();
    let standing = house.copies.standing();
    let late = standing.is_late(house.clock.now_ms()) || standing.differing > 0;
    let said = match (standing.differing, &standing.failing) {
        (0, None) => Said::new("copies.wait", "{waiting} waiting for {place}"),
        (0, Some((_, why))) => {
            Said::new("copies.fail", "{waiting} waiting for {place}; {why}").with("why", why.clone())
        }
        (differing, None) => {
            let text = "{waiting} waiting for {place}; {differing} differ from what is there";
            Said::new("copies.differ", text).with("differing", differing)
        }
        (differing, Some((_, why))) => {
            let text = "{waiting} waiting for {place}; {differing} differ from what is there; {why}";
            Said::new("copies.differ_and_fail", text).with("differing", differing).with("why", why.clone())
        }
    };
    let said = said.with("waiting", standing.waiting).with("place", place);
    Some(Check::new("copies", if late { "warn" } else { "ok" }, Some(said)))
}

/// Room for recordings. Without it no call goes out.
fn vault(house: &House) -> Result<Option<Said>, Said> {
    let room = house.vault.room().map_err(fault)?;
    let free = |said: Said| said.with("free_mib", room.free >> 20);
    if room.is_enough() {
        return Ok(Some(free(Said::new("vault.free", "{free_mib} MiB left"))));
    }
    let said = Said::new("vault.short", "{free_mib} MiB left: make room, no call goes out below {needed_mib} MiB");
    Err(free(said).with("needed_mib", room.needed.div_ceil(1 << 20)))
}

/// How far off the time is, and what says so. Off by more than a minute is a failure: no call goes out.
fn clock(house: &House) -> Result<Option<Said>, Said> {
    let against = match house.clock.reference() {
        Reference::Own if house.time_servers == 0 => Said::new(
            "clock.no_reference",
            "no reference is configured (clock.ntp): only steps of the machine's clock are seen",
        ),
        Reference::Own => Said::new("clock.silent", "no time server has answered yet"),
        Reference::Ntp { ago_s } => Said::new("clock.ntp", "NTP, {ago_s} s ago").with("ago_s", ago_s),
    };
    let said = match house.clock.level() {
        Level::Right => Said::new("clock.right", "{offset_ms} ms off; {against}"),
        Level::Off => Said::new("clock.set", "the machine's clock is off by {offset_ms} ms: set it; {against}"),
        Level::Wrong => Said::new(
            "clock.set_now",
            "the machine's clock is off by {offset_ms} ms: set it, no call goes out until then; {against}",
        ),
    };
    let said = said.with("offset_ms", format!("{:+}", house.clock.offset_ms())).with("against", against);
    if house.clock.level() == Level::Wrong { Err(said) } else { Ok(Some(said)) }
}
