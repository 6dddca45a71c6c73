//! Calls as the desk keeps them: one row from the click to the outcome.
//!
//! The row is written before anything is dialled, with the agent and the task as unique
//! keys while it is live, so that neither a double click nor a restart dials twice.

mod store;

pub use store::{
    AttemptRow, CallRow, Ending, NewCall, answered, attempts, begin, end, enter_recording, find, mark, of_task,
    recording, set_recording_state, unfinished, unsaved_of_agent, without_recording_row,
};

use songda_service::{outcomes, timeline::Event};

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
        "no_number" => ("没有可拨打的号码".to_owned(), "No number that can be called".to_owned()),
        "offered" => ("工单派发给坐席".to_owned(), "Work order offered to the agent".to_owned()),
        "opened" => ("坐席打开工单".to_owned(), "Agent opened the work order".to_owned()),
        "released" => ("工单退回队列".to_owned(), "Back in the queue".to_owned()),
        "dialled" => (format!("外呼 {}", text("masked")), format!("Dialled {}", text("masked"))),
        "call_ended" => {
            let early = event.detail["given_up_early"] == true;
            let (zh, en) = if early { ("（提前挂断）", " (given up early)") } else { ("", "") };
            (
                format!("通话结束：{}{zh}", named(text("technical"), true)),
                format!("Call ended: {}{en}", named(text("technical"), false)),
            )
        }
        "attempt" => (joined(true), joined(false)),
        "report" => ("生成送达报告书".to_owned(), "Report rendered".to_owned()),
        "delivered" => ("报告书已回传办案系统".to_owned(), "Report reached the case system".to_owned()),
        "transcript" => ("转写完成".to_owned(), "Transcript ready".to_owned()),
        "transcript_edited" => ("文字稿更正".to_owned(), "Transcript corrected".to_owned()),
        _ => return None,
    };
    Some(pair)
}
