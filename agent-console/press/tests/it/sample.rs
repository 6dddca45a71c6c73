//! Data of a report as `papers` gives it, and a reader's view of what came out.

use std::{path::Path, process::Command};

use serde_json::{Value, json};
use songda_press::{Paper, Press, PressConfig};

/// 2026-11-23 09:20:33 +08:00.
pub(crate) const STAMP: i64 = 1_795_396_833_000;

pub(crate) fn press() -> Press {
    Press::open(PressConfig::default()).unwrap()
}

pub(crate) fn call(no: usize) -> Value {
    json!({ "no": no, "date": "2026-11-23", "time": "09:12:04", "caller": "029-12368", "callee": "138****1234",
            "source": "送达地址确认书", "ring": "9 秒", "talk": "3 分 08 秒", "status": "接通（C01）", "who": "本人（W1）",
            "business": "已清楚、完整听取（B05）", "agent": "刘敏" })
}

pub(crate) fn transcript(no: usize, lines: usize) -> Value {
    let lines: Vec<Value> = (0..lines)
        .map(|at| {
            json!({ "time": format!("{:02}:{:02}", at / 60, at % 60), "speaker": if at % 2 == 0 { "坐席" } else { "当事人" },
                    "text": format!("第{at}句，开庭时间是十二月十日上午九点三十分。"), "weak": at % 5 == 4 })
        })
        .collect();
    json!({ "no": no, "at": "2026-11-23 09:12:04", "recording": format!("R-{no:02}"), "state": "ready",
            "test_model": true, "model": "songda-test-zh", "lines": lines })
}

pub(crate) fn report() -> Value {
    json!({
        "demo": true, "court": "西安市新城区人民法院", "number": "SD20260001-P1-02", "version": 2, "replaces": 1,
        "case": { "number": "（2026）陕0102民初11号", "cause": "买卖合同纠纷", "judge": "民一庭　陆法官",
                  "ordered": "2026-11-20 15:02", "revision": 1, "order": "SD20260001", "link": "庭前送达",
                  "finish_by": "2026-12-02", "took": "2 天 18 小时" },
        "party": { "name": "阿依古丽·买买提", "position": "被告", "id": "6501**********002X" },
        "documents": [{ "name": "传票", "copies": 1, "state": "已送达" }, { "name": "起诉状副本", "copies": 1, "state": "已送达" }],
        "conclusion": { "result": "成功", "date": "2026年11月23日", "basis": "依据：规则 S13 v1，本人接听，已清楚、完整听取。" },
        "calls": [call(1)],
        "notices": [{ "no": 1, "items": [{ "on": true, "text": "录音告知" }, { "on": true, "text": "当事人表示已清楚、完整听取" }] }],
        "evidence": [{ "label": "R-01", "facts": "第 1 次通话　双声道 WAV", "sha256": "0123456789abcdef".repeat(4),
                       "sm3": "fedcba9876543210".repeat(4) }],
        "transcript_note": "1 份，附后；机器转写，以录音为准",
        "agents": "刘敏（工号 1026）", "made": "2026-11-23 09:20:33", "rules": "outcomes v1",
        "transcripts": [transcript(1, 6)],
    })
}

/// Runs one of poppler's tools over a paper.
pub(crate) fn poppler(tool: &str, arguments: &[&str], paper: &Paper) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.pdf");
    std::fs::write(&file, &paper.pdf).unwrap();
    let read = |path: &Path| {
        let mut command = Command::new(tool);
        command.args(arguments).arg(path);
        if tool == "pdftotext" {
            command.arg("-");
        }
        command.output().unwrap_or_else(|error| panic!("{tool}: {error}: apt-get install poppler-utils"))
    };
    let output = read(&file);
    assert!(output.status.success(), "{tool}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The text of a paper in reading order and without white space: where a line breaks is
/// no matter of content.
pub(crate) fn text(paper: &Paper) -> String {
    let text = poppler("pdftotext", &["-raw"], paper);
    text.chars().filter(|c| !c.is_whitespace()).collect()
}
