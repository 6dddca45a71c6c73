//! Signalling: races in virtual time, digest against the RFCs, hostile input, SIPp, baresip.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod baresip;
mod closing;
mod digest;
mod edge;
mod ladder;
mod lossy;
mod races;
mod registrar;
mod restart;
mod saved;
mod sdp;
mod sipp;
mod trunks;
mod wire;
