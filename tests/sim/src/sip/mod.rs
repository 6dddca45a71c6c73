//! The carrier's signalling: a strict user agent server of its own.
//!
//! `carrier` decides, without socket, clock or randomness of its own; `driver` owns
//! the UDP socket and the media of the calls and carries out what was decided.

pub(crate) mod call;
pub(crate) mod carrier;
pub(crate) mod digest;
pub(crate) mod driver;
mod message;
mod reply;
mod requests;
#[cfg(test)]
mod tests;
mod transactions;

pub use digest::Algorithm;
