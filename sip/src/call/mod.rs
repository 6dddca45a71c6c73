//! Calls of both directions: INVITE sessions, their dialogs and what the other end sends inside
//! them, without I/O.
//!
//! [`CallCore`] owns the transactions and all calls. Messages, commands and the time go in;
//! bytes and [`LegEvent`]s come out of [`CallCore::poll`]. One file per concern: `outgoing`,
//! `answered`, `elsewhere` and `request` are the caller's side, `incoming` and `reply` the called side;
//! `modify` is a change by the other end, `change` one of ours; `reliable` and `prack` are RFC 3262,
//! `refresh` RFC 4028, `reason` RFC 3326; `bye` ends, `inherited` ends what an earlier run began.

mod answered;
mod bye;
mod carriers;
mod change;
mod core;
mod dialog;
mod elsewhere;
mod events;
mod forks;
mod incoming;
mod info;
mod inherited;
mod inside;
mod large;
mod leg;
mod modify;
mod order;
mod outgoing;
mod outside;
mod post;
mod prack;
mod reason;
mod refresh;
mod reliable;
mod reply;
mod request;
mod saved;
mod serves;
mod session;
mod timers;

pub use self::{
    core::{CallCore, Out},
    events::{EndCause, Ended, Invite, LegEvent, Rejection, Side},
    inherited::{FinishError, Finished},
    order::{FromForm, HeaderPolicy, Identity, IdentityUri, MediaSource, OutboundCall, Trunk, TrunkSound, account},
    reason::Reason,
    saved::SavedLeg,
};
pub(crate) use self::{
    forks::{Follows, Forks},
    saved::LegIds,
    session::judge,
};
