//! The browser's leg: WebRTC over one UDP port for all calls.

mod leg;
mod mux;

pub(crate) use leg::{WebLeg, WebNews};
pub(crate) use mux::{Door, Mux};
