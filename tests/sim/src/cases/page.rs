//! The page of the case system: orders, what became of them, and the reports.

use std::fmt::Write as _;

use crate::journal::{Content, EventRecord, PushRecord};

const HEAD: &str = "<!doctype html><html lang=\"zh-CN\"><head><meta charset=\"utf-8\">\
<meta http-equiv=\"refresh\" content=\"3\"><title>办案系统（模拟）</title><style>\
body{font:15px/1.6 sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #ddd;vertical-align:top}\
th{background:#f4f5f7}small{color:#666}.bad{color:#b00}</style></head><body>\
<h1>办案系统（模拟）</h1><p>送达委托由此推送，送达报告回到这里。本页每三秒自动刷新；案件与人员均为虚构。</p>";

/// The whole page.
pub(super) fn render(content: &Content) -> String {
    let mut html = HEAD.to_owned();
    html.push_str("<table><thead><tr><th>委托编号</th><th>案件</th><th>推送结果</th><th>回传进度</th><th>报告</th></tr></thead><tbody>");
    let mut seen: Vec<&str> = Vec::new();
    for push in content.pushes.iter().rev() {
        if seen.contains(&push.order_no.as_str()) {
            continue;
        }
        seen.push(&push.order_no);
        let events: Vec<&EventRecord> =
            content.events.iter().filter(|e| e.event["order_no"] == push.order_no.as_str()).collect();
        row(&mut html, &push.order_no, &push.title, &result(content, push), &events);
    }
    for event in &content.events {
        let order_no = event.event["order_no"].as_str().unwrap_or_default();
        if !seen.contains(&order_no) {
            seen.push(order_no);
            let events: Vec<&EventRecord> = content.events.iter().filter(|e| e.event["order_no"] == order_no).collect();
            row(&mut html, order_no, "", "", &events);
        }
    }
    if seen.is_empty() {
        html.push_str("<tr><td colspan=\"5\">尚未推送委托。</td></tr>");
    }
    let answered = content.calls.iter().filter(|c| c.answered_at.is_some()).count();
    // Writing into a String cannot fail.
    let _ = write!(
        html,
        "</tbody></table><p><small>运营商侧：呼叫 {} 次，接通 {answered} 次；协议问题 {} 条。</small></p></body></html>",
        content.calls.len(),
        content.complaints.len()
    );
    html
}

fn result(content: &Content, last: &PushRecord) -> String {
    let times = content.pushes.iter().filter(|p| p.order_no == last.order_no).count();
    let status = match last.status {
        Some(202) => "待补正（202）".to_owned(),
        Some(status @ 200..300) => format!("已接收（{status}）"),
        Some(status) => format!("<span class=\"bad\">被拒绝（{status}）</span>"),
        None => "<span class=\"bad\">未送达</span>".to_owned(),
    };
    if times > 1 { format!("{status}<br><small>共推送 {times} 次</small>") } else { status }
}

fn row(html: &mut String, order_no: &str, title: &str, result: &str, events: &[&EventRecord]) {
    let _ = write!(html, "<tr><td>{}</td><td>{}</td><td>{result}</td><td>", escape(order_no), escape(title));
    for record in events {
        let outcome = &record.event["outcome"];
        let codes: Vec<&str> =
            ["technical", "contact", "business"].iter().filter_map(|k| outcome[*k].as_str()).collect();
        let name = name_of(record.event["event"].as_str().unwrap_or_default());
        let _ = write!(html, "{name} {}<br>", escape(&codes.join("·")));
    }
    html.push_str("</td><td>");
    for record in events {
        if let Some(file) = &record.report {
            let version = record.event["report"]["version"].as_u64().unwrap_or(0);
            let party = escape(record.event["party_ref"].as_str().unwrap_or_default());
            let _ = write!(html, "<a href=\"/case/reports/{file}\">{party} 报告第 {version} 版</a><br>");
        }
    }
    html.push_str("</td></tr>");
}

fn name_of(event: &str) -> &'static str {
    match event {
        "order.received" => "委托已接收",
        "task.state" => "任务状态变化",
        "attempt.added" => "新增送达记录",
        "result.set" => "送达结果",
        "receipt.ready" => "送达回证",
        "report.ready" => "送达报告",
        "order.closed" => "委托已办结",
        "order.returned" => "委托已退回",
        _ => "同步测试",
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_from_outside_is_escaped() {
        let mut content = Content::default();
        content.pushes.push(PushRecord {
            at: 0,
            order_no: "SD1".into(),
            title: "<script>".into(),
            expected: "received",
            status: Some(202),
            reply: serde_json::Value::Null,
        });
        let html = render(&content);
        assert!(html.contains("&lt;script&gt;") && html.contains("待补正") && !html.contains("<script>"));
    }
}
