//! What the books say: which trunk, which number may be shown over it, what is dialled.

use songda_calls::numbering::{self, Callee};
use songda_desk::telephony::{
    ceilings, lines,
    trunks::{self, TrunkRow},
};
use songda_people::courts::{self, Court};
use songda_sip::Number;
use songda_store::masked::Phone;

use super::{
    report::Outcome,
    words::{Advice, Said},
};
use crate::house::House;

/// A trunk and the court that it belongs to.
pub(super) struct Found {
    pub(super) trunk: TrunkRow,
    pub(super) court: Court,
}

/// The one trunk of this name, of this court when one is named. Names that leave a choice are
/// no answer: a check of the wrong court's trunk would say nothing.
pub(super) async fn find(house: &House, name: &str, court: Option<&str>) -> anyhow::Result<Result<Found, Said>> {
    let all = courts::list(&house.db).await?;
    let wanted: Vec<Court> = all.into_iter().filter(|each| court.is_none_or(|code| code == each.code)).collect();
    let mut found = Vec::new();
    for trunk in trunks::list(&house.db, None, house.demo).await? {
        if trunk.name == name
            && let Some(court) = wanted.iter().find(|court| court.id == trunk.court_id)
        {
            found.push(Found { trunk, court: court.clone() });
        }
    }
    let courts = wanted.len();
    Ok(if found.len() == 1 { found.pop().ok_or(Said::NoTrunk { courts }) } else { Err(Said::NoTrunk { courts }) })
}

/// The number that is shown, as the trunk writes it: one of the court's, active, proved and
/// valid today (R12.1), and meant for this trunk. There is no way to choose another.
pub(super) async fn caller(house: &House, trunk: &TrunkRow) -> anyhow::Result<Result<Number, Outcome>> {
    let numbers = lines::numbers_over(&house.db, &house.clock, trunk).await?;
    Ok(match numbers.first() {
        Some(number) => Ok(numbering::caller(number, trunk.profile.calling)),
        None => Err(Outcome::Failed(Said::NoCaller, Advice::Register)),
    })
}

/// The number that is called, as the trunk writes it. What the server never dials is not
/// dialled here either, nor more than the trunk may carry.
pub(super) async fn callee(house: &House, trunk: &TrunkRow, text: &str) -> anyhow::Result<Result<Number, Outcome>> {
    let refused = |refusal| Outcome::Failed(Said::Refused(refusal), Advice::OtherNumber);
    let dialled = match Callee::parse(text).and_then(|callee| trunk.profile.called.write(&callee)) {
        Ok(dialled) => dialled,
        Err(refusal) => return Ok(Err(refused(refusal))),
    };
    if dialled.post_dial.is_some() {
        return Ok(Err(Outcome::Failed(Said::Refused(numbering::Refusal::Unreadable), Advice::NoExtension)));
    }
    let demo = Phone::parse(text).is_ok_and(|phone| phone.is_demo());
    if house.demo && !(demo && trunk.leads_nowhere_else()) {
        return Ok(Err(Outcome::Failed(Said::DemoOnly, Advice::OtherNumber)));
    }
    let loads = ceilings::look(&house.db, &house.clock, &trunk.court_id).await?;
    if loads.get(&trunk.id).is_some_and(|load| load.reached(&trunk.profile).is_some()) {
        return Ok(Err(Outcome::Failed(Said::Ceiling, Advice::Limit)));
    }
    Ok(Ok(dialled.number))
}
