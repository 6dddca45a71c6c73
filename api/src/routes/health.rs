//! Health, for whoever watches the machine. No personal data, no numbers.

use std::{collections::BTreeMap, fmt::Write as _};

use axum::{Json, extract::State, http::StatusCode};
use serde_json::{Value, json};
use songda_calls::Sounds;
use songda_people::Permission;
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
    shapes::{Check, Health, ProblemBody, Said},
    who::SignedIn,
};

/// The process answers.
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200, body = Health)))]
pub(super) async fn live(State(house): State<House>) -> Json<Health> {
    Json(Health { status: "ok", demo: house.demo, checks: Vec::new(), said: BTreeMap::new() })
}

/// What the house needs is there; without details.
#[utoipa::path(get, path = "/health/ready", tag = "health",
    responses((status = 200, body = Health), (status = 503, body = Health)))]
pub(super) async fn ready(State(house): State<House>, State(desk): State<Option<Desk>>) -> (StatusCode, Json<Health>) {
    let mut health = examine(&house, desk.as_ref()).await;
    for check in &mut health.checks {
        check.detail = None;
    }
    health.said.clear();
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
    let mut checks = Vec::new();
    let mut check = |name, done: Result<String, String>| {
        let (status, detail) = match done {
            Ok(detail) => ("ok", detail),
            Err(detail) => ("failed", detail),
        };
        checks.push(Check { name, status, detail: Some(detail).filter(|detail| !detail.is_empty()) });
    };
    check("database", house.db.ping().await.map(|()| String::new()).map_err(|error| error.to_string()));
    check("keys", house.read_only.as_ref().map_or(Ok(String::new()), |why| Err(format!("read-only: {why}"))));
    let mut said = BTreeMap::from([("clock", clock_said(house))]);
    check("clock", clock(house));
    said.extend(vault_said(house).map(|told| ("vault", told)));
    check("vault", vault(house));
    let depth = jobs::depth(&house.db).await;
    check("jobs", depth.map(|depth| depth.to_string()).map_err(|error| error.to_string()));
    if let Some(desk) = desk {
        // A call plays more than the notice; without one of them none goes out.
        let words = |sounds: Sounds| sounds.notice.into_iter().map(|notice| notice.text).collect();
        check("notice", desk.switchboard.sounds("").map(words).map_err(|error| error.to_string()));
        check("calls", Ok(desk.switchboard.live().to_string()));
        check("fonts", Ok(desk.fonts.join(", ")));
        let web =
            if songda_web::is_placeholder() { Err("the console is not built in".into()) } else { Ok(String::new()) };
        // A house without pages still serves the case system; people see the page that says so.
        if let Err(detail) = web {
            checks.push(Check { name: "console", status: "off", detail: Some(detail) });
        }
    }
    checks.push(room(house));
    said.insert("room", room_said(house));
    checks.extend(copies(house));
    said.extend(copies_said(house).map(|told| ("copies", told)));
    checks.extend(notary::check(house));
    let well = checks.iter().all(|check| check.status != "failed");
    let closing = desk.is_some_and(Desk::is_closing);
    let status = match (closing, well) {
        (true, _) => "draining",
        (false, true) => "ok",
        (false, false) => "degraded",
    };
    Health { status, demo: house.demo, checks, said }
}

/// How long the room lasts, so that people know long before it is gone (E52).
fn room(house: &House) -> Check {
    let room = house.vault.room().ok();
    let lasts = room.and_then(|room| house.outlook.lasts(room));
    let warns = room.is_some_and(|room| house.outlook.warns(room, false));
    let detail = match lasts {
        None => "how fast it fills is known ten minutes after the start".to_owned(),
        Some(Lasts { hours: None, .. }) => "nothing was written in the last hour".to_owned(),
        Some(Lasts { bytes_per_hour, hours: Some(hours) }) => format!(
            "{} MiB an hour: full in about {hours:.0} h; an alarm below {:.0} h",
            bytes_per_hour >> 20,
            house.outlook.warn_hours()
        ),
    };
    Check { name: "room", status: if warns { "warn" } else { "ok" }, detail: Some(detail) }
}

/// How many recordings wait for their copy; none where there is no server for copies.
fn copies(house: &House) -> Option<Check> {
    let place = house.vault.s3()?.place();
    let standing = house.copies.standing();
    let late = standing.is_late(house.clock.now_ms()) || standing.differing > 0;
    let mut detail = format!("{} waiting for {place}", standing.waiting);
    if standing.differing > 0 {
        let _ = write!(detail, "; {} differ from what is there", standing.differing);
    }
    if let Some((_, why)) = standing.failing {
        let _ = write!(detail, "; {why}");
    }
    Some(Check { name: "copies", status: if late { "warn" } else { "ok" }, detail: Some(detail) })
}

/// Room for recordings. Without it no call goes out.
fn vault(house: &House) -> Result<String, String> {
    let room = house.vault.room().map_err(|error| error.to_string())?;
    let free = format!("{} MiB", room.free >> 20);
    if room.is_enough() {
        return Ok(free);
    }
    let needed = room.needed.div_ceil(1 << 20);
    Err(format!("{free} left: make room, no call goes out below {needed} MiB"))
}

/// How far off the time is, and what says so. Off by more than a minute is a failure: no call goes out.
fn clock(house: &House) -> Result<String, String> {
    let offset_ms = house.clock.offset_ms();
    let against = match house.clock.reference() {
        Reference::Own if house.time_servers == 0 => {
            "no reference is configured (clock.ntp): only steps of the machine's clock are seen".to_owned()
        }
        Reference::Own => "no time server has answered yet".to_owned(),
        Reference::Ntp { ago_s } => format!("NTP, {ago_s} s ago"),
    };
    match house.clock.level() {
        Level::Right => Ok(format!("{offset_ms:+} ms; {against}")),
        Level::Off => Ok(format!("the machine's clock is off by {offset_ms:+} ms: set it; {against}")),
        Level::Wrong => Err(format!(
            "the machine's clock is off by {offset_ms:+} ms: set it, no call goes out until then; {against}"
        )),
    }
}

fn told(code: &'static str, values: Value) -> Said {
    Said { code, values }
}

/// What [`clock`] says.
fn clock_said(house: &House) -> Said {
    let (against, ago_s) = match house.clock.reference() {
        Reference::Own if house.time_servers == 0 => ("none", None),
        Reference::Own => ("silent", None),
        Reference::Ntp { ago_s } => ("ntp", Some(ago_s)),
    };
    let values = json!({ "offset_ms": house.clock.offset_ms(), "against": against, "ago_s": ago_s });
    match house.clock.level() {
        Level::Right => told("clock.right", values),
        Level::Off => told("clock.off", values),
        Level::Wrong => told("clock.wrong", values),
    }
}

/// What [`vault`] says; nothing where the room cannot be measured.
fn vault_said(house: &House) -> Option<Said> {
    let room = house.vault.room().ok()?;
    let values = json!({ "free_mib": room.free >> 20, "needed_mib": room.needed.div_ceil(1 << 20) });
    Some(if room.is_enough() { told("vault.free", values) } else { told("vault.short", values) })
}

/// What [`room`] says.
fn room_said(house: &House) -> Said {
    match house.vault.room().ok().and_then(|room| house.outlook.lasts(room)) {
        None => told("room.unknown", json!({})),
        Some(Lasts { hours: None, .. }) => told("room.idle", json!({})),
        Some(Lasts { bytes_per_hour, hours: Some(hours) }) => {
            let (hours, below) = (hours.round(), house.outlook.warn_hours().round());
            told("room.fills", json!({ "mib": bytes_per_hour >> 20, "hours": hours, "below": below }))
        }
    }
}

/// What [`copies`] says; nothing where there is no server for copies.
fn copies_said(house: &House) -> Option<Said> {
    let place = house.vault.s3()?.place().to_string();
    let standing = house.copies.standing();
    let why = standing.failing.map(|(_, why)| why.clone());
    let values = json!({ "waiting": standing.waiting, "place": place, "differing": standing.differing, "why": why });
    Some(match (standing.differing, values["why"].is_null()) {
        (1.., _) => told("copies.differ", values),
        (_, false) => told("copies.fail", values),
        _ => told("copies.wait", values),
    })
}
