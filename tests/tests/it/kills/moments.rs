//! Moments of a call at which a server is killed, and how an agent gets there.

use songda_tests::agent::Agent;

use crate::road::tone;

/// xorshift: the same moments in every run.
pub(super) struct Seeded(pub(super) u64);

impl Seeded {
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Where a call stands when the server is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// The agent has just clicked.
    Dialling,
    /// It rings.
    Ringing,
    /// The carrier announces something before an answer.
    Early,
    /// The recording notice plays.
    Notice,
    /// Both talk.
    Talk,
    /// The agent lets the party wait.
    Hold,
    /// The agent's sound is gone.
    Away,
    /// The party is told that the call ends.
    Parting,
    /// The call has ended and its outcome is not saved.
    WrapUp,
}

impl Moment {
    pub(super) const ALL: [Self; 9] = [
        Self::Talk,
        Self::Ringing,
        Self::Notice,
        Self::Hold,
        Self::Dialling,
        Self::Away,
        Self::Early,
        Self::Parting,
        Self::WrapUp,
    ];

    /// The `place`th number of songda-sim with which a call comes to this moment. The tone of
    /// who answers never pauses, so that the far end's clock is in every packet.
    pub(super) fn number(self, place: usize) -> String {
        match self {
            Self::Ringing => format!("138000024{place:02}"),
            Self::Early => format!("138000042{place:02}"),
            _ => format!("138000080{place:02}"),
        }
    }

    /// Whether a call comes there by talk: it is brought to talk before the others begin.
    pub(super) fn needs_talk(self) -> bool {
        matches!(self, Self::Talk | Self::Hold | Self::Away | Self::Parting | Self::WrapUp)
    }

    /// Whether the party has answered by then, for certain.
    pub(super) fn is_answered(self) -> bool {
        self == Self::Notice || self.needs_talk()
    }

    /// Whether its recording is still written then.
    pub(super) fn is_live(self) -> bool {
        self != Self::WrapUp
    }

    /// Talks to the party.
    pub(super) async fn talk(agent: &mut Agent) {
        agent.dial().await;
        agent.phase("talking").await;
        agent.peer.as_ref().unwrap().say(&tone(440.0, 60.0));
    }

    /// Comes to the moment.
    pub(super) async fn enter(self, agent: &mut Agent) {
        if !self.needs_talk() {
            agent.dial().await;
        }
        match self {
            Self::Dialling => drop(agent.phase("preparing").await),
            Self::Ringing => drop(agent.phase("ringing").await),
            Self::Early => drop(agent.phase("early").await),
            Self::Notice => drop(agent.phase("notice").await),
            Self::Talk => {}
            Self::Hold => {
                agent.hold(true).await;
                agent.call_until(|call| call["held"] == true).await;
            }
            Self::Away => {
                agent.peer.as_ref().unwrap().go_silent(true);
                agent.call_until(|call| !call["away_until_at"].is_null()).await;
            }
            Self::Parting => {
                agent.end_politely("other").await;
                agent.call_until(|call| call["parting"] == "farewell").await;
            }
            Self::WrapUp => {
                agent.hang_up().await;
                agent.phase("ended").await;
            }
        }
    }
}
