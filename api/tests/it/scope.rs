//! Another judge's case is not there: not in a list, not by its address, and asking for it
//! is written down (domain 4).

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use songda_people::{
    Role, courts,
    users::{self, NewUser},
};
use songda_store::audit;

use crate::running::{Running, running};

const PDF: &[u8] = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n%%EOF";
pub(crate) const PDF_SHA256: &str = "d0e049a9a686bcbd034c728e200ffc77f7c346c37997ddc76016fb6410aa5914";

pub(crate) async fn push(house: &Running) {
    let order = json!({
        "msg_id": "m1", "source": "ajxt", "order_no": "SD1", "revision": 1, "court": "陕0102", "dept": "民一庭",
        "case": { "no": "(2026)陕0102民初11号", "cause": "买卖合同纠纷", "kind": "民商事", "procedure": "简易",
                  "judge": { "id": "J0001", "name": "周明远" }, "clerk": { "id": "C0001" } },
        "link": "庭前送达", "order_kind": "一般诉讼文书", "finish_by": "2026-12-02", "urgency": "normal", "remark": "",
        "parties": [{ "ref": "p1", "position": "被告", "kind": "自然人", "name": "王小明", "id_type": "居民身份证",
                      "id_no": "11010519491231002X",
                      "phones": [{ "no": "13800000001", "source": "起诉状", "label": "明确送达联系方式" }],
                      "addresses": [{ "text": "西安市新城区尚德路116号", "source": "起诉状", "confirmed": true }] }],
        "documents": [{ "ref": "d1", "name": "传票", "class": "D1", "sha256": PDF_SHA256,
                        "pages": 1, "sealed": true, "for": ["p1"], "copies": 1, "file": "f1" }]
    });
    let form = Form::new().text("order", order.to_string()).part("f1", Part::bytes(PDF));
    let sent = house.ask("POST", "/api/v1/orders", "").bearer_auth(&house.machine_key).multipart(form).send();
    let answer = sent.await.unwrap();
    assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
}

async fn items(house: &Running, path: &str, cookie: &str) -> Vec<Value> {
    let body: Value = house.ask("GET", path, cookie).send().await.unwrap().json().await.unwrap();
    body["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r2_4c_another_judges_case_and_task_are_not_there_and_the_probe_is_written_down() {
    let house = running().await;
    push(&house).await;
    let court = courts::list(&house.house.db).await.unwrap().remove(0);
    let mut tx = house.house.db.begin().await.unwrap();
    let other = NewUser {
        court: &court.id,
        login: "J0002",
        name: "李法官",
        staff_no: "2002",
        role: Role::Judge,
        password: "Songda-demo-2026",
    };
    users::create(&mut tx, &house.house.clock, &other).await.unwrap();
    tx.commit().await.unwrap();

    let (own, foreign) = (house.cookie("J0001").await, house.cookie("J0002").await);
    let case = items(&house, "/api/v1/cases", &own).await.remove(0);
    let task = items(&house, "/api/v1/tasks", &own).await.remove(0);
    assert!(items(&house, "/api/v1/cases", &foreign).await.is_empty());
    assert!(items(&house, "/api/v1/tasks", &foreign).await.is_empty());
    let probes = [
        format!("/api/v1/cases/{}", case["id"].as_str().unwrap()),
        format!("/api/v1/tasks/{}", task["id"].as_str().unwrap()),
    ];
    for path in &probes {
        assert_eq!(house.ask("GET", path, &own).send().await.unwrap().status(), 200);
        assert_eq!(house.ask("GET", path, &foreign).send().await.unwrap().status(), 404, "{path}");
    }
    let rows = audit::list(&house.house.db, &court.id, None, 100).await.unwrap();
    let probed = rows.iter().filter(|row| row.action == "case.open" && row.result == "denied").count();
    assert_eq!(probed, probes.len());
    let clerk = house.cookie("C0001").await;
    assert_eq!(items(&house, "/api/v1/cases", &clerk).await.len(), 1, "the clerk of the case sees it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_opening_is_written_down_and_a_page_that_stays_open_once_an_hour() {
    let house = running().await;
    push(&house).await;
    let court = courts::list(&house.house.db).await.unwrap().remove(0);
    let (admin, judge) = (house.cookie("admin").await, house.cookie("J0001").await);
    let task = items(&house, "/api/v1/tasks", &judge).await.remove(0);
    let task = format!("/api/v1/tasks/{}", task["id"].as_str().unwrap());
    for (path, action, who) in [("/api/v1/retention", "retention.open", &admin), (&task, "task.open", &judge)] {
        let rows = async || {
            let rows = audit::list(&house.house.db, &court.id, None, 1_000).await.unwrap();
            rows.iter().filter(|row| row.action == action).count()
        };
        let again = format!("{path}?again=1");
        for (asked, written) in [(again.as_str(), 1), (&again, 1), (path, 2), (&again, 2), (&again, 2), (path, 3)] {
            assert_eq!(house.ask("GET", asked, who).send().await.unwrap().status(), 200, "{asked}");
            assert_eq!(rows().await, written, "{asked}");
        }
    }
}
