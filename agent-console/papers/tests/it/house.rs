//! A court with one order, calls with their outcomes, and transcripts that a test decides.

use std::{
    collections::HashMap,
    process::Command,
    sync::{Arc, LazyLock, Mutex},
};

use songda_papers::reports::{Printer, TranscriptLine, TranscriptState, TranscriptText, Transcripts};
use songda_people::{
    Role, courts,
    users::{self, NewUser},
};
use songda_press::{Press, PressConfig};
use songda_service::{
    intake::{self, CaseFacts, DocumentFacts, Intake, OrderKey, PartyFacts, PhoneFacts},
    outcomes::{self, CallToRecord, Choice, Saved, Saving},
    tasks::{self, TaskRow},
    timeline::By,
};
use songda_store::{
    jobs,
    masked::{IdNumber, Phone},
    new_id,
    testing::Fixture,
};
use sqlx::Row;

pub(crate) const ID_NUMBER: &str = "11010519491231002X";
pub(crate) const PHONE: &str = "13800001234";

static PRESS: LazyLock<Press> = LazyLock::new(|| Press::open(PressConfig::default()).unwrap());

/// Transcripts by call, as a test sets them.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<HashMap<String, TranscriptText>>);

#[async_trait::async_trait]
impl Transcripts for Shelf {
    async fn text(&self, call: &str) -> Result<Option<TranscriptText>, String> {
        Ok(self.0.lock().unwrap().get(call).cloned())
    }
}

impl Shelf {
    pub(crate) fn set(&self, call: &str, state: TranscriptState, lines: &[(&str, &str)]) {
        let lines = lines.iter().enumerate().map(|(at, (speaker, text))| TranscriptLine {
            from_ms: at as u64 * 4_000,
            speaker: (*speaker).to_owned(),
            text: (*text).to_owned(),
            weak: false,
        });
        let text = TranscriptText { state, test_model: true, model: "songda-test-zh".into(), lines: lines.collect() };
        self.0.lock().unwrap().insert(call.to_owned(), text);
    }
}

pub(crate) struct House {
    pub(crate) on: Fixture,
    pub(crate) court: String,
    pub(crate) agent: String,
    pub(crate) task: String,
    pub(crate) phone: String,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) printer: Printer,
}

/// A call as a test wants it.
pub(crate) struct Facts {
    pub(crate) technical: &'static str,
    pub(crate) talk_ms: i64,
    pub(crate) recorded: bool,
}

pub(crate) const SPOKEN: Facts = Facts { technical: "C01", talk_ms: 188_000, recorded: true };
pub(crate) const UNANSWERED: Facts = Facts { technical: "C02", talk_ms: 0, recorded: false };

pub(crate) async fn houses() -> Vec<House> {
    let mut houses = Vec::new();
    for on in songda_store::testing::databases().await.unwrap() {
        houses.push(house(on).await);
    }
    houses
}

async fn house(on: Fixture) -> House {
    let mut tx = on.db.begin().await.unwrap();
    let court = courts::create(&mut tx, &on.clock, "陕0102", "西安市新城区人民法院", true).await.unwrap().id;
    on.sealer.ensure_court(&mut tx, &on.clock, &court).await.unwrap();
    let user = NewUser {
        court: &court,
        login: "liu",
        name: "刘敏",
        staff_no: "1026",
        role: Role::Agent,
        password: "Right-horse-9",
    };
    let agent = users::create(&mut tx, &on.clock, &user).await.unwrap();
    let put = on.objects.put(&mut tx, &court, "document", "application/pdf", b"%PDF-1.4");
    let file = put.await.unwrap();
    let order = order(&court, &file);
    let by = By { actor: "machine", name: "ajxt" };
    let accepted = intake::accept(&mut tx, &on.clock, &on.sealer, &by, &order).await.unwrap();
    tx.commit().await.unwrap();
    let task = accepted.tasks[0].id.clone();
    let phone = sqlx::query("SELECT id FROM phones").fetch_one(on.db.read()).await.unwrap().get(0);
    let shelf = Arc::new(Shelf::default());
    let printer = Printer {
        db: on.db.clone(),
        clock: on.clock.clone(),
        sealer: on.sealer.clone(),
        objects: on.objects.clone(),
        press: PRESS.clone(),
        transcripts: shelf.clone(),
    };
    House { on, court, agent, task, phone, shelf, printer }
}

fn order(court: &str, file: &songda_store::Object) -> Intake {
    let id = IdNumber::parse("居民身份证", ID_NUMBER).unwrap();
    let number = Phone::parse(PHONE).unwrap();
    Intake {
        court_id: court.to_owned(),
        key: OrderKey { source: "ajxt".into(), order_no: "SD20260001".into(), revision: 1 },
        content_hash: "h".into(),
        body_object: file.id.clone(),
        case: CaseFacts {
            number_raw: "(2026)陕0102民初11号".into(),
            number: "（2026）陕0102民初11号".into(),
            kind: "民商事".into(),
            cause: "买卖合同纠纷".into(),
            procedure: "简易".into(),
            dept: "民一庭".into(),
            judge_login: "J0001".into(),
            judge_name: "周明远".into(),
            clerk_login: "C0001".into(),
            hearing_ms: None,
            hearing_room: "第三法庭".into(),
            evidence_until: String::new(),
            secret: false,
        },
        link: "庭前送达".into(),
        order_kind: "一般诉讼文书".into(),
        finish_by: "2026-12-02".into(),
        urgency: "normal".into(),
        remark: String::new(),
        parties: vec![PartyFacts {
            reference: "p1".into(),
            position: "被告".into(),
            kind: "自然人".into(),
            name: "阿依古丽·买买提".into(),
            id_type: "居民身份证".into(),
            id_checked: id.checked(),
            id: Some(id),
            phones: vec![PhoneFacts {
                dialable: number.dialable(),
                number,
                source: "起诉状".into(),
                label: String::new(),
            }],
            addresses: vec![],
            emails: vec![],
            representatives: vec![],
        }],
        documents: vec![DocumentFacts {
            reference: "d1".into(),
            name: "传票".into(),
            class: "D1".into(),
            object_id: file.id.clone(),
            sha256: file.sha256.clone(),
            sm3: file.sm3.clone(),
            pages: 1,
            sealed: true,
            recipients: vec![],
            copies: 1,
        }],
    }
}

impl House {
    /// A call that ended, as the desk leaves it.
    pub(crate) async fn call(&self, facts: &Facts) -> String {
        self.on.clock.advance(600_000);
        let (call, order, recording) = (new_id(), new_id(), new_id());
        let at = self.on.clock.now_ms();
        let answered = (facts.technical == "C01").then_some(at + 9_000);
        let attempt = !matches!(facts.technical, "C11" | "C12");
        let mut tx = self.on.db.begin().await.unwrap();
        let session =
            "INSERT INTO sessions (id_hash, user_id, created_ms, seen_ms, expires_ms, ip) VALUES ($1, $2, 0, 0, 0, '')";
        sqlx::query(session).bind(&order).bind(&self.agent).execute(&mut *tx.conn()).await.unwrap();
        sqlx::query(
            "INSERT INTO work_orders (id, task_id, agent_id, session, kid, state, expires_ms, created_ms)
             VALUES ($1, $2, $3, $1, 'k', 'opened', 0, 0)",
        )
        .bind(&order)
        .bind(&self.task)
        .bind(&self.agent)
        .execute(&mut *tx.conn())
        .await
        .unwrap();
        let prompts =
            if facts.recorded { r#"[{"from_ms":9100,"to_ms":15000,"text":"本次通话将被录音"}]"# } else { "[]" };
        sqlx::query(
            "INSERT INTO calls (id, court_id, task_id, work_order_id, phone_id, agent_id, caller, state, created_ms,
                                ringing_ms, answered_ms, ended_ms, talk_ms, ended_by, end_facts, technical_code,
                                is_attempt, recording_id, prompt_spans, quality)
             VALUES ($1, $2, $3, $4, $5, $6, '029-12368', 'ended', $7, $8, $9, $10, $11, 'party', '{}', $12, $13, $14, $15, '{}')",
        )
        .bind(&call)
        .bind(&self.court)
        .bind(&self.task)
        .bind(&order)
        .bind(&self.phone)
        .bind(&self.agent)
        .bind(at)
        .bind(at + 2_000)
        .bind(answered)
        .bind(answered.unwrap_or(at + 50_000) + facts.talk_ms)
        .bind(facts.talk_ms)
        .bind(facts.technical)
        .bind(i64::from(attempt))
        .bind(facts.recorded.then_some(recording.as_str()))
        .bind(prompts)
        .execute(&mut *tx.conn())
        .await
        .unwrap();
        if facts.recorded {
            sqlx::query(
                "INSERT INTO recordings (id, call_id, court_id, state, started_ms, frames, bytes, sha256, sm3, gaps, closed_ms)
                 VALUES ($1, $2, $3, 'closed', $4, 1576000, 6304044, $5, $6, '[]', $4)",
            )
            .bind(&recording)
            .bind(&call)
            .bind(&self.court)
            .bind(at)
            .bind("0123456789abcdef".repeat(4))
            .bind("fedcba9876543210".repeat(4))
            .execute(&mut *tx.conn())
            .await
            .unwrap();
        }
        tx.commit().await.unwrap();
        call
    }

    /// Saves the outcome of a call, which writes the job that asks for the report.
    pub(crate) async fn outcome(&self, call: &str, technical: &str, contact: &str, business: &str) -> Saved {
        let on = &self.on;
        let mut tx = on.db.begin().await.unwrap();
        let until = on.clock.now_ms() + 60_000;
        assert!(tasks::reserve(&mut tx, &on.clock, &self.task, &self.agent, until).await.unwrap());
        let to_record = CallToRecord {
            court: &self.court,
            call,
            task: &self.task,
            phone: &self.phone,
            technical,
            agent: By { actor: &self.agent, name: "刘敏" },
            note: "",
            fields: &[],
            saving: Saving::InTime,
            broken_consent: false,
        };
        let heard_all = business == "B05";
        let choice = Choice { contact: contact.into(), business: business.into(), heard_all, ..Default::default() };
        let catalogue = outcomes::catalogue().unwrap();
        let saved = outcomes::record(&mut tx, &on.clock, &on.sealer, catalogue, &to_record, &choice).await.unwrap();
        tx.commit().await.unwrap();
        saved
    }

    /// A conversation in which the recipient heard everything: service by telephone.
    pub(crate) async fn served(&self) -> (String, Saved) {
        let call = self.call(&SPOKEN).await;
        self.shelf.set(&call, TranscriptState::Waiting, &[]);
        let saved = self.outcome(&call, "C01", "W1", "B05").await;
        (call, saved)
    }

    /// Claims the report jobs that are due and runs them as the server does; answers how
    /// each ended.
    pub(crate) async fn work(&self) -> Vec<Result<(), String>> {
        let on = &self.on;
        let mut ended = Vec::new();
        for job in jobs::claim(&on.db, &on.clock, &[songda_papers::jobs::JOB], 60_000, 10).await.unwrap() {
            let result = songda_papers::jobs::run(&self.printer, job.clone()).await;
            match &result {
                Ok(()) => jobs::done(&on.db, &on.clock, &job.id).await.unwrap(),
                Err(error) => {
                    jobs::retry(&on.db, &on.clock, &job, error).await.unwrap();
                }
            }
            ended.push(result);
        }
        ended
    }

    pub(crate) async fn task(&self) -> TaskRow {
        tasks::find(&self.on.db, &self.court, &self.task).await.unwrap()
    }

    /// The text of a report without white space.
    pub(crate) async fn text(&self, report: &str) -> String {
        let pdf = songda_papers::reports::pdf(&self.on.db, &self.on.objects, &self.court, report).await.unwrap();
        let file = self.on.folder.join(format!("{report}.pdf"));
        std::fs::write(&file, pdf).unwrap();
        let output = Command::new("pdftotext").arg("-raw").arg(&file).arg("-").output();
        let output = output.unwrap_or_else(|error| panic!("pdftotext: {error}: apt-get install poppler-utils"));
        String::from_utf8(output.stdout).unwrap().chars().filter(|c| !c.is_whitespace()).collect()
    }
}
