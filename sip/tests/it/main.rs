//! Signalling: races in virtual time, digest against the RFCs, hostile input, SIPp.

mod digest;
mod races;
mod sipp;
mod wire;
