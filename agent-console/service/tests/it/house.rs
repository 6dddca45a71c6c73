//! A court with one order, for the tests that need a database.

use songda_people::{
    Role, courts,
    users::{self, NewUser},
};
use songda_service::{
    intake::{self, Accepted, CaseFacts, DocumentFacts, Intake, OrderKey, PartyFacts, PhoneFacts, RepresentativeFacts},
    timeline::By,
};
use songda_store::{
    masked::{IdNumber, Phone},
    new_id,
    testing::Fixture,
};

pub(crate) const ID_NUMBER: &str = "11010519491231002X";

pub(crate) struct House {
    pub(crate) on: Fixture,
    pub(crate) court: String,
    pub(crate) agents: [String; 2],
}

pub(crate) async fn houses() -> Vec<House> {
    let mut houses = Vec::new();
    for on in songda_store::testing::databases().await.unwrap() {
        let mut tx = on.db.begin().await.unwrap();
        let court = courts::create(&mut tx, &on.clock, "陕0102", "新城区人民法院", true).await.unwrap().id;
        on.sealer.ensure_court(&mut tx, &on.clock, &court).await.unwrap();
        let mut agents = [String::new(), String::new()];
        for (at, login) in ["liu", "wang"].into_iter().enumerate() {
            let user = NewUser {
                court: &court,
                login,
                name: login,
                staff_no: "1",
                role: Role::Agent,
                password: "Right-horse-9",
            };
            agents[at] = users::create(&mut tx, &on.clock, &user).await.unwrap();
        }
        tx.commit().await.unwrap();
        houses.push(House { on, court, agents });
    }
    houses
}

pub(crate) fn party(reference: &str, id: Option<&str>, phones: &[&str]) -> PartyFacts {
    let id = id.map(|text| IdNumber::parse("居民身份证", text).unwrap());
    PartyFacts {
        reference: reference.into(),
        position: "被告".into(),
        kind: "自然人".into(),
        name: format!("阿依古丽·买买提{reference}"),
        id_type: "居民身份证".into(),
        id_checked: id.as_ref().is_some_and(IdNumber::checked),
        id,
        phones: phones
            .iter()
            .map(|text| {
                let number = Phone::parse(text).unwrap();
                PhoneFacts { dialable: number.dialable(), number, source: "起诉状".into(), label: String::new() }
            })
            .collect(),
        addresses: vec![],
        emails: vec![],
        representatives: vec![],
    }
}

pub(crate) fn representative(phone: &str) -> RepresentativeFacts {
    RepresentativeFacts {
        name: "李律师".into(),
        kind: "律师".into(),
        authority: "一般授权".into(),
        receiver: false,
        phone: Some(Phone::parse(phone).unwrap()),
    }
}

impl House {
    /// Takes an order in, with one document of this class.
    pub(crate) async fn order(&self, order_no: &str, case_no: &str, parties: Vec<PartyFacts>, class: &str) -> Accepted {
        self.order_at(order_no, case_no, parties, class, None).await
    }

    pub(crate) async fn order_at(
        &self,
        order_no: &str,
        case_no: &str,
        parties: Vec<PartyFacts>,
        class: &str,
        hearing_ms: Option<i64>,
    ) -> Accepted {
        let mut tx = self.on.db.begin().await.unwrap();
        let put = self.on.objects.put(&mut tx, &self.court, "document", "application/pdf", b"%PDF-1.4");
        let file = put.await.unwrap();
        let intake = Intake {
            court_id: self.court.clone(),
            key: OrderKey { source: "ajxt".into(), order_no: order_no.into(), revision: 1 },
            content_hash: order_no.into(),
            body_object: file.id.clone(),
            case: CaseFacts {
                number_raw: case_no.into(),
                number: case_no.into(),
                kind: "民商事".into(),
                cause: "买卖合同纠纷".into(),
                procedure: "简易".into(),
                dept: "民一庭".into(),
                judge_login: "J0001".into(),
                judge_name: "周明远".into(),
                clerk_login: "C0001".into(),
                hearing_ms,
                hearing_room: "第三法庭".into(),
                evidence_until: String::new(),
                secret: false,
            },
            link: "庭前送达".into(),
            order_kind: "一般诉讼文书".into(),
            finish_by: String::new(),
            urgency: "normal".into(),
            remark: "请尽快".into(),
            parties,
            documents: vec![DocumentFacts {
                reference: "d1".into(),
                name: "传票".into(),
                class: class.into(),
                object_id: file.id,
                sha256: file.sha256,
                sm3: file.sm3,
                pages: 1,
                sealed: true,
                recipients: vec![],
                copies: 1,
            }],
        };
        let by = By { actor: "machine", name: "ajxt" };
        let accepted = intake::accept(&mut tx, &self.on.clock, &self.on.sealer, &by, &intake).await.unwrap();
        tx.commit().await.unwrap();
        accepted
    }

    /// A work order and an ended call of the first number of a task, as the desk leaves them.
    pub(crate) async fn ended_call(&self, task: &str, phone: &str, technical: &str) -> String {
        let (call, order) = (new_id(), new_id());
        let mut tx = self.on.db.begin().await.unwrap();
        sqlx::query(
            "INSERT INTO sessions (id_hash, user_id, created_ms, seen_ms, expires_ms, ip) VALUES ($1, $2, 0, 0, 0, '')",
        )
        .bind(&order)
        .bind(&self.agents[0])
        .execute(&mut *tx.conn())
        .await
        .unwrap();
        sqlx::query(
            "INSERT INTO work_orders (id, task_id, agent_id, session, kid, state, expires_ms, created_ms)
             VALUES ($1, $2, $3, $1, 'k', 'opened', 0, 0)",
        )
        .bind(&order)
        .bind(task)
        .bind(&self.agents[0])
        .execute(&mut *tx.conn())
        .await
        .unwrap();
        sqlx::query(
            "INSERT INTO calls (id, court_id, task_id, work_order_id, phone_id, agent_id, caller, state, created_ms, talk_ms,
                                ended_by, end_facts, technical_code, is_attempt, prompt_spans, quality)
             VALUES ($1, $2, $3, $4, $5, $6, '', 'ended', $8, 0, '', '{}', $7, 1, '[]', '{}')",
        )
        .bind(&call)
        .bind(&self.court)
        .bind(task)
        .bind(&order)
        .bind(phone)
        .bind(&self.agents[0])
        .bind(technical)
        .bind(self.on.clock.now_ms())
        .execute(&mut *tx.conn())
        .await
        .unwrap();
        tx.commit().await.unwrap();
        call
    }
}
