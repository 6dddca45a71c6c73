//! The ways of one call over several trunks, and when the next one is taken (domain 2.4, C11:
//! a fault of a line is no attempt, and another trunk is tried at once).

use std::{collections::VecDeque, time::Duration};

use songda_sip::{EndCause, OutboundCall};

use crate::switchboard::Dial;

/// The desk has this long to keep what ends the leg after a crash, or nothing goes out.
pub(super) const KEEP_LIMIT: Duration = Duration::from_secs(3);

/// At the answer it has this long: the party already listens.
pub(super) const KEEP_ANSWERED: Duration = Duration::from_secs(1);

/// A trunk on which nothing rings after this time is given up for the next one. Networks need
/// ten seconds and more to find a mobile.
const SET_UP_LIMIT: Duration = Duration::from_secs(20);

/// The same, where calls are given up early anyway.
pub(super) fn set_up_limit(ring_limit: Duration) -> Duration {
    SET_UP_LIMIT.min(ring_limit * 3 / 4)
}

/// One way, ready to be prepared.
pub(super) struct Try {
    /// Which it is, from 0.
    pub(super) way: usize,
    /// Its trunk.
    pub(super) trunk: String,
    pub(super) call: OutboundCall,
}

/// The ways of a call, in the order in which they are tried.
pub(super) fn of(dial: &Dial, offer: &str, ring_limit: Duration) -> VecDeque<Try> {
    let call = |(way, route): (usize, &crate::switchboard::Route)| Try {
        way,
        trunk: route.id.clone(),
        call: OutboundCall {
            trunk: route.trunk.clone(),
            callee: route.callee.clone(),
            caller: route.caller.clone(),
            offer: offer.to_owned(),
            ring_limit,
        },
    };
    dial.routes.iter().enumerate().map(call).collect()
}

/// For people and the books.
pub(super) fn words(cause: EndCause) -> &'static str {
    match cause {
        EndCause::Timeout => "the carrier did not answer",
        EndCause::Transport => "the carrier cannot be reached",
        EndCause::AuthenticationFailed => "authentication failed at the carrier",
        EndCause::Cancelled => "nothing rang in time",
        _ => "refused by the carrier",
    }
}
