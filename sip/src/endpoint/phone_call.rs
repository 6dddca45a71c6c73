//! A call to a desk phone of the house.

use std::{future::poll_fn, sync::Arc, task::Poll, time::Duration};

use tokio::sync::mpsc;

use super::{
    CallError, Endpoint,
    command::{Command, Order},
    leg::{EVENTS, Leg, LegHandle, tell},
};
use crate::{
    call::{Follows, Forks, FromForm, HeaderPolicy, Identity, LegEvent, OutboundCall, Trunk},
    number::Number,
    registrar::Target,
};

/// A call to a desk phone. Whoever answers it sees no number: neither that of the party nor one
/// of the court.
#[derive(Debug, Clone)]
pub struct PhoneCall {
    /// Account of the phone.
    pub user: String,
    /// Its devices, as [`Endpoint::phone`] tells them.
    pub targets: Vec<Target>,
    /// What the phone shows: a name or a word. Never a number on file.
    pub caller_name: String,
    /// Our SDP offer.
    pub offer: String,
    /// Given up after this long without an answer.
    pub ring_limit: Duration,
}

/// So long a phone that fell silent may go unseen.
const SESSION: Duration = Duration::from_secs(90);
/// From of what the house itself calls with (RFC 3323, 4.1).
const NOBODY: &str = "anonymous";

impl Endpoint {
    /// Rings every device of a desk phone at once. The first that answers has the call; the
    /// others are told that it was answered elsewhere. The events are those of a call over a
    /// trunk; with several devices sound before the answer is told as ringing. The phone may not
    /// pass the call on, by REFER or by a 3xx: the party would come to somebody whom the house
    /// did not choose.
    pub async fn call_phone(&self, call: PhoneCall) -> Result<Leg, CallError> {
        let domain = self.realm.clone().unwrap_or_else(|| self.local_addr().ip().to_string().into());
        let mut legs = Vec::with_capacity(call.targets.len());
        for target in &call.targets {
            let trunk = Trunk {
                name: call.user.clone(),
                domain: domain.to_string(),
                username: NOBODY.into(),
                headers: HeaderPolicy {
                    from: FromForm::Account,
                    identity: Identity::Absent,
                    ..HeaderPolicy::default()
                },
                session_expires: Some(SESSION),
                display: Some(call.caller_name.clone()),
                uri: Some(target.uri.clone()),
                route: target.route.clone(),
                ..Trunk::default()
            };
            let order = OutboundCall {
                trunk: Arc::new(trunk),
                callee: Number::new(&call.user),
                caller: Number::new(""),
                offer: call.offer.clone(),
                ring_limit: call.ring_limit,
            };
            legs.push(self.place(self.prepare(order, target.flow)).await?);
        }
        match legs.len() {
            0 => Err(CallError::NotRegistered { user: call.user }),
            1 => legs.pop().ok_or(CallError::Busy),
            _ => Ok(join(legs)),
        }
    }
}

/// Many legs as one.
fn join(legs: Vec<Leg>) -> Leg {
    let (events, told) = mpsc::channel(EVENTS);
    let (commands, orders) = mpsc::channel(EVENTS);
    let (id, saved) = (legs[0].handle.id.clone(), legs[0].saved.clone());
    // Ends with its legs, which end with the endpoint.
    tokio::spawn(run(legs, orders, events));
    Leg { events: told, handle: LegHandle { commands, id }, saved, keeping: false }
}

/// The next event of any leg. A leg that ends without [`LegEvent::Down`] lost its endpoint.
async fn next(legs: &mut [Leg], over: &[bool]) -> (usize, LegEvent) {
    poll_fn(|cx| {
        for (at, leg) in legs.iter_mut().enumerate().filter(|(at, _)| !over[*at]) {
            if let Poll::Ready(event) = leg.events.poll_recv(cx) {
                return Poll::Ready((at, event.unwrap_or(LegEvent::Down { answered: false })));
            }
        }
        Poll::Pending
    })
    .await
}

async fn run(mut legs: Vec<Leg>, mut orders: mpsc::Receiver<Command>, events: mpsc::Sender<LegEvent>) {
    let mut forks = Forks::new(legs.len());
    let mut over = vec![false; legs.len()];
    let mut asked = true;
    while !forks.is_down() {
        let follows = tokio::select! {
            command = orders.recv(), if asked => {
                match command {
                    Some(Command::Leg { order: Order::HangUp(reason), .. }) => {
                        for leg in forks.hang_up() {
                            legs[leg].handle.hang_up_with(reason).await;
                        }
                    }
                    Some(Command::Leg { order, .. }) => {
                        if let Some(winner) = forks.winner() {
                            legs[winner].handle.order(order).await;
                        }
                    }
                    Some(_) => {}
                    None => asked = false,
                }
                continue;
            }
            (leg, event) = next(&mut legs, &over) => {
                over[leg] = matches!(event, LegEvent::Down { .. });
                forks.event(leg, event)
            }
        };
        for follows in follows {
            match follows {
                Follows::Tell(event) => {
                    let _ = tell(&events, event);
                }
                Follows::HangUp(leg, reason) => legs[leg].handle.hang_up_with(reason).await,
            }
        }
    }
}
