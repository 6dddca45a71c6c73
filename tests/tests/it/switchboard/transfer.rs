//! A call that is passed on, with a real browser or a real desk phone as its target.

use std::{
    net::UdpSocket,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use songda_calls::{DeskPhone, Target, TransferFault, TransferMode, TransferTo};
use songda_sip::{Flow, IncomingCall, LegEvent, Protocol};
use tokio::sync::watch;

use super::*;

/// What the target says.
const TARGET_HZ: f64 = 3_100.0;
const PARTY_HZ: f64 = 1_000.0;

/// Waits until the last second of what somebody hears holds one tone and not the other.
async fn hears(mut heard: watch::Receiver<Vec<u8>>, wanted: f64, unwanted: f64, law: Law) {
    let from = heard.borrow().len();
    let done = heard.wait_for(|heard| {
        let heard = &heard[from..];
        heard.len() >= 8_000 && {
            let last: Vec<i16> = heard[heard.len() - 8_000..].iter().map(|octet| law.decode(*octet)).collect();
            power(&last, wanted) > LOUD && power(&last, unwanted) < LOUD - 15.0
        }
    });
    let done = tokio::time::timeout(Duration::from_secs(20), done).await;
    done.unwrap_or_else(|_| panic!("{wanted} Hz are not heard alone")).unwrap();
}

fn target_tone(law: Law, seconds: usize) -> Vec<u8> {
    let sample = |place: usize| (place as f64 * TARGET_HZ * std::f64::consts::TAU / 8_000.0).sin() * 8_000.0;
    (0..seconds * 8_000).map(|place| law.encode(sample(place) as i16)).collect()
}

/// The recording of a call that was passed on: nothing aside is in it, then the target is.
fn recording_tells(house: &House, end: &CallEnd, to: &str) {
    let [transfer] = marks(end, MarkKind::Transfer)[..] else { panic!("{:?}", end.marks) };
    let [done] = marks(end, MarkKind::Transferred)[..] else { panic!("{:?}", end.marks) };
    assert_eq!((transfer.text.as_str(), done.text.as_str(), transfer.to_ms), ("attended", to, done.from_ms));
    let (left, right) = house.sides();
    for at in (transfer.from_ms + 500..done.from_ms - 1_000).step_by(500) {
        assert!(power(second(&left, at), TARGET_HZ) < LOUD - 15.0, "the target aside is in no recording: {at}");
        assert!(power(second(&left, at), AGENT_HZ) < LOUD - 15.0, "nor the agent: {at}");
        assert!(power(second(&right, at), PARTY_HZ) > LOUD, "the party is recorded meanwhile: {at}");
    }
    assert!(power(second(&left, done.from_ms + 500), TARGET_HZ) > LOUD, "then the party hears the target");
    assert!(texts(end)[1].contains("请稍候"), "{:?}", texts(end));
    assert!(!end.recording_incomplete);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_a_colleague_is_spoken_to_first_and_then_has_the_party() {
    let house = House::open().await;
    let mut call = house.dial(TONE, "zh").await;
    call.talks().await;
    call.say(60);
    call.handle.transfer(TransferMode::Attended, TransferTo::Desk);
    call.until(|event| matches!(event, CallEvent::TransferRinging)).await;
    let target = Peer::start();
    call.handle.transfer_taken(target.offer.clone());
    let answer = call.until(|event| matches!(event, CallEvent::TransferAnswer { .. })).await;
    let CallEvent::TransferAnswer { sdp } = answer else { panic!("{answer:?}") };
    target.answer(sdp);
    target.say(&target_tone(Law::Pcma, 60));
    call.until(|event| matches!(event, CallEvent::TransferConsulting)).await;
    hears(call.peer.hears(), TARGET_HZ, PARTY_HZ, Law::Pcma).await;
    hears(target.hears(), AGENT_HZ, PARTY_HZ, Law::Pcma).await;
    call.handle.complete_transfer();
    call.until(|event| matches!(event, CallEvent::Transferred { phone: false, .. })).await;
    for _ in 0..2 {
        hears(target.hears(), PARTY_HZ, AGENT_HZ, Law::Pcma).await;
    }
    // The call is the target's now: he is missed, and his new window takes over.
    let next = Peer::start();
    target.vanish();
    call.until(|event| matches!(event, CallEvent::AgentAway { .. })).await;
    call.handle.resume(next.offer.clone());
    drop(std::mem::replace(&mut call.peer, next));
    call.until(|event| matches!(event, CallEvent::AgentBack)).await;
    call.hears_the_party(1).await;
    call.handle.hang_up();
    let end = call.ended().await;
    assert!(end.facts.by == EndedBy::Agent && end.facts.fault.is_none(), "{:?}", end.facts);
    recording_tells(&house, &end, "desk");
    assert_eq!(house.sim.journal().calls.len(), 1, "the carrier knows of one call");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_a_colleague_who_declines_leaves_the_call_as_it_was() {
    let house = House::open().await;
    let mut call = house.dial(TONE, "zh").await;
    call.talks().await;
    call.say(60);
    call.handle.transfer(TransferMode::Blind, TransferTo::Desk);
    call.until(|event| matches!(event, CallEvent::TransferRinging)).await;
    call.handle.transfer_refused(TransferFault::Declined);
    let failed = call.until(|event| matches!(event, CallEvent::TransferFailed { .. })).await;
    assert!(matches!(failed, CallEvent::TransferFailed { why: TransferFault::Declined }));
    call.hears_the_party(2).await;
    call.handle.hang_up();
    let end = call.ended().await;
    assert!(marks(&end, MarkKind::Transfer).len() == 1 && marks(&end, MarkKind::Transferred).is_empty());
    let (left, _) = house.sides();
    let back = marks(&end, MarkKind::Transfer)[0].to_ms;
    assert!(power(second(&left, back + 300), AGENT_HZ) > LOUD, "the party hears the agent again");
}

/// A desk phone of the house that speaks µ-law.
struct Set {
    endpoint: Endpoint,
    calls: mpsc::Receiver<IncomingCall>,
}

/// Its sound: it says the target's tone until it is dropped.
struct Sound {
    heard: watch::Receiver<Vec<u8>>,
    over: Arc<AtomicBool>,
}

impl Drop for Sound {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

impl Set {
    fn start() -> Self {
        let config = EndpointConfig::udp("127.0.0.1:0".parse().unwrap(), "desk phone");
        let endpoint = Endpoint::start(config, CancellationToken::new()).unwrap();
        let calls = endpoint.incoming().unwrap();
        Self { endpoint, calls }
    }

    fn as_target(&self) -> TransferTo {
        let remote = self.endpoint.local_addr();
        let flow = Flow { protocol: Protocol::Udp, remote, connection: 0 };
        let target = Target { uri: format!("sip:8001@{remote}"), flow, route: Vec::new() };
        let (user, caller_name) = ("8001".into(), "转接".into());
        TransferTo::Phone(DeskPhone { user, targets: vec![target], caller_name })
    }

    /// Takes the next call.
    async fn answer(&mut self) -> (songda_sip::Leg, Sound) {
        let IncomingCall { invite, mut leg, .. } = self.calls.recv().await.unwrap();
        let offer = invite.offer.unwrap();
        assert!(!offer.contains(TONE), "no number reaches the phone");
        let line = offer.lines().find_map(|line| line.strip_prefix("m=audio ")).unwrap();
        let port: u16 = line.split(' ').next().unwrap().parse().unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let ours = socket.local_addr().unwrap().port();
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {ours} RTP/AVP 0\r\n"
        );
        leg.handle().answer(sdp).await;
        while !matches!(leg.next().await, Some(LegEvent::Acknowledged)) {}
        let (told, heard) = watch::channel(Vec::new());
        let over = Arc::new(AtomicBool::new(false));
        let sound = Sound { heard, over: over.clone() };
        std::thread::spawn(move || speak(&socket, port, &told, &over));
        (leg, sound)
    }
}

fn speak(socket: &UdpSocket, port: u16, told: &watch::Sender<Vec<u8>>, over: &AtomicBool) {
    socket.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
    let tone = target_tone(Law::Pcmu, 1);
    let (mut seq, mut next) = (0u16, Instant::now());
    while !over.load(Ordering::Relaxed) {
        let mut buffer = [0u8; 2048];
        if let Ok(len) = socket.recv(&mut buffer) {
            assert_eq!(buffer[1] & 0x7f, 0, "in the phone's own law");
            told.send_modify(|heard| heard.extend_from_slice(&buffer[12..len]));
        }
        if next <= Instant::now() {
            next += Duration::from_millis(20);
            let at = usize::from(seq) % 50 * 160;
            // RFC 3550, section 5.1.
            let mut packet = vec![0x80, 0];
            packet.extend(seq.to_be_bytes());
            packet.extend((u32::from(seq) * 160).to_be_bytes());
            packet.extend(3_u32.to_be_bytes());
            packet.extend(&tone[at..at + 160]);
            let _ = socket.send_to(&packet, ("127.0.0.1", port));
            seq = seq.wrapping_add(1);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_a_desk_phone_is_spoken_to_first_and_then_has_the_party_until_it_hangs_up() {
    let house = House::open().await;
    let mut set = Set::start();
    let mut call = house.dial(TONE, "zh").await;
    call.talks().await;
    call.say(60);
    call.handle.transfer(TransferMode::Attended, set.as_target());
    call.until(|event| matches!(event, CallEvent::TransferRinging)).await;
    let (leg, sound) = set.answer().await;
    call.until(|event| matches!(event, CallEvent::TransferConsulting)).await;
    hears(call.peer.hears(), TARGET_HZ, PARTY_HZ, Law::Pcma).await;
    hears(sound.heard.clone(), AGENT_HZ, PARTY_HZ, Law::Pcmu).await;
    call.handle.complete_transfer();
    call.until(|event| matches!(event, CallEvent::Transferred { phone: true, .. })).await;
    for _ in 0..2 {
        hears(sound.heard.clone(), PARTY_HZ, AGENT_HZ, Law::Pcmu).await;
    }
    leg.handle().hang_up().await;
    let end = call.ended().await;
    assert!(end.facts.by == EndedBy::Agent && !end.facts.abandoned && end.facts.fault.is_none(), "{:?}", end.facts);
    assert!(end.farewell.clone().heard().await, "the carrier's leg is down");
    recording_tells(&house, &end, "phone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_a_desk_phone_is_hung_up_when_the_call_is_taken_back_or_ends() {
    let house = House::open().await;
    let mut set = Set::start();
    let mut call = house.dial(TONE, "zh").await;
    call.talks().await;
    call.handle.transfer(TransferMode::Attended, set.as_target());
    let (mut leg, _sound) = set.answer().await;
    call.until(|event| matches!(event, CallEvent::TransferConsulting)).await;
    call.handle.cancel_transfer();
    let failed = call.until(|event| matches!(event, CallEvent::TransferFailed { .. })).await;
    assert!(matches!(failed, CallEvent::TransferFailed { why: TransferFault::Cancelled }));
    while !matches!(leg.next().await.expect("it is hung up"), LegEvent::Ended(_)) {}
    call.hears_the_party(1).await;
    // A phone that nobody answers is no longer rung when the call is over.
    call.handle.transfer(TransferMode::Blind, set.as_target());
    let mut rung = set.calls.recv().await.unwrap();
    rung.leg.handle().ring().await;
    call.handle.hang_up();
    call.ended().await;
    while !matches!(rung.leg.next().await.expect("it is not rung any more"), LegEvent::Ended(_)) {}
    // And where none is registered, nothing is.
    let mut call = house.dial_as("second", TONE, "zh").await;
    call.talks().await;
    let nowhere = DeskPhone { user: "8002".into(), targets: Vec::new(), caller_name: "转接".into() };
    call.handle.transfer(TransferMode::Blind, TransferTo::Phone(nowhere));
    let failed = call.until(|event| matches!(event, CallEvent::TransferFailed { .. })).await;
    assert!(matches!(failed, CallEvent::TransferFailed { why: TransferFault::Unreachable }));
    call.hears_the_party(1).await;
    call.handle.hang_up();
    call.ended().await;
}
