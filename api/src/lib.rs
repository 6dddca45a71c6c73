//! The edge: configuration, HTTP by audience, and the start of the house.
//!
//! Handlers are thin: extract, authorise, act, answer. Every route stands in one table
//! with its permission (`routes`), and everything that shows or changes something writes
//! its audit row.

pub mod claim;
pub mod config;
pub mod desk;
pub mod evidence;
pub mod files;
pub mod house;
mod input;
mod keeper;
pub mod listen;
mod notary;
pub mod operator;
mod problem;
pub mod routes;
pub mod seed;
pub mod serve;
mod shapes;
pub mod trunk_check;
mod who;
