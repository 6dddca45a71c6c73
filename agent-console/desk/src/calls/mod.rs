//! Calls as the desk keeps them: one row from the click to the outcome.
//!
//! The row is written before anything is dialled, with the agent and the task as unique
//! keys while it is live, so that neither a double click nor a restart dials twice.

mod attempts;
pub mod legs;
pub mod recorded;
mod side;
mod store;
pub mod transfers;

pub use attempts::{AttemptField, AttemptRow, attempts};
pub use side::{Network, Sample, keep_samples, marks_to_store, marks_until, measured_until, network};
pub(crate) use side::{Written, marks_of, prompts_of};
pub(crate) use store::locked;
pub use store::{
    CallRow, Ending, Leg, NewCall, answered, begin, end, extend_wrap_up, find, mark, marked, measured, of_task, own,
    recording_began, said, unfinished, unsaved_of_agent, without_recording_row,
};

use songda_recordings::said::Said;
use songda_service::{outcomes, timeline::Event};

use crate::escalations::Reason;

/// What people are told of a recording that broke off.
pub(crate) fn unwritten() -> Said {
    Said::new("recording.failed", "a recording could not be written, and its call was ended")
}

/// Words for an event of the timeline, in both languages; none for what agents need not
/// see again.
pub fn history_text(event: &Event) -> Option<(String, String)> {
    let text = |key: &str| event.detail.get(key).and_then(serde_json::Value::as_str).unwrap_or_default();
    let named = |code: &str, zh: bool| -> String {
        let Ok(catalogue) = outcomes::catalogue() else { return code.to_owned() };
        let pair = catalogue
            .technical(code)
            .map(|item| (&item.zh, &item.en))
            .or_else(|| catalogue.contact(code).map(|item| (&item.zh, &item.en)))
            .or_else(|| catalogue.business(code).map(|item| (&item.zh, &item.en)));
        pair.map_or_else(|| code.to_owned(), |(a, b)| if zh { a.clone() } else { b.clone() })
    };
    let joined = |zh: bool| {
        ["technical", "contact", "business"]
            .iter()
            .map(|key| text(key))
            .filter(|code| !code.is_empty())
            .map(|code| named(code, zh))
            .collect::<Vec<_>>()
            .join(" · ")
    };
    let pair = match event.kind.as_str() {
        "received" => (format!("收到送达委托 {}", text("order_no")), format!("Order {} received", text("order_no"))),
        "number_usable" => ("已有可拨打的号码".to_owned(), "A number can be dialled now".to_owned()),
        "no_number" => ("没有可拨打的号码".to_owned(), "No number that can be called".to_owned()),
        "offered" => ("工单派发给坐席".to_owned(), "Work order offered to the agent".to_owned()),
        "opened" => ("坐席打开工单".to_owned(), "Agent opened the work order".to_owned()),
        "released" => ("工单退回队列".to_owned(), "Back in the queue".to_owned()),
        "dialled" => {
            let (zh, en) = if event.detail["resumes"].is_null() {
                ("", "")
            } else {
                ("（接续中断的征询）", " (takes up a cut-off consent)")
            };
            (format!("外呼 {}{zh}", text("masked")), format!("Dialled {}{en}", text("masked")))
        }
        "incoming" if event.detail["linked"] == true => {
            (format!("来电已关联 {}", text("masked")), format!("A call that came in was linked: {}", text("masked")))
        }
        "incoming" => ("受送达人来电，坐席接听".to_owned(), "The party called; the agent took it".to_owned()),
        "incoming_missed" if event.detail["message"] == true => {
            ("受送达人来电留言，待回拨".to_owned(), "The party called and left a message: call back".to_owned())
        }
        "incoming_missed" => {
            ("受送达人来电未接通，待回拨".to_owned(), "The party called in vain: call back".to_owned())
        }
        "transferred" => {
            let to = text("to");
            let (zh, en) = match (text("kind"), text("mode")) {
                ("phone", "attended") => ("商量后转接话机", "After asking, handed to the desk phone"),
                ("phone", _) => ("直接转接话机", "Handed to the desk phone"),
                (_, "attended") => ("商量后转接坐席", "After asking, handed to the agent"),
                _ => ("直接转接坐席", "Handed to the agent"),
            };
            (format!("{zh}：{to}"), format!("{en} {to}"))
        }
        "line_judged" => {
            let (zh, en) = if text("verdict") == "confirmed" { ("确认", "confirmed") } else { ("否认", "refused") };
            let code = text("code");
            let (of_zh, of_en) = if code.is_empty() {
                (text("class").to_owned(), text("class").to_owned())
            } else {
                (named(code, true), named(code, false))
            };
            (format!("网络提示音经坐席{zh}：{of_zh}"), format!("What the line said, {en} by the agent: {of_en}"))
        }
        "call_ended" => {
            let (zh, en) = if event.detail["given_up_early"] == true {
                ("（提前挂断）", " (given up early)")
            } else if event.detail["parting"] == "apology" {
                ("（坐席断线，已致歉）", " (the agent was lost, an apology was spoken)")
            } else if event.detail["broken_consent"] == true {
                ("（征询中断）", " (cut off in the consent)")
            } else {
                ("", "")
            };
            (
                format!("通话结束：{}{zh}", named(text("technical"), true)),
                format!("Call ended: {}{en}", named(text("technical"), false)),
            )
        }
        "attempt" => (joined(true), joined(false)),
        "owed" => {
            let (zh, en) = match text("why") {
                "asked" => ("坐席留待补录", "the agent leaves it for later"),
                "agent_gone" => ("坐席未回", "the agent did not come back"),
                "transferred" => ("通话已转接话机", "the call was handed to a desk phone"),
                _ => ("整理时间已到", "the time after the call is up"),
            };
            (format!("通话结果待补录：{zh}"), format!("Outcome owed: {en}"))
        }
        "ended_politely" | "escalated" => {
            let (zh, en) = Reason::parse(text("reason")).unwrap_or(Reason::Other).text();
            if event.kind == "escalated" {
                (format!("升级法官：{zh}"), format!("Escalated to the judge: {en}"))
            } else {
                (format!("坐席礼貌结束通话：{zh}"), format!("Agent ended the call politely: {en}"))
            }
        }
        "report" => ("生成送达报告书".to_owned(), "Report rendered".to_owned()),
        "delivered" => ("报告书已回传办案系统".to_owned(), "Report reached the case system".to_owned()),
        "transcript" => ("转写完成".to_owned(), "Transcript ready".to_owned()),
        "transcript_edited" => ("文字稿更正".to_owned(), "Transcript corrected".to_owned()),
        _ => return None,
    };
    Some(pair)
}
