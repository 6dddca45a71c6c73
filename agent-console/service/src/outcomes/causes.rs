//! What the causes of a carrier mean (domain 2.4): carriers release with unspecific causes, so
//! a trunk may have rules of its own. They come before the house's, which stands in
//! [`judge`]; neither can turn a fault of ours, an answer or the agent's own act into
//! something else.

use serde::{Deserialize, Serialize};

use super::{
    announced::ANNOUNCED,
    technical::{LineFacts, by_q850, judge},
};

/// Name of the house's own rules, with their version.
pub const HOUSE: &str = "house v1";

/// Rules of one table, at most.
const RULES: usize = 200;

/// Codes that a rule may give: what a line can say of a party that was not reached.
const CODES: [&str; 11] = ["C02", "C03", "C04", "C05", "C06", "C07", "C08", "C09", "C10", "C11", "C13"];

/// One line of a table. What it does not name it does not look at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CauseRule {
    /// Final SIP status, 300 to 699.
    pub status: Option<u16>,
    /// Q.850 cause of the Reason header, 1 to 127.
    pub q850: Option<u8>,
    /// It rang at least so long, seconds.
    pub rang_from_s: Option<u32>,
    /// It rang less than so long, seconds.
    pub rang_until_s: Option<u32>,
    /// Technical code.
    pub code: String,
}

/// What is wrong with a table that was entered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rule {rule}: {field} {what}")]
pub struct WrongRule {
    /// Which, from 1.
    pub rule: usize,
    /// Field.
    pub field: &'static str,
    /// What it must be.
    pub what: &'static str,
}

/// The rules of a trunk, in order: the first that fits counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CauseTable {
    /// How results name it, e.g. `trunk 01J… v2`.
    pub name: String,
    /// Rules.
    pub rules: Vec<CauseRule>,
}

/// A technical code and the rule that gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Technical code.
    pub code: &'static str,
    /// Rule with its version, which stays with the result.
    pub rule: String,
}

impl CauseRule {
    fn fits(&self, facts: &LineFacts) -> bool {
        let rang = |seconds: u32| i64::from(seconds) * 1_000;
        self.status.is_none_or(|status| facts.status == Some(status))
            && self.q850.is_none_or(|cause| facts.q850 == Some(cause))
            && self.rang_from_s.is_none_or(|from| facts.rang_ms >= rang(from))
            && self.rang_until_s.is_none_or(|until| facts.rang_ms < rang(until))
    }

    fn check(&self, rule: usize) -> Result<(), WrongRule> {
        let wrong = |field, what| Err(WrongRule { rule, field, what });
        if self.status.is_none() && self.q850.is_none() {
            return wrong("status", "or q850 must be given");
        }
        if self.status.is_some_and(|status| !(300..700).contains(&status)) {
            return wrong("status", "must lie between 300 and 699");
        }
        if self.q850.is_some_and(|cause| !(1..128).contains(&cause)) {
            return wrong("q850", "must lie between 1 and 127");
        }
        if [self.rang_from_s, self.rang_until_s].into_iter().flatten().any(|seconds| seconds > 180) {
            return wrong("rang_from_s", "and rang_until_s must be at most 180 seconds");
        }
        if let (Some(from), Some(until)) = (self.rang_from_s, self.rang_until_s)
            && from >= until
        {
            return wrong("rang_until_s", "must be more than rang_from_s");
        }
        if CODES.contains(&self.code.as_str()) { Ok(()) } else { wrong("code", "must be one of C02 to C11, or C13") }
    }
}

impl CauseTable {
    /// What is wrong with it, when something is.
    pub fn check(rules: &[CauseRule]) -> Result<(), WrongRule> {
        if rules.len() > RULES {
            return Err(WrongRule { rule: RULES + 1, field: "rules", what: "are too many: 200 at most" });
        }
        (1..).zip(rules).try_for_each(|(number, rule)| rule.check(number))
    }

    /// The technical code of a call that went over this trunk.
    pub fn judge(&self, facts: &LineFacts) -> Judged {
        let about_the_party = !(facts.our_fault || facts.answered || facts.cancelled_by_agent || facts.ring_limit);
        let found = (1..).zip(&self.rules).filter(|_| about_the_party).find(|(_, rule)| rule.fits(facts));
        if let Some((number, rule)) = found
            && let Some(code) = CODES.into_iter().find(|code| *code == rule.code)
            // What was announced comes behind the cause, and before the bare status.
            && (rule.q850.is_some() || facts.announced_code().is_none())
        {
            return Judged { code, rule: format!("{} #{number}", self.name) };
        }
        let code = judge(facts);
        let by_cause = !facts.answered && facts.q850.and_then(by_q850).is_some();
        let rule = if facts.announced_code() == Some(code) && !by_cause { ANNOUNCED } else { HOUSE };
        Judged { code, rule: rule.to_owned() }
    }
}
