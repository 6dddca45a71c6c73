//! Transports (RFC 3261, 18): how messages get from one element to the next.

pub(crate) mod via;
