//! A browser's sound (ICE, DTLS-SRTP) through a bad network into the real engine, and on to the
//! carrier: the recording's left channel is what the carrier was sent.

use std::{
    collections::{HashMap, HashSet},
    net::UdpSocket,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use rtp_rs::RtpReader;
use songda_media::{Engine, Law, MediaEvent, Rest, Summary};

use super::{BEHIND, LEVELS, PACKETS, Sent, octet};
use crate::{
    browser::Browser,
    engine::{Blocks, answer, config},
    impair::{Badness, Fate, Impaired},
};

/// Silence of A-law, which the browser says first.
const SILENCE: u8 = 0xd5;

/// What was heard and recorded.
struct Seen {
    left: Vec<i16>,
    summary: Summary,
    /// Every packet of the browser's sound, from its first on.
    whole: Sent,
    /// Those that are looked at.
    sent: Sent,
    /// What the carrier was sent: when, its number, its last octet.
    carried: Vec<(Instant, u16, u8)>,
}

/// Nothing that came takes longer to be read.
const PATIENCE: Duration = Duration::from_secs(20);

/// Everything that comes to a socket until it is over and nothing is left in it.
fn listen(socket: UdpSocket, over: Arc<AtomicBool>) -> thread::JoinHandle<Vec<(Instant, u16, u8)>> {
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    thread::spawn(move || {
        let (mut buffer, mut all) = ([0u8; 500], Vec::new());
        loop {
            let was_over = over.load(Ordering::Relaxed);
            let Ok(len) = socket.recv(&mut buffer) else {
                if was_over {
                    return all;
                }
                continue;
            };
            let packet = RtpReader::new(&buffer[..len]).unwrap();
            all.push((Instant::now(), packet.sequence_number().into(), packet.payload()[159]));
        }
    })
}

/// Whether a datagram is sound: its head is in the clear (RFC 3711, section 3.1).
fn is_sound(fate: &Fate) -> bool {
    fate.bytes.len() > 160 && (128..192).contains(&fate.bytes[0]) && fate.bytes[1] & 0x7f == 8
}

async fn through(badness: Badness) -> Seen {
    let engine = Engine::start(config()).unwrap();
    let (blocks, recorded) = mpsc::channel();
    let (media, mut events) = engine.open(Box::new(Blocks(blocks))).unwrap();
    let carrier = UdpSocket::bind("127.0.0.1:0").unwrap();
    media.trunk_offer().await.unwrap();
    media.trunk_answer(answer(&carrier)).await.unwrap();
    media.rest(Rest::Talk).unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let listening = listen(carrier, over.clone());
    let mut browser = Browser::open(SILENCE);
    let words: Vec<&str> = browser.offer.split("candidate:").nth(1).unwrap().split(' ').collect();
    let address = format!("{}:{}", words[4], words[5]).parse().unwrap();
    let network = Impaired::between(Impaired::open().unwrap(), address, engine.web_address(), badness).unwrap();
    // All that the browser sends goes through the network: it knows no other place.
    let (ours, front) = (engine.web_address().port(), network.front.port());
    let told = media.browser_offer(browser.offer.clone()).await.unwrap();
    let told = told.replace(&format!(" {ours} typ host"), &format!(" {front} typ host"));
    assert!(told.contains(&format!(" {front} typ host")), "{told}");
    browser.answer(told);
    let connected = |_: &mut Browser| matches!(events.try_recv(), Ok(MediaEvent::BrowserConnected)).then_some(());
    browser.until("the browser's leg", connected).await;
    // Silence for more than a second first: the clock is read by it.
    let settled = browser.said + 75;
    browser.until("a second of silence", |browser| (browser.said >= settled).then_some(())).await;
    let from = browser.said;
    browser.word = Some((from, octet));
    let end = from + PACKETS + BEHIND;
    browser.until("six seconds of sound", |browser| (browser.said >= end).then_some(())).await;
    let fates = tokio::task::spawn_blocking(move || network.end()).await.unwrap();
    // The network has let go of everything; what it brought is passed on in the sweep that reads it.
    let brought: u64 = fates.iter().map(|fate| fate.left.len() as u64).sum();
    let read = |engine: &Engine| engine.figures().iter().map(|thread| thread.datagrams).sum::<u64>();
    let begun = Instant::now();
    while read(&engine) < brought {
        assert!(begun.elapsed() < PATIENCE, "{} of {brought} datagrams were read", read(&engine));
        tokio::task::yield_now().await;
    }
    let summary = media.close().await.unwrap();
    over.store(true, Ordering::Relaxed);
    let carried = tokio::task::spawn_blocking(|| listening.join().unwrap()).await.unwrap();
    let frames: Vec<i16> = recorded.try_iter().flatten().collect();
    let sound: Vec<Fate> = fates.into_iter().filter(is_sound).collect();
    let number = |fate: &Fate| u16::from(RtpReader::new(&fate.bytes).unwrap().sequence_number());
    let first = sound.iter().position(|fate| number(fate) >= from && !fate.left.is_empty()).unwrap();
    let sent = Sent { first: number(&sound[first]) - from, ..Sent::new(sound[first..].to_vec()) };
    let left = frames.chunks_exact(2).map(|frame| frame[0]).collect();
    Seen { left, summary, whole: Sent::new(sound), sent, carried }
}

async fn agrees(badness: Badness) {
    let mut tries = 0;
    let Seen { left, summary, mut sent, carried, .. } = loop {
        let seen = through(badness).await;
        tries += 1;
        if !seen.whole.is_void() || tries == 4 {
            break seen;
        }
    };
    assert_eq!(sent.dropped.is_empty(), badness.loss == 0, "{:?}", sent.dropped);
    let mut numbers = HashSet::new();
    assert!(carried.iter().all(|(_, number, _)| numbers.insert(*number)), "{badness:?}: two packets, one number");
    // Which packet it was tells its level, and about when it came.
    let begun = sent.fates[0].entered;
    let by_level: HashMap<u8, u16> = (0..LEVELS).map(|no| (octet(no + sent.first), no)).collect();
    let heard: HashSet<u16> = carried
        .iter()
        .filter_map(|(at, _, last)| {
            let (near, level) = ((at.duration_since(begun).as_millis() / 20) as i64, i64::from(*by_level.get(last)?));
            let round = i64::from(LEVELS);
            let no = level + (near - level + round / 2).div_euclid(round) * round;
            u16::try_from(no).ok()
        })
        .collect();
    let lost = sent.dropped.len();
    sent.dropped = (0..sent.fates.len() as u16).filter(|no| !heard.contains(no)).collect();
    // What came after silence had been sent in its place is heard by nobody.
    for no in &sent.dropped {
        let Some(left) = sent.fates[usize::from(*no)].left.iter().min() else { continue };
        let late = left.duration_since(begun + Duration::from_millis(20) * u32::from(*no));
        assert!(late > Duration::from_millis(20), "{badness:?}: packet {no} came and was not passed on");
    }
    let refused = sent.dropped.len() - lost;
    assert!(refused * 20 <= sent.fates.len(), "{badness:?}: {refused} came too late to be passed on");
    let first = left.iter().position(|sample| *sample == Law::Pcma.decode(octet(sent.first))).unwrap();
    sent.agrees(&format!("browser, {badness:?}"), &left, first, &summary.gaps, 0);
    assert_eq!(summary.late_samples, 0);
}

#[tokio::test]
async fn r4_1a_what_a_bad_network_takes_of_a_browsers_sound_is_what_the_recording_lists() {
    let [little, more, much] = [15, 60, 120].map(Duration::from_millis);
    tokio::join!(
        agrees(Badness { loss: 50, seed: 3, ..Badness::default() }),
        agrees(Badness { loss: 100, jitter: little, swapped: 50, doubled: 50, seed: 5 }),
        agrees(Badness { loss: 50, jitter: more, swapped: 50, doubled: 50, seed: 6 }),
        agrees(Badness { loss: 30, jitter: much, swapped: 50, doubled: 50, seed: 9 }),
    );
}
