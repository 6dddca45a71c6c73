//! Signalling: races in virtual time, digest against the RFCs, hostile input, SIPp, telephones and
//! proxies of others.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod closing;
mod digest;
mod door;
mod edge;
mod ladder;
mod lossy;
mod measured;
mod network;
mod pair;
mod peers;
mod races;
mod registrar;
mod restart;
mod roundtrip;
mod saved;
mod sdp;
mod sipp;
mod torture;
mod transactions;
mod transports;
mod trunks;
mod uri;
mod wire;
