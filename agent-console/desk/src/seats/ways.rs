//! The ways of a call over several trunks, as the books know them.

use songda_calls::SavedLeg;
use songda_recordings::said::Said;
use songda_service::outcomes::{Judged, LineFacts};
use songda_store::alarms;

use super::seat::Seat;
use crate::{
    DeskError,
    calls::legs::{self, Way, WayEnd},
    inbound,
    telephony::{Line, causes},
};

impl Seat {
    /// The line over which the call goes now; none for one that came in.
    fn way(&self) -> Option<&Line> {
        self.call.as_ref().filter(|call| call.direction == "out").and_then(|call| call.ways.get(call.way))
    }

    /// Its trunk.
    pub(super) fn way_trunk(&self) -> Option<String> {
        self.way().map(|line| line.trunk.id.clone())
    }

    /// Keeps what ends the leg, before it goes out; the call row names its trunk from here on.
    pub(super) async fn keep_leg(&mut self, saved: &SavedLeg, way: usize) -> Result<bool, DeskError> {
        let Some(call) = &mut self.call else { return Ok(false) };
        let court = &self.actor.court_id;
        if call.direction == "in" {
            // There is one leg, and no way was chosen for it.
            return inbound::keep_leg(&self.ground.db, &self.ground.sealer, court, &call.id, saved).await;
        }
        call.way = way;
        let Some(line) = call.ways.get(way) else { return Ok(false) };
        let tried = Way { court, call: &call.id, no: way, trunk: &line.trunk.id, caller: &line.number };
        legs::keep(&self.ground.db, &self.ground.clock, &self.ground.sealer, &tried, saved).await
    }

    /// A trunk failed before anything rang. What may still be up on it is taken down beside
    /// the call, which goes another way ([`recovery::end_left`](crate::recovery::end_left)).
    pub(super) async fn way_failed(&mut self, way: usize, end: &WayEnd<'_>) -> Result<(), DeskError> {
        let Some(call) = &self.call else { return Ok(()) };
        let Some(line) = call.ways.get(way) else { return Ok(()) };
        legs::failed(&self.ground.db, &self.ground.clock, &call.id, way, end).await?;
        metrics::counter!("songda_trunk_failovers_total", "trunk" => line.trunk.name.clone()).increment(1);
        let said = match end.status {
            Some(status) => {
                Said::new("trunk.passed_by", "the line {trunk} failed ({status}), and the next was taken: {why}")
                    .with("status", status)
            }
            None => Said::new("trunk.passed_by_silent", "the line {trunk} failed, and the next was taken: {why}"),
        };
        let said = said.with("trunk", line.trunk.name.as_str()).with("why", end.cause);
        self.alarm("trunk.failed", &line.trunk.id, &said).await;
        Ok(())
    }

    /// The technical code of a call that is over, by the table of its trunk.
    pub(super) async fn judge(&self, facts: &LineFacts) -> Result<Judged, DeskError> {
        let (db, now) = (&self.ground.db, self.ground.clock.now_ms());
        let table = match self.way() {
            Some(line) => causes::table_at(db, &line.trunk.id, now).await?,
            None => songda_service::outcomes::CauseTable::default(),
        };
        Ok(table.judge(facts))
    }

    /// A call went out over this trunk as it should.
    pub(super) async fn line_is_well(&self, court: &str, trunk: &str) {
        let of_court = ["trunk.failed", "trunk.none", "notice.missing", "recording.unavailable"];
        let of_court = of_court.into_iter().map(|kind| (kind, court));
        for (kind, object) in of_court.chain([("trunk.failed", trunk)]) {
            if let Err(error) = alarms::clear(&self.ground.db, &self.ground.clock, kind, object).await {
                tracing::error!(%error, "an alarm could not be cleared");
            }
        }
    }
}
