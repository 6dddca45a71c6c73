//! The case system of songda-sim pushes its twenty samples into the built server.

use serde_json::Value;

use crate::{leaks, world::World};

/// Every telephone and identity number that stands in a sample message.
fn numbers(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value.as_str() {
                    Some(text)
                        if ["no", "phone", "id_no"].contains(&key.as_str())
                            && text.bytes().filter(u8::is_ascii_digit).count() >= 10 =>
                    {
                        found.push(text.to_owned());
                    }
                    _ => numbers(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| numbers(item, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r1_1a_twenty_sample_pushes_become_tasks_that_the_judge_sees_and_nothing_leaks() {
    let mut world = World::start().await;
    let first = world.push_samples().await;
    let again = world.push_samples().await;
    let (outside, server) = (&world.sim, &mut world.server);
    let journal = serde_json::to_value(outside.journal()).unwrap();
    assert_eq!(journal["complaints"].as_array().map(Vec::len), Some(0), "{first} {again}");
    let statuses: Vec<u64> =
        journal["pushes"].as_array().unwrap().iter().filter_map(|push| push["status"].as_u64()).collect();
    let count = |status: u64, of: &[u64]| of.iter().filter(|found| **found == status).count();
    let (one, two) = statuses.split_at(20);
    assert_eq!((count(201, one), count(202, one), count(200, one)), (18, 1, 1), "{statuses:?}");
    assert_eq!((two.len(), count(200, two)), (20, 20), "a repeat gets the first answer: {statuses:?}");

    let judge = server.cookie("J0001").await;
    let (status, cases) = server.get("/api/v1/cases", &judge).await;
    let listed: Value = serde_json::from_str(&cases).unwrap();
    assert_eq!((status, listed["items"].as_array().map(Vec::len)), (200, Some(18)));
    let mut bodies = vec![cases];
    for path in ["/api/v1/tasks", "/api/v1/orders", "/api/v1/me"] {
        bodies.push(server.get(path, &judge).await.1);
    }
    let tasks: Value = serde_json::from_str(&bodies[1]).unwrap();
    let tasks = tasks["items"].as_array().unwrap().clone();
    assert!(tasks.len() >= 20, "one task per recipient: {}", tasks.len());
    for task in &tasks {
        let (status, body) = server.get(&format!("/api/v1/tasks/{}", task["id"].as_str().unwrap()), &judge).await;
        assert_eq!(status, 200);
        bodies.push(body);
    }
    let clerk_of_nobody = server.cookie("agent").await;
    assert_eq!(server.get("/api/v1/cases", &clerk_of_nobody).await.0, 403);

    server.kill_and_restart();
    let judge = server.cookie("J0001").await;
    let after: Value = serde_json::from_str(&server.get("/api/v1/cases", &judge).await.1).unwrap();
    assert_eq!(after["items"].as_array().map(Vec::len), Some(18), "a kill loses nothing that was answered");
    let auditor = server.cookie("auditor").await;
    bodies.push(server.get("/api/v1/audit", &auditor).await.1);
    bodies.push(server.log());
    let (well, said) = server.run(&["audit", "verify"]);
    assert!(well, "{said}");

    let url = format!("http://{}/_sim/samples", outside.http_addr);
    let samples = serde_json::from_str(&reqwest::get(url).await.unwrap().text().await.unwrap()).unwrap();
    let mut secret = Vec::new();
    numbers(&samples, &mut secret);
    secret.retain(|text| !text.contains("民") && !text.starts_with("SD"));
    assert!(secret.len() >= 30, "the samples hold numbers to look for: {}", secret.len());
    for body in &bodies {
        assert_eq!(leaks::find(body, &secret), None);
    }
}
