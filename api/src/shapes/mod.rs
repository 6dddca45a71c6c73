//! What the house answers, word for word. These types are the contract: the OpenAPI
//! document is made from them, and the browser's types are made from the document.

mod calls;
mod court;
mod desk;
mod evidence;
mod house;
mod inbound;
mod phones;
mod telephony;

pub(crate) use calls::*;
pub(crate) use court::*;
pub(crate) use desk::*;
pub(crate) use evidence::*;
pub(crate) use house::*;
pub(crate) use inbound::*;
pub(crate) use phones::*;
pub(crate) use telephony::*;
