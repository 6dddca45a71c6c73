//! The notary of this house (X2), where one is configured: what is needed of it, and the work.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use songda_link::notary::{HttpNotary, TIMEOUT};
use songda_recordings::{keys::PublicKey, said::Said};
use songda_service::evidence::notary::{Circuit, Notariser, Notarising};
use songda_store::{alarms, http};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::{config, house::House, shapes::Check};

/// How often it is looked whether a root waits.
const LOOK: Duration = Duration::from_secs(5);

/// The notary as pages and commands know it.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// Whose signature a receipt must bear.
    pub(crate) keys: Vec<PublicKey>,
    /// How it stands with it.
    pub(crate) standing: Notarising,
}

impl Known {
    /// Reads the pinned keys.
    pub(crate) fn read(settings: &config::Notary) -> anyhow::Result<Self> {
        let keys = public_keys(&settings.public_keys).context("evidence.notary.public_keys")?;
        Ok(Self { keys, standing: Notarising::default() })
    }
}

/// Every key of a file of public keys.
pub(crate) fn public_keys(path: &Path) -> anyhow::Result<Vec<PublicKey>> {
    let name = || format!("reading the public keys {}", path.display());
    crate::evidence::public_keys(&std::fs::read_to_string(path).with_context(name)?).with_context(name)
}

/// Who hands roots in for this house; none where no notary is configured.
pub(crate) fn notariser(
    settings: Option<&config::Notary>,
    house: &House,
) -> anyhow::Result<Option<Notariser<HttpNotary>>> {
    let (Some(settings), Some(known)) = (settings, &house.notary) else { return Ok(None) };
    let path = settings.key_file.display();
    let key = std::fs::read_to_string(&settings.key_file)
        .with_context(|| format!("evidence.notary.key_file: reading the key of the notary from {path}"))?;
    anyhow::ensure!(!key.trim().is_empty(), "evidence.notary.key_file: {path} is empty: put the notary's key there");
    Ok(Some(Notariser {
        db: house.db.clone(),
        clock: house.clock.clone(),
        house: house.keys.clone(),
        notary: HttpNotary {
            http: http::client()?,
            url: settings.url.clone(),
            key: key.trim().to_owned(),
            timeout: TIMEOUT,
        },
        keys: known.keys.clone(),
        settle_ms: i64::try_from(settings.settle_s).unwrap_or(0) * 1_000,
        standing: known.standing.clone(),
        circuit: Circuit::default(),
    }))
}

/// Hands roots in until cancelled, also in the middle of a hand-in: a repeat is the same proof.
pub(crate) async fn work(mut notariser: Notariser<HttpNotary>, cancel: CancellationToken) {
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = looks.tick() => {}
        }
        let round = tokio::select! {
            () = cancel.cancelled() => return,
            round = notariser.round() => round,
        };
        match round {
            Ok(0) => {}
            Ok(kept) => tracing::info!(kept, "receipts of the notary are kept with their day roots"),
            Err(error) => tracing::error!(%error, "day roots could not be handed in at the notary"),
        }
    }
}

/// Nobody is asked any more: nothing that was about asking rings any longer.
pub(crate) async fn off(house: &House) {
    for kind in ["evidence.notary", "evidence.notary_receipt"] {
        if let Err(error) = alarms::clear_kind(&house.db, &house.clock, kind).await {
            tracing::error!(%error, kind, "alarms about the notary could not be cleared");
        }
    }
}

/// How it stands, for the health page; nothing where there is none.
pub(crate) fn check(house: &House) -> Option<Check> {
    let standing = house.notary.as_ref()?.standing.standing();
    let upto = match standing.newest {
        Some(day) => Said::new("notary.upto", "newest receipt of {day}").with("day", day),
        None => Said::new("notary.none_yet", "no receipt yet"),
    };
    let warns = standing.refused > 0 || standing.failing.is_some();
    // People read these to the second.
    let whole = |ms: i64| ms - ms.rem_euclid(1_000);
    let said = match (standing.failing, standing.open_until_ms) {
        (Some((since, why)), Some(until)) => {
            let text = "{upto}; {waiting} waiting, {refused} of them refused; away since {since_at_ms}, tried again at {until_at_ms}: {why}";
            let said = Said::new("notary.away_until", text).with("until_at_ms", whole(until));
            said.with("since_at_ms", whole(since)).with("why", why)
        }
        (Some((since, why)), None) => {
            let text = "{upto}; {waiting} waiting, {refused} of them refused; away since {since_at_ms}: {why}";
            Said::new("notary.away", text).with("since_at_ms", whole(since)).with("why", why)
        }
        (None, _) => Said::new("notary.standing", "{upto}; {waiting} waiting, {refused} of them refused"),
    };
    let said = said.with("upto", upto).with("waiting", standing.waiting).with("refused", standing.refused);
    Some(Check::new("notary", if warns { "warn" } else { "ok" }, Some(said)))
}
