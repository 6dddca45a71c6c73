//! What the causes of a carrier mean on a trunk: versioned, each version valid from a moment.

mod store;

pub use self::store::{Version, add, history, table_at};
