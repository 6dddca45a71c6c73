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
    outcomes::{CauseTable, LineFacts, announced},
    timeline::{self, By, Kind},
};
use songda_store::{Tx, audit, masked::mask_spoken};

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
    // A notice before the answer says nothing of who answered after all.
    let past = row.answered_ms.is_some() && heard.place == EARLY;
    let class = (verdict == Verdict::Confirmed && !past).then(|| heard.class.clone());
    let said = (verdict == Verdict::Confirmed).then_some(heard.class.as_str());
    let code = said.and_then(announced).unwrap_or_default();
    let mut conflict = false;
    let mut tx = ground.db.begin().await?;
    if !store::take(&mut tx, call).await? {
        return Err(DeskError::OutcomeSaved);
    }
    let judged = match store::ending(&mut tx, call).await? {
        Some((mut facts, trunk)) => {
            facts.announced = class;
            let table = match trunk {
                Some(trunk) => causes::table_at(&ground.db, &trunk, ground.clock.now_ms()).await?,
                None => CauseTable::default(),
            };
            let judged = table.judge(&facts);
            store::judged(&mut tx, call, &facts, &judged).await?;
            conflict = said.is_some_and(|class| disagrees(class, &facts, judged.code));
            Some(judged.code)
        }
        // Its end is judged with it.
        None => None,
    };
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
    let counts = |heard: &Heard| heard.state == "confirmed" && !(facts.answered && heard.place == EARLY);
    facts.announced = heard.filter(counts).map(|heard| heard.class);
    Ok(())
}

/// Writes down, with the end of a call, that its technical code says something else than what the
/// agent confirmed while it went on.
pub(crate) async fn settled(tx: &mut Tx, call: &str, facts: &LineFacts, technical: &str) -> Result<(), DeskError> {
    let class = store::confirmed(tx, call).await?;
    if class.is_some_and(|class| disagrees(&class, facts, technical)) {
        store::conflicts(tx, call).await?;
    }
    Ok(())
}

/// Whether a class that was confirmed means another technical code than the one that the call has.
fn disagrees(class: &str, facts: &LineFacts, technical: &str) -> bool {
    let confirmed = LineFacts { announced: Some(class.to_owned()), ..facts.clone() };
    confirmed.announced_code().is_some_and(|code| code != technical)
}

/// Where a notice of the network stands.
const EARLY: &str = "early";
/// Who spoke was a machine (2.4).
const MACHINE: &str = "W12";

/// Who spoke, as the agent picked it with the outcome of an answered call, is his word on what the
/// line said, too: a machine that was picked is confirmed and no answer (C10), and what says that a
/// machine answered is refused where a person was picked. Which notice a machine spoke he does not say
/// with it: a number is marked as dead by his own word alone, so that one stays suggested. Answers the
/// technical code of the call.
pub(crate) async fn picked(
    ground: &Ground,
    tx: &mut Tx,
    actor: &Actor,
    row: &calls::CallRow,
    contact: &str,
) -> Result<String, DeskError> {
    let technical = row.technical_code.clone();
    if row.answered_ms.is_none() || contact.is_empty() {
        return Ok(technical);
    }
    let machine = contact == MACHINE;
    let heard = store::of_who_answered(tx, &row.id).await?;
    let said = heard.as_ref().and_then(|(class, ..)| announced(class));
    let verdict = heard.as_ref().and_then(|(class, ..)| match (said, class.as_str()) {
        (Some("C10"), _) if machine => Some(Verdict::Confirmed),
        (Some(_), _) if !machine => Some(Verdict::Rejected),
        (None, "person") if machine => Some(Verdict::Rejected),
        (None, "person") => Some(Verdict::Confirmed),
        _ => None,
    });
    let verdict = verdict.filter(|verdict| heard.as_ref().is_some_and(|(.., state)| state != verdict.word()));
    let (class, confidence) = match &heard {
        Some((class, confidence, _)) if !machine || said == Some("C10") => (class.as_str(), Some(*confidence)),
        _ => ("machine", None),
    };
    let mut judged = technical;
    if machine
        && judged == "C01"
        && let Some((mut facts, _)) = store::ending(tx, &row.id).await?
    {
        facts.announced = Some(class.to_owned());
        let anew = CauseTable::default().judge(&facts);
        if anew.code == "C10" {
            store::judged(tx, &row.id, &facts, &anew).await?;
            anew.code.clone_into(&mut judged);
        }
    }
    if let Some(verdict) = verdict {
        store::decided(tx, &ground.clock, &actor.user_id, &row.id, verdict, false).await?;
    }
    // That a person was heard where a person was picked is no news.
    if (verdict.is_some() && said.is_some()) || judged != row.technical_code {
        let (word, code) = if machine {
            (Verdict::Confirmed.word(), "C10")
        } else {
            (Verdict::Rejected.word(), said.unwrap_or_default())
        };
        let detail = json!({ "class": class, "confidence": confidence, "verdict": word, "code": code,
                             "technical": judged, "conflict": false, "contact": contact });
        let by = By { actor: &actor.user_id, name: &actor.name };
        timeline::append(tx, &ground.clock, &row.task_id, &by, Kind::LineJudged, &row.id, &detail).await?;
        audit::append(tx, &ground.clock, actor.did("call.line_judged", ("call", &row.id), detail)).await?;
    }
    Ok(judged)
}

impl Heard {
    /// As the agent sees it: words without digits, and no sound.
    pub fn frame(&self) -> Value {
        json!({
            "class": self.class, "confidence": self.confidence, "place": self.place,
            "from_ms": self.from_ms, "to_ms": self.to_ms, "text": self.text.as_deref().map(mask_spoken),
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
