//! The sockets, and the task that turns the crank.

mod command;
mod config;
mod door;
mod driver;
mod leg;
mod measure;
mod phone_call;
mod phones;
mod seat;
mod targets;
mod trunks;
mod work;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use self::{
    command::Command,
    command::Said,
    driver::{Driver, LADDERS, many_random, random},
    leg::EVENTS,
    measure::Measure,
    trunks::Trunks,
};
pub use self::{
    config::{EndpointConfig, StartError},
    leg::{IncomingCall, Leg, LegHandle, PreparedLeg},
    phone_call::PhoneCall,
    seat::Seat,
};
use crate::{
    call::{CallCore, FinishError, Finished, LegIds, OutboundCall, SavedLeg, Trunk},
    edge::{Edge, EdgeSettings, Inbox, Ladder, LadderLine},
    flow::{Protocol, Targets},
    registrar::{Device, PhoneAccount, Registrar, Target},
    transport::{Addresses, Resolver, Transport},
    trunk::{NoTrunk, TrunkSettings, TrunkState},
};

/// So many calls that came in wait to be looked at; more are told to come later.
const WAITING: usize = 256;

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
    /// No device of a desk phone is registered.
    #[error("no device of desk phone {user} is registered")]
    NotRegistered {
        /// Account of the phone.
        user: String,
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

/// So much may be asked of the task before it is too much.
const COMMANDS: usize = 1024;

/// The SIP endpoint. Clones share it.
#[derive(Debug, Clone)]
pub struct Endpoint {
    commands: mpsc::Sender<Command>,
    addresses: Arc<Addresses>,
    resolver: Resolver,
    callers: Arc<OnceLock<mpsc::Sender<IncomingCall>>>,
    states: watch::Receiver<Vec<TrunkState>>,
    /// Of the desk phones.
    realm: Option<Arc<str>>,
}

impl Endpoint {
    /// Opens the listeners and starts the task, which ends with `cancel`. Within a runtime.
    pub fn start(config: EndpointConfig, cancel: CancellationToken) -> Result<Self, StartError> {
        let EndpointConfig { listens, client_tls, limits, name_servers, edge, phones, user_agent, user } = config;
        let connections = CancellationToken::new();
        let (transport, addresses, arrived) = Transport::start(&listens, &client_tls, limits, connections)?;
        let addresses = addresses.named(&user);
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let callers = Arc::new(OnceLock::new());
        let resolver = Resolver::new(&name_servers);
        let (trunks, states) = Trunks::new(addresses.clone(), &user, resolver.clone(), limits.keep_alive);
        let realm = phones.as_ref().map(|settings| Arc::from(settings.challenge.realm.as_str()));
        let now = Instant::now();
        let driver = Driver {
            callers: callers.clone(),
            commands: commands.downgrade(),
            transport,
            core: CallCore::new(addresses.clone(), user_agent, Box::new(many_random())),
            legs: HashMap::new(),
            asked: HashMap::new(),
            edge: Edge::new(EdgeSettings { phones: phones.is_some(), ..edge }, random()),
            ladder: Ladder::new(LADDERS),
            waiting: Inbox::new(driver::WAITING, driver::WAITING_BYTES),
            trunks,
            phones: phones.map(|settings| Registrar::new(now, settings, secret())),
            phones_due: None,
            finishing: HashMap::new(),
            farewells: Vec::new(),
            measure: Measure::new(now),
            closing: None,
        };
        tokio::spawn(driver.run(inbox, arrived, cancel));
        Ok(Self { commands, addresses: Arc::new(addresses), resolver, callers, states, realm })
    }

    /// The address that stands in Via and Contact where no transport is meant.
    pub fn local_addr(&self) -> SocketAddr {
        self.addresses.main()
    }

    /// The address that stands in Via and Contact over this transport; none when we do not
    /// listen for it.
    pub fn local_addr_on(&self, protocol: Protocol) -> Option<SocketAddr> {
        self.addresses.on(protocol)
    }

    /// The calls that come in; taken once. While nobody takes them they are refused with 480.
    pub fn incoming(&self) -> Option<mpsc::Receiver<IncomingCall>> {
        let (sender, receiver) = mpsc::channel(WAITING);
        self.callers.set(sender).ok().map(|()| receiver)
    }

    /// Places a call.
    pub async fn call(&self, call: OutboundCall) -> Result<Leg, CallError> {
        let targets = self.resolve(&call.trunk).await?;
        self.place(self.prepare(call, targets)).await
    }

    /// Finds where a trunk is reached (RFC 3263). Takes three seconds at most; nothing has gone
    /// out yet.
    pub async fn resolve(&self, trunk: &Trunk) -> Result<Targets, CallError> {
        targets::find(&self.resolver, trunk).await
    }

    /// Chooses the names of a call at the place that [`Endpoint::resolve`] found.
    pub fn prepare(&self, call: OutboundCall, targets: impl Into<Targets>) -> PreparedLeg {
        let targets = targets.into();
        let local = self.addresses.sent_by(&targets.first());
        let ids = LegIds::new(local, random);
        let saved = SavedLeg::new(local, &call, targets.first(), ids.clone());
        PreparedLeg { call, targets, ids, saved }
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
        let (sender, events) = mpsc::channel(EVENTS);
        let (id, placed) = oneshot::channel();
        let saved = leg.saved.clone();
        let command = Command::Place { leg: Box::new(leg), events: sender, id };
        self.commands.try_send(command).map_err(|_| CallError::Busy)?;
        let id = placed.await.map_err(|_| CallError::Busy)?;
        Ok(Leg { events, handle: LegHandle { commands: self.commands.clone(), id }, saved, keeping: false })
    }

    /// These are the trunks from now on: what is new registers or is asked whether it is there,
    /// what is gone is given back, what did not change goes on.
    pub async fn set_trunks(&self, trunks: Vec<TrunkSettings>) {
        let _ = self.commands.send(Command::Trunks(trunks)).await;
    }

    /// How the trunks stand, in the order of the settings; changes as they do.
    pub fn trunk_states(&self) -> watch::Receiver<Vec<TrunkState>> {
        self.states.clone()
    }

    /// An operator wants a trunk tried at once, also one that refused us.
    pub async fn try_trunk_again(&self, id: &str) {
        let _ = self.commands.send(Command::OfTrunk { id: id.to_owned(), said: Said::Again }).await;
    }

    /// Chooses the trunk of a new call among these, by weight and limits.
    pub async fn choose(&self, among: Vec<String>) -> Result<Seat, NoTrunk> {
        let (done, chosen) = oneshot::channel();
        if self.commands.send(Command::Choose { among, done }).await.is_err() {
            return Err(NoTrunk::Down);
        }
        chosen.await.map_err(|_| NoTrunk::Down)?.map(|seated| Seat::new(seated, self.commands.clone()))
    }

    /// These are the desk phones from now on; where the configuration lets phones register.
    pub async fn set_phones(&self, accounts: Vec<PhoneAccount>) {
        let _ = self.commands.send(Command::Phones(accounts)).await;
    }

    /// Where a desk phone is reached, the best first; empty when it is not registered.
    pub async fn phone(&self, user: &str) -> Vec<Target> {
        let (done, targets) = oneshot::channel();
        let _ = self.commands.send(Command::Phone { user: user.to_owned(), done }).await;
        targets.await.unwrap_or_default()
    }

    /// The devices of every desk phone that has any registered, by its account.
    pub async fn phone_devices(&self) -> HashMap<String, Vec<Device>> {
        let (done, devices) = oneshot::channel();
        let _ = self.commands.send(Command::Devices { done }).await;
        devices.await.unwrap_or_default().into_iter().collect()
    }

    /// The messages of one call, masked; empty when the call is too long ago.
    pub async fn ladder(&self, call_id: &str) -> Vec<LadderLine> {
        let (done, lines) = oneshot::channel();
        let _ = self.commands.send(Command::Ladder { call_id: call_id.to_owned(), done }).await;
        lines.await.unwrap_or_default()
    }

    /// Asks a trunk whether it is there; any final answer counts.
    pub async fn probe(&self, trunk: &Trunk) -> Result<(), ProbeError> {
        let target = self.resolve(trunk).await?.first();
        let (done, answer) = oneshot::channel();
        let command = Command::Probe { domain: trunk.domain.clone(), target, done };
        self.commands.send(command).await.map_err(|_| CallError::Busy)?;
        match answer.await {
            Ok(true) => Ok(()),
            _ => Err(ProbeError::Silent(trunk.name.clone())),
        }
    }

    /// Takes no new call from now on (503, and the same to OPTIONS, so that carriers send them
    /// elsewhere). Those that live go on.
    pub async fn drain(&self) {
        let _ = self.commands.send(Command::Drain).await;
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

/// Seals the nonces of this run.
fn secret() -> [u8; 32] {
    let mut secret = [0; 32];
    for word in secret.chunks_mut(8) {
        word.copy_from_slice(&random().to_be_bytes());
    }
    secret
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
            ..Trunk::default()
        };
        let begun = tokio::time::Instant::now();
        let resolver = Resolver::new(&[SocketAddr::from(([127, 0, 0, 1], 53))]);
        let silent = || std::future::pending::<(String, Vec<crate::Flow>)>();
        let found = targets::within(&resolver, &trunk, [silent(), silent()].into_iter()).await;
        assert!(matches!(found, Err(CallError::Resolve { .. })));
        assert_eq!(begun.elapsed(), targets::RESOLVE);
    }
}
