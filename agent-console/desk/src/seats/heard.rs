//! What the line of a call says: shown as it is heard, judged by the agent.

use songda_calls::progress::LineStatus;

use super::{Seats, command::Command, seat::Seat, technical_words};
use crate::{
    DeskError,
    progress::{self, Verdict},
};

impl Seat {
    /// Call control heard something: it is kept, and shown.
    pub(super) async fn line_says(&mut self, status: &LineStatus) -> Result<(), DeskError> {
        let Some(call) = self.call.as_ref().filter(|call| call.stray.is_none()) else { return Ok(()) };
        let (id, court) = (call.id.clone(), self.actor.court_id.clone());
        let ground = &self.ground;
        if progress::put(&ground.db, &ground.clock, &ground.sealer, (&court, &id), status).await? {
            self.refresh_heard().await?;
            self.tell_call();
        }
        Ok(())
    }

    /// Reads again what the line says.
    pub(super) async fn refresh_heard(&mut self) -> Result<(), DeskError> {
        let Some(id) = self.call.as_ref().map(|call| call.id.clone()) else { return Ok(()) };
        let heard = progress::find(&self.ground.db, &self.ground.sealer, &id).await?;
        if let Some(call) = &mut self.call {
            call.heard = heard.map(|heard| heard.frame()).unwrap_or_default();
        }
        Ok(())
    }

    /// The agent says whether it is so.
    pub(super) async fn judge_line(&mut self, call: &str, confirmed: bool) -> Result<(), DeskError> {
        let verdict = if confirmed { Verdict::Confirmed } else { Verdict::Rejected };
        let heard = match progress::decide(&self.ground, &self.actor, call, verdict).await {
            Ok(heard) => heard,
            Err(DeskError::OutcomeSaved) => {
                self.tell_error("outcome.already_saved", "the outcome of this call is saved already");
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let Some(here) = self.call.as_mut().filter(|here| here.id == call) else { return self.tell_owed().await };
        here.heard = heard.frame();
        if let (Some(code), Some(end)) = (&heard.technical, &mut here.end) {
            end["technical"] = technical_words(code);
        }
        self.tell_call();
        Ok(())
    }

    /// It was read from the recording meanwhile.
    pub(super) async fn line_was_read(&mut self, call: &str) -> Result<(), DeskError> {
        if self.call.as_ref().is_some_and(|here| here.id == call) {
            self.refresh_heard().await?;
            self.tell_call();
        }
        Ok(())
    }
}

impl Seats {
    /// What the line of a call of this agent says was read from its recording.
    pub async fn line_was_read(&self, agent: &str, call: &str) {
        let seat = self.chairs.lock().await.get(agent).map(|chair| chair.commands.clone());
        if let Some(seat) = seat {
            let _ = seat.send(Command::Heard { call: call.to_owned() }).await;
        }
    }
}
