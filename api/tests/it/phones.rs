//! Desk phones over HTTP: a password that is shown once, and a phone that can be switched off.

use serde_json::{Value, json};

use crate::running::{Running, running};

async fn ask(house: &Running, cookie: &str, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let mut request = house.ask(method, &format!("/api/v1/telephony/phones{path}"), cookie);
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

#[tokio::test]
async fn the_password_of_a_desk_phone_is_shown_once_and_kept_nowhere() {
    let house = running().await;
    let admin = house.cookie("admin").await;
    let (_, none) = ask(&house, &admin, "GET", "", None).await;
    assert_eq!((&none["items"], &none["realm"]), (&json!([]), &json!("phones.court.test")));
    assert_eq!(none["ways"][0]["protocol"], "UDP");
    let form = json!({ "extension": "8001", "name": "立案庭 302" });
    let (status, made) = ask(&house, &admin, "POST", "", Some(form.clone())).await;
    assert_eq!((status, &made["phone"]["extension"], &made["phone"]["active"]), (201, &json!("8001"), &json!(true)));
    let password = made["password"].as_str().unwrap();
    assert!(password.len() >= 16, "{password}");
    let (_, seen) = ask(&house, &admin, "GET", "", None).await;
    assert!(!seen.to_string().contains(password));
    let phone = &seen["items"][0];
    assert_eq!(
        (&phone["name"], &phone["password_valid"], &phone["devices"]),
        (&json!("立案庭 302"), &json!(true), &json!([]))
    );

    let (status, problem) = ask(&house, &admin, "POST", "", Some(form)).await;
    assert_eq!((status, &problem["field"]), (422, &json!("extension")), "once on a server");
    for (form, field) in [
        (json!({ "extension": "80", "name": "x" }), "extension"),
        (json!({ "extension": "80a1", "name": "x" }), "extension"),
        (json!({ "extension": "8002", "name": " " }), "name"),
        (json!({ "extension": "8002", "name": "x", "owner_id": "nobody" }), "owner_id"),
    ] {
        let (status, problem) = ask(&house, &admin, "POST", "", Some(form)).await;
        assert_eq!((status, problem["field"].as_str()), (422, Some(field)), "{problem}");
    }

    let at = format!("/{}", phone["id"].as_str().unwrap());
    let people: Value = house.ask("GET", "/api/v1/users", &admin).send().await.unwrap().json().await.unwrap();
    let owner = people["items"][0].clone();
    let change = json!({ "name": "刑庭 401", "owner_id": owner["id"] });
    let (status, changed) = ask(&house, &admin, "PUT", &at, Some(change)).await;
    assert_eq!((status, &changed["name"], &changed["owner_name"]), (200, &json!("刑庭 401"), &owner["name"]));
    let (status, renewed) = ask(&house, &admin, "POST", &format!("{at}/password"), None).await;
    assert_eq!(status, 200);
    assert_ne!(renewed["password"].as_str().unwrap(), password);
    let state = format!("{at}/state");
    for (active, done) in [(false, true), (false, false), (true, true)] {
        let answer = ask(&house, &admin, "PUT", &state, Some(json!({ "active": active }))).await;
        assert_eq!(answer, (200, json!({ "changed": done })));
    }
    assert_eq!(ask(&house, &admin, "DELETE", &at, None).await.0, 204);
    assert_eq!(ask(&house, &admin, "DELETE", &at, None).await.0, 404);

    let auditor = house.cookie("auditor").await;
    let log = house.ask("GET", "/api/v1/audit?limit=100", &auditor).send().await.unwrap().text().await.unwrap();
    for action in ["phone.add", "phone.change", "phone.password", "phone.off", "phone.on", "phone.remove"] {
        assert!(log.contains(action), "{action}: {log}");
    }
    assert!(!log.contains(password) && !log.contains(renewed["password"].as_str().unwrap()));
}
