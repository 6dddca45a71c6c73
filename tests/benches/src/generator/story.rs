//! How a call goes: told to the called side by the last digits of the number.

use std::time::Duration;

/// What happens in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Story {
    /// Answered at once; the caller hangs up.
    CallerHangsUp,
    /// The called side hangs up.
    CalleeHangsUp,
    /// Both at the same moment.
    BothHangUp,
    /// 486.
    Busy,
    /// It rings until the caller gives up.
    GivenUp,
    /// The caller gives up in the moment of the answer.
    CancelCrossesAnswer,
    /// The caller changes the session, then hangs up.
    Reoffered,
}

const ALL: [Story; 7] = [
    Story::CallerHangsUp,
    Story::CalleeHangsUp,
    Story::BothHangUp,
    Story::Busy,
    Story::GivenUp,
    Story::CancelCrossesAnswer,
    Story::Reoffered,
];

/// So long it rings where it does.
pub(super) const RINGS: Duration = Duration::from_millis(400);

impl Story {
    /// The story of the call with this number, when all kinds are told.
    pub(super) fn of(call: u64) -> Self {
        ALL[(call % ALL.len() as u64) as usize]
    }

    /// The user part that is dialled.
    pub(super) fn number(self) -> String {
        let index = ALL.iter().position(|story| *story == self).unwrap_or_default();
        format!("1236800{index}")
    }

    /// What the called side reads in the Request-URI.
    pub(super) fn read(start: &str) -> Self {
        let user = start.split([':', '@']).nth(1).unwrap_or_default();
        let index = user.strip_prefix("1236800").and_then(|index| index.parse::<usize>().ok());
        index.and_then(|index| ALL.get(index)).copied().unwrap_or(Self::CallerHangsUp)
    }

    /// When the called side answers; never, where it is none.
    pub(super) fn answers_after(self) -> Option<Duration> {
        match self {
            Self::GivenUp | Self::Busy => None,
            Self::CancelCrossesAnswer => Some(RINGS),
            _ => Some(Duration::ZERO),
        }
    }

    /// The caller sends CANCEL.
    pub(super) fn is_cancelled(self) -> bool {
        matches!(self, Self::GivenUp | Self::CancelCrossesAnswer)
    }

    /// The caller sends BYE.
    pub(super) fn caller_hangs_up(self) -> bool {
        self != Self::CalleeHangsUp
    }

    /// The called side sends BYE.
    pub(super) fn callee_hangs_up(self) -> bool {
        matches!(self, Self::CalleeHangsUp | Self::BothHangUp)
    }
}
