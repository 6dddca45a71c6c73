//! The facts in the words of the paper: what template `t3-phone` prints.
//!
//! The paper claims nothing that no row bears: a notice is ticked when its prompt was
//! played, the speaker is who the agent says it was, the party heard everything when the
//! outcome was accepted as such (R4.1d). Everything here is a finished text, so that the
//! template is type and nothing else.

use serde::Serialize;
use songda_service::outcomes::{self, Catalogue};
use songda_store::clock::{date, stamp};

use super::{
    ATTACHED, NO_RECORDING, Result, TO_COME, TranscriptState,
    facts::{Attempt, Call, Facts, Recording},
};
use crate::PapersError;

/// What the task is called whose documents were served.
const SERVED: &str = "送达成功";

/// Frames of a recording in a second.
const FRAMES_PER_SECOND: i64 = 8_000;

/// A report but for its version and the time of its making: the same sheet needs no new
/// version.
#[derive(Debug, Serialize)]
pub(super) struct Sheet {
    demo: bool,
    court: String,
    case: Case,
    party: Party,
    documents: Vec<Document>,
    conclusion: Conclusion,
    calls: Vec<CallLine>,
    notices: Vec<Notices>,
    evidence: Vec<Evidence>,
    transcript_note: String,
    transcripts: Vec<Transcript>,
    agents: String,
    rules: String,
    /// Not printed as such; stored with the report.
    #[serde(skip)]
    pub(super) transcript_state: &'static str,
}

#[derive(Debug, Serialize)]
struct Case {
    number: String,
    cause: String,
    judge: String,
    ordered: String,
    revision: i64,
    order: String,
    link: String,
    finish_by: String,
    took: String,
}

#[derive(Debug, Serialize)]
struct Party {
    name: String,
    position: String,
    id: String,
}

#[derive(Debug, Serialize)]
struct Document {
    name: String,
    copies: i64,
    state: String,
}

#[derive(Debug, Serialize)]
struct Conclusion {
    result: &'static str,
    date: Option<String>,
    basis: String,
}

#[derive(Debug, Serialize)]
struct CallLine {
    no: usize,
    date: String,
    time: String,
    caller: String,
    callee: String,
    source: String,
    ring: String,
    talk: String,
    status: String,
    who: String,
    business: String,
    agent: String,
}

#[derive(Debug, Serialize)]
struct Notices {
    no: usize,
    items: Vec<Notice>,
}

#[derive(Debug, Serialize)]
struct Notice {
    on: bool,
    text: String,
}

#[derive(Debug, Serialize)]
struct Evidence {
    label: String,
    facts: String,
    sha256: String,
    sm3: String,
}

#[derive(Debug, Serialize)]
struct Transcript {
    no: usize,
    at: String,
    recording: String,
    state: &'static str,
    test_model: bool,
    model: String,
    lines: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    time: String,
    speaker: String,
    text: String,
    weak: bool,
}

/// Writes the sheet.
pub(super) fn write(facts: &Facts) -> Result<Sheet> {
    let words = Words(outcomes::catalogue().map_err(PapersError::Rules)?);
    let labels = labels(facts);
    let transcripts = transcripts(facts, &labels);
    let transcript_state = transcript_state(&transcripts);
    Ok(Sheet {
        demo: facts.court.demo,
        court: facts.court.name.clone(),
        case: case(facts),
        party: Party {
            name: facts.party.name.clone(),
            position: facts.party.position.clone(),
            id: facts.party.id_masked.clone(),
        },
        documents: facts
            .documents
            .iter()
            .map(|it| Document { name: it.name.clone(), copies: it.copies, state: it.state.clone() })
            .collect(),
        conclusion: conclusion(facts, &words, &labels),
        calls: numbered(facts).map(|(no, call)| call_line(no, call, &words)).collect(),
        notices: numbered(facts).filter_map(|(no, call)| notices(no, call, &words)).collect(),
        evidence: evidence(facts, &labels),
        transcript_note: transcript_note(&transcripts, transcript_state),
        transcripts,
        agents: agents(facts),
        rules: facts.latest().map(|(_, attempt)| attempt.rule.clone()).unwrap_or_default(),
        transcript_state,
    })
}

/// Calls with their place on the paper, from 1.
fn numbered(facts: &Facts) -> impl Iterator<Item = (usize, &Call)> {
    facts.calls.iter().enumerate().map(|(index, call)| (index + 1, call))
}

/// `R-01` for the first call with a recording, and so on; by call.
fn labels(facts: &Facts) -> Vec<Option<String>> {
    let mut next = 0;
    let label = |call: &Call| {
        call.recording.as_ref()?;
        next += 1;
        Some(format!("R-{next:02}"))
    };
    facts.calls.iter().map(label).collect()
}

struct Words<'a>(&'a Catalogue);

impl Words<'_> {
    /// `接通（C01）`.
    fn technical(&self, code: &str) -> String {
        named(self.0.technical(code).map(|it| it.zh.as_str()), code)
    }

    fn contact(&self, code: &str) -> String {
        named(self.0.contact(code).map(|it| it.zh.as_str()), code)
    }

    fn business(&self, code: &str) -> String {
        named(self.0.business(code).map(|it| it.zh.as_str()), code)
    }
}

/// The word with its code; nothing for a code that was not chosen.
fn named(word: Option<&str>, code: &str) -> String {
    word.map_or_else(|| code.to_owned(), |word| format!("{word}（{code}）"))
}

fn case(facts: &Facts) -> Case {
    let (case, order) = (&facts.case, &facts.order);
    let minutes = stamp(order.created_ms);
    Case {
        number: case.number.clone(),
        cause: case.cause.clone(),
        judge: [case.dept.as_str(), case.judge_name.as_str()].join("　").trim().to_owned(),
        ordered: minutes.get(..16).unwrap_or(&minutes).to_owned(),
        revision: order.revision,
        order: order.order_no.clone(),
        link: order.link.clone(),
        finish_by: order.finish_by.clone(),
        took: facts.task.result_ms.map(|at| span(at - order.created_ms)).unwrap_or_default(),
    }
}

fn conclusion(facts: &Facts, words: &Words<'_>, labels: &[Option<String>]) -> Conclusion {
    if facts.task.result == SERVED {
        let heard = numbered(facts).filter(|(_, call)| call.attempt.as_ref().is_some_and(|it| it.heard_all)).last();
        let how = heard.map_or_else(String::new, |(no, call)| {
            let who = call.attempt.as_ref().map(|it| words.contact(&it.contact)).unwrap_or_default();
            let recording = labels.get(no - 1).and_then(Option::as_deref).unwrap_or("无录音");
            format!("第 {no} 次通话由{who}接听，当事人表示已清楚、完整听取（录音 {recording}）。")
        });
        let basis = format!("依据：规则 {}。{how}", facts.task.result_rule);
        return Conclusion { result: "成功", date: facts.task.result_ms.map(date), basis };
    }
    let attempts = facts.calls.iter().filter(|call| call.attempt.is_some()).count();
    let latest = facts.latest().map(|(call, attempt)| outcome(call, attempt, words)).unwrap_or_default();
    let next = &facts.task.next_step;
    let next = if next.is_empty() { String::new() } else { format!("后续：{next}。") };
    let basis = format!("截至出具时间，计入送达的通话 {attempts} 次；最近一次：{latest}。{next}");
    Conclusion { result: "尚未完成", date: None, basis }
}

fn outcome(call: &Call, attempt: &Attempt, words: &Words<'_>) -> String {
    let codes = [words.technical(&call.technical), words.contact(&attempt.contact), words.business(&attempt.business)];
    let said: Vec<String> = codes.into_iter().filter(|word| !word.is_empty()).collect();
    said.join("，")
}

fn call_line(no: usize, call: &Call, words: &Words<'_>) -> CallLine {
    let at = stamp(call.created_ms);
    let (day, time) = at.split_once(' ').unwrap_or((&at, ""));
    let rang_until = call.answered_ms.unwrap_or(call.ended_ms);
    let (attempt, technical) = (call.attempt.as_ref(), words.technical(&call.technical));
    let (who, business) = match attempt {
        None => (String::new(), "不计入送达次数".to_owned()),
        Some(it) => (words.contact(&it.contact), words.business(&it.business)),
    };
    let (own, party) = (call.own.clone(), call.party.clone());
    let (caller, callee) = if call.came_in { (party, own) } else { (own, party) };
    CallLine {
        no,
        date: day.to_owned(),
        time: time.to_owned(),
        caller,
        callee,
        source: call.source.clone(),
        ring: call.ringing_ms.map(|from| span(rang_until - from)).unwrap_or_default(),
        talk: if call.talk_ms > 0 { span(call.talk_ms) } else { String::new() },
        status: if call.came_in { format!("当事人来电，{technical}") } else { technical },
        who,
        business,
        agent: spoke(call),
    }
}

/// What an answered call was told and asked.
fn notices(no: usize, call: &Call, words: &Words<'_>) -> Option<Notices> {
    call.answered_ms?;
    let attempt = call.attempt.as_ref()?;
    let started = call.recording.as_ref().map(|it| it.started_ms);
    let played = call.prompts.first().zip(started).map(|(prompt, from)| stamp(from + prompt.from_ms));
    let notice = match &played {
        Some(at) => format!("录音告知（{} 播放）", at.split(' ').next_back().unwrap_or(at)),
        None => "录音告知（无播放记录）".to_owned(),
    };
    let known = !matches!(attempt.contact.as_str(), "" | "W11" | "W12");
    let who = if attempt.contact.is_empty() { "未登记".to_owned() } else { words.contact(&attempt.contact) };
    let items = vec![
        Notice { on: played.is_some(), text: notice },
        Notice { on: known, text: format!("核实接听人：{who}") },
        Notice { on: attempt.heard_all, text: "当事人表示已清楚、完整听取".to_owned() },
    ];
    Some(Notices { no, items })
}

fn evidence(facts: &Facts, labels: &[Option<String>]) -> Vec<Evidence> {
    let with_label = numbered(facts).zip(labels);
    with_label
        .filter_map(|((no, call), label)| {
            let recording = call.recording.as_ref()?;
            Some(Evidence {
                label: label.clone()?,
                facts: recording_facts(no, recording),
                sha256: recording.sha256.clone(),
                sm3: recording.sm3.clone(),
            })
        })
        .collect()
}

fn recording_facts(no: usize, recording: &Recording) -> String {
    let mut parts = vec![
        format!("第 {no} 次通话"),
        format!("{} 起", stamp(recording.started_ms)),
        "双声道 WAV".to_owned(),
        "8 kHz".to_owned(),
        span(recording.frames * 1_000 / FRAMES_PER_SECOND),
        format!("{} 字节", recording.bytes),
        format!("编号 {}", recording.id),
    ];
    match recording.gaps {
        Some((gaps, cuts)) => {
            if gaps > 0 {
                parts.push(format!("间断 {gaps} 处，以静音补齐"));
            }
            if cuts > 0 {
                parts.push(format!("略去迟到的声音 {cuts} 处，前后相接"));
            }
        }
        None => parts.push("间断清单未能保存，有无间断不详".to_owned()),
    }
    match recording.state.as_str() {
        "recovered" => parts.push("服务中断后恢复".to_owned()),
        "incomplete" => parts.push("录音缺失：有一部分未能保存".to_owned()),
        "missing" => parts.push("录音文件缺失".to_owned()),
        "altered" => parts.push("录音文件与散列值不符".to_owned()),
        _ => {}
    }
    parts.join("　")
}

fn transcripts(facts: &Facts, labels: &[Option<String>]) -> Vec<Transcript> {
    numbered(facts)
        .zip(labels)
        .filter_map(|((no, call), label)| {
            let text = call.transcript.as_ref()?;
            let started = call.recording.as_ref().map_or(call.created_ms, |it| it.started_ms);
            Some(Transcript {
                no,
                at: stamp(started),
                recording: label.clone()?,
                state: match text.state {
                    TranscriptState::Waiting => "waiting",
                    TranscriptState::Ready => "ready",
                    TranscriptState::Failed => "failed",
                },
                test_model: text.test_model,
                model: text.model.clone(),
                lines: text
                    .lines
                    .iter()
                    .map(|line| Line {
                        time: clock(line.from_ms / 1_000),
                        speaker: line.speaker.clone(),
                        text: line.text.clone(),
                        weak: line.weak,
                    })
                    .collect(),
            })
        })
        .collect()
}

fn transcript_state(transcripts: &[Transcript]) -> &'static str {
    let waits = transcripts.iter().any(|it| it.state == "waiting");
    let ready = transcripts.iter().any(|it| it.state == "ready");
    match (waits, ready) {
        _ if transcripts.is_empty() => NO_RECORDING,
        (false, true) => ATTACHED,
        _ => TO_COME,
    }
}

fn transcript_note(transcripts: &[Transcript], state: &str) -> String {
    let ready = transcripts.iter().filter(|it| it.state == "ready").count();
    let waits = transcripts.iter().filter(|it| it.state == "waiting").count();
    let failed = transcripts.iter().filter(|it| it.state == "failed").count();
    if state == NO_RECORDING {
        return "无通话内容，不作转写".to_owned();
    }
    let mut parts = Vec::new();
    if ready > 0 {
        parts.push(format!("{ready} 份，附后；机器转写，以录音为准"));
    }
    if waits > 0 {
        parts.push(format!("{waits} 份转写待补，完成后另出新版报告"));
    }
    if failed > 0 {
        parts.push(format!("{failed} 份转写未能完成，以录音为准"));
    }
    parts.join("；")
}

/// `刘敏（工号 1026）`, each agent once, in the order in which they spoke.
fn agents(facts: &Facts) -> String {
    let mut names: Vec<String> = Vec::new();
    for call in &facts.calls {
        let before = call.handed.iter().map(|it| (&it.from, &it.from_no));
        for (name, staff_no) in before.chain([(&call.agent, &call.staff_no)]) {
            let name = format!("{name}（工号 {staff_no}）");
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names.join("、")
}

/// Who spoke to the party: `刘敏，09:20:05 转接 王强`, or a desk phone in the place of the agent.
fn spoke(call: &Call) -> String {
    let Some(first) = call.handed.first() else { return call.agent.clone() };
    call.handed.iter().fold(first.from.clone(), |said, it| {
        let at = stamp(it.at_ms);
        let at = at.split(' ').next_back().unwrap_or(&at);
        let phone = if it.to_phone { "话机 " } else { "" };
        format!("{said}，{at} 转接{phone}{}", it.to)
    })
}

/// `48 秒`, `3 分 08 秒`, `2 小时 05 分`, `2 天 18 小时`; never more than it was.
fn span(ms: i64) -> String {
    let seconds = ms.max(0) / 1_000;
    match seconds {
        0..60 => format!("{seconds} 秒"),
        60..3_600 => format!("{} 分 {:02} 秒", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} 小时 {:02} 分", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} 天 {} 小时", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// `02:21`, or `1:02:21` from an hour on.
fn clock(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes:02}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_the_two_largest_units_and_never_rounded_up() {
        let told = [-5, 999, 59_999, 60_000, 188_999, 3_600_000, 86_399_999, 237_600_000].map(span);
        let words =
            ["0 秒", "0 秒", "59 秒", "1 分 00 秒", "3 分 08 秒", "1 小时 00 分", "23 小时 59 分", "2 天 18 小时"];
        assert_eq!(told, words);
        assert_eq!([0, 141, 3_741].map(clock), ["00:00", "02:21", "1:02:21"]);
    }
}
