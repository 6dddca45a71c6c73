//! The report of service by telephone.

use serde_json::{Value, json};
use songda_press::{MAX_DATA_BYTES, MAX_PAGES, PressError, Template};

use crate::sample::{STAMP, call, poppler, press, report, text, transcript};

async fn printed(data: Value) -> songda_press::Paper {
    press().render(Template::T3Phone, data, STAMP).await.unwrap()
}

fn at(text: &str, part: &str) -> usize {
    text.find(part).unwrap_or_else(|| panic!("{part} is not in {text}"))
}

#[tokio::test]
async fn every_fact_of_a_report_can_be_read_out_of_the_file_in_its_order() {
    let paper = printed(report()).await;
    let text = text(&paper);
    let order = [
        "西安市新城区人民法院",
        "送达报告书",
        "SD20260001-P1-02（第2版，替代第1版）",
        "（2026）陕0102民初11号",
        "阿依古丽·买买提（被告）",
        "6501**********002X",
        "传票1份（已送达）",
        "送达结果：成功",
        "2026年11月23日",
        "一、通话记录（1次）",
        "138****1234",
        "二、告知与确认",
        "三、证据清单",
        "0123456789abcdef0123456789abcdef",
        "fedcba9876543210",
        "刘敏（工号1026）",
        "2026-11-2309:20:33",
        "未加盖",
        "附件：通话文字稿",
        "机器转写，以录音为准",
        "本文字稿由测试模型生成，仅供演示",
        "第0句",
        "第5句",
    ];
    let mut from = 0;
    for part in order {
        from += at(&text[from..], part);
    }
    assert_eq!(paper.pages, 2);
}

#[tokio::test]
async fn calls_stand_in_the_order_in_which_they_were_placed_over_several_pages() {
    let mut data = report();
    data["calls"] = (1..=30)
        .map(|no| {
            let mut call = call(no);
            call["time"] = json!(format!("09:{no:02}:00"));
            call
        })
        .collect();
    let text = text(&printed(data).await);
    let places: Vec<usize> = (1..=30).map(|no| at(&text, &format!("09:{no:02}:00"))).collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[tokio::test]
async fn a_name_with_rare_characters_comes_out_whole() {
    let mut data = report();
    for name in ["张𠮷堃", "李㛃䶮", "努尔买买提·阿不都热西提·吐尔逊江"] {
        data["party"]["name"] = json!(name);
        let text = text(&printed(data.clone()).await);
        assert!(text.contains(name), "{name} is not in {text}");
    }
}

#[tokio::test]
async fn a_character_that_no_font_has_is_an_error_that_names_it() {
    let mut data = report();
    data["party"]["name"] = json!("王\u{E123}\u{10FFFD}");
    let error = press().render(Template::T3Phone, data, STAMP).await.unwrap_err();
    assert!(matches!(error, PressError::MissingGlyphs { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("U+E123") && text.contains("U+10FFFD"), "{text}");
    assert!(!text.contains('王'), "{text}");
}

#[tokio::test]
async fn a_name_that_looks_like_markup_or_code_stays_text() {
    let mut data = report();
    let name = r#"#read("t3-phone.typ")*粗*_斜_$x$@ref<label>`raw`\n//c"#;
    data["party"]["name"] = json!(name);
    data["transcripts"][0]["lines"][0]["text"] = json!("#pagebreak() = 标题 https://example.invalid");
    let text = text(&printed(data).await);
    assert!(text.contains(r#"#read("t3-phone.typ")*粗*_斜_$x$@ref<label>`raw`\n//c"#), "{text}");
    assert!(text.contains("#pagebreak()=标题https://example.invalid"), "{text}");
}

#[tokio::test]
async fn control_characters_leave_no_mark() {
    let mut data = report();
    data["party"]["name"] = json!("王\u{7}小\u{0}\n明");
    let text = text(&printed(data).await);
    assert!(text.contains("王小明（被告）"), "{text}");
}

#[tokio::test]
async fn the_same_data_gives_the_same_bytes_from_another_press_too() {
    let first = printed(report()).await;
    let again = printed(report()).await;
    assert!(first.pdf == again.pdf);
    let mut other = report();
    other["made"] = json!("2026-11-23 09:20:34");
    assert!(first.pdf != printed(other).await.pdf);
}

#[tokio::test]
async fn every_font_travels_with_the_file_and_its_text_has_unicode() {
    let fonts = poppler("pdffonts", &[], &printed(report()).await);
    let rows: Vec<&str> = fonts.lines().skip(2).collect();
    assert!(!rows.is_empty());
    for row in rows {
        // name, type (two or three words), encoding, emb, sub, uni, object, generation
        let words: Vec<&str> = row.split_whitespace().collect();
        let flags = &words[words.len() - 5..words.len() - 2];
        assert_eq!(flags, ["yes", "yes", "yes"], "{row}");
        assert!(row.contains("NotoS"), "{row}");
    }
}

#[tokio::test]
async fn the_file_says_that_it_is_for_the_archive_and_when_it_was_made() {
    let paper = printed(report()).await;
    let about = poppler("pdfinfo", &["-isodates"], &paper);
    let meta = poppler("pdfinfo", &["-meta"], &paper);
    assert!(meta.contains("<pdfaid:part>2</pdfaid:part>"), "{meta}");
    assert!(meta.contains("<pdfaid:conformance>U</pdfaid:conformance>"), "{meta}");
    assert!(about.contains("2026-11-23T01:20:33"), "{about}");
    assert!(about.contains("595.276 x 841.89 pts (A4)"), "{about}");
}

#[tokio::test]
async fn a_long_transcript_runs_over_pages_that_are_counted_in_the_foot() {
    let mut data = report();
    data["transcripts"] = json!([transcript(1, 200), transcript(2, 0)]);
    let paper = printed(data).await;
    assert!(paper.pages > 5);
    let text = text(&paper);
    for page in 1..=paper.pages {
        at(&text, &format!("第{page}页/共{}页", paper.pages));
    }
    assert_eq!(text.matches("模板T3-电话v1·规则outcomesv1").count(), paper.pages);
    at(&text, "本次录音未识别到语音");
    assert_eq!(text.matches("本文字稿由测试模型生成，仅供演示").count(), 2);
}

#[tokio::test]
async fn a_task_that_nobody_answered_has_a_report_of_one_page_without_transcript() {
    let mut data = report();
    data["version"] = json!(1);
    data["replaces"] = Value::Null;
    data["notices"] = json!([]);
    data["evidence"] = json!([]);
    data["transcripts"] = json!([]);
    data["conclusion"] = json!({ "result": "未完成", "date": null, "basis": "后续：间隔后再拨。" });
    let paper = printed(data).await;
    assert_eq!(paper.pages, 1);
    let text = text(&paper);
    for part in ["（第1版）", "送达结果：未完成", "各次通话均未接通", "各次通话均无录音"] {
        at(&text, part);
    }
    assert!(!text.contains("替代第") && !text.contains("送达日期"), "{text}");
}

#[tokio::test]
async fn a_transcript_that_is_not_ready_says_so() {
    for (state, words) in [("waiting", "转写待补"), ("failed", "转写未能完成")] {
        let mut data = report();
        data["transcripts"][0]["state"] = json!(state);
        data["transcripts"][0]["lines"] = json!([]);
        at(&text(&printed(data).await), words);
    }
}

#[tokio::test]
async fn only_a_demonstration_carries_the_watermark() {
    let count = |text: &str| text.matches('演').count();
    let mut data = report();
    data["transcripts"] = json!([]);
    assert_eq!(count(&text(&printed(data.clone()).await)), 1);
    data["demo"] = json!(false);
    assert_eq!(count(&text(&printed(data).await)), 0);
}

#[tokio::test]
async fn data_that_lacks_something_or_is_out_of_bounds_is_refused() {
    let press = press();
    let mut lacking = report();
    lacking.as_object_mut().unwrap().remove("case");
    let error = press.render(Template::T3Phone, lacking, STAMP).await.unwrap_err();
    assert!(matches!(error, PressError::Template { template: "t3-phone", .. }), "{error:?}");

    let mut large = report();
    large["agents"] = json!("x".repeat(MAX_DATA_BYTES));
    let error = press.render(Template::T3Phone, large, STAMP).await.unwrap_err();
    assert!(matches!(error, PressError::TooMuchData { .. }), "{error:?}");
    let mut long = report();
    long["transcripts"] = json!([transcript(1, 24_000)]);
    let error = press.render(Template::T3Phone, long, STAMP).await.unwrap_err();
    assert!(matches!(error, PressError::TooManyPages { pages } if pages > MAX_PAGES), "{error:?}");
    // The press goes on.
    assert_eq!(press.render(Template::T3Phone, report(), STAMP).await.unwrap().pages, 2);
}

#[test]
fn the_press_names_its_fonts_and_forms() {
    let press = press();
    assert!(press.fonts().iter().any(|name| name == "Noto Serif CJK SC"));
    let form = press.form(Template::T3Phone).unwrap();
    assert_eq!((form.version, form.short.as_str()), (1, "T3-电话"));
}
