//! The carrier's signalling: a strict user agent server of its own.
//!
//! `carrier` decides, without socket, clock or randomness of its own; `driver` owns
//! the UDP socket and the media of the calls and carries out what was decided.

pub(crate) mod asking;
pub(crate) mod call;
pub(crate) mod carrier;
pub(crate) mod changing;
pub(crate) mod control;
pub(crate) mod digest;
pub(crate) mod driver;
pub(crate) mod faults;
pub(crate) mod forms;
mod message;
pub(crate) mod registrar;
mod reply;
mod requests;
#[cfg(test)]
mod tests;
mod transactions;

pub use changing::Change;
pub use digest::Algorithm;
pub use forms::{Forms, NumberForm};
pub use registrar::Registering;
