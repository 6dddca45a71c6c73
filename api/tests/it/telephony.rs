//! Trunks and numbers over HTTP: two persons, secrets that stay, and fields that are named.

use serde_json::{Value, json};

use crate::running::{Running, running};

/// A trunk as it is entered in demo mode.
pub(crate) fn trunk(name: &str) -> Value {
    json!({ "name": name, "state": "active", "domain": "songda-sim", "username": "songda", "password": "trunk-secret-7",
            "profile": { "hosts": ["127.0.0.1:5091"], "transport": "udp", "register": false, "weight": 10,
                         "max_calls": 0, "max_calls_per_second": 0, "calls_per_day": 0,
                         "headers": { "from": "number", "identity": "asserted", "identity_uri": "sip",
                                      "privacy_none": false },
                         "codecs": ["pcma", "pcmu"],
                         "called": { "style": "national", "access_prefix": "", "home": { "area": "", "mobiles": [] },
                                     "zero_before_distant_mobiles": false, "own_area_without_code": false,
                                     "abroad": [] },
                         "calling": { "style": "national", "without_area": false },
                         "session_expires_s": 0, "accept": [] } })
}

fn number(text: &str, trunks: &Value) -> Value {
    json!({ "number": text, "carrier": "中国电信", "trunks": trunks, "valid_from": "", "valid_until": "",
            "registration": "applied", "label": "新城区人民法院", "active": true })
}

/// A body that is readable, for the matrix.
pub(crate) fn body(path: &str) -> Value {
    let parts: Vec<&str> = path.trim_start_matches("/api/v1/telephony/").split('/').collect();
    match parts.as_slice() {
        ["trunks"] => trunk("x"),
        ["trunks", _, "causes"] => json!({ "version": 0, "rules": [] }),
        ["trunks", _] => json!({ "version": 1, "form": trunk("x") }),
        ["numbers"] => number("02988009001", &json!([])),
        ["numbers", _] => json!({ "version": 1, "form": number("02988009001", &json!([])) }),
        ["phones"] => json!({ "extension": "8001", "name": "x" }),
        ["phones", _, "state"] => json!({ "active": true }),
        ["phones", _] => json!({ "name": "x" }),
        ["changes", _, "decision"] => json!({ "approve": true }),
        _ => json!({}),
    }
}

async fn ask(house: &Running, cookie: &str, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let mut request = house.ask(method, &format!("/api/v1/telephony/{path}"), cookie);
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

#[tokio::test]
async fn r12_1_a_trunk_and_its_number_take_two_administrators_and_hold_without_a_restart() {
    let house = running().await;
    let (one, two) = (house.cookie("admin").await, house.cookie("admin2").await);
    let (status, change) = ask(&house, &one, "POST", "trunks", Some(trunk("second"))).await;
    assert_eq!((status, &change["state"], &change["own"]), (202, &json!("waiting"), &json!(true)), "{change}");
    assert!(!change.to_string().contains("trunk-secret-7"));
    let decision = format!("changes/{}/decision", change["id"].as_str().unwrap());
    let approve = Some(json!({ "approve": true }));
    let (status, problem) = ask(&house, &one, "POST", &decision, approve.clone()).await;
    assert_eq!((status, &problem["code"]), (403, &json!("change.own")));
    let (status, done) = ask(&house, &two, "POST", &decision, approve.clone()).await;
    assert_eq!((status, &done["state"], &done["decided_by_name"]), (200, &json!("applied"), &json!("管理员乙")));
    assert_eq!(ask(&house, &two, "POST", &decision, approve.clone()).await.0, 409, "once");

    let (_, found) = ask(&house, &two, "GET", "trunks", None).await;
    let second = found["items"].as_array().unwrap().iter().find(|item| item["name"] == "second").unwrap().clone();
    assert_eq!((&second["password_set"], &second["numbers"]), (&json!(true), &json!([])));
    assert!(!found.to_string().contains("trunk-secret-7"), "a password is taken and never shown");

    let trunks = json!([second["id"]]);
    let (status, problem) = ask(&house, &one, "POST", "numbers", Some(number("02988009001", &trunks))).await;
    assert_eq!((status, &problem["field"]), (422, &json!("proof")), "no proof, no active number");
    let upload = house.ask("POST", "/api/v1/telephony/proofs", &one);
    let proof: Value = upload.body(&b"%PDF-1.7\n%%EOF\n"[..]).send().await.unwrap().json().await.unwrap();
    assert_eq!(proof["media_type"], "application/pdf");
    let mut form = number("02988009001", &trunks);
    form["proof"] = proof["id"].clone();
    let (status, change) = ask(&house, &two, "POST", "numbers", Some(form)).await;
    assert_eq!(status, 202, "{change}");
    let change = change["id"].as_str().unwrap();
    let seen = house.ask("GET", &format!("/api/v1/telephony/changes/{change}/proof"), &one).send().await.unwrap();
    assert_eq!(seen.headers()["content-type"], "application/pdf", "before he approves it");
    assert_eq!(seen.bytes().await.unwrap(), &b"%PDF-1.7\n%%EOF\n"[..]);
    let decision = format!("changes/{change}/decision");
    assert_eq!(ask(&house, &one, "POST", &decision, approve).await.0, 200);
    let (_, found) = ask(&house, &one, "GET", "trunks", None).await;
    let second = found["items"].as_array().unwrap().iter().find(|item| item["name"] == "second").unwrap().clone();
    assert_eq!(second["numbers"], json!(["02988009001"]));
    let (_, numbers) = ask(&house, &one, "GET", "numbers", None).await;
    let entered = numbers["items"].as_array().unwrap().iter().find(|item| item["number"] == "02988009001").unwrap();
    let path = format!("/api/v1/telephony/numbers/{}/proof", entered["id"].as_str().unwrap());
    let file = house.ask("GET", &path, &two).send().await.unwrap();
    assert_eq!(file.headers()["content-type"], "application/pdf");
    assert_eq!(file.bytes().await.unwrap(), &b"%PDF-1.7\n%%EOF\n"[..]);

    let pause = format!("trunks/{}/pause", second["id"].as_str().unwrap());
    assert_eq!(ask(&house, &one, "POST", &pause, None).await, (200, json!({ "changed": true })), "one is enough");
    assert_eq!(ask(&house, &one, "POST", &pause, None).await, (200, json!({ "changed": false })));
    let (_, waiting) = ask(&house, &one, "GET", "changes", None).await;
    assert_eq!(waiting["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_does_not_fit_a_trunk_or_a_cause_table_is_named_by_its_field() {
    let house = running().await;
    let admin = house.cookie("admin").await;
    let with = |path: &str, value: Value| {
        let mut form = trunk("x");
        *form.pointer_mut(path).unwrap() = value;
        form
    };
    for (form, field) in [
        (with("/name", json!("")), "name"),
        (with("/name", json!("songda-sim")), "name"),
        (with("/profile/hosts", json!([])), "profile.hosts"),
        (with("/profile/hosts", json!(["sbc.carrier.example"])), "profile.hosts"),
        (with("/profile/hosts/0", json!("a b")), "profile.hosts[0]"),
        (with("/profile/weight", json!(0)), "profile.weight"),
        (with("/profile/accept", json!(["192.0.2.0/24", "sbc"])), "profile.accept[1]"),
        (with("/profile/codecs", json!(["pcma", "pcma"])), "profile.codecs"),
        (with("/profile/codecs", json!(["opus"])), "profile.codecs[0]"),
        (with("/profile/session_expires_s", json!(60)), "profile.session_expires_s"),
        (with("/profile/called/home/area", json!("29")), "profile.called.home.area"),
        (with("/profile/called/home/mobiles", json!(["138"])), "profile.called.home.mobiles"),
        (with("/profile/headers/privacy_none", json!("yes")), "profile.headers.privacy_none"),
    ] {
        let (status, problem) = ask(&house, &admin, "POST", "trunks", Some(form)).await;
        assert_eq!((status, problem["field"].as_str()), (422, Some(field)), "{problem}");
    }
    let (_, found) = ask(&house, &admin, "GET", "trunks", None).await;
    let causes = format!("trunks/{}/causes", found["items"][0]["id"].as_str().unwrap());
    let rules = json!({ "version": 0, "rules": [{ "status": 503, "code": "C05" }, { "status": 480, "code": "C99" }] });
    let (status, problem) = ask(&house, &admin, "PUT", &causes, Some(rules)).await;
    assert_eq!((status, &problem["field"]), (422, &json!("rules[1].code")));
    let rules = json!({ "version": 0, "rules": [{ "status": 503, "rang_from_s": 5, "code": "C05" }] });
    assert_eq!(ask(&house, &admin, "PUT", &causes, Some(rules)).await.0, 202);
    let (_, tables) = ask(&house, &admin, "GET", &causes, None).await;
    assert_eq!(tables, json!({ "items": [], "house": "house v1" }), "it waits for a second person");
    let large = vec![b'%'; (10 << 20) + 1];
    let upload = house.ask("POST", "/api/v1/telephony/proofs", &admin).body(large).send().await.unwrap();
    let problem: Value = upload.json().await.unwrap();
    assert_eq!((&problem["field"], &problem["status"]), (&json!("proof"), &json!(422)));
}
