//! Trunks: the accounts and peers at carriers, without I/O.
//!
//! A [`Board`] holds all of them. It registers where an account must (RFC 3261, 10.2), asks
//! whether the carrier is there (OPTIONS: RFC 3261, 11), and chooses among those that are, by
//! weight and under limits. Settings, answers and the time go in; requests to send and states
//! come out of [`Board::poll`]. The driver puts Via on a request and its flow under it, and
//! brings back what was answered under its [`Ticket`].

mod backoff;
mod board;
mod choice;
mod failover;
mod health;
mod line;
mod registration;
mod requests;
mod settings;
mod state;

use crate::{flow::Protocol, msg::Request};

pub use self::{
    board::{Board, Chosen},
    choice::{Choice, NoTrunk, Share},
    failover::may_fail_over,
    settings::TrunkSettings,
    state::{Answer, Health, Registration, TrunkState, Why},
};

/// Names a request until it is answered; never given twice by one board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(u64);

/// What the driver has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Do {
    /// Send this, and report under the ticket: [`Board::answered`] with the final answer, or
    /// [`Board::unanswered`] when none came or the host cannot be found.
    Request {
        /// Id of the trunk.
        trunk: String,
        /// `host`, `host:port` or `[v6]:port` of the carrier.
        host: String,
        /// Transport.
        protocol: Protocol,
        /// To report under.
        ticket: Ticket,
        /// Without Via.
        request: Box<Request>,
    },
    /// A trunk stands otherwise than it did.
    State(Box<TrunkState>),
}
