//! Versions, transcripts, failures and messages of the telephone report.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use songda_papers::{
    PapersError, jobs as papers_jobs,
    reports::{
        self, ATTACHED, IN_FORCE, NO_RECORDING, Printer, REPLACED, SINK, TO_COME, TOPIC, TranscriptState,
        TranscriptText, Transcripts,
    },
};
use songda_service::{
    ServiceError,
    tasks::{AWAITING_REPORT, SERVED, WAITING},
    timeline,
};
use songda_store::{Db, alarms, audit, jobs, outbox};
use sqlx::Row;

use crate::house::{Facts, House, ID_NUMBER, PHONE, SPOKEN, UNANSWERED, houses};

const TALK: &[(&str, &str)] = &[("系统", "本次通话将被录音。"), ("坐席", "您是本人吗？"), ("当事人", "是的。")];

async fn versions(house: &House) -> Vec<reports::ReportRow> {
    reports::list(&house.on.db, &house.task).await.unwrap()
}

/// Claims every message that waits for the case system, one after the other, as it would
/// leave.
async fn messages(house: &House) -> Vec<(Value, Vec<u8>)> {
    let on = &house.on;
    let mut sent = Vec::new();
    loop {
        let claimed = outbox::claim(&on.db, &on.clock, SINK, 60_000, 10).await.unwrap();
        let Some(message) = claimed.first() else { return sent };
        assert_eq!((claimed.len(), message.topic.as_str()), (1, TOPIC));
        let file = on.objects.get(&on.db, message.object_id.as_deref().unwrap()).await.unwrap();
        sent.push((message.open(&on.sealer).unwrap(), file));
        let mut tx = on.db.begin().await.unwrap();
        outbox::done(&mut tx, &on.clock, &message.id).await.unwrap();
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn r3_2e_a_success_has_its_report_within_ten_seconds_and_then_the_task_is_done() {
    for house in houses().await {
        let (_, saved) = house.served().await;
        assert_eq!(house.task().await.phase, AWAITING_REPORT);
        let from = Instant::now();
        assert_eq!(house.work().await, [Ok(())], "{}", house.on.engine);
        assert!(from.elapsed() < Duration::from_secs(10), "{:?}", from.elapsed());
        let [report] = versions(&house).await.try_into().unwrap();
        assert_eq!((report.version, report.state.as_str(), &report.supersedes), (1, IN_FORCE, &None));
        assert_eq!((&report.attempt_id, &report.case_id), (&saved.attempt, &house.task().await.case_id));
        assert_eq!(report.transcript_state, TO_COME);
        assert_eq!((report.template.as_str(), report.template_version), ("t3-phone", 1));
        assert_eq!(house.task().await.phase, SERVED);
        let text = house.text(&report.id).await;
        for part in ["SD20260001-01-R01（第1版）", "送达结果：成功", "依据：规则S13v2", "转写待补", "演"]
        {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
}

#[tokio::test]
async fn r2_4e_a_new_version_names_the_old_one_which_stays_and_is_marked_as_replaced() {
    for house in houses().await {
        let (call, saved) = house.served().await;
        house.work().await;
        house.shelf.set(&call, TranscriptState::Ready, TALK);
        let second = house.printer.render(&house.task, &saved.attempt).await.unwrap().unwrap();
        let [newer, older] = versions(&house).await.try_into().unwrap();
        assert_eq!((newer.id.as_str(), newer.version, newer.state.as_str()), (second.id.as_str(), 2, IN_FORCE));
        assert_eq!((older.version, older.state.as_str()), (1, REPLACED));
        assert_eq!((newer.supersedes.as_deref(), newer.transcript_state.as_str()), (Some(older.id.as_str()), ATTACHED));
        let text = house.text(&newer.id).await;
        for part in ["SD20260001-01-R02（第2版，替代第1版）", "您是本人吗？", "本文字稿由测试模型生成，仅供演示"]
        {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(house.text(&older.id).await.contains("（第1版）"));
        // The same data again: nothing new.
        assert_eq!(house.printer.render(&house.task, &saved.attempt).await.unwrap(), None);
        assert_eq!(versions(&house).await.len(), 2);
    }
}

#[tokio::test]
async fn r3_2e_a_report_that_cannot_be_set_leaves_the_task_open_under_an_alarm_and_is_tried_again() {
    for house in houses().await {
        let on = &house.on;
        // A character of the private use area: no font has it.
        rename(&house, "王\u{E123}").await;
        house.served().await;
        for tries in 1..=3 {
            let failed = house.work().await;
            assert!(failed[0].as_ref().unwrap_err().contains("U+E123"), "{failed:?}");
            assert_eq!(house.task().await.phase, AWAITING_REPORT);
            let [alarm] = alarms::open(&on.db).await.unwrap().try_into().unwrap();
            assert_eq!((alarm.kind.as_str(), &alarm.object_id), (papers_jobs::ALARM, &house.task));
            assert_eq!(alarm.times, 1, "after {tries} tries");
            assert!(alarm.said.text.contains("U+E123") && !alarm.said.text.contains('王'), "{}", alarm.said.text);
            assert!(house.work().await.is_empty(), "the next try waits");
            on.clock.advance(10_000);
        }
        assert!(versions(&house).await.is_empty());
        assert!(messages(&house).await.is_empty());
        rename(&house, "王小明").await;
        assert_eq!(house.work().await, [Ok(())]);
        assert_eq!(house.task().await.phase, SERVED);
        assert_eq!(versions(&house).await.len(), 1);
        assert!(alarms::open(&on.db).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn r3_2e_a_report_that_stays_unmade_renews_its_alarm_and_is_made_when_the_fault_is_mended() {
    for house in houses().await {
        rename(&house, "王\u{E123}").await;
        house.served().await;
        for _ in 0..jobs::PATIENCE {
            assert_eq!(house.work().await.len(), 1);
            house.on.clock.advance(3_600_000);
        }
        let [alarm] = alarms::open(&house.on.db).await.unwrap().try_into().unwrap();
        assert_eq!(alarm.times, 2);
        assert!(alarm.said.text.contains("12 times"), "{}", alarm.said.text);
        rename(&house, "王小明").await;
        assert_eq!(house.work().await, [Ok(())], "however long it took");
        assert_eq!(house.task().await.phase, SERVED);
        assert!(alarms::open(&house.on.db).await.unwrap().is_empty());
    }
}

async fn rename(house: &House, name: &str) {
    sqlx::query("UPDATE parties SET name = $1").bind(name).execute(house.on.db.read()).await.unwrap();
}

#[tokio::test]
async fn r4_1d_the_tag_and_the_codes_of_each_call_are_visible_in_the_report() {
    for house in houses().await {
        let first = house.call(&UNANSWERED).await;
        house.outcome(&first, "C02", "", "").await;
        house.on.clock.advance(86_400_000);
        let ours = house.call(&Facts { technical: "C11", talk_ms: 0, recorded: false }).await;
        let (call, _) = house.served().await;
        house.shelf.set(&call, TranscriptState::Ready, TALK);
        house.work().await;
        let report = versions(&house).await.remove(0);
        let text = house.text(&report.id).await;
        let order = [
            "一、通话记录（3次）",
            "无人接听（C02）",
            "线路故障（C11）不计入送达次数",
            "3分08秒",
            "接通（C01）",
            "本人（W1）",
            "已清楚、完整听取（B05）",
            "第3次录音告知",
            "播放）",
            "核实接听人：本人（W1）",
            "当事人表示已清楚、完整听取",
            "R-01第3次通话",
            "3分17秒",
            "刘敏（工号1026）",
            "第3次通话",
            "您是本人吗？",
        ];
        let mut from = 0;
        for part in order {
            from += text[from..].find(part).unwrap_or_else(|| panic!("{part} is not in {}", &text[from..]));
        }
        assert!(text.contains("第3次通话由本人（W1）接听，当事人表示已清楚、完整听取（录音R-01）"), "{text}");
        assert_ne!(ours, first);
    }
}

#[tokio::test]
async fn r4_4a_a_call_by_which_the_party_called_us_stands_as_one_of_his() {
    for house in houses().await {
        let (call, _) = house.served().await;
        let mut tx = house.on.db.begin().await.unwrap();
        let sql = "UPDATE calls SET direction = 'in' WHERE id = $1";
        sqlx::query(sql).bind(&call).execute(&mut *tx.conn()).await.unwrap();
        tx.commit().await.unwrap();
        house.work().await;
        let report = versions(&house).await.remove(0);
        let text = house.text(&report.id).await;
        let calls = &text[text.find("一、通话记录").unwrap()..];
        assert!(calls.contains("当事人来电，接通（C01）"), "{}: {calls}", house.on.engine);
        let (party, court) = (calls.find("****").unwrap(), calls.find("029-12368").unwrap());
        assert!(party < court, "he called the court: {calls}");
    }
}

#[tokio::test]
async fn one_message_a_version_leaves_in_order_with_the_file_whose_hashes_it_names() {
    for house in houses().await {
        let (call, saved) = house.served().await;
        house.work().await;
        house.shelf.set(&call, TranscriptState::Ready, TALK);
        house.printer.render(&house.task, &saved.attempt).await.unwrap();
        house.printer.render(&house.task, &saved.attempt).await.unwrap();
        assert_eq!(versions(&house).await[0].delivery.as_ref().unwrap().state, "waiting");
        let sent = messages(&house).await;
        assert_eq!(sent.len(), 2);
        let [second, first] = versions(&house).await.try_into().unwrap();
        for ((message, file), (report, seq)) in sent.iter().zip([(&first, 1), (&second, 2)]) {
            assert_eq!(
                *message,
                json!({
                    "event": "report.ready", "source": "ajxt", "order_no": "SD20260001", "revision": 1, "party_ref": "p1",
                    "case_no": "（2026）陕0102民初11号", "task_id": house.task, "seq": seq,
                    "at": "2026-11-23T09:10:00+08:00",
                    "report": { "id": report.id, "kind": "T3-phone", "version": seq, "supersedes": report.supersedes,
                                "pages": report.pages, "sha256": report.sha256, "sm3": report.sm3,
                                "transcript": report.transcript_state },
                    "outcome": { "technical": "C01", "contact": "W1", "business": "B05", "result": "送达成功",
                                 "rule": "S13 v2" },
                })
            );
            assert!(file.starts_with(b"%PDF-"));
            assert_eq!(hex::encode(Sha256::digest(file)), report.sha256);
        }
        assert_eq!(second.delivery.unwrap().state, "done");
    }
}

#[tokio::test]
async fn the_message_names_the_recipient_as_the_order_of_the_task_does() {
    for house in houses().await {
        // The case knows him since its first order as p1.
        sqlx::query("UPDATE tasks SET party_ref = 'x9'").execute(house.on.db.read()).await.unwrap();
        house.served().await;
        house.work().await;
        assert_eq!(messages(&house).await[0].0["party_ref"], "x9", "{}", house.on.engine);
    }
}

/// A success is saved while the facts of an earlier attempt are being gathered.
struct Meanwhile(Db);

#[async_trait::async_trait]
impl Transcripts for Meanwhile {
    async fn text(&self, _: &str) -> Result<Option<TranscriptText>, String> {
        let served = "UPDATE tasks SET phase = '待出报告', result = '送达成功', result_rule = 'S13 v1'";
        sqlx::query(served).execute(self.0.read()).await.map_err(|error| error.to_string())?;
        Ok(None)
    }
}

#[tokio::test]
async fn r3_2e_a_report_of_facts_before_the_success_does_not_close_the_task() {
    for house in houses().await {
        let call = house.call(&SPOKEN).await;
        let saved = house.outcome(&call, "C01", "W1", "B08").await;
        let slow = Printer { transcripts: Arc::new(Meanwhile(house.on.db.clone())), ..house.printer.clone() };
        slow.render(&house.task, &saved.attempt).await.unwrap().unwrap();
        assert_eq!(house.task().await.phase, AWAITING_REPORT, "{}: it says nothing of a success", house.on.engine);
        let report = house.printer.render(&house.task, &saved.attempt).await.unwrap().unwrap();
        assert_eq!((report.version, house.task().await.phase.as_str()), (2, SERVED));
        assert!(house.text(&report.id).await.contains("送达结果：成功"));
    }
}

#[tokio::test]
async fn a_call_that_nobody_answered_has_a_report_without_recording_and_the_task_waits_on() {
    for house in houses().await {
        let call = house.call(&UNANSWERED).await;
        house.outcome(&call, "C02", "", "").await;
        assert_eq!(house.work().await, [Ok(())]);
        let report = versions(&house).await.remove(0);
        assert_eq!((report.transcript_state.as_str(), report.pages), (NO_RECORDING, 1));
        let text = house.text(&report.id).await;
        for part in ["送达结果：尚未完成", "最近一次：无人接听（C02）", "后续：间隔后再拨", "48秒", "各次通话均无录音"]
        {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert_eq!(house.task().await.phase, WAITING);
        let (message, _) = messages(&house).await.remove(0);
        assert_eq!((&message["outcome"]["contact"], &message["outcome"]["business"]), (&Value::Null, &Value::Null));
    }
}

#[tokio::test]
async fn neither_the_report_nor_what_is_written_of_it_has_an_unmasked_number() {
    for house in houses().await {
        let (call, _) = house.served().await;
        house.shelf.set(&call, TranscriptState::Ready, TALK);
        house.work().await;
        let report = versions(&house).await.remove(0);
        let mut seen = house.text(&report.id).await;
        for record in audit::list(&house.on.db, &house.court, None, 100).await.unwrap() {
            seen.push_str(&record.detail);
        }
        for event in timeline::list(&house.on.db, &house.task).await.unwrap() {
            seen.push_str(&event.detail.to_string());
        }
        for (message, _) in messages(&house).await {
            seen.push_str(&message.to_string());
        }
        assert!(seen.contains("138****1234"), "{seen}");
        assert!(!seen.contains(PHONE) && !seen.contains(ID_NUMBER), "{seen}");
    }
}

#[tokio::test]
async fn two_workers_at_once_make_one_version_of_one_state_of_things() {
    for house in houses().await {
        let (_, saved) = house.served().await;
        let render = || house.printer.render(&house.task, &saved.attempt);
        let (a, b, c) = tokio::join!(render(), render(), render());
        let made = [a.unwrap(), b.unwrap(), c.unwrap()].into_iter().flatten().count();
        assert_eq!(made, 1, "{}", house.on.engine);
        assert_eq!(versions(&house).await.len(), 1);
        assert_eq!(messages(&house).await.len(), 1);
    }
}

#[tokio::test]
async fn a_version_stands_in_timeline_and_audit_and_only_its_court_finds_it() {
    for house in houses().await {
        house.served().await;
        house.work().await;
        let on = &house.on;
        let report = versions(&house).await.remove(0);
        let events = timeline::list(&on.db, &house.task).await.unwrap();
        let event = events.iter().find(|event| event.kind == "report").unwrap();
        assert_eq!((&event.object_id, &event.detail["version"]), (&report.id, &json!(1)));
        let records = audit::list(&on.db, &house.court, None, 100).await.unwrap();
        let record = records.iter().find(|record| record.action == "report.render").unwrap();
        assert_eq!((&record.object_id, record.case_id.as_deref()), (&report.id, Some(report.case_id.as_str())));
        let found = reports::find(&on.db, &house.court, &report.id).await.unwrap();
        assert_eq!(found, report);
        let error = reports::pdf(&on.db, &on.objects, "another court", &report.id).await.unwrap_err();
        assert!(matches!(error, PapersError::Service(ServiceError::NotFound { kind: "report" })), "{error:?}");
    }
}

#[tokio::test]
async fn a_job_that_names_nothing_or_nobody_fails_and_makes_nothing() {
    for house in houses().await {
        let on = &house.on;
        let call = house.call(&SPOKEN).await;
        let mut tx = on.db.begin().await.unwrap();
        for payload in
            [json!({}), json!({ "task": "no", "attempt": "no" }), json!({ "task": house.task, "attempt": call })]
        {
            jobs::enqueue(&mut tx, &on.clock, papers_jobs::JOB, None, &payload, on.clock.now_ms()).await.unwrap();
        }
        tx.commit().await.unwrap();
        let ended = house.work().await;
        assert_eq!(ended.len(), 3);
        assert!(ended.iter().all(Result::is_err), "{ended:?}");
        let row = sqlx::query("SELECT COUNT(*) FROM reports").fetch_one(on.db.read()).await.unwrap();
        assert_eq!(row.get::<i64, _>(0), 0);
    }
}
