//! Orders to the sound that want no answer. An engine that has much to do for a moment gets them a
//! little later, and no call ends for it.

use std::time::Duration;

use songda_media::EngineError;
use tokio::time::Instant;

use super::Actor;
use crate::{
    facts::SupervisionEnd,
    machine::{Cue, Do, Input, Rest},
    sounds::MUSIC_CUE,
};

/// An engine that has had no room for so long takes nothing any more.
const PATIENCE: Duration = Duration::from_secs(5);
/// Time between two tries.
const AGAIN: Duration = Duration::from_millis(5);

impl Actor {
    /// Gives one to the sound; what came of it, when the machine must know.
    pub(super) async fn order(&self, order: Do) -> Option<Input> {
        let done = match &order {
            Do::Announce(cue) => self.announce(*cue).await,
            order => insisted(|| self.give(order)).await,
        };
        let error = done.err()?;
        tracing::error!(call = %self.call, %error, "the media engine refused an order");
        Some(refused(&order, &error))
    }

    fn give(&self, order: &Do) -> Result<(), EngineError> {
        let media = &self.media;
        match order {
            Do::RingAgent => media.ring_agent(self.sounds.ring_back.clone()),
            Do::Consult => media.consult(),
            Do::Join => media.join(),
            Do::HoldTarget(on) => media.hold_target(*on),
            Do::Supervision(what) => media.supervision(*what),
            Do::DropSupervisor => media.drop_supervisor(),
            Do::HandOver => media.hand_over(),
            Do::DropTarget => media.drop_target(),
            Do::OpenEarly => media.early(),
            Do::RingBack => media.ring_back(self.sounds.ring_back.clone()),
            Do::Hush => media.hush(),
            Do::Rest(Rest::Talk) => media.rest(songda_media::Rest::Talk),
            Do::Rest(Rest::Silence) => media.rest(songda_media::Rest::Silence),
            Do::Rest(Rest::Hold) => {
                media.rest(songda_media::Rest::Hold { cue: MUSIC_CUE, music: self.sounds.music.prompt.clone() })
            }
            Do::Mute(on) => media.mute(*on),
            // Seen to by the actor.
            _ => Ok(()),
        }
    }

    async fn announce(&self, cue: Cue) -> Result<(), EngineError> {
        for (number, sound) in self.sounds.parts(cue) {
            insisted(|| self.media.announce(number, sound.prompt.clone())).await?;
        }
        Ok(())
    }
}

/// Gives it until there is room for it.
async fn insisted(mut give: impl FnMut() -> Result<(), EngineError>) -> Result<(), EngineError> {
    let begun = Instant::now();
    loop {
        match give() {
            Err(EngineError::Overloaded) if begun.elapsed() < PATIENCE => tokio::time::sleep(AGAIN).await,
            done => return done,
        }
    }
}

/// What it is to the machine that the sound does not do this. A supervisor goes alone; of one who
/// cannot even be let go nobody knows whom he hears, and such a call does not go on.
fn refused(order: &Do, error: &EngineError) -> Input {
    match order {
        Do::Supervision(_) => Input::SupervisorGone(SupervisionEnd::Lost),
        _ => Input::BadAnswer(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use songda_media::Supervision;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn r4_4b_an_engine_that_is_busy_for_a_moment_gets_the_order_later_and_ends_no_call() {
        let mut tries = 0;
        let busy = || {
            tries += 1;
            if tries < 300 { Err(EngineError::Overloaded) } else { Ok(()) }
        };
        assert!(insisted(busy).await.is_ok());
        assert_eq!(tries, 300, "and once it is taken it is not given again");
        assert!(
            matches!(insisted(|| Err(EngineError::Overloaded)).await, Err(EngineError::Overloaded)),
            "not for ever"
        );
        assert!(matches!(insisted(|| Err(EngineError::Gone)).await, Err(EngineError::Gone)));
    }

    #[test]
    fn r4_4b_what_a_supervisor_wants_and_the_sound_does_not_do_ends_his_visit_and_not_the_call() {
        let gone = refused(&Do::Supervision(Supervision::Barge), &EngineError::Overloaded);
        assert!(matches!(gone, Input::SupervisorGone(SupervisionEnd::Lost)));
        assert!(matches!(refused(&Do::Join, &EngineError::Gone), Input::BadAnswer(_)));
    }
}
