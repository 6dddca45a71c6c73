//! When a call that failed may be tried over the next trunk.

use crate::call::{EndCause, Ended};

/// Causes of Q.850 that only the callee's exchange can know: unallocated, normal clearing,
/// busy, no response, no answer, absent, rejected, changed, out of order, incomplete.
const OF_THE_CALLEE: [u8; 11] = [1, 16, 17, 18, 19, 20, 21, 22, 26, 27, 28];

/// Whether nobody was reached, so that another trunk may try: silence, a carrier that cannot be
/// reached or does not take our password, or a 5xx, all before any 18x. Never after a 18x: it
/// rang somewhere, and a second call would ring again. A 4xx or 6xx is the callee's word, and so
/// is a cause of the callee's exchange behind a 5xx (RFC 3326; RFC 3398, 8.2.6.1).
pub fn may_fail_over(ended: &Ended) -> bool {
    if ended.provisional || ended.q850.is_some_and(|cause| OF_THE_CALLEE.contains(&cause)) {
        return false;
    }
    match ended.cause {
        EndCause::Timeout | EndCause::Transport | EndCause::AuthenticationFailed => true,
        EndCause::Refused => ended.status.is_some_and(|status| (500..600).contains(&status)),
        EndCause::HungUp | EndCause::Cancelled | EndCause::RingLimit => false,
    }
}
