//! The court's systems: orders are pushed in (`push`), reports go out (`deliver`).

pub mod deliver;
pub mod notary;
pub mod push;
