//! A browser's sound without a browser: a WebRTC peer with a thread and a port of its own, that
//! sends what it is told to say and keeps what it hears.

use std::{
    net::UdpSocket,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rtc::shared::TransportProtocol;
use tokio::sync::watch;

use crate::webrtc::WebRtc;

const SSRC: u32 = 0x5eed;

#[derive(Default)]
struct Shared {
    /// A-law octets still to be said; silence when empty.
    say: Mutex<Vec<u8>>,
    heard: watch::Sender<Vec<u8>>,
    stop: AtomicBool,
    /// Ends without closing anything.
    vanish: AtomicBool,
    /// Sends nothing at all as long as it is set.
    mute: AtomicBool,
}

/// A WebRTC peer.
pub struct Peer {
    shared: Arc<Shared>,
    answers: mpsc::Sender<String>,
    thread: Option<JoinHandle<()>>,
    /// Its offer.
    pub offer: String,
}

impl Peer {
    /// Opens a port and makes an offer.
    pub fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        let address = socket.local_addr().unwrap();
        let (peer, offer) = WebRtc::offer(Instant::now(), address, TransportProtocol::UDP, SSRC).unwrap();
        let shared = Arc::new(Shared::default());
        let (answers, inbox) = mpsc::channel();
        let (of_thread, socket_of_thread) = (shared.clone(), socket);
        let thread = std::thread::spawn(move || run(peer, &socket_of_thread, &inbox, &of_thread));
        Self { shared, answers, thread: Some(thread), offer }
    }

    /// Takes the answer of the other side.
    pub fn answer(&self, sdp: String) {
        self.answers.send(sdp).unwrap();
    }

    /// Says these A-law octets after what is still to be said.
    pub fn say(&self, octets: &[u8]) {
        self.shared.say.lock().unwrap().extend_from_slice(octets);
    }

    /// What is heard, A-law, as it grows.
    pub fn hears(&self) -> watch::Receiver<Vec<u8>> {
        self.shared.heard.subscribe()
    }

    /// Is gone without a goodbye, as a page that was loaded anew.
    pub fn vanish(self) {
        self.shared.vanish.store(true, Ordering::Relaxed);
    }

    /// Sends nothing any more, not even keep-alives, and is still there; or goes on.
    pub fn go_silent(&self, on: bool) {
        self.shared.mute.store(on, Ordering::Relaxed);
    }

    /// Everything heard so far, A-law.
    pub fn heard(&self) -> Vec<u8> {
        self.shared.heard.borrow().clone()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(mut peer: WebRtc, socket: &UdpSocket, answers: &mpsc::Receiver<String>, shared: &Shared) {
    let mut next = Instant::now();
    let mut buffer = [0u8; 2048];
    while !shared.stop.load(Ordering::Relaxed) {
        if let Ok(sdp) = answers.try_recv() {
            peer.answer(Instant::now(), sdp).unwrap();
        }
        if let Ok((len, from)) = socket.recv_from(&mut buffer) {
            peer.receive(Instant::now(), from, &buffer[..len]);
        }
        let now = Instant::now();
        peer.turn(now, |packet| shared.heard.send_modify(|heard| heard.extend_from_slice(&packet.payload)));
        while next <= now {
            next += Duration::from_millis(20);
            let mut octets = [0xd5; 160];
            {
                let mut say = shared.say.lock().unwrap();
                let ready = say.len().min(160);
                octets[..ready].copy_from_slice(&say[..ready]);
                say.drain(..ready);
            }
            peer.say(now, &octets);
        }
        let mute = shared.mute.load(Ordering::Relaxed);
        peer.send(|datagram, to| {
            if !mute {
                let _ = socket.send_to(datagram, to);
            }
        });
    }
    if shared.vanish.load(Ordering::Relaxed) {
        return;
    }
    peer.close();
    peer.send(|datagram, to| drop(socket.send_to(datagram, to)));
}
