//! Call control with a real carrier, a real browser's leg and a real recording, without the
//! server around it.

mod click;
mod codecs;
mod transfer;

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use songda_calls::{
    CallEnd, CallEvent, CallHandle, Dial, EndedBy, Fault, Mark, MarkKind, Number, Parting, Route, SavedLeg,
    Switchboard, SwitchboardConfig, Trunk,
};
use songda_media::{Engine, EngineConfig, Law};
use songda_recordings::{
    keys::KeyFile,
    vault::{RecordingId, Vault},
};
use songda_sip::{Endpoint, EndpointConfig, Srtp, TrunkSettings, TrunkState};
use songda_tests::peer::Peer;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::road::power;

/// The party of this number never pauses its 1,000 Hz.
const TONE: &str = "13800008007";
/// What the agent says.
const AGENT_HZ: f64 = 2_500.0;
/// A second of a clear tone, in dB.
const LOUD: f64 = 100.0;
/// When every call here begins, by the house's clock.
const BEGUN_MS: i64 = 1_000_000;

struct House {
    sim: songda_sim::Running,
    switchboard: Switchboard,
    vault: Arc<Vault>,
    clock: Arc<AtomicI64>,
    _folder: tempfile::TempDir,
}

impl House {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sim = songda_sim::start(songda_sim::Config::for_tests(folder.path().join("sim"))).await.unwrap();
        let clock = Arc::new(AtomicI64::new(BEGUN_MS));
        let any = "127.0.0.1:0".parse().unwrap();
        let config = EndpointConfig::udp(any, "songda");
        let endpoint = Endpoint::start(config, CancellationToken::new()).unwrap();
        let read = clock.clone();
        let unix_ms = Arc::new(move || read.load(Ordering::Relaxed));
        let engine = Engine::start(EngineConfig::at(any.ip(), unix_ms)).unwrap();
        let keys = KeyFile::create(&folder.path().join("keys")).unwrap();
        let vault = Arc::new(Vault::open(&folder.path().join("vault"), Arc::new(keys), 0).unwrap());
        let read = clock.clone();
        let switchboard = Switchboard::new(SwitchboardConfig {
            endpoint,
            engine,
            vault: vault.clone(),
            prompts: Path::new(env!("CARGO_MANIFEST_DIR")).join("../agent-console/calls/prompts"),
            ring_limit: Duration::from_secs(30),
            phone_srtp: Srtp::Off,
            reader: None,
            now_ms: Arc::new(move || read.load(Ordering::Relaxed)),
        });
        Self { sim, switchboard, vault, clock, _folder: folder }
    }

    async fn dial(&self, callee: &str, language: &str) -> Call {
        self.dial_as("recording", callee, language).await
    }

    /// The call and its recording go by this name.
    async fn dial_as(&self, name: &str, callee: &str, language: &str) -> Call {
        self.dial_at(self.sim.sip_addr, name, callee, language).await
    }

    /// The carrier is there.
    async fn dial_at(&self, carrier: SocketAddr, name: &str, callee: &str, language: &str) -> Call {
        let peer = Peer::start();
        let trunk = Trunk {
            name: "sim".into(),
            proxy: carrier.to_string(),
            domain: "127.0.0.1".into(),
            username: "songda".into(),
            password: "secret".to_owned().into(),
            ..Trunk::default()
        };
        let dial = Dial {
            call: name.into(),
            recording: name.into(),
            routes: vec![Route {
                id: "sim".into(),
                trunk: Arc::new(trunk),
                caller: Number::new("02988009000"),
                callee: Number::new(callee),
            }],
            extension: None,
            browser_offer: peer.offer.clone(),
            court: String::new(),
            language: language.into(),
        };
        let (handle, events) = self.switchboard.dial(dial).await.unwrap();
        Call { handle, events, peer, saved: Vec::new(), keeps: true }
    }

    /// Both sides of the recording.
    fn sides(&self) -> (Vec<i16>, Vec<i16>) {
        self.vault.read(&RecordingId::new("recording").unwrap()).unwrap().channels().unwrap()
    }
}

struct Call {
    handle: CallHandle,
    events: mpsc::Receiver<CallEvent>,
    peer: Peer,
    saved: Vec<SavedLeg>,
    /// The desk keeps what it is told to keep.
    keeps: bool,
}

impl Call {
    /// The next event that the test is about; answers and legs are seen to.
    async fn next(&mut self) -> CallEvent {
        loop {
            let event = tokio::time::timeout(Duration::from_secs(45), self.events.recv()).await;
            match event.expect("nothing happens").expect("the call is over") {
                CallEvent::BrowserAnswer { sdp } => self.peer.answer(sdp),
                CallEvent::LegSaved { saved, kept, .. } => {
                    self.saved.push(*saved);
                    if self.keeps {
                        let _ = kept.send(());
                    }
                }
                // Told in between, and no test's matter here.
                CallEvent::Quality(_) | CallEvent::Measured { .. } => {}
                event => return event,
            }
        }
    }

    async fn until(&mut self, wanted: impl Fn(&CallEvent) -> bool) -> CallEvent {
        loop {
            let event = self.next().await;
            assert!(!matches!(event, CallEvent::Ended(_)) || wanted(&event), "it ended: {event:?}");
            if wanted(&event) {
                return event;
            }
        }
    }

    async fn talks(&mut self) {
        self.until(|event| matches!(event, CallEvent::Talking { .. })).await;
    }

    async fn ended(&mut self) -> CallEnd {
        match self.until(|event| matches!(event, CallEvent::Ended(_))).await {
            CallEvent::Ended(end) => *end,
            other => panic!("{other:?}"),
        }
    }

    /// Says a tone for so long.
    fn say(&self, seconds: usize) {
        self.peer.say(&tone(seconds));
    }

    /// The agent has heard this many more octets, and the last second of them held the
    /// party's tone or did not.
    async fn hears_the_party(&self, seconds: usize) {
        let mut hears = self.peer.hears();
        let from = hears.borrow().len();
        let done = hears.wait_for(|heard| {
            let heard = &heard[from..];
            heard.len() >= seconds * 8_000 && {
                let last: Vec<i16> =
                    heard[heard.len() - 8_000..].iter().map(|octet| Law::Pcma.decode(*octet)).collect();
                power(&last, 1_000.0) > LOUD
            }
        });
        tokio::time::timeout(Duration::from_secs(20), done).await.expect("the agent hears nothing").unwrap();
    }
}

fn tone(seconds: usize) -> Vec<u8> {
    let sample = |place: usize| (place as f64 * AGENT_HZ * std::f64::consts::TAU / 8_000.0).sin() * 8_000.0;
    (0..seconds * 8_000).map(|place| Law::Pcma.encode(sample(place) as i16)).collect()
}

fn texts(end: &CallEnd) -> Vec<&str> {
    end.prompt_spans.iter().map(|span| span.text.as_str()).collect()
}

fn marks(end: &CallEnd, kind: MarkKind) -> Vec<&Mark> {
    end.marks.iter().filter(|mark| mark.kind == kind).collect()
}

/// A second of a recording's side.
fn second(side: &[i16], from_ms: u64) -> &[i16] {
    let from = from_ms as usize * 8;
    &side[from..from + 8_000]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e51_a_browser_that_is_replaced_talks_on_and_one_recording_tells_of_the_gap() {
    let house = House::open().await;
    let mut call = house.dial(TONE, "zh").await;
    call.talks().await;
    call.say(1);
    call.hears_the_party(1).await;
    // The page goes; the party hears that it waits.
    let next = Peer::start();
    drop(std::mem::replace(&mut call.peer, next));
    let away = call.until(|event| matches!(event, CallEvent::AgentAway { .. })).await;
    let CallEvent::AgentAway { since_ms, until_ms } = away else { panic!("{away:?}") };
    assert_eq!(until_ms - since_ms, 30_000);
    call.handle.resume(call.peer.offer.clone());
    call.until(|event| matches!(event, CallEvent::AgentBack)).await;
    call.say(2);
    call.hears_the_party(2).await;
    call.handle.hang_up();
    let end = call.ended().await;
    assert!(end.facts.by == EndedBy::Agent && !end.facts.abandoned && end.facts.fault.is_none(), "{:?}", end.facts);
    assert!(end.farewell.clone().heard().await, "the carrier answered our BYE");
    assert!(!end.recording_incomplete);
    let [gap] = marks(&end, MarkKind::AgentAway)[..] else { panic!("{:?}", end.marks) };
    assert!(gap.from_ms < gap.to_ms, "{gap:?}");
    assert!(texts(&end)[0].contains("录音") && texts(&end)[1].contains("请稍候"), "{:?}", texts(&end));
    let (left, right) = house.sides();
    assert!(power(second(&right, gap.from_ms), 1_000.0) > LOUD, "the party is recorded meanwhile");
    assert!(power(second(&left, gap.to_ms + 300), AGENT_HZ) > LOUD, "and the agent after it");
    assert_eq!(house.sim.journal().calls.len(), 1);
}

/// The trunk of the house with a limit, once it is up.
async fn limited(house: &House, limit: impl FnOnce(&mut TrunkSettings)) -> watch::Receiver<Vec<TrunkState>> {
    let endpoint = house.switchboard.endpoint();
    let mut states = endpoint.trunk_states();
    let mut settings = TrunkSettings {
        username: "songda".into(),
        password: "secret".to_owned().into(),
        register: false,
        health: None,
        ..TrunkSettings::new("sim", house.sim.sip_addr.to_string(), "127.0.0.1")
    };
    limit(&mut settings);
    endpoint.set_trunks(vec![settings]).await;
    states.wait_for(|states| states.iter().any(|state| state.up)).await.unwrap();
    states
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_takes_a_place_on_its_trunk_and_where_none_is_free_nothing_goes_out() {
    let house = House::open().await;
    let mut states = limited(&house, |trunk| trunk.max_calls = Some(1)).await;
    let taken = |places: u32| move |states: &Vec<TrunkState>| states[0].calls == places;
    let mut first = house.dial(TONE, "zh").await;
    first.talks().await;
    states.wait_for(taken(1)).await.unwrap();
    let mut second = house.dial_as("second", TONE, "zh").await;
    let refused = second.ended().await;
    assert_eq!(refused.facts.fault, Some(Fault::LinesBusy), "nothing is broken");
    assert!(refused.facts.cause.ends_with("every line is busy"), "{}", refused.facts.cause);
    assert_eq!(house.sim.journal().calls.len(), 1, "the carrier was not asked");
    first.handle.hang_up();
    first.ended().await;
    states.wait_for(taken(0)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_comes_too_soon_after_another_waits_its_turn_on_the_trunk() {
    let house = House::open().await;
    limited(&house, |trunk| trunk.max_calls_per_second = Some(1)).await;
    let (mut first, mut second) = tokio::join!(house.dial(TONE, "zh"), house.dial_as("second", TONE, "zh"));
    tokio::join!(first.talks(), second.talks());
    for call in [&mut first, &mut second] {
        call.handle.hang_up();
        let end = call.ended().await;
        assert!(end.facts.answered && end.facts.fault.is_none(), "{:?}", end.facts);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_that_cannot_be_used_leaves_the_call_as_it_is() {
    let house = House::open().await;
    let mut call = house.dial(TONE, "zh").await;
    call.talks().await;
    call.handle.resume("v=0\r\n".into());
    call.until(|event| matches!(event, CallEvent::OfferRefused { .. })).await;
    call.hears_the_party(1).await;
    call.handle.hang_up();
    assert!(call.ended().await.facts.fault.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_held_hears_prompt_and_music_and_the_agent_still_hears_him() {
    let house = House::open().await;
    let mut call = house.dial(TONE, "zh").await;
    call.talks().await;
    call.say(30);
    call.handle.hold(true);
    call.until(|event| matches!(event, CallEvent::Held(true))).await;
    call.hears_the_party(6).await;
    call.handle.hold(false);
    call.until(|event| matches!(event, CallEvent::Held(false))).await;
    call.hears_the_party(2).await;
    call.handle.hang_up();
    let end = call.ended().await;
    let [hold] = marks(&end, MarkKind::Hold)[..] else { panic!("{:?}", end.marks) };
    assert!(hold.to_ms - hold.from_ms >= 5_000, "{hold:?}");
    assert!(texts(&end)[1].contains("请稍候") && texts(&end)[2] == "♪", "{:?}", texts(&end));
    let (left, _) = house.sides();
    assert!(power(second(&left, hold.from_ms + 500), AGENT_HZ) < LOUD - 15.0, "the agent is not heard meanwhile");
    assert!(power(second(&left, hold.to_ms + 300), AGENT_HZ) > LOUD, "and again afterwards");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e49_a_polite_end_is_heard_in_the_recording_to_its_last_word() {
    let house = House::open().await;
    let mut call = house.dial(TONE, "en").await;
    call.talks().await;
    call.handle.end_politely();
    call.until(|event| matches!(event, CallEvent::Parting { why: Parting::Farewell })).await;
    let end = call.ended().await;
    assert!(end.facts.by == EndedBy::Agent && end.facts.parting == Some(Parting::Farewell), "{:?}", end.facts);
    let texts = texts(&end);
    assert!(
        texts[0].contains("recorded") && texts[1].contains("录音") && texts[2].contains("Goodbye"),
        "the notice in both languages, then the farewell: {texts:?}"
    );
    let farewell = &end.prompt_spans[2];
    assert!(farewell.to_ms - farewell.from_ms > 4_500, "{farewell:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ends_a_leg_is_kept_before_the_invite_or_nothing_goes_out() {
    let house = House::open().await;
    let mut call = house.dial(TONE, "zh").await;
    call.keeps = false;
    let end = call.ended().await;
    assert!(end.facts.fault == Some(Fault::Desk) && end.recording.is_none(), "{end:?}");
    assert_eq!(call.saved.len(), 1);
    assert!(house.sim.journal().calls.is_empty(), "nothing went out");
    let mut call = house.dial(TONE, "zh").await;
    call.talks().await;
    assert!(call.saved.len() == 2 && call.saved[1].is_answered(), "again at the answer: {:?}", call.saved);
    assert_eq!(call.saved[0].call_id(), call.saved[1].call_id());
    call.handle.hang_up();
    call.ended().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x1_a_clock_that_jumps_in_a_call_bends_none_of_its_times() {
    let house = House::open().await;
    let mut call = house.dial(TONE, "zh").await;
    house.clock.fetch_add(7_200_000, Ordering::Relaxed);
    let answered = call.until(|event| matches!(event, CallEvent::Answered { .. })).await;
    let CallEvent::Answered { at_ms } = answered else { panic!("{answered:?}") };
    assert!((BEGUN_MS..BEGUN_MS + 60_000).contains(&at_ms), "{at_ms}");
    call.talks().await;
    house.clock.store(0, Ordering::Relaxed);
    call.hears_the_party(1).await;
    call.handle.hang_up();
    let end = call.ended().await;
    let started_ms = end.recording.as_ref().unwrap().started_ms;
    assert!((at_ms - 1_000..at_ms + 1_000).contains(&started_ms), "{started_ms} {at_ms}");
    assert!(end.ended_ms > at_ms && end.talk_ms >= 900 && end.talk_ms < 60_000, "{end:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e51_a_party_whose_agent_stays_away_hears_music_then_an_apology_and_is_released() {
    let house = House::open().await;
    let mut call = house.dial(TONE, "zh").await;
    call.talks().await;
    call.handle.away();
    call.until(|event| matches!(event, CallEvent::AgentAway { .. })).await;
    call.until(|event| matches!(event, CallEvent::Parting { why: Parting::Apology })).await;
    let end = call.ended().await;
    assert!(end.facts.abandoned && end.facts.by == EndedBy::System, "{:?}", end.facts);
    let spans = &end.prompt_spans;
    let words: Vec<_> = spans.iter().map(|span| &span.text[..3]).collect();
    assert_eq!(words, ["您", "请", "♪", "非"], "{spans:?}");
    let music = spans[2].to_ms - spans[2].from_ms;
    assert!((20_000..30_000).contains(&music), "music until the apology: {music} ms");
    assert!(spans.windows(2).all(|pair| pair[0].to_ms <= pair[1].from_ms), "{spans:?}");
    let (left, _) = house.sides();
    let loud = |from_ms: u64| second(&left, from_ms).iter().filter(|sample| sample.abs() > 300).count();
    assert!((1..4).all(|part| loud(spans[2].from_ms + part * 5_000) > 1_000), "the music is in the recording");
    let [away] = marks(&end, MarkKind::AgentAway)[..] else { panic!("{:?}", end.marks) };
    assert!(away.to_ms - away.from_ms > 30_000, "to the end: {away:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e44_keys_reach_the_carrier_and_a_long_run_of_them_stands_nowhere_in_clear() {
    let house = House::open().await;
    let mut call = house.dial(TONE, "zh").await;
    call.talks().await;
    call.handle.digits("2#".into());
    let sent = call.until(|event| matches!(event, CallEvent::DigitsSent { .. })).await;
    assert!(matches!(&sent, CallEvent::DigitsSent { digits, .. } if digits == "2#"), "{sent:?}");
    call.handle.digits("13800000009".into());
    call.until(|event| matches!(event, CallEvent::DigitsSent { .. })).await;
    call.handle.digits("12x".into());
    call.until(|event| matches!(event, CallEvent::DigitsRefused { .. })).await;
    // Thirteen keys of 160 ms.
    call.hears_the_party(4).await;
    call.handle.hang_up();
    let end = call.ended().await;
    let keys: Vec<_> = marks(&end, MarkKind::DigitOut).into_iter().map(|mark| mark.text.as_str()).collect();
    assert_eq!(keys, ["2#", "***********"]);
    house.sim.stop().await;
    assert_eq!(house.sim.journal().calls[0].rtp.dtmf, "2#13800000009");
}
