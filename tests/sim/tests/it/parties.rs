//! Parties that are no person, and ways that are not whole.

use std::net::SocketAddr;
use std::time::Duration;

use crate::{
    caller::Caller,
    world::{World, world},
};

const SILENCE: u8 = 0xD5;
const LOUD: u8 = 0x2A;

/// A call that is answered: where its media goes.
async fn answered(world: &World, number: &str) -> (Caller, SocketAddr) {
    let mut caller = world.caller(number).await;
    caller.dial().await;
    let (_, answer) = caller.final_response().await;
    assert_eq!(answer.status(), 200, "{number}");
    caller.acknowledge_answer().await;
    let media = answer.media();
    (caller, media)
}

async fn hang_up(world: &World, mut caller: Caller) -> songda_sim::journal::CallRecord {
    caller.send("BYE").await;
    assert_eq!(caller.final_response().await.1.status(), 200);
    world.sim.stop().await;
    world.call(&caller)
}

/// A packet of a key.
fn event(sequence: u16, timestamp: u32, marked: bool, code: u8, end: bool, duration: u16) -> Vec<u8> {
    let mut packet = vec![0x80, if marked { 0xE5 } else { 0x65 }];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend([1, 2, 3, 4, code, if end { 0x8A } else { 0x0A }]);
    packet.extend(duration.to_be_bytes());
    packet
}

#[tokio::test]
async fn machines_greet_and_the_journal_says_which() {
    for (number, name) in [("13800007500", "voicemail"), ("13800007600", "assistant")] {
        let world = world(|_| {}).await;
        let (caller, media) = answered(&world, number).await;
        let (heard, ()) = tokio::join!(caller.listen(100), caller.speak(media, LOUD, 100));
        assert!(heard.iter().filter(|code| !matches!(code, 0xD5 | 0x55)).count() > 5_000, "{name} speaks");
        let call = hang_up(&world, caller).await;
        assert_eq!((call.behaviour, call.said[0].clip.as_str()), (Some(name), name));
        assert_eq!((call.rtp.received, call.rtp.heard_ms), (100, 2_000));
        assert!(call.audio.is_some(), "what was left is kept");
    }
}

#[tokio::test]
async fn keys_go_both_ways_and_each_is_written_down_once() {
    let world = world(|_| {}).await;
    let (caller, media) = answered(&world, "029-88007700").await;
    for (at, code) in [7, 10].into_iter().enumerate() {
        for packet in 0..5_u16 {
            let (sequence, duration) = (at as u16 * 5 + packet, (packet + 1).min(3) * 160);
            let bytes = event(sequence, 1_000 * (at as u32 + 1), packet == 0, code, packet >= 2, duration);
            caller.media.send_to(&bytes, media).await.unwrap();
        }
    }
    let (mut keys, mut buffer) = (Vec::new(), [0; 2048]);
    while keys.last().is_none_or(|(_, code, end): &(u32, u8, bool)| *code != 11 || !end) {
        let received = tokio::time::timeout(Duration::from_secs(9), caller.media.recv_from(&mut buffer)).await;
        let (length, _) = received.unwrap().unwrap();
        if buffer[1] & 0x7F == 0x65 {
            assert_eq!(length, 16);
            let timestamp = u32::from_be_bytes([buffer[4], buffer[5], buffer[6], buffer[7]]);
            assert_eq!(buffer[1] & 0x80 != 0, keys.last().is_none_or(|(last, ..)| *last != timestamp), "marked");
            keys.push((timestamp, buffer[12], buffer[13] & 0x80 != 0));
        }
    }
    keys.dedup_by_key(|(timestamp, ..)| *timestamp);
    assert_eq!(keys.iter().map(|(_, code, _)| *code).collect::<Vec<_>>(), [1, 2, 3, 4, 11]);
    assert_eq!(keys[1].0.wrapping_sub(keys[0].0), 8_000, "one each second");
    let call = hang_up(&world, caller).await;
    assert_eq!((call.rtp.dtmf.as_str(), call.rtp.dtmf_sent.as_str()), ("7*", "1234#"));
    assert!(world.sim.journal().complaints.is_empty(), "{:?}", world.sim.journal().complaints);
}

#[tokio::test]
async fn keys_of_who_agrees_on_no_telephone_event_are_tones_in_the_sound() {
    let world = world(|_| {}).await;
    let mut caller = world.caller("13800007750").await;
    caller.dial().await;
    let (_, answer) = caller.final_response().await;
    assert!(answer.status() == 200 && !answer.0.contains("telephone-event"), "{}", answer.0);
    caller.acknowledge_answer().await;
    // The first key comes after a second, and is held for five packets.
    let heard = caller.listen(60).await;
    let loud = |packet: &[u8]| packet.iter().filter(|code| **code != SILENCE).count() > 100;
    let down: Vec<usize> = (0..60).filter(|at| loud(&heard[at * 160..(at + 1) * 160])).collect();
    assert_eq!(down, [50, 51, 52, 53, 54]);
    let call = hang_up(&world, caller).await;
    assert_eq!((call.behaviour, call.rtp.dtmf_sent.as_str()), (Some("digits-as-tones"), "1"));
}

#[tokio::test]
async fn an_announcement_behind_a_closed_way_begins_with_the_callers_first_packet() {
    let world = world(|_| {}).await;
    let mut caller = world.caller("13800004590").await;
    caller.dial().await;
    let media = loop {
        let said = caller.receive().await;
        if said.status() == 183 {
            break said.media();
        }
    };
    let mut buffer = [0; 2048];
    let early = tokio::time::timeout(Duration::from_millis(600), caller.media.recv_from(&mut buffer)).await;
    assert!(early.is_err(), "nothing comes by itself");
    caller.speak(media, SILENCE, 1).await;
    let heard = caller.listen(60).await;
    assert!(heard.iter().filter(|code| !matches!(code, 0xD5 | 0x55)).count() > 2_000, "it speaks");
}

#[tokio::test]
async fn a_key_that_never_ends_is_complained_of() {
    let world = world(|_| {}).await;
    let (caller, media) = answered(&world, "13800007700").await;
    for (sequence, timestamp) in [(1, 160), (2, 4_000)] {
        caller.media.send_to(&event(sequence, timestamp, true, 1, false, 160), media).await.unwrap();
    }
    caller.listen(5).await;
    let call = hang_up(&world, caller).await;
    assert_eq!((call.rtp.dtmf.as_str(), call.rtp.defective), ("11", 1));
    let complaints = world.sim.journal().complaints;
    assert_eq!(complaints.iter().map(|c| c.what.as_str()).collect::<Vec<_>>(), ["a telephone-event was never ended"]);
}

#[tokio::test]
async fn noise_is_sound_and_silence_is_none() {
    for (number, sound) in [("13800007800", true), ("13800007000", false)] {
        let world = world(|_| {}).await;
        let (caller, _) = answered(&world, number).await;
        let heard = caller.listen(20).await;
        assert_eq!(heard.iter().any(|code| *code != SILENCE), sound, "{number}");
    }
}

#[tokio::test]
async fn a_one_way_party_hears_and_sends_nothing() {
    let world = world(|_| {}).await;
    let (caller, media) = answered(&world, "13800008400").await;
    caller.speak(media, LOUD, 50).await;
    assert!(caller.media.try_recv_from(&mut [0; 2048]).is_err(), "no packet");
    let call = hang_up(&world, caller).await;
    assert_eq!((call.rtp.sent, call.rtp.received, call.rtp.heard_ms), (0, 50, 1_000));
    assert!(call.audio.is_some());
}

#[tokio::test]
async fn a_deaf_party_sends_and_hears_nothing() {
    let world = world(|_| {}).await;
    let (caller, media) = answered(&world, "13800008450").await;
    let (heard, ()) = tokio::join!(caller.listen(60), caller.speak(media, LOUD, 50));
    assert!(heard.iter().any(|code| !matches!(code, 0xD5 | 0x55)), "it speaks");
    let call = hang_up(&world, caller).await;
    assert_eq!((call.rtp.received, call.rtp.heard_ms, call.audio), (50, 0, None));
}
