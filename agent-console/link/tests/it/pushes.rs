//! What becomes of a push.

use std::sync::Arc;

use serde_json::{Value, json};
use songda_link::push::{PushError, Pushed};
use songda_people::{courts, machines};
use songda_service::{cases, tasks};
use songda_store::audit::{self, Verdict};
use sqlx::Row;

use crate::{
    clear,
    house::{PDF, houses, message},
};

#[tokio::test]
async fn r1_1a_a_push_becomes_case_parties_documents_and_one_task_per_recipient() {
    for house in houses().await {
        let Pushed::Received(answer) = house.push(&message()).await.unwrap() else { panic!("not received") };
        assert_eq!(answer["tasks"].as_array().unwrap().len(), 2);
        let expected = [1, 1, 2, 3, 1, 1, 1, 2, 1];
        assert_eq!(
            house.counts().await.iter().map(|(_, rows)| *rows).collect::<Vec<_>>(),
            expected,
            "{}",
            house.on.engine
        );
        let court = &house.machine.court_id;
        let task = tasks::find(&house.on.db, court, answer["tasks"][0]["id"].as_str().unwrap()).await.unwrap();
        assert_eq!((task.recipient.as_str(), task.phase.as_str()), ("阿依古丽·买买提", tasks::WAITING));
        assert_eq!(task.case_number, "（2026）陕0102民初11号");
        let party = cases::party(&house.on.db, &task.party_id).await.unwrap();
        assert_eq!((party.id_masked.as_str(), party.id_state.as_str()), ("110105********002X", "有效"));
        let phones = cases::phones(&house.on.db, &task.party_id).await.unwrap();
        assert_eq!(
            phones.iter().map(|phone| phone.masked.as_str()).collect::<Vec<_>>(),
            ["138****1234", "138****2000", "138****0009"]
        );
        assert_eq!(answer["tasks"][1]["phase"], tasks::SEARCHING, "no number: to be searched for");
        assert!(cases::documents(&house.on.db, answer["tasks"][1]["id"].as_str().unwrap()).await.unwrap().is_empty());
        assert!(matches!(audit::verify(&house.on.db).await.unwrap(), Verdict::Intact { rows: 1 }));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r1_1d_fifty_equal_pushes_at_once_make_one_order() {
    for house in houses().await {
        let house = Arc::new(house);
        let mut pushes = tokio::task::JoinSet::new();
        for number in 0..50 {
            let house = house.clone();
            pushes.spawn(async move {
                let mut message = message();
                message["msg_id"] = json!(format!("m{number}"));
                house.push(&message).await.unwrap()
            });
        }
        let answers = pushes.join_all().await;
        let received = answers.iter().filter(|answer| matches!(answer, Pushed::Received(_))).count();
        let ids: std::collections::HashSet<String> = answers
            .iter()
            .map(|answer| match answer {
                Pushed::Received(answer) | Pushed::Incomplete(answer) | Pushed::Duplicate(answer) => {
                    answer["order_id"].to_string()
                }
            })
            .collect();
        assert_eq!(
            (received, ids.len(), house.count("orders").await, house.count("tasks").await),
            (1, 1, 1, 2),
            "{}",
            house.on.engine
        );
    }
}

#[tokio::test]
async fn r1_1d_the_same_key_with_other_content_is_refused_and_says_where() {
    for house in houses().await {
        house.push(&message()).await.unwrap();
        let mut other = message();
        other["case"]["cause"] = json!("租赁合同纠纷");
        other["parties"][0]["phones"][1]["no"] = json!("13800003000");
        let Err(PushError::Conflict { differing }) = house.push(&other).await else { panic!("no conflict") };
        assert_eq!(differing, ["case.cause", "parties[0].phones[1].no"], "{}", house.on.engine);
        let mut next = message();
        next["revision"] = json!(2);
        assert!(matches!(house.push(&next).await, Err(PushError::RevisionTaken { last: 1 })));
        assert_eq!(house.count("orders").await, 1);
    }
}

#[tokio::test]
async fn r1_1a_an_incomplete_push_is_kept_with_what_is_missing_and_the_next_revision_completes_it() {
    for house in houses().await {
        let mut bad = message();
        bad["case"]["no"] = json!("没有号");
        bad["parties"][0]["name"] = json!("");
        bad["documents"][0]["file"] = json!("f9");
        let Pushed::Incomplete(answer) = house.push(&bad).await.unwrap() else { panic!("not incomplete") };
        let paths: Vec<_> =
            answer["missing"].as_array().unwrap().iter().map(|gap| gap["path"].as_str().unwrap()).collect();
        assert_eq!(paths, ["case.no", "parties[0].name", "documents[0].file"]);
        assert_eq!((house.count("orders").await, house.count("cases").await, house.count("tasks").await), (1, 0, 0));
        let kept = cases::incomplete_orders(&house.on.db, &house.machine.court_id).await.unwrap();
        assert_eq!((kept.len(), kept[0].gaps.len(), kept[0].state.as_str()), (1, 3, "待补正"));
        // The case system has them in Chinese as ever; a page says each in its reader's language, by its
        // place as a person counts.
        assert_eq!(answer["missing"][1]["text"], "没有姓名或名称");
        let said: Vec<_> = kept[0].gaps.iter().map(|gap| (gap.said.code.as_str(), gap.said.text.as_str())).collect();
        assert_eq!(
            said,
            [
                ("gap.case_number_unreadable", "its case number cannot be read"),
                ("gap.party_name", "recipient 1 has no name"),
                ("gap.document_file_absent", "the file of document 1 did not come with the message"),
            ],
            "{}",
            house.on.engine
        );
        assert_eq!(kept[0].gaps[1].said.values["party"], 1);
        assert!(matches!(house.push(&bad).await.unwrap(), Pushed::Duplicate(_)));
        let mut next = message();
        next["revision"] = json!(2);
        assert!(matches!(house.push(&next).await.unwrap(), Pushed::Received(_)), "{}", house.on.engine);
        assert_eq!(house.count("tasks").await, 2);
        let left = cases::incomplete_orders(&house.on.db, &house.machine.court_id).await.unwrap();
        assert!(left.is_empty(), "the second revision made the first one good");
    }
}

#[tokio::test]
async fn r1_1a_a_number_that_is_missing_is_said_by_its_place_and_never_repeated() {
    for house in houses().await {
        let mut bad = message();
        bad["parties"][0]["phones"][1]["no"] = json!("138-not-a-number");
        bad["parties"][0]["phones"][0]["no"] = json!("");
        bad["parties"][0]["agents"] = json!([{ "name": "张律师" }, { "name": "李律师", "phone": "12" }]);
        let Pushed::Incomplete(answer) = house.push(&bad).await.unwrap() else { panic!("not incomplete") };
        let kept = cases::incomplete_orders(&house.on.db, &house.machine.court_id).await.unwrap();
        let said: Vec<&str> = kept[0].gaps.iter().map(|gap| gap.said.text.as_str()).collect();
        assert_eq!(
            said,
            [
                "telephone 1 of recipient 1 has no number",
                "the number of telephone 2 of recipient 1 cannot be read",
                "the number of representative 2 of recipient 1 cannot be read",
            ],
            "{}",
            house.on.engine
        );
        assert!(!answer.to_string().contains("138-not"), "{answer}");
    }
}

#[tokio::test]
async fn r1_1a_what_an_earlier_version_kept_as_missing_is_said_as_it_stands() {
    for house in houses().await {
        let mut bad = message();
        bad["case"]["no"] = json!("");
        house.push(&bad).await.unwrap();
        sqlx::query("UPDATE orders SET gaps = '[{\"path\":\"case.no\",\"text\":\"没有案号\"}]'")
            .execute(house.on.db.read())
            .await
            .unwrap();
        let kept = cases::incomplete_orders(&house.on.db, &house.machine.court_id).await.unwrap();
        let gap = &kept[0].gaps[0];
        assert_eq!((gap.said.code.as_str(), gap.said.text.as_str()), ("plain.text", "没有案号"), "{}", house.on.engine);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r1_1d_two_revisions_at_once_are_not_both_accepted() {
    for house in houses().await {
        let house = Arc::new(house);
        let mut pushes = tokio::task::JoinSet::new();
        for revision in 1..=8 {
            let house = house.clone();
            pushes.spawn(async move {
                let mut message = message();
                message["revision"] = json!(revision);
                house.push(&message).await
            });
        }
        let answers = pushes.join_all().await;
        let received = answers.iter().filter(|answer| matches!(answer, Ok(Pushed::Received(_)))).count();
        assert!(answers.iter().all(|answer| matches!(answer, Ok(_) | Err(PushError::RevisionTaken { .. }))));
        assert_eq!((received, house.count("tasks").await), (1, 2), "{}: one set of tasks", house.on.engine);
    }
}

#[tokio::test]
async fn r1_1a_a_second_order_on_a_case_keeps_its_own_references_and_adds_what_is_new() {
    for house in houses().await {
        assert!(matches!(house.push(&message()).await.unwrap(), Pushed::Received(_)));
        let (addresses, people) = (house.count("addresses").await, house.count("representatives").await);
        let mut next = message();
        next["order_no"] = json!("SD20260002");
        next["parties"][0]["ref"] = json!("x9");
        next["documents"][0]["for"] = json!(["x9"]);
        let new = json!({ "text": "西安市雁塔区科技路2号", "source": "起诉状" });
        next["parties"][0]["addresses"].as_array_mut().unwrap().push(new);
        let Pushed::Received(answer) = house.push(&next).await.unwrap() else { panic!("not received") };
        let id = answer["tasks"][0]["id"].as_str().unwrap();
        let task = tasks::find(&house.on.db, &house.machine.court_id, id).await.unwrap();
        assert_eq!(task.party_ref, "x9", "{}: the case system knows the recipient by this", house.on.engine);
        assert_eq!(house.count("addresses").await, addresses + 1, "the new address, and the known one once");
        assert_eq!(house.count("representatives").await, people);
    }
}

#[tokio::test]
async fn r1_1a_files_of_an_incomplete_push_are_kept_with_its_message() {
    for house in houses().await {
        let mut bad = message();
        bad["case"]["no"] = json!("");
        assert!(matches!(house.push(&bad).await.unwrap(), Pushed::Incomplete(_)));
        let sql = "SELECT id FROM objects WHERE kind = 'push' AND media_type = 'application/pdf' AND sha256 = $1";
        let sha256 = bad["documents"][0]["sha256"].as_str().unwrap();
        let kept = sqlx::query(sql).bind(sha256).fetch_all(house.on.db.read()).await.unwrap();
        assert_eq!(kept.len(), 1, "{}: found by the hash that the message names", house.on.engine);
        assert_eq!(house.on.objects.get(&house.on.db, kept[0].get(0)).await.unwrap(), PDF);
    }
}

#[tokio::test]
async fn r1_1d_a_key_belongs_to_its_court() {
    for house in houses().await {
        house.push(&message()).await.unwrap();
        let mut tx = house.on.db.begin().await.unwrap();
        let court = courts::create(&mut tx, &house.on.clock, "陕0103", "碑林区人民法院", true).await.unwrap();
        house.on.sealer.ensure_court(&mut tx, &house.on.clock, &court.id).await.unwrap();
        let key = machines::create(&mut tx, &house.on.clock, &court.id, "ajxt").await.unwrap();
        tx.commit().await.unwrap();
        let machine = machines::verify(&house.on.db, &key).await.unwrap().unwrap();
        let mut same = message();
        same["court"] = json!("陕0103");
        let files = std::collections::HashMap::from([("f1".to_owned(), PDF.into())]);
        let pushed = house.push.receive(&machine, "", same.to_string().as_bytes(), files).await.unwrap();
        assert!(matches!(pushed, Pushed::Received(_)), "{}: {pushed:?}", house.on.engine);
        assert_eq!(house.count("orders").await, 2);
    }
}

#[tokio::test]
async fn r4_3d_nothing_of_a_person_stands_in_clear_whatever_became_of_the_push() {
    for house in houses().await {
        let mut first = message();
        first["remark"] = json!("当事人微信号 songda-9");
        let mut incomplete = first.clone();
        incomplete["order_no"] = json!("SD20260002");
        incomplete["case"]["no"] = json!("");
        let mut other = first.clone();
        other["case"]["cause"] = json!("租赁合同纠纷");
        assert!(matches!(house.push(&first).await, Ok(Pushed::Received(_))));
        assert!(matches!(house.push(&first).await, Ok(Pushed::Duplicate(_))));
        assert!(matches!(house.push(&incomplete).await, Ok(Pushed::Incomplete(_))));
        assert!(matches!(house.push(&other).await, Err(PushError::Conflict { .. })));
        let secrets = [
            "13800001234",
            "138 0000 1234",
            "13800002000",
            "13800000009",
            "11010519491231002",
            "91350100M000100Y43",
            "尚德路116号",
            "a@x.cn",
            "songda-9",
        ];
        for secret in secrets {
            let found = clear::places(&house.on, secret).await;
            assert!(found.is_empty(), "{}: {secret} stands in {found:?}", house.on.engine);
        }
        let shown = clear::places(&house.on, "138****1234").await;
        assert!(shown.contains(&"phones.masked".to_owned()), "it looks everywhere: {shown:?}");
    }
}

#[tokio::test]
async fn one_person_twice_in_a_message_is_named_and_nothing_arises() {
    for house in houses().await {
        let mut bad = message();
        bad["parties"][1] = bad["parties"][0].clone();
        bad["parties"][1]["ref"] = json!("p2");
        let Err(PushError::Wrong(errors)) = house.push(&bad).await else { panic!("not refused") };
        assert_eq!((errors[0].path.as_str(), errors[0].code), ("parties[1].id_no", "field.duplicate"));
        assert_eq!(house.count("orders").await, 0);
    }
}

#[tokio::test]
async fn every_wrong_field_is_named_and_nothing_arises() {
    for house in houses().await {
        let mut bad = message();
        bad["order_no"] = json!("has blanks");
        bad["revision"] = json!("one");
        bad["order_kind"] = json!("杂项");
        bad["case"]["hearing"]["at"] = json!("tomorrow");
        bad["parties"][0]["id_no"] = json!("?");
        bad["parties"][1]["ref"] = json!("p1");
        bad["documents"][0]["class"] = json!("D9");
        bad["documents"][0]["for"] = json!(["p7"]);
        bad["emails"] = json!(5);
        let Err(PushError::Wrong(errors)) = house.push(&bad).await else { panic!("not refused") };
        let mut paths: Vec<_> = errors.iter().map(|error| error.path.as_str()).collect();
        paths.sort_unstable();
        let expected = [
            "case.hearing.at",
            "documents[0].class",
            "documents[0].for",
            "order_kind",
            "order_no",
            "parties[0].id_no",
            "parties[1].ref",
            "revision",
        ];
        assert_eq!(paths, expected, "{}", house.on.engine);
        assert!(house.counts().await.iter().all(|(_, rows)| *rows == 0));
    }
}

#[tokio::test]
async fn a_wrong_hash_or_a_file_that_is_no_pdf_rejects_the_whole_push() {
    for house in houses().await {
        let Err(PushError::Wrong(errors)) = house.push_with(&message(), b"%PDF-other").await else {
            panic!("not refused")
        };
        assert_eq!(
            (errors.len(), errors[0].path.as_str(), errors[0].code),
            (1, "documents[0].sha256", "document.hash")
        );
        let Err(PushError::Wrong(errors)) = house.push_with(&message(), b"MZ").await else { panic!("not refused") };
        assert!(errors.iter().any(|error| error.code == "document.type"));
        assert!(house.counts().await.iter().all(|(_, rows)| *rows == 0), "{}", house.on.engine);
    }
}

#[tokio::test]
async fn what_is_not_a_message_is_refused_and_repeats_no_number() {
    for house in houses().await {
        for text in ["", "[]", "{", "13800001234", "\u{0}"] {
            let files = std::collections::HashMap::new();
            let error = house.push.receive(&house.machine, "", text.as_bytes(), files).await.unwrap_err();
            assert!(matches!(error, PushError::Unreadable(_)), "{text}: {error}");
            assert!(!error.to_string().contains("1380000"));
        }
        for (field, value) in [("source", "another"), ("court", "京0105")] {
            let mut foreign = message();
            foreign[field] = json!(value);
            assert!(matches!(house.push(&foreign).await, Err(PushError::Foreign)));
        }
        let mut nulls = message();
        for (_, value) in nulls.as_object_mut().unwrap().iter_mut() {
            *value = Value::Null;
        }
        assert!(matches!(house.push(&nulls).await, Err(PushError::Wrong(_))));
    }
}

#[tokio::test]
async fn x5_demo_mode_refuses_real_numbers() {
    for house in houses().await {
        let mut real = message();
        real["parties"][0]["phones"][0]["no"] = json!("13912345678");
        real["parties"][0]["agents"][0]["phone"] = json!("13912345679");
        let Err(PushError::Wrong(errors)) = house.push(&real).await else { panic!("not refused") };
        let paths: Vec<_> = errors.iter().map(|error| error.path.as_str()).collect();
        assert_eq!(paths, ["parties[0].phones[0].no", "parties[0].agents[0].phone"], "{}", house.on.engine);
        assert!(errors.iter().all(|error| error.code == "demo.real_number" && !error.text.contains("139")));
    }
}

#[tokio::test]
async fn identity_numbers_that_fail_their_check_are_kept_to_be_verified() {
    for house in houses().await {
        let mut odd = message();
        odd["parties"][0]["id_no"] = json!("110105194912310021");
        let Pushed::Received(answer) = house.push(&odd).await.unwrap() else { panic!("not received") };
        let task = answer["tasks"][0]["id"].as_str().unwrap();
        let task = tasks::find(&house.on.db, &house.machine.court_id, task).await.unwrap();
        assert_eq!(cases::party(&house.on.db, &task.party_id).await.unwrap().id_state, "待核实", "{}", house.on.engine);
    }
}
