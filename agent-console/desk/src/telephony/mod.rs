//! The court's lines: trunks and the dedicated numbers that may be shown to a party.
//!
//! A call leaves only under a number of the court that is on file with its proof
//! (R4.3c; Anti-Telecom-Fraud Law, art 14). There is no field anywhere by which a caller
//! number could be chosen.

mod store;

pub use store::{Line, NewLine, add_line, line_for, line_of};
