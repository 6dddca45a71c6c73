//! Many browsers in one thread: WebRTC peers, each with a port of its own.

use std::{
    net::UdpSocket,
    time::{Duration, Instant},
};

use rtc::shared::TransportProtocol;

use super::generate::{Ledger, PERIOD, payload};
use crate::webrtc::WebRtc;

/// Sockets are looked at as often.
const SWEEP: Duration = Duration::from_millis(1);
/// Timers are looked at as often at least.
const NAP: Duration = Duration::from_millis(200);

/// All of them.
pub(super) struct Browsers(Vec<Browser>);

struct Browser {
    peer: WebRtc,
    socket: UdpSocket,
    due: Instant,
    next: Option<Duration>,
}

impl Browsers {
    /// So many, and their offers.
    pub(super) fn open(count: usize) -> anyhow::Result<(Self, Vec<String>)> {
        let (mut all, mut offers) = (Vec::new(), Vec::new());
        for no in 0..count as u32 {
            let (browser, offer) = Browser::open(0x1000_0000 + no)?;
            all.push(browser);
            offers.push(offer);
        }
        Ok((Self(all), offers))
    }

    /// Talks until it is over; when each packet was sent.
    pub(super) fn run(mut self, answers: &[String], ledger: &Ledger) -> Vec<Duration> {
        for (browser, answer) in self.0.iter_mut().zip(answers) {
            let _ = browser.peer.answer(Instant::now(), answer.clone());
        }
        let (mut sent, count) = (Vec::new(), self.0.len() as u32);
        while !ledger.is_over() {
            let begun = Instant::now();
            for (call, browser) in (0..).zip(&mut self.0) {
                browser.turn(call, PERIOD * call / count.max(1), ledger, &mut sent);
            }
            std::thread::sleep(SWEEP.saturating_sub(begun.elapsed()));
        }
        for browser in &mut self.0 {
            browser.peer.close();
            browser.flush();
        }
        sent
    }
}

impl Browser {
    fn open(ssrc: u32) -> anyhow::Result<(Self, String)> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        let due = Instant::now();
        let (peer, offer) = WebRtc::offer(due, socket.local_addr()?, TransportProtocol::UDP, ssrc)?;
        Ok((Self { peer, socket, due, next: None }, offer))
    }

    /// Its turn in a sweep.
    fn turn(&mut self, call: u32, share: Duration, ledger: &Ledger, sent: &mut Vec<Duration>) {
        let mut buffer = [0; 2048];
        let mut stirred = false;
        while let Ok((len, from)) = self.socket.recv_from(&mut buffer) {
            self.peer.receive(Instant::now(), from, &buffer[..len]);
            stirred = true;
        }
        let now = Instant::now();
        if stirred || self.due <= now {
            self.peer.turn(now, |packet| ledger.heard(true, &packet.payload));
        }
        let at = ledger.now();
        let next = *self.next.get_or_insert(at + share);
        if next <= at {
            self.next = Some(next + PERIOD);
            stirred = true;
            if self.peer.say(now, &payload(call, at)) {
                sent.push(at);
            }
        }
        if stirred || self.due <= now {
            self.due = self.flush().unwrap_or(now + NAP).clamp(now + SWEEP, now + NAP);
        }
    }

    /// Sends what is to be sent; answers when the next turn is wanted.
    fn flush(&mut self) -> Option<Instant> {
        self.peer.send(|datagram, to| drop(self.socket.send_to(datagram, to)))
    }
}
