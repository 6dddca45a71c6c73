//! The trunks of a running endpoint: what their board wants is resolved and sent, and who may
//! send for them is known at the door.

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::sync::{oneshot, watch};

use super::{
    command::Command,
    driver::{Driver, random},
    seat::Seated,
    targets::RESOLVE,
};
use crate::{
    call::{Invite, Trunk, TrunkSound, account},
    edge::{Network, Source},
    flow::{Flow, Protocol},
    msg::{Method, Request},
    transport::{self, Addresses, Destination, Resolver},
    trunk::{Board, Do, NoTrunk, Registration, Ticket, TrunkSettings, TrunkState},
    wire::Frame,
};

/// So often the names of trunks are looked up again, for who may call.
const LOOK_AGAIN: Duration = Duration::from_mins(5);

/// And after so long, where a question had no answer.
const LOOK_SOON: Duration = Duration::from_secs(3);

/// What a request outside of any call was sent for.
pub(super) enum Asked {
    /// Somebody wants to know whether a carrier is there.
    Probe(oneshot::Sender<bool>),
    /// The board does.
    Board(Ticket),
}

/// The board, and what it needs of the outside.
pub(super) struct Trunks {
    pub(super) board: Board,
    states: watch::Sender<Vec<TrunkState>>,
    resolver: Resolver,
    /// The trunks of calls that came in, by the id of the call.
    carried: HashMap<String, String>,
    look: Option<Instant>,
    /// Where each trunk may send from, by the names that are written down for it.
    known: HashMap<String, HashMap<String, HashSet<SocketAddr>>>,
    /// Where each trunk was registered over datagrams: kept open through whatever translates
    /// addresses on the way (RFC 5626, 4.4.1 and 8).
    registered: HashMap<String, Flow>,
    ping: Option<Instant>,
    keep_alive: Duration,
}

/// A request of the board, and where its host is.
pub(super) struct Found {
    trunk: String,
    ticket: Ticket,
    request: Box<Request>,
    flows: Vec<Flow>,
}

/// What was found under the names of everything that a trunk may send from.
pub(super) struct Known {
    trunk: String,
    names: Vec<(String, transport::Found)>,
}

impl Trunks {
    pub(super) fn new(
        addresses: Addresses,
        user: &str,
        resolver: Resolver,
        keep_alive: Duration,
    ) -> (Self, watch::Receiver<Vec<TrunkState>>) {
        let local = move |protocol: Protocol| addresses.on(protocol).unwrap_or_else(|| addresses.main());
        let (states, receiver) = watch::channel(Vec::new());
        let board = Board::new(local, random).named(user);
        let trunks = Self {
            board,
            states,
            resolver,
            carried: HashMap::new(),
            look: None,
            known: HashMap::new(),
            registered: HashMap::new(),
            ping: None,
            keep_alive,
        };
        (trunks, receiver)
    }

    /// A host did not take a call: it is asked last for so long.
    pub(super) fn failed(&self, now: Instant, flow: Flow, rest: Duration) {
        self.resolver.failed(now, flow, rest);
    }

    /// When [`Driver::trunks_tick`] wants to be called.
    pub(super) fn next_deadline(&self, now: Instant) -> Option<Instant> {
        self.board.next_deadline(now).into_iter().chain(self.look).chain(self.ping).min()
    }
}

fn destination(host: &str, protocol: Protocol) -> Option<Destination> {
    let wanted = Destination::parse(host)?;
    Some(Destination { protocol: wanted.protocol.or(Some(protocol)), ..wanted })
}

/// The names under which a trunk may send: its hosts, and those that are accepted beside them.
fn names(settings: &TrunkSettings) -> impl Iterator<Item = &String> {
    let accepted = settings.accept.iter().filter(|host| host.parse::<Network>().is_err());
    settings.hosts.iter().chain(accepted)
}

async fn find(resolver: &Resolver, destination: Option<Destination>) -> transport::Found {
    // Where nothing can be read there is nothing to ask.
    let Some(destination) = destination else { return transport::Found { flows: Vec::new(), whole: true } };
    let mut random = random;
    tokio::time::timeout(RESOLVE, resolver.find(&destination, &mut random)).await.unwrap_or_default()
}

impl Driver {
    /// These are the trunks now.
    pub(super) fn set_trunks(&mut self, now: Instant, settings: Vec<TrunkSettings>) {
        for gone in self.trunks.board.states() {
            if settings.iter().all(|trunk| trunk.id != gone.id) {
                let _ = self.edge.access().set_trunk(&gone.id, &[], &[]);
                self.trunks.known.remove(&gone.id);
            }
        }
        self.trunks.board.set(now, settings);
        self.look(now);
        self.board(now);
    }

    pub(super) fn trunks_tick(&mut self, now: Instant) {
        if self.trunks.look.is_some_and(|at| at <= now) {
            self.look(now);
        }
        if self.trunks.ping.is_some_and(|at| at <= now) {
            self.ping(now);
        }
        self.trunks.board.tick(now);
        self.board(now);
    }

    /// A sign of life to each carrier that knows us by datagrams. One that is still thinking about
    /// our REGISTER gets the next.
    fn ping(&mut self, now: Instant) {
        let states = self.trunks.board.states();
        let of = |id: &str| states.iter().find(|state| state.id == id).map(|state| state.registration);
        let over = |id: &str| matches!(of(id), None | Some(Registration::Static | Registration::Refused { .. }));
        self.trunks.registered.retain(|id, _| !over(id));
        self.trunks.ping = (!self.trunks.registered.is_empty()).then_some(now + self.trunks.keep_alive);
        let there = |id: &str| matches!(of(id), Some(Registration::Until(_)));
        let registered = self.trunks.registered.iter().filter(|(id, _)| there(id));
        let flows: Vec<Flow> = registered.map(|(_, flow)| *flow).collect();
        for flow in flows {
            self.send(now, flow, Bytes::from_static(Frame::PING));
        }
    }

    /// Looks up who may send for which trunk.
    fn look(&mut self, now: Instant) {
        let ids: Vec<String> = self.trunks.board.states().into_iter().map(|state| state.id).collect();
        self.trunks.look = (!ids.is_empty()).then_some(now + LOOK_AGAIN);
        for id in ids {
            let Some(settings) = self.trunks.board.settings(&id) else { continue };
            let protocol = settings.protocol;
            let names: Vec<String> = names(settings).cloned().collect();
            let resolver = self.trunks.resolver.clone();
            let commands = self.commands.clone();
            tokio::spawn(async move {
                let resolver = &resolver;
                let names = names.into_iter().map(|name| async move {
                    let found = find(resolver, destination(&name, protocol)).await;
                    (name, found)
                });
                let names = join_all(names).await;
                if let Some(commands) = commands.upgrade() {
                    let _ = commands.send(Command::Known(Known { trunk: id, names })).await;
                }
            });
        }
    }

    /// What was found replaces what was known under the same name. Where a question had no answer
    /// it is added to that, and asked again soon: a name server that is silent for a while must
    /// not lock a carrier out.
    pub(super) fn known(&mut self, now: Instant, found: Known) {
        let Some(settings) = self.trunks.board.settings(&found.trunk) else { return };
        let known = self.trunks.known.entry(found.trunk.clone()).or_default();
        for (name, found) in found.names {
            let addresses = known.entry(name).or_default();
            if found.whole {
                addresses.clear();
            } else {
                self.trunks.look = self.trunks.look.map(|at| at.min(now + LOOK_SOON));
            }
            addresses.extend(found.flows.iter().map(|flow| flow.remote));
        }
        // The settings may have changed meanwhile.
        known.retain(|name, _| names(settings).any(|wanted| wanted == name));
        let networks: Vec<Network> = settings.accept.iter().filter_map(|place| place.parse().ok()).collect();
        let hosts: Vec<SocketAddr> = known.values().flatten().copied().collect();
        let known = &found.trunk;
        if let Err(error) = self.edge.access().set_trunk(known, &hosts, &networks) {
            tracing::error!(%error, trunk = %known, "a trunk cannot call us");
        }
    }

    /// Does what the board wants, until it wants nothing.
    pub(super) fn board(&mut self, now: Instant) {
        let mut changed = false;
        while let Some(wanted) = self.trunks.board.poll() {
            match wanted {
                Do::State(_) => changed = true,
                Do::Request { trunk, host, protocol, ticket, request } => {
                    let wanted = destination(&host, protocol);
                    if let Some(flow) = wanted.as_ref().and_then(Destination::literal) {
                        self.found(now, Found { trunk, ticket, request, flows: vec![flow] });
                        continue;
                    }
                    let (resolver, commands) = (self.trunks.resolver.clone(), self.commands.clone());
                    tokio::spawn(async move {
                        let flows = find(&resolver, wanted).await.flows;
                        if let Some(commands) = commands.upgrade() {
                            let _ = commands.send(Command::Found(Found { trunk, ticket, request, flows })).await;
                        }
                    });
                }
            }
        }
        if changed {
            self.trunks.states.send_replace(self.trunks.board.states());
        }
    }

    /// Sends a request of the board.
    pub(super) fn found(&mut self, now: Instant, found: Found) {
        let domain = self.trunks.board.settings(&found.trunk).map(|settings| settings.domain.clone());
        let key = found.flows.first().and_then(|flow| {
            let flow = self.transport.flow(*flow, &Arc::from(domain.unwrap_or_default().as_str()));
            if flow.protocol == Protocol::Udp && found.request.method == Method::REGISTER {
                self.trunks.registered.insert(found.trunk.clone(), flow);
                self.trunks.ping = self.trunks.ping.or(Some(now + self.trunks.keep_alive));
            }
            self.core.request(now, *found.request, flow)
        });
        match key {
            Some(key) => drop(self.asked.insert(key, Asked::Board(found.ticket))),
            None => self.trunks.board.unanswered(now, found.ticket),
        }
    }

    /// Chooses the trunk of a new call.
    pub(super) fn choose(&mut self, now: Instant, among: &[String]) -> Result<Seated, NoTrunk> {
        let chosen = self.trunks.board.choose(now, |id| among.iter().any(|may| may == id))?;
        let settings = self.trunks.board.settings(&chosen.trunk).ok_or(NoTrunk::Unknown)?;
        let mut trunk: Trunk = settings.trunk(&chosen);
        let transport = settings.protocol.via().to_ascii_lowercase();
        trunk.proxy = format!("{};transport={transport}", trunk.proxy);
        self.board(now);
        Ok(Seated { id: chosen.trunk, trunk: Arc::new(trunk) })
    }

    /// Who calls. Of several trunks at one place it is the one whose account is called, as our
    /// Contact names it (RFC 3261, 10.2.1).
    pub(super) fn meant(&mut self, invite: &Invite) -> Source {
        let source = self.source(&invite.flow);
        if invite.called.is_empty() || !matches!(source, Source::Trunk(_)) {
            return source;
        }
        let board = &self.trunks.board;
        let called = |id: &&str| board.settings(id).is_some_and(|trunk| account(&trunk.username) == invite.called);
        let meant = self.edge.access().trunks(&invite.flow).find(called).map(str::to_owned);
        meant.map_or(source, Source::Trunk)
    }

    /// A call came in over a trunk. What may be spoken there, and how.
    pub(super) fn carried(&mut self, now: Instant, call: &str, trunk: &str) -> (Vec<String>, TrunkSound) {
        self.trunks.board.began(now, trunk);
        self.trunks.carried.insert(call.to_owned(), trunk.to_owned());
        let account = self.trunks.board.settings(trunk).map(TrunkSettings::account);
        let spoken = account.as_ref().map(|account| (account.codecs.clone(), account.sound)).unwrap_or_default();
        if let Some(account) = account {
            self.core.carried(call, Arc::new(account));
        }
        self.board(now);
        spoken
    }

    /// A call is over, from wherever it came.
    pub(super) fn over(&mut self, now: Instant, call: &str) {
        if let Some(trunk) = self.trunks.carried.remove(call) {
            self.trunks.board.ended(now, &trunk);
            self.board(now);
        }
    }
}
