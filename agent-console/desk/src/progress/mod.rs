//! What the line says of a number, or of who answered: kept as a suggestion with its evidence, and
//! judged by the agent.
//!
//! Call control hears it (`songda_calls::progress`). Here it is stored with the call, shown to the
//! agent in words without digits, and taken into the technical code once he has confirmed it; the
//! cause of the signalling stays first (domain 2.4). What was not read while the call was set up is
//! read from its recording (`job`).

mod job;
mod store;

use serde_json::{Value, json};
use songda_people::Actor;
use songda_service::{
    ServiceError,
    outcomes::{LineFacts, announced},
    timeline::{self, By, Kind},
};
use songda_store::{audit, masked::mask_digits};

pub use self::{
    job::{Hearer, JOB, enqueue},
    store::{Heard, find, put},
};
use crate::{DeskError, Ground, calls, telephony::causes};

/// What the agent makes of a suggestion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is so.
    Confirmed,
    /// It is not so.
    Rejected,
}

impl Verdict {
    /// As it is stored and shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
        }
    }
}

/// The agent's word on what the line of his call says. While the outcome is not saved he may think
/// again. The technical code of a call that is over is judged anew with it.
pub async fn decide(ground: &Ground, actor: &Actor, call: &str, verdict: Verdict) -> Result<Heard, DeskError> {
    let row = calls::own(&ground.db, actor, call).await?;
    if row.outcome_state == "saved" {
        return Err(DeskError::OutcomeSaved);
    }
    let heard = find(&ground.db, &ground.sealer, call).await?;
    let Some(mut heard) = heard else { return Err(ServiceError::NotFound { kind: "suggestion of this call" }.into()) };
    let class = (verdict == Verdict::Confirmed).then(|| heard.class.clone());
    let code = class.as_deref().and_then(announced).unwrap_or_default();
    let mut tx = ground.db.begin().await?;
    let judged = match store::ending(&mut tx, call).await? {
        Some((mut facts, trunk)) => {
            facts.announced = class;
            let table = match trunk {
                Some(trunk) => causes::table_at(&ground.db, &trunk, ground.clock.now_ms()).await?,
                None => songda_service::outcomes::CauseTable::default(),
            };
            let judged = table.judge(&facts);
            store::judged(&mut tx, call, &facts, &judged).await?;
            Some(judged.code)
        }
        // Its end is judged with it.
        None => None,
    };
    let conflict = judged.is_some_and(|judged| !code.is_empty() && judged != code);
    store::decided(&mut tx, &ground.clock, &actor.user_id, call, verdict, conflict).await?;
    let detail = json!({ "class": heard.class, "confidence": heard.confidence, "verdict": verdict.word(),
                         "code": code, "technical": judged, "conflict": conflict,
                         "from_ms": heard.from_ms, "to_ms": heard.to_ms });
    let by = By { actor: &actor.user_id, name: &actor.name };
    timeline::append(&mut tx, &ground.clock, &row.task_id, &by, Kind::LineJudged, call, &detail).await?;
    audit::append(&mut tx, &ground.clock, actor.did("call.line_judged", ("call", call), detail)).await?;
    tx.commit().await?;
    verdict.word().clone_into(&mut heard.state);
    heard.conflict = conflict;
    heard.technical = judged.map(str::to_owned);
    Ok(heard)
}

/// Takes what the agent confirmed while the call went on into the facts of its end.
pub async fn confirmed(ground: &Ground, call: &str, facts: &mut LineFacts) -> Result<(), DeskError> {
    let heard = find(&ground.db, &ground.sealer, call).await?;
    facts.announced = heard.filter(|heard| heard.state == "confirmed").map(|heard| heard.class);
    Ok(())
}

impl Heard {
    /// As the agent sees it: words without digits, and no sound.
    pub fn frame(&self) -> Value {
        json!({
            "class": self.class, "confidence": self.confidence, "place": self.place,
            "from_ms": self.from_ms, "to_ms": self.to_ms, "text": self.text.as_deref().map(mask_digits),
            "test_model": self.test_model, "state": self.state, "conflict": self.conflict,
            "code": announced(&self.class).map(crate::seats::technical_words),
        })
    }

    /// Whether a judge is shown where it is heard: it says something of the number or of who
    /// answered, and the agent did not refuse it.
    pub fn is_evidence(&self) -> bool {
        announced(&self.class).is_some() && self.state != "rejected"
    }
}
