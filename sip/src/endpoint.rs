//! One UDP socket and the task that turns the crank.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use tokio::{
    net::UdpSocket,
    sync::{mpsc, oneshot},
};
use tokio_util::sync::CancellationToken;

use crate::{
    call::{CallCore, FinishError, Finished, LegEvent, LegIds, Out, OutboundCall, SavedLeg, Trunk},
    flow::Flow,
    tx::Key,
};

/// Where the endpoint listens and how it names itself.
#[derive(Debug, Clone)]
pub struct EndpointConfig {
    /// Address to bind; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Address that the carrier sees, when it is not the bound one.
    pub advertise: Option<IpAddr>,
    /// User-Agent.
    pub user_agent: String,
}

/// The endpoint could not start.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen for SIP on {listen}: {error}")]
pub struct StartError {
    listen: SocketAddr,
    error: std::io::Error,
}

/// A call could not be placed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The carrier's address cannot be found.
    #[error("the carrier's address {proxy} of trunk {trunk} cannot be resolved")]
    Resolve {
        /// Trunk.
        trunk: String,
        /// Its address.
        proxy: String,
    },
    /// The endpoint is closing, or has too much to do.
    #[error("the telephone line takes no more calls at the moment")]
    Busy,
}

/// A trunk did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// The carrier's address cannot be found, or the endpoint is closing.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Nothing came back within 32 seconds.
    #[error("the carrier of trunk {0} does not answer")]
    Silent(String),
}

enum Command {
    Place { leg: Box<PreparedLeg>, events: mpsc::Sender<LegEvent>, id: oneshot::Sender<String> },
    Finish { saved: Box<SavedLeg>, trunk: Box<Trunk>, done: oneshot::Sender<Result<Finished, FinishError>> },
    Kept { id: String },
    HangUp { id: String },
    Probe { domain: String, target: SocketAddr, done: oneshot::Sender<bool> },
    Close { limit: Duration, done: oneshot::Sender<bool> },
}

/// The SIP endpoint. Clones share it.
#[derive(Debug, Clone)]
pub struct Endpoint {
    commands: mpsc::Sender<Command>,
    local: SocketAddr,
}

/// A call that was placed. Dropping it hangs up.
#[derive(Debug)]
pub struct Leg {
    events: mpsc::Receiver<LegEvent>,
    handle: LegHandle,
    saved: SavedLeg,
    /// [`LegEvent::Saved`] was handed out, and nobody asked for more yet.
    keeping: bool,
}

/// A call that is ready to go out: its names on the wire are chosen, nothing was sent.
#[derive(Debug)]
pub struct PreparedLeg {
    call: OutboundCall,
    target: Flow,
    ids: LegIds,
    saved: SavedLeg,
}

impl PreparedLeg {
    /// What must be kept before it goes out, so that a later run can end it.
    pub fn saved(&self) -> &SavedLeg {
        &self.saved
    }
}

/// Hangs up a call; may be cloned.
#[derive(Debug, Clone)]
pub struct LegHandle {
    commands: mpsc::Sender<Command>,
    id: String,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Command")
    }
}

impl Endpoint {
    /// Binds the socket and starts its task, which ends with `cancel`.
    pub async fn start(config: EndpointConfig, cancel: CancellationToken) -> Result<Self, StartError> {
        let refused = |error| StartError { listen: config.listen, error };
        let socket = UdpSocket::bind(config.listen).await.map_err(refused)?;
        let mut local = socket.local_addr().map_err(refused)?;
        if let Some(ip) = config.advertise {
            local.set_ip(ip);
        }
        let core = CallCore::new(local, config.user_agent, Box::new(random));
        let (commands, inbox) = mpsc::channel(1024);
        let driver = Driver {
            socket,
            core,
            legs: HashMap::new(),
            probes: HashMap::new(),
            finishing: HashMap::new(),
            farewells: Vec::new(),
        };
        tokio::spawn(driver.run(inbox, cancel));
        Ok(Self { commands, local })
    }

    /// The address that stands in Via and Contact.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Places a call.
    pub async fn call(&self, call: OutboundCall) -> Result<Leg, CallError> {
        let target = self.resolve(&call.trunk).await?;
        self.place(self.prepare(call, target)).await
    }

    /// Finds the address of a trunk. Takes three seconds at most; nothing has gone out yet.
    pub async fn resolve(&self, trunk: &Trunk) -> Result<SocketAddr, CallError> {
        resolved(trunk, tokio::net::lookup_host(&trunk.proxy)).await
    }

    /// Chooses the names of a call at the address that [`Endpoint::resolve`] found.
    pub fn prepare(&self, call: OutboundCall, target: SocketAddr) -> PreparedLeg {
        let ids = LegIds::new(self.local, random);
        let target = Flow::udp(target);
        let saved = SavedLeg::new(self.local, &call, target, ids.clone());
        PreparedLeg { call, target, ids, saved }
    }

    /// Ends the leg of an earlier run: BYE or CANCEL, whichever fits, with the credentials of
    /// its trunk when they are asked for. Never dials. Each request is waited for 32 seconds at
    /// most, also when the caller stops waiting. The endpoint listens where the earlier run
    /// did: what is answered to the INVITE of that run comes there.
    pub async fn finish(&self, saved: &SavedLeg, trunk: &Trunk) -> Result<Finished, FinishError> {
        let (done, finished) = oneshot::channel();
        let command = Command::Finish { saved: Box::new(saved.clone()), trunk: Box::new(trunk.clone()), done };
        self.commands.send(command).await.map_err(|_| FinishError::Closed)?;
        finished.await.map_err(|_| FinishError::Closed)?
    }

    /// Sends the INVITE of a prepared call.
    pub async fn place(&self, leg: PreparedLeg) -> Result<Leg, CallError> {
        // Room for every event of a call: the driver never waits for a slow reader.
        let (sender, events) = mpsc::channel(256);
        let (id, placed) = oneshot::channel();
        let saved = leg.saved.clone();
        let command = Command::Place { leg: Box::new(leg), events: sender, id };
        self.commands.try_send(command).map_err(|_| CallError::Busy)?;
        let id = placed.await.map_err(|_| CallError::Busy)?;
        Ok(Leg { events, handle: LegHandle { commands: self.commands.clone(), id }, saved, keeping: false })
    }

    /// Asks a trunk whether it is there; any final answer counts.
    pub async fn probe(&self, trunk: &Trunk) -> Result<(), ProbeError> {
        let target = self.resolve(trunk).await?;
        let (done, answer) = oneshot::channel();
        let command = Command::Probe { domain: trunk.domain.clone(), target, done };
        self.commands.send(command).await.map_err(|_| CallError::Busy)?;
        match answer.await {
            Ok(true) => Ok(()),
            _ => Err(ProbeError::Silent(trunk.name.clone())),
        }
    }

    /// Hangs every call up, takes no new one, and waits until each of our requests had its
    /// answer, at most `limit`. Then the endpoint has ended. False when an answer is missing:
    /// the other end may think that a call goes on.
    pub async fn close(&self, limit: Duration) -> bool {
        let (done, closed) = oneshot::channel();
        if self.commands.send(Command::Close { limit, done }).await.is_err() {
            return false;
        }
        closed.await.unwrap_or(false)
    }
}

/// A name that is not found in this time is as good as none: somebody waits at the other end.
const RESOLVE: Duration = Duration::from_secs(3);

async fn resolved<A: Iterator<Item = SocketAddr>>(
    trunk: &Trunk,
    lookup: impl Future<Output = std::io::Result<A>>,
) -> Result<SocketAddr, CallError> {
    let refused = || CallError::Resolve { trunk: trunk.name.clone(), proxy: trunk.proxy.clone() };
    let found = tokio::time::timeout(RESOLVE, lookup).await;
    found.map_err(|_| refused())?.map_err(|_| refused())?.next().ok_or_else(refused)
}

impl Leg {
    /// The next event; none after [`LegEvent::Ended`]. Whoever asks has seen to the one before:
    /// what [`LegEvent::Saved`] told is kept.
    pub async fn next(&mut self) -> Option<LegEvent> {
        if self.keeping {
            let kept = Command::Kept { id: self.handle.id.clone() };
            self.keeping = self.handle.commands.try_send(kept).is_err();
        }
        let event = self.events.recv().await;
        self.keeping |= matches!(event, Some(LegEvent::Saved(_)));
        event
    }

    /// A handle that hangs up.
    pub fn handle(&self) -> LegHandle {
        self.handle.clone()
    }

    /// What must be kept of it until it is answered; from then on [`LegEvent::Saved`] counts.
    pub fn saved(&self) -> &SavedLeg {
        &self.saved
    }

    /// Call-ID, which may stand in logs.
    pub fn call_id(&self) -> &str {
        &self.handle.id
    }
}

impl Drop for Leg {
    fn drop(&mut self) {
        let _ = self.handle.commands.try_send(Command::HangUp { id: self.handle.id.clone() });
    }
}

impl LegHandle {
    /// CANCEL or BYE, whichever fits; nothing when the call is over.
    pub async fn hang_up(&self) {
        let _ = self.commands.send(Command::HangUp { id: self.id.clone() }).await;
    }
}

struct Driver {
    socket: UdpSocket,
    core: CallCore,
    legs: HashMap<String, mpsc::Sender<LegEvent>>,
    probes: HashMap<Key, oneshot::Sender<bool>>,
    /// Who waits for the end of a leg of an earlier run.
    finishing: HashMap<String, oneshot::Sender<Result<Finished, FinishError>>>,
    /// Who waits for the end.
    farewells: Vec<oneshot::Sender<bool>>,
}

/// How long the answers are waited for when the endpoint is just cancelled or dropped.
const FAREWELL: Duration = Duration::from_secs(2);

impl Driver {
    async fn run(mut self, mut inbox: mpsc::Receiver<Command>, cancel: CancellationToken) {
        let mut buffer = vec![0_u8; 65_536];
        let mut closing: Option<Instant> = None;
        let mut open = true;
        loop {
            let wake = self.core.next_deadline().unwrap_or_else(|| Instant::now() + Duration::from_mins(1));
            let wake = closing.map_or(wake, |end| end.min(wake));
            tokio::select! {
                () = cancel.cancelled(), if closing.is_none() => closing = Some(self.close(FAREWELL)),
                command = inbox.recv(), if open => match command {
                    Some(Command::Close { limit, done }) => {
                        self.farewells.push(done);
                        closing = Some(self.close(limit));
                    }
                    // Whoever asks for more while we close is refused by the end of his channel.
                    Some(command) if closing.is_none() => self.command(command),
                    Some(_) => {}
                    None => {
                        open = false;
                        closing = closing.or_else(|| Some(self.close(FAREWELL)));
                    }
                },
                datagram = self.socket.recv_from(&mut buffer) => match datagram {
                    Ok((length, from)) => self.core.receive(Instant::now(), &buffer[..length], from),
                    // A port that nobody listens on answers by ICMP; the transaction times out by itself.
                    Err(error) => tracing::debug!(%error, "receiving from the SIP socket"),
                },
                () = tokio::time::sleep_until(wake.into()) => self.core.tick(Instant::now()),
            }
            self.flush().await;
            let answered = self.core.unanswered() == 0;
            if closing.is_some_and(|end| answered || end <= Instant::now()) {
                for farewell in self.farewells {
                    let _ = farewell.send(answered);
                }
                return;
            }
        }
    }

    /// Hangs everything up. Answers until when the answers are waited for.
    fn close(&mut self, limit: Duration) -> Instant {
        let now = Instant::now();
        for id in self.legs.keys().cloned().collect::<Vec<_>>() {
            self.core.hang_up(now, &id);
        }
        now + limit
    }

    fn command(&mut self, command: Command) {
        let now = Instant::now();
        match command {
            Command::Finish { saved, trunk, done } => match self.core.finish_leg(now, &saved, &trunk) {
                Ok(id) => drop(self.finishing.insert(id, done)),
                Err(refused) => drop(done.send(Err(refused))),
            },
            Command::Kept { id } => self.core.kept(&id),
            Command::Place { leg, events, id } => {
                let PreparedLeg { call, target, ids, .. } = *leg;
                let call_id = self.core.place(now, call, target, ids);
                self.legs.insert(call_id.clone(), events);
                // Whoever asked is gone: nobody would hang up.
                if id.send(call_id.clone()).is_err() {
                    self.core.hang_up(now, &call_id);
                }
                metrics::counter!("songda_sip_requests_total", "method" => "INVITE").increment(1);
            }
            Command::HangUp { id } => self.core.hang_up(now, &id),
            Command::Probe { domain, target, done } => {
                if let Some(key) = self.core.probe(now, &domain, target) {
                    self.probes.insert(key, done);
                }
            }
            // Seen to by `run`, which knows whether we close.
            Command::Close { .. } => {}
        }
    }

    async fn flush(&mut self) {
        while let Some(out) = self.core.poll() {
            match out {
                Out::Send(to, bytes) => {
                    if let Err(error) = self.socket.send_to(&bytes, to.remote).await {
                        tracing::warn!(%error, "sending a SIP message");
                    }
                }
                Out::Event(id, event) => {
                    let last = matches!(event, LegEvent::Ended(_));
                    if let Some(leg) = self.legs.get(&id) {
                        let _ = leg.try_send(event);
                    }
                    if last {
                        self.legs.remove(&id);
                    }
                }
                Out::Finished(id, how) => {
                    if let Some(done) = self.finishing.remove(&id) {
                        let _ = done.send(how);
                    }
                }
                Out::Probed(key, alive) => {
                    if let Some(done) = self.probes.remove(&key) {
                        let _ = done.send(alive);
                    }
                }
            }
        }
        let (calls, transactions) = self.core.load();
        metrics::gauge!("songda_sip_calls").set(calls as f64);
        metrics::gauge!("songda_sip_transactions_active").set(transactions as f64);
        metrics::counter!("songda_sip_retransmissions_total").absolute(self.core.retransmissions());
    }
}

fn random() -> u64 {
    getrandom::u64().unwrap_or_else(|_| std::process::id().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_name_server_that_is_silent_is_waited_for_three_seconds() {
        let trunk = Trunk {
            name: "t".into(),
            proxy: "carrier.test:5060".into(),
            domain: "carrier.test".into(),
            username: "court".into(),
            password: "secret".to_owned().into(),
        };
        let begun = tokio::time::Instant::now();
        let silent = std::future::pending::<std::io::Result<std::vec::IntoIter<SocketAddr>>>();
        assert!(matches!(resolved(&trunk, silent).await, Err(CallError::Resolve { .. })));
        assert_eq!(begun.elapsed(), RESOLVE);
    }
}
