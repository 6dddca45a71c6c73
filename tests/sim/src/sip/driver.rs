//! The carrier's socket and the media of its calls.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::carrier::{Carrier, Note, Output};
use super::control::Order;
use crate::journal::{CallRecord, ChangeRecord, Journal, now_ms};
use crate::numbers::Number;
use crate::party::voices::Clip;
use crate::party::{self, Behaviour, Errand};
use crate::rtp::sdp::Offer;
use crate::rtp::stream::{Command, ScriptOver, Stream};

/// How long the driver sleeps when nothing is due.
const IDLE: Duration = Duration::from_mins(1);
const QUEUE: usize = 256;

/// A file that a party speaks.
#[derive(Clone)]
pub(crate) struct Speech {
    pub(crate) clip: Clip,
    pub(crate) delay_ms: u32,
    /// How long after the answer the party hangs up, if it does.
    pub(crate) hang_up_after: Option<Duration>,
}

/// The driver.
pub(crate) struct Driver {
    pub(crate) socket: UdpSocket,
    pub(crate) carrier: Carrier,
    pub(crate) journal: Journal,
    pub(crate) audio_dir: PathBuf,
    pub(crate) speeches: HashMap<Number, Speech>,
    pub(crate) orders: mpsc::Receiver<Order>,
    pub(crate) tracker: TaskTracker,
    pub(crate) stop: CancellationToken,
}

impl Driver {
    pub(crate) async fn run(mut self) {
        let (over, mut finished) = mpsc::channel::<ScriptOver>(QUEUE);
        let mut state = Media { streams: HashMap::new(), moving: HashMap::new(), hang_ups: Vec::new(), over, files: 0 };
        let mut buffer = vec![0; 65_535];
        loop {
            let now = Instant::now();
            let wake = [self.carrier.deadline(), state.hang_ups.iter().map(|(at, _)| *at).min()];
            let wake = wake.into_iter().flatten().min().unwrap_or(now + IDLE);
            let outputs = tokio::select! {
                arrived = self.socket.recv_from(&mut buffer) => match arrived {
                    Ok((length, from)) => self.carrier.datagram(&buffer[..length], from, Instant::now()),
                    // ICMP answers to earlier datagrams show up here; the next read goes on.
                    Err(_) => Vec::new(),
                },
                Some(ScriptOver { call_id }) = finished.recv() => self.carrier.script_over(&call_id, Instant::now()),
                Some(order) = self.orders.recv() => self.obey(order),
                () = tokio::time::sleep_until(wake.into()) => self.due(&mut state),
                () = self.stop.cancelled() => break,
            };
            self.carry_out(outputs, &mut state).await;
        }
        let outputs = self.carrier.stop(Instant::now());
        self.carry_out(outputs, &mut state).await;
    }

    fn obey(&mut self, order: Order) -> Vec<Output> {
        match order {
            Order::Fault(fault) => self.carrier.set_fault(fault),
            Order::Say { number, speech } => {
                self.speeches.insert(number, speech);
            }
            Order::Manners { manners, done } => {
                // Whoever asked may have gone.
                let _ = done.send(self.carrier.behave(&manners));
            }
            Order::Change { call_id, what, done } => {
                let begun = self.carrier.change(&call_id, what, Instant::now());
                let (answer, outputs) = begun.map_or_else(|why| (Err(why), Vec::new()), |out| (Ok(()), out));
                let _ = done.send(answer);
                return outputs;
            }
            Order::CallIn { call, done } => {
                let now = Instant::now();
                let spoken = Number::parse(&call.from).is_some_and(|n| self.speeches.contains_key(&n));
                let placed = self.carrier.inward(call, spoken, now).and_then(|i| self.carrier.call_in(i, now));
                let (answer, outputs) = placed.map_or_else(|why| (Err(why), Vec::new()), |(id, out)| (Ok(id), out));
                let _ = done.send(answer);
                return outputs;
            }
        }
        Vec::new()
    }

    fn due(&mut self, state: &mut Media) -> Vec<Output> {
        let now = Instant::now();
        let mut outputs = self.carrier.tick(now);
        let (due, later) = std::mem::take(&mut state.hang_ups).into_iter().partition(|(at, _)| *at <= now);
        state.hang_ups = later;
        let due: Vec<(Instant, String)> = due;
        for (_, call_id) in due {
            outputs.extend(self.carrier.party_hangs_up(&call_id, now));
        }
        outputs
    }

    async fn carry_out(&mut self, outputs: Vec<Output>, state: &mut Media) {
        let mut queue = std::collections::VecDeque::from(outputs);
        while let Some(output) = queue.pop_front() {
            match output {
                Output::Send(to, bytes) => {
                    if let Err(error) = self.socket.send_to(&bytes, to).await {
                        tracing::warn!(%error, "a SIP datagram could not be sent");
                    }
                }
                Output::OpenMedia { call_id, offer } => {
                    let local = self.open(&call_id, offer, state);
                    if let Err(error) = &local {
                        tracing::warn!(%error, "no media port could be opened");
                    }
                    queue.extend(self.carrier.media_ready(&call_id, local.ok(), Instant::now()));
                }
                Output::Play { call_id, number, behaviour, errand } => {
                    self.play(call_id, &number, behaviour, &errand, state);
                }
                Output::MoveMedia { call_id } => match self.bind() {
                    Ok((socket, local)) => {
                        state.moving.insert(call_id.clone(), socket);
                        queue.extend(self.carrier.media_moves(&call_id, local, Instant::now()));
                    }
                    Err(error) => tracing::warn!(%error, "no second media port could be opened"),
                },
                Output::MediaMoved { call_id } => {
                    if let (Some(stream), Some(socket)) = (state.streams.get(&call_id), state.moving.remove(&call_id)) {
                        let _ = stream.try_send(Command::Move(socket));
                    }
                }
                Output::Listen { call_id, on } => {
                    if let Some(stream) = state.streams.get(&call_id) {
                        let _ = stream.try_send(Command::Listen(on));
                    }
                }
                Output::Retarget { call_id, offer } => {
                    if let Some(stream) = state.streams.get(&call_id) {
                        // A stream that is gone has nobody left to move.
                        let _ = stream.try_send(Command::Retarget(offer));
                    }
                }
                Output::CloseMedia { call_id } => {
                    state.streams.remove(&call_id);
                    state.moving.remove(&call_id);
                    state.hang_ups.retain(|(_, id)| *id != call_id);
                }
                Output::Note { call_id, note } => self.journal.call(&call_id, |record| write_down(record, note)),
                Output::Registered(record) => self.journal.register(record),
                Output::Probed => self.journal.lock().options += 1,
                Output::Complain(what) => {
                    tracing::warn!(complaint = what, "the other side broke the protocol");
                    self.journal.complain("sip", what);
                }
            }
        }
    }

    /// A port for media.
    fn bind(&self) -> io::Result<(UdpSocket, SocketAddr)> {
        let ip = self.socket.local_addr()?.ip();
        let socket = std::net::UdpSocket::bind((ip, 0))?;
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?;
        Ok((UdpSocket::from_std(socket)?, local))
    }

    fn open(&self, call_id: &str, offer: Offer, state: &mut Media) -> io::Result<SocketAddr> {
        let (socket, local) = self.bind()?;
        let (commands, inbox) = mpsc::channel(QUEUE);
        state.files += 1;
        let file = self.audio_dir.join(format!("call-{:05}.wav", state.files));
        let stream = Stream::new(call_id.to_owned(), socket, offer, self.journal.clone(), file);
        self.tracker.spawn(stream.run(inbox, state.over.clone()));
        state.streams.insert(call_id.to_owned(), commands);
        Ok(local)
    }

    fn play(&self, call_id: String, number: &str, behaviour: Behaviour, errand: &Errand, state: &mut Media) {
        let speech = Number::parse(number).and_then(|n| self.speeches.get(&n));
        let own = speech.map(|s| (s.clip.clone(), s.delay_ms));
        if let (Some(stream), Some(plan)) = (state.streams.get(&call_id), party::plan(behaviour, own)) {
            // A stream that is gone has its call gone with it.
            let _ = stream.try_send(Command::Play(errand.before(plan)));
        }
        let own = speech.filter(|_| behaviour == Behaviour::Speaker).and_then(|s| s.hang_up_after);
        if let Some(after) = errand.hang_up_after.or(own) {
            state.hang_ups.push((Instant::now() + after, call_id));
        }
    }
}

struct Media {
    streams: HashMap<String, mpsc::Sender<Command>>,
    /// Second ports of calls whose media moves.
    moving: HashMap<String, UdpSocket>,
    /// When a speaker hangs up by its own time.
    hang_ups: Vec<(Instant, String)>,
    over: mpsc::Sender<ScriptOver>,
    files: u32,
}

fn write_down(record: &mut CallRecord, note: Note) {
    let now = Some(now_ms());
    match note {
        Note::Invite { number, caller, asserted } => {
            record.invites += 1;
            record.invite_at = record.invite_at.or(now);
            (record.number, record.caller, record.asserted) = (number, caller, asserted);
        }
        Note::Inward { number, caller } => {
            (record.into_court, record.invites, record.invite_at) = (true, 1, now);
            (record.number, record.caller) = (number, caller);
        }
        Note::Challenged { stale } => {
            record.challenges += 1;
            record.stale += u32::from(stale);
        }
        Note::Credentials(algorithm) => {
            record.digest_ok = Some(algorithm.is_some());
            record.digest_algorithm = algorithm.map(super::digest::Algorithm::token);
        }
        Note::Offered(formats) => record.offered = formats,
        Note::Party(name) => record.behaviour = Some(name),
        Note::Refused(why) => record.refused = Some(why),
        Note::Status(180) => record.ringing_at = record.ringing_at.or(now),
        Note::Status(183) => record.early_media_at = record.early_media_at.or(now),
        Note::Status(status) => {
            record.status = Some(status);
            if status == 200 {
                record.answered_at = record.answered_at.or(now);
            }
        }
        Note::Turned { reason, retry_after_s } => {
            record.reason = record.reason.take().or(reason);
            record.retry_after_s = retry_after_s;
        }
        Note::Changed { what, status } => record.changes.push(ChangeRecord { what, status }),
        Note::Acked => record.acked_at = record.acked_at.or(now),
        Note::Ended(by) => {
            record.ended_at = record.ended_at.or(now);
            record.ended_by = record.ended_by.or(Some(by));
        }
    }
}
