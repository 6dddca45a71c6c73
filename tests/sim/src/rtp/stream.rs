//! The media task of one call: a packet every 20 ms, and everything that arrives.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use rtp_rs::{RtpPacketBuilder, RtpReader};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use super::events::{self, Events, Heard};
use super::recorder::Recorder;
use super::sdp::Offer;
use crate::journal::{Journal, RtpRecord, Said, now_ms};
use crate::party::player::{FRAME, Frame, Plan, audible};

/// A datagram larger than this is no packet of 20 ms.
const MAX_PACKET: usize = 1_500;
/// More keys than anybody presses in a call.
const MAX_DIGITS: usize = 256;
/// Sound on its way when a call is held may still come for so long.
const HOLD_GRACE: Duration = Duration::from_millis(500);
/// How often the counters go to the journal, in frames: half a second.
const REPORT_EVERY: u32 = 25;

/// What the carrier tells a stream.
pub(crate) enum Command {
    /// Start to send: the plan first, silence after it.
    Play(Plan),
    /// The caller moved.
    Retarget(Offer),
    /// We moved to this port.
    Move(UdpSocket),
    /// The party listens, or holds the call.
    Listen(bool),
}

/// What a stream tells the carrier.
#[derive(Debug)]
pub(crate) struct ScriptOver {
    pub(crate) call_id: String,
}

/// One call's media.
pub(crate) struct Stream {
    call_id: String,
    socket: UdpSocket,
    offer: Offer,
    journal: Journal,
    file: PathBuf,
    recorder: Option<Recorder>,
    plan: Option<Plan>,
    record: RtpRecord,
    outgoing: Outgoing,
    incoming: Incoming,
    heard: bool,
    /// Since when the party holds the call.
    held: Option<Instant>,
}

struct Outgoing {
    source: u32,
    sequence: u16,
    timestamp: u32,
    first: bool,
    /// Timestamp at which the key that is down was pressed.
    pressed: u32,
}

#[derive(Default)]
struct Incoming {
    source: Option<u32>,
    highest: u16,
    events: Events,
}

impl Stream {
    pub(crate) fn new(call_id: String, socket: UdpSocket, offer: Offer, journal: Journal, file: PathBuf) -> Self {
        let outgoing = Outgoing {
            source: rand::random(),
            sequence: rand::random(),
            timestamp: rand::random(),
            first: true,
            pressed: 0,
        };
        let record = RtpRecord { codec: Some(offer.law.encoding_name()), ..RtpRecord::default() };
        let incoming = Incoming::default();
        Self {
            call_id,
            socket,
            offer,
            journal,
            file,
            recorder: None,
            plan: None,
            record,
            outgoing,
            incoming,
            heard: false,
            held: None,
        }
    }

    /// Runs until the sender of commands is gone.
    pub(crate) async fn run(mut self, mut commands: mpsc::Receiver<Command>, over: mpsc::Sender<ScriptOver>) {
        let mut clock: Interval = interval(Duration::from_millis(20));
        // A late tick is caught up: the packets keep their own clock.
        clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut buffer = [0; MAX_PACKET];
        let mut frames = 0_u32;
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Play(plan)) => {
                        self.plan = Some(plan);
                        clock.reset_immediately();
                    }
                    Some(Command::Retarget(offer)) => {
                        self.record.codec = Some(offer.law.encoding_name());
                        self.offer = offer;
                    }
                    Some(Command::Move(socket)) => self.socket = socket,
                    Some(Command::Listen(on)) => self.held = (!on).then(Instant::now),
                    None => break,
                },
                arrived = self.socket.recv_from(&mut buffer) => {
                    if let Ok((length, from)) = arrived {
                        self.receive(&buffer[..length], from);
                    }
                }
                _ = clock.tick() => {
                    if self.send().await && over.send(ScriptOver { call_id: self.call_id.clone() }).await.is_err() {
                        break;
                    }
                    frames += 1;
                    if frames.is_multiple_of(REPORT_EVERY) {
                        self.report(None);
                    }
                }
            }
        }
        let written = self.recorder.take().map(Recorder::finish);
        match written {
            Some(Err(error)) => self.journal.complain("rtp", format!("the received audio could not be kept: {error}")),
            Some(Ok(())) => self.report(Some(self.file.display().to_string())),
            None => self.report(None),
        }
    }

    fn report(&self, audio: Option<String>) {
        self.journal.call(&self.call_id, |call| {
            call.rtp = self.record.clone();
            call.audio = audio;
        });
    }

    /// Sends the next 20 ms; true when the script ended with it.
    async fn send(&mut self) -> bool {
        let Some(plan) = &mut self.plan else {
            return false;
        };
        if plan.waits_for_a_packet() && self.record.received == 0 {
            return false;
        }
        let frame = plan.frame(std::mem::take(&mut self.heard));
        if let Some(clip) = &frame.began {
            let said = Said { clip: clip.to_string(), at: now_ms() };
            self.journal.call(&self.call_id, |call| call.said.push(said));
        }
        if frame.over {
            self.journal.call(&self.call_id, |call| call.script_over = true);
        }
        if matches!(self.offer.direction, "sendrecv" | "recvonly") {
            if let Some(packet) = self.packet(&frame)
                && self.socket.send_to(&packet, self.offer.target).await.is_ok()
            {
                self.record.sent += 1;
                self.record.last_sent_at = Some(now_ms());
                self.record.first_sent_at = self.record.first_sent_at.or(self.record.last_sent_at);
            }
            self.outgoing.sequence = self.outgoing.sequence.wrapping_add(1);
        }
        self.outgoing.timestamp = self.outgoing.timestamp.wrapping_add(FRAME as u32);
        frame.over
    }

    /// The sound of a frame, or the key that stands in for it.
    fn packet(&mut self, frame: &Frame) -> Option<Vec<u8>> {
        let (law, first) = (self.offer.law, std::mem::take(&mut self.outgoing.first));
        if let Some(key) = frame.key.filter(|key| key.begins()) {
            self.outgoing.pressed = self.outgoing.timestamp;
            self.record.dtmf_sent.push(key.digit);
        }
        let (kind, timestamp, marked, payload) = match (frame.key, self.offer.events) {
            (Some(key), Some(kind)) => (kind, self.outgoing.pressed, key.begins(), events::payload(key)?.to_vec()),
            // Who cannot be told of keys hears them.
            _ => (law.payload_type(), self.outgoing.timestamp, first, frame.samples.map(|s| law.encode(s)).to_vec()),
        };
        RtpPacketBuilder::new()
            .payload_type(kind)
            .ssrc(self.outgoing.source)
            .sequence(self.outgoing.sequence.into())
            .timestamp(timestamp)
            .marked(marked)
            .payload(&payload)
            .build()
            .ok()
    }

    fn receive(&mut self, bytes: &[u8], from: SocketAddr) {
        // Some stacks send from another port than they listen on; another host is a stranger.
        if from.ip() != self.offer.target.ip() {
            self.record.foreign += 1;
            return;
        }
        let Ok(packet) = RtpReader::new(bytes) else {
            self.record.defective += 1;
            return;
        };
        let (kind, source, timestamp) = (packet.payload_type(), packet.ssrc(), packet.timestamp());
        if Some(kind) == self.offer.events {
            self.sequence(source, packet.sequence_number().into());
            let heard = self.incoming.events.packet(source, timestamp, packet.mark(), packet.payload());
            self.key(&heard);
            return;
        }
        if kind != self.offer.law.payload_type() || packet.payload().is_empty() {
            self.record.defective += 1;
            return;
        }
        self.sequence(source, packet.sequence_number().into());
        let samples: Vec<i16> = packet.payload().iter().map(|&code| self.offer.law.decode(code)).collect();
        if self.held.is_some_and(|since| since.elapsed() > HOLD_GRACE) {
            self.held = None;
            self.journal.complain("rtp", "sound for a party that holds the call");
        }
        self.record.received += 1;
        self.record.last_received_at = Some(now_ms());
        self.record.first_received_at = self.record.first_received_at.or(self.record.last_received_at);
        if self.plan.as_ref().is_some_and(Plan::is_deaf) {
            return;
        }
        if audible(&samples) {
            self.heard = true;
            self.record.heard_ms += samples.len() as u64 / 8;
        }
        if self.recorder.is_none() && self.record.received == 1 {
            match Recorder::create(&self.file) {
                Ok(recorder) => self.recorder = Some(recorder),
                Err(error) => self.journal.complain("rtp", format!("cannot write the received audio: {error}")),
            }
        }
        if let Some(recorder) = &mut self.recorder
            && let Err(error) = recorder.write(source, timestamp, &samples)
        {
            self.journal.complain("rtp", format!("cannot write the received audio: {error}"));
            self.recorder = None;
        }
    }

    fn sequence(&mut self, source: u32, sequence: u16) {
        if self.incoming.source != Some(source) {
            self.incoming.source = Some(source);
            self.incoming.highest = sequence;
            self.record.sources += 1;
            return;
        }
        let ahead = sequence.wrapping_sub(self.incoming.highest);
        if ahead != 0 && ahead < 0x8000 {
            self.record.lost += u64::from(ahead) - 1;
            self.incoming.highest = sequence;
        } else if ahead != 0 {
            // A late packet was counted as lost when a later one came.
            self.record.lost = self.record.lost.saturating_sub(1);
        }
    }

    fn key(&mut self, heard: &Heard) {
        if let Some(wrong) = heard.wrong {
            self.record.defective += 1;
            self.journal.complain("rtp", wrong);
        }
        self.record.dtmf.extend(heard.digit.filter(|_| self.record.dtmf.len() < MAX_DIGITS));
    }
}
