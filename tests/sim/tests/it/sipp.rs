//! `sipp` as the caller: a second opinion on the carrier's own behaviour.

use std::process::Command;

use songda_sim::Config;

const SCENARIO: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<scenario name="call">
  <send retrans="500"><![CDATA[
INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:02988009000@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:02988009000@[local_ip]:[local_port]>
P-Asserted-Identity: <sip:02988009000@[local_ip]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=- 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 8
a=rtpmap:8 PCMA/8000
]]></send>
  <recv response="401" auth="true"/>
  <send><![CDATA[
ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch-2]
From: <sip:02988009000@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
  <send retrans="500"><![CDATA[
INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:02988009000@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 2 INVITE
Contact: <sip:02988009000@[local_ip]:[local_port]>
P-Asserted-Identity: <sip:02988009000@[local_ip]>
[authentication username=songda password=secret]
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=- 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 8
a=rtpmap:8 PCMA/8000
]]></send>
  <recv response="100"/>
  <recv response="180"/>
  <recv response="200" rrs="true"/>
  <send><![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:02988009000@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 2 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
  <pause milliseconds="300"/>
  <send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:02988009000@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 3 BYE
Max-Forwards: 70
Content-Length: 0

]]></send>
  <recv response="200"/>
</scenario>
"#;

#[tokio::test]
async fn sipp_completes_twenty_calls_through_the_digest() {
    let folder = tempfile::tempdir().unwrap();
    // SIPp 3.6 answers the first challenge only when it knows its algorithm.
    let mut config = Config::for_tests(folder.path().to_owned());
    config.algorithms = vec![songda_sim::Algorithm::Md5];
    let sim = songda_sim::start(config).await.unwrap();
    let scenario = folder.path().join("call.xml");
    std::fs::write(&scenario, SCENARIO).unwrap();
    let (target, place) = (sim.sip_addr.to_string(), folder.path().to_owned());
    let output = tokio::task::spawn_blocking(move || {
        let mut sipp = Command::new("sipp");
        sipp.arg(&target).arg("-sf").arg(&scenario).current_dir(place);
        sipp.args("-s 13800007001 -i 127.0.0.1 -m 20 -r 20 -l 20 -timeout 30 -timeout_error -nostdin".split(' '));
        // Without this SIPp computes its digest over the bare address of the carrier.
        sipp.arg("-auth_uri").arg(format!("13800007001@{target}"));
        sipp.output().expect("sipp is installed (package sip-tester)")
    })
    .await
    .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let journal = sim.journal();
    assert_eq!(journal.calls.len(), 20);
    assert!(journal.calls.iter().all(|c| c.digest_ok == Some(true) && c.acked_at.is_some()));
    assert!(journal.calls.iter().all(|c| c.ended_by == Some("caller") && c.invites == 2));
}
