//! What breaks on a working day, made to happen for real: a full disk, a clock that is set,
//! a key file that is gone, a process that dies.

mod clock;
mod disk;
mod parts;
mod small_disk;

use serde_json::Value;
pub(crate) use small_disk::SmallDisk;
use songda_tests::agent::until;

use crate::world::World;

/// Kinds of the alarms that are open.
async fn alarms(world: &World) -> Vec<String> {
    let supervisor = world.server.cookie("supervisor").await;
    let (status, body) = world.server.get("/api/v1/alarms", &supervisor).await;
    assert_eq!(status, 200, "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    body["items"].as_array().unwrap().iter().map(|alarm| alarm["kind"].as_str().unwrap().to_owned()).collect()
}

/// Waits until this alarm is open, or is not.
async fn alarm_until(world: &World, kind: &str, open: bool) {
    let seen = until(|| alarms(world), |kinds| kinds.iter().any(|is| is == kind) == open).await;
    seen.unwrap_or_else(|kinds| panic!("{kind} is not {open}: {kinds:?}\n{}", world.server.log_tail()));
}

/// How one part of the house is, with words for people.
async fn check(world: &World, name: &str) -> (String, String) {
    let supervisor = world.server.cookie("supervisor").await;
    let (_, body) = world.server.get("/api/v1/health", &supervisor).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    let check = body["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).unwrap().clone();
    let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
    (text("status"), check["said"]["text"].as_str().unwrap_or_default().to_owned())
}
