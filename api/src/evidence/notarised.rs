//! Which days have a notary's receipt, as `verify` tells it, in the house and for a bundle.

use std::io::Write;

use serde::Serialize;
use songda_recordings::{
    evidence::{DayRoot, NotaryReceipt},
    keys::PublicKey,
};
use songda_service::{date, midnight_after};
use songda_store::clock::rfc3339;

/// What was found of the days that were looked at.
#[derive(Debug, Default, Serialize)]
pub(super) struct Notarised {
    /// Days whose root has a receipt that holds.
    pub(super) days: Vec<Proof>,
    /// Days whose root waits for the notary: no fault.
    pub(super) waiting: Vec<Day>,
    /// Days for which the notary gave a receipt that proves nothing of their root, and that was not
    /// taken: no fault of the evidence, and one of the notary or of the keys that it is believed by.
    pub(super) refused: Vec<Refused>,
    /// Days with a receipt that could not be checked, for want of the notary's public keys.
    pub(super) unchecked: Vec<Day>,
    /// Days whose receipt is not what the notary signed, or is of another root.
    pub(super) broken: Vec<Broken>,
}

/// A day of a court.
#[derive(Debug, Serialize)]
pub(super) struct Day {
    court: String,
    day: String,
}

/// A proof.
#[derive(Debug, Serialize)]
pub(super) struct Proof {
    court: String,
    day: String,
    number: String,
    block: u64,
    transaction: String,
    at: String,
}

/// A receipt that came and was not taken.
#[derive(Debug, Serialize)]
pub(super) struct Refused {
    court: String,
    day: String,
    why: String,
}

/// A receipt that does not hold.
#[derive(Debug, Serialize)]
pub(super) struct Broken {
    pub(super) court: String,
    pub(super) day: String,
    pub(super) detail: String,
}

impl Notarised {
    /// Notes a day that has no receipt. One whose receipts were `refused`, and why, is named also where
    /// no notary is asked any more; where one is (`on`) any other waits.
    pub(super) fn without(&mut self, (court, day): (&str, &str), refused: Option<&str>, on: bool) {
        let (court, day) = (court.to_owned(), day.to_owned());
        match refused {
            Some(why) => self.refused.push(Refused { court, day, why: why.to_owned() }),
            None if on => self.waiting.push(Day { court, day }),
            None => {}
        }
    }

    /// Looks at the receipt of a day, if there is one. Where a notary is asked (`on`) a day without
    /// one waits.
    pub(super) fn look(
        &mut self,
        (court, root): (&str, &DayRoot),
        receipt: Option<&str>,
        keys: Option<&[PublicKey]>,
        on: bool,
    ) {
        let Some(text) = receipt else {
            self.without((court, &root.day), None, on);
            return;
        };
        let checked = NotaryReceipt::from_text(text).and_then(|receipt| match keys {
            Some(keys) => receipt.verify(root, keys).map(|()| Some(receipt)),
            None => Ok(None),
        });
        match checked {
            Err(fault) => self.fault(court, &root.day, fault.to_string()),
            Ok(None) => self.unchecked.push(Day { court: court.to_owned(), day: root.day.clone() }),
            Ok(Some(receipt)) => self.days.push(Proof {
                court: court.to_owned(),
                day: root.day.clone(),
                number: receipt.number,
                block: receipt.block,
                transaction: receipt.transaction,
                at: rfc3339(receipt.at_ms),
            }),
        }
    }

    /// A receipt that does not hold.
    pub(super) fn fault(&mut self, court: &str, day: &str, detail: String) {
        self.broken.push(Broken { court: court.to_owned(), day: day.to_owned(), detail });
    }

    /// Says which days are notarised, which wait, and whose receipts were refused; nothing where no
    /// notary is or was asked.
    pub(super) fn print(&self, out: &mut impl Write) -> std::io::Result<()> {
        for Broken { court, day, detail } in &self.broken {
            writeln!(out, "BROKEN receipt of the notary for {court} {day}: {detail}")?;
        }
        let none = self.days.is_empty() && self.waiting.is_empty() && self.unchecked.is_empty();
        if none && self.refused.is_empty() && self.broken.is_empty() {
            return Ok(());
        }
        let days = spans(self.days.iter().map(|proof| (proof.court.as_str(), proof.day.as_str())));
        writeln!(out, "notarised: {}", if days.is_empty() { "no day" } else { &days })?;
        let plain = |days: &[Day]| spans(days.iter().map(|day| (day.court.as_str(), day.day.as_str())));
        if !self.waiting.is_empty() {
            writeln!(out, "waiting for the notary, which is no fault: {}", plain(&self.waiting))?;
        }
        for Refused { court, day, why } in &self.refused {
            writeln!(
                out,
                "REFUSED receipt of the notary for {court} {day}, which proves nothing of its root and is asked for \
                 again: {why}"
            )?;
        }
        if !self.refused.is_empty() {
            writeln!(
                out,
                "that is no fault of the evidence: compare evidence.notary.public_keys, then ask the notary"
            )?;
        }
        if !self.unchecked.is_empty() {
            let days = plain(&self.unchecked);
            writeln!(out, "receipts not checked, for want of the notary's public keys (--notary-keys): {days}")?;
        }
        Ok(())
    }
}

/// Days as a person reads them: `C 2026-11-25 to 2026-11-27`.
fn spans<'a>(days: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut spans: Vec<(&str, &str, &str)> = Vec::new();
    for (court, day) in days {
        let next = |span: &&mut (&str, &str, &str)| {
            span.0 == court && midnight_after(span.2).map(date).as_deref() == Some(day)
        };
        if let Some(span) = spans.last_mut().filter(next) {
            span.2 = day;
        } else {
            spans.push((court, day, day));
        }
    }
    let said = spans.into_iter().map(|(court, first, last)| {
        if first == last { format!("{court} {first}") } else { format!("{court} {first} to {last}") }
    });
    said.collect::<Vec<_>>().join(", ")
}
