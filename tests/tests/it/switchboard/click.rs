//! From the click to the ring nothing waits for a timer (R4.1a: ringing within three seconds of the
//! click). The time itself is what `scripts/bench click` measures, on a quiet machine; that no step on
//! the way sits a delay out is proved here by a clock that stands still: whatever waited for it would
//! wait for ever.

use std::{
    io::ErrorKind,
    net::UdpSocket,
    time::{Duration, Instant},
};

use tokio::{task::JoinHandle, time};

use super::*;

/// Real time, by the test's own watch, after which something waits for a timer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A clock that stands still.
struct Still {
    since: time::Instant,
    release: std::sync::mpsc::Sender<()>,
    held: JoinHandle<bool>,
}

impl Still {
    fn stand() -> Self {
        time::pause();
        // A paused clock goes on by itself once everybody waits; not while a blocking task runs.
        let (release, waits) = std::sync::mpsc::channel();
        let held = tokio::task::spawn_blocking(move || waits.recv().is_ok());
        Self { since: time::Instant::now(), release, held }
    }

    /// The clock goes on: it has not moved until now.
    async fn go_on(self) {
        assert_eq!(time::Instant::now(), self.since, "the clock was advanced");
        self.release.send(()).unwrap();
        assert!(self.held.await.unwrap());
        time::resume();
    }
}

/// Waits for this by the test's own watch; the house has its turns meanwhile.
async fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} waits for a timer");
        tokio::task::yield_now().await;
    }
}

/// A carrier that is a socket and nothing else: it has no timers of its own.
struct Carrier(UdpSocket);

impl Carrier {
    fn open() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        Self(socket)
    }

    /// The next request of this method, and whence it came.
    fn asked(&self, method: &str) -> Option<(String, SocketAddr)> {
        let mut buffer = [0u8; 4_096];
        match self.0.recv_from(&mut buffer) {
            Ok((len, from)) => {
                let text = String::from_utf8(buffer[..len].to_vec()).unwrap();
                text.starts_with(method).then_some((text, from))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Answers a request with this status.
    fn says(&self, status: &str, (request, from): &(String, SocketAddr)) {
        let kept = request.lines().take_while(|line| !line.is_empty()).filter(|line| {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            ["via", "from", "to", "call-id", "cseq"].contains(&name.as_str())
        });
        let tagged = kept.map(|line| if line.starts_with("To:") { format!("{line};tag=far") } else { line.to_owned() });
        let head: Vec<String> = tagged.collect();
        let answer = format!("SIP/2.0 {status}\r\n{}\r\nContent-Length: 0\r\n\r\n", head.join("\r\n"));
        self.0.send_to(answer.as_bytes(), from).unwrap();
    }
}

impl Call {
    /// What has happened so far of this kind; answers and legs are seen to.
    fn happened<T>(&mut self, wanted: impl Fn(&CallEvent) -> Option<T>) -> Option<T> {
        while let Ok(event) = self.events.try_recv() {
            let found = wanted(&event);
            match event {
                CallEvent::BrowserAnswer { sdp } => self.peer.answer(sdp),
                CallEvent::LegSaved { kept, .. } => kept.send(()).unwrap(),
                CallEvent::Ended(end) => panic!("{end:?}"),
                _ => {}
            }
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

#[tokio::test]
async fn r4_1a_from_the_click_to_the_invite_and_from_the_180_to_the_ring_nothing_waits_for_a_timer() {
    let house = House::open().await;
    let carrier = Carrier::open();
    let still = Still::stand();
    let at = carrier.0.local_addr().unwrap();
    let mut call = house.dial_at(at, "recording", "13800000001", "zh").await;
    let invite = until("the INVITE", || {
        assert_eq!(call.happened(|event| matches!(event, CallEvent::Ringing { .. }).then_some(())), None);
        carrier.asked("INVITE ")
    })
    .await;
    carrier.says("180 Ringing", &invite);
    until("the ring", || call.happened(|event| matches!(event, CallEvent::Ringing { .. }).then_some(()))).await;
    still.go_on().await;
    carrier.says("486 Busy Here", &invite);
    let end = call.ended().await;
    assert_eq!((end.facts.sip_status, end.facts.provisional), (Some(486), true), "{:?}", end.facts);
}
