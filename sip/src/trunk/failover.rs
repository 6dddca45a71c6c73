//! When a call that failed may be tried over the next trunk.

use crate::call::{EndCause, Ended};

/// Causes of Q.850 of a network that carried the call nowhere: no circuit, out of order,
/// temporary failure, congestion, no channel, no resource.
const OF_THE_NETWORK: [u8; 6] = [34, 38, 41, 42, 44, 47];

/// Whether nobody was reached, so that another trunk may try: silence, a carrier that cannot be
/// reached, or a refusal that is the line's and not the callee's, all before any 18x. Never after
/// a 18x: it rang somewhere, and a second call would ring again.
///
/// Of the line are 5xx, 408 (the carrier heard nothing in time), 488 and 606 (it wants another
/// sound), and 403 without a cause (our account or calling number); every other 4xx or 6xx is the
/// callee's word, unless a cause of Q.850 says that the network failed (RFC 3326). A callee's cause
/// beside a status of the line changes nothing: the judgement takes our own fault first (domain
/// 2.4), the call is C11 and no attempt, and another trunk says what is true.
pub fn may_fail_over(ended: &Ended) -> bool {
    if ended.provisional {
        return false;
    }
    match ended.cause {
        EndCause::Timeout | EndCause::Transport | EndCause::AuthenticationFailed => true,
        EndCause::Refused => {
            let of_the_line = match ended.status {
                Some(403) => ended.q850.is_none(),
                Some(408 | 488 | 500..=599 | 606) => true,
                _ => false,
            };
            of_the_line || ended.q850.is_some_and(|cause| OF_THE_NETWORK.contains(&cause))
        }
        EndCause::HungUp | EndCause::Cancelled | EndCause::RingLimit => false,
    }
}
