//! A court with a machine account, and messages to push.

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use songda_link::push::{Push, PushError, Pushed};
use songda_people::{
    courts,
    machines::{self, Machine},
};
use songda_store::testing::Fixture;
use sqlx::Row;

pub(crate) const PDF: &[u8] = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n%%EOF";

pub(crate) struct House {
    pub(crate) on: Fixture,
    pub(crate) push: Push,
    pub(crate) machine: Machine,
}

pub(crate) async fn houses() -> Vec<House> {
    let mut houses = Vec::new();
    for on in songda_store::testing::databases().await.unwrap() {
        let mut tx = on.db.begin().await.unwrap();
        let court = courts::create(&mut tx, &on.clock, "陕0102", "新城区人民法院", true).await.unwrap();
        on.sealer.ensure_court(&mut tx, &on.clock, &court.id).await.unwrap();
        let key = machines::create(&mut tx, &on.clock, &court.id, "ajxt").await.unwrap();
        tx.commit().await.unwrap();
        let machine = machines::verify(&on.db, &key).await.unwrap().unwrap();
        let push = Push {
            db: on.db.clone(),
            clock: on.clock.clone(),
            sealer: on.sealer.clone(),
            objects: on.objects.clone(),
            demo_numbers_only: true,
        };
        houses.push(House { on, push, machine });
    }
    houses
}

pub(crate) fn message() -> Value {
    json!({
        "msg_id": "m1", "source": "ajxt", "order_no": "SD20260001", "revision": 1, "court": "陕0102", "dept": "民一庭",
        "case": { "no": "(2026)陕0102民初11号", "cause": "买卖合同纠纷", "kind": "民商事", "procedure": "简易",
                  "judge": { "id": "J0001", "name": "周明远" }, "clerk": { "id": "C0001" },
                  "hearing": { "at": "2026-12-10T09:30:00+08:00", "room": "第三法庭" }, "evidence_until": "2026-12-05" },
        "link": "庭前送达", "order_kind": "一般诉讼文书", "finish_by": "2026-12-02", "urgency": "normal", "remark": "",
        "parties": [
            { "ref": "p1", "position": "被告", "kind": "自然人", "name": "阿依古丽•买买提", "id_type": "居民身份证",
              "id_no": "11010519491231002x",
              "phones": [{ "no": "138 0000 1234", "source": "起诉状", "label": "明确送达联系方式" }, { "no": "+86 13800002000" }],
              "addresses": [{ "text": "西安市新城区尚德路116号", "source": "送达地址确认书", "confirmed": true }],
              "emails": ["a@x.cn"], "agents": [{ "name": "李律师", "kind": "律师", "phone": "13800000009", "receiver": true }] },
            { "ref": "p2", "position": "被告", "kind": "法人", "name": "秦川机械厂", "id_type": "统一社会信用代码",
              "id_no": "91350100M000100Y43", "phones": [] }
        ],
        "documents": [{ "ref": "d1", "name": "传票", "class": "D1", "sha256": hex::encode(Sha256::digest(PDF)),
                        "pages": 1, "sealed": true, "for": ["p1"], "copies": 1, "file": "f1" }]
    })
}

impl House {
    pub(crate) async fn push(&self, message: &Value) -> Result<Pushed, PushError> {
        self.push_with(message, PDF).await
    }

    pub(crate) async fn push_with(&self, message: &Value, file: &'static [u8]) -> Result<Pushed, PushError> {
        let files = HashMap::from([("f1".to_owned(), Bytes::from_static(file))]);
        self.push.receive(&self.machine, "127.0.0.1", message.to_string().as_bytes(), files).await
    }

    /// Rows of each table that a push may fill.
    pub(crate) async fn counts(&self) -> Vec<(&'static str, i64)> {
        let mut counts = Vec::new();
        for table in [
            "cases",
            "orders",
            "parties",
            "phones",
            "addresses",
            "representatives",
            "documents",
            "tasks",
            "task_documents",
        ] {
            let sql = format!("SELECT COUNT(*) FROM {table}");
            let row = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(self.on.db.read()).await.unwrap();
            counts.push((table, row.get(0)));
        }
        counts
    }

    pub(crate) async fn count(&self, table: &str) -> i64 {
        self.counts().await.into_iter().find(|(name, _)| *name == table).unwrap().1
    }
}
