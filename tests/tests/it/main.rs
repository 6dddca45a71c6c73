//! The built server and its parts against the outside world.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_input;
mod browser;
mod carrier;
mod certificates;
mod changes;
mod consent;
mod desk;
mod drain;
mod evidence;
mod faults;
mod heard;
mod in_call;
mod inbound;
mod keyboard;
mod kills;
mod leaks;
mod office;
mod peers;
mod phones;
mod pop_ups;
mod power;
mod push;
mod resume;
mod road;
mod secured;
mod secured_check;
mod secured_phone;
mod server;
mod sessions;
mod sight;
mod sound;
mod speech;
mod supervised;
mod survives;
mod switchboard;
mod three_way;
mod tls_phone;
mod transfers;
mod trunk_check;
mod trunks;
mod vault_s3;
mod who_hears;
mod wire;
mod world;
