//! What is left of a call that nobody has any more.

use std::{
    net::UdpSocket,
    sync::mpsc,
    time::{Duration, Instant},
};

use songda_media::Engine;

use crate::engine::{Blocks, config};

#[tokio::test]
async fn the_last_call_that_is_dropped_takes_its_thread_and_the_ports_of_browsers_along() {
    let engine = Engine::start(config()).unwrap();
    let (blocks, _recorded) = mpsc::channel();
    let (media, _events) = engine.open(Box::new(Blocks(blocks))).unwrap();
    media.trunk_offer().await.unwrap();
    let web = engine.web_address();
    drop(engine);
    assert!(UdpSocket::bind(web).is_err(), "the call stands");
    drop(media);
    let begun = Instant::now();
    while UdpSocket::bind(web).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the thread sleeps with its ports");
        tokio::task::yield_now().await;
    }
}
