//! Telephone numbers of a court in mainland China: what a number on file is, whether the
//! server dials it at all, and how a trunk wants it written (E39).
//!
//! The plan is that of the Ministry of Industry and Information Technology (《电信网编号计划》):
//! mobiles of eleven digits from 1, landlines with an area code of two or three digits behind
//! the 0, 400 and 800 numbers of ten digits, and service numbers 95 and 96 of five to eight.
//! What is refused has no form in which it could be dialled: only a [`Callee`] can be
//! written, and none is made of an emergency or premium number.

mod callee;
mod format;

pub use self::{
    callee::{Abroad, Callee, Kind},
    format::{CallerFormat, Dialled, Format, Home, LocalMobiles, Style, caller},
};

/// Why a number is not dialled. Neither its name nor its text holds the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It fits no kind of number.
    #[error("this is no number that can be dialled: check it against the file")]
    Unreadable,
    /// 110, 119, 120, 122 and what else calls for help.
    #[error("emergency numbers are never dialled from here")]
    Emergency,
    /// A short number of an authority or a carrier, which is nobody's own.
    #[error("service numbers of authorities and carriers are nobody's number on file")]
    Service,
    /// Whoever calls it pays for what it says.
    #[error("premium numbers are never dialled")]
    Premium,
    /// The trunk is not opened for this place.
    #[error("no trunk of the court may call {0}: an administrator can open one for it")]
    Abroad(Abroad),
}

impl Refusal {
    /// The stable code for people and programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unreadable => "number.unreadable",
            Self::Emergency => "number.emergency",
            Self::Service => "number.service",
            Self::Premium => "number.premium",
            Self::Abroad(_) => "number.abroad",
        }
    }
}
