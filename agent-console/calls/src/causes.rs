//! Why we end a leg, as exchanges say it: causes of Q.850 (ITU-T Q.850, 2.2.7), told in a Reason
//! header (RFC 3326, 2). What a status means to an exchange follows RFC 3398, 7.2.6.1 and 8.2.6.1.
//!
//! | how it ends | cause |
//! |---|---|
//! | an agent hangs up or gives up, words were said to their end, the party calls us itself | 16, normal call clearing |
//! | the agent, the recording or the house is lost, or what the carrier says cannot be used | 31, normal, unspecified |
//! | nothing rings on a trunk, and the next one is tried | 31 |
//! | nobody answers within the ring limit (by `songda_sip`) | 19, no answer from user |
//! | the run before was killed, and this one ends its leg (by `songda_sip`) | 31 |
//! | refused: no such number 404, not allowed 403, all busy 486, no usable sound 488 | 1, 21, 17, 65 |

use songda_sip::{Reason, Rejection};

use crate::facts::Fault;

const UNALLOCATED_NUMBER: u8 = 1;
const NORMAL_CLEARING: u8 = 16;
const USER_BUSY: u8 = 17;
const CALL_REJECTED: u8 = 21;
const NORMAL_UNSPECIFIED: u8 = 31;
const BEARER_NOT_IMPLEMENTED: u8 = 65;

/// Nothing rings on a trunk: it is given up for the next one.
pub(crate) const NOTHING_RINGS: Reason = of(NORMAL_UNSPECIFIED);

const fn of(cause: u8) -> Reason {
    Reason { q850: Some(cause), sip: None }
}

/// Of a call that we end, by what failed on our side.
pub(crate) fn of_end(fault: Option<Fault>) -> Reason {
    of(if fault.is_some() { NORMAL_UNSPECIFIED } else { NORMAL_CLEARING })
}

/// Refuses a call that comes in with this status, and says to exchanges why.
pub fn refusal(status: u16) -> Rejection {
    let q850 = match status {
        403 => Some(CALL_REJECTED),
        404 => Some(UNALLOCATED_NUMBER),
        486 => Some(USER_BUSY),
        488 => Some(BEARER_NOT_IMPLEMENTED),
        _ => None,
    };
    Rejection { q850, ..Rejection::status(status) }
}
