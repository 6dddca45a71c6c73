//! Day roots and what is 待核查.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::json;
use songda_people::Permission;
use songda_recordings::{evidence::DayRoot, said::Said};
use songda_service::evidence::{
    self, DoubtRow, FileRow, Place, RootRow, Which,
    notary::{self, NotaryReceipt, Waits},
};
use songda_store::clock::rfc3339;

use super::{note, require};
use crate::{
    house::House,
    input::{Asked, JsonBody},
    notary::Known,
    problem::Problem,
    shapes::{DoubtView, DoubtsView, NotaryView, ProblemBody, RootView, RootsPage, Why},
    who::SignedIn,
};

const PAGE: i64 = 60;

/// Where a page of roots starts.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct BeforeDay {
    /// A day; roots before it are given.
    cursor: Option<String>,
}

/// What is known of the roots of a page at the notary.
struct Notarised {
    known: Option<Known>,
    receipts: BTreeMap<String, String>,
    waits: BTreeMap<String, Waits>,
}

impl Notarised {
    async fn of(house: &House, court: &str, rows: &[RootRow]) -> Result<Self, Problem> {
        let first = rows.last().map(|root| root.day.as_str()).unwrap_or_default();
        let last = rows.first().map(|root| root.day.as_str()).unwrap_or_default();
        let receipts = notary::receipts(&house.db, court, first, last).await?;
        let waits = notary::waits(&house.db, court, first, last).await?;
        Ok(Self { known: house.notary.clone(), receipts, waits })
    }

    /// Of a root that cannot be read: what the notary says of it proves nothing.
    fn of_unreadable(&self, day: &str, said: Said) -> NotaryView {
        let asked = self.known.is_some() || self.receipts.contains_key(day);
        let (state, said) = if asked { ("broken", Some(said.into())) } else { ("off", None) };
        NotaryView { state, said, ..NotaryView::default() }
    }

    fn view(&self, root: &DayRoot) -> NotaryView {
        let Some(text) = self.receipts.get(&root.day) else {
            let (state, said) = match (&self.known, self.waits.get(&root.day)) {
                (None, _) => ("off", None),
                (_, Some(Waits { refused: true, why })) => ("refused", Some(why.clone())),
                (_, waits) => ("waiting", waits.map(|waits| waits.why.clone())),
            };
            return NotaryView { state, said: said.map(Into::into), ..NotaryView::default() };
        };
        let read = NotaryReceipt::from_text(text).and_then(|receipt| match &self.known {
            Some(known) => receipt.verify(root, &known.keys).map(|()| ("kept", receipt)),
            None => Ok(("unchecked", receipt)),
        });
        match read {
            Ok((state, receipt)) => NotaryView {
                state,
                number: Some(receipt.number),
                block: Some(receipt.block),
                transaction: Some(receipt.transaction),
                at: Some(rfc3339(receipt.at_ms)),
                said: None,
            },
            Err(fault) => NotaryView { state: "broken", said: Some(fault.said().into()), ..NotaryView::default() },
        }
    }
}

fn root_view(root: RootRow, notarised: &Notarised) -> RootView {
    // One that cannot be read hides no other, whether it was looked at or not.
    let unreadable = || Said::new("root.unreadable", "it cannot be read");
    let (key_id, notary) = match root.signed() {
        Ok(signed) => (signed.key_id.clone(), notarised.view(&signed)),
        Err(_) => (String::new(), notarised.of_unreadable(&root.day, unreadable())),
    };
    let (checked_at, state, said) = match root.checked {
        Some((at_ms, Some(fault))) => (Some(rfc3339(at_ms)), "broken", Some(fault.into())),
        checked if key_id.is_empty() => (checked.map(|(at_ms, _)| rfc3339(at_ms)), "broken", Some(unreadable().into())),
        None => (None, "unchecked", None),
        Some((at_ms, None)) => (Some(rfc3339(at_ms)), "intact", None),
    };
    RootView {
        day: root.day,
        files: root.files,
        root: root.root,
        key_id,
        made_at: rfc3339(root.made_ms),
        checked_at,
        state,
        said,
        notary,
    }
}

/// The signed roots of the court's days, newest first.
#[utoipa::path(get, path = "/api/v1/evidence/roots", tag = "evidence", params(BeforeDay),
    responses((status = 200, body = RootsPage), (status = 403, body = ProblemBody)))]
pub(super) async fn roots(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Asked(before): Asked<BeforeDay>,
) -> Result<Json<RootsPage>, Problem> {
    require(&house, &actor, Permission::EvidenceRead).await?;
    let rows = evidence::roots(&house.db, &actor.court_id, before.cursor.as_deref(), PAGE).await?;
    let next_cursor = (rows.len() as i64 == PAGE).then(|| rows.last().map(|root| root.day.clone())).flatten();
    let notarised = Notarised::of(&house, &actor.court_id, &rows).await?;
    let items = rows.into_iter().map(|root| root_view(root, &notarised)).collect();
    let (files, oldest_ms) = evidence::looked_at(&house.db, &actor.court_id).await?;
    note(&house, &actor, "evidence.roots", ("court", &actor.court_id), "ok", json!({})).await?;
    Ok(Json(RootsPage { items, next_cursor, files, oldest_look_at: oldest_ms.map(rfc3339) }))
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

/// A doubt with the file that it is about.
fn doubt_view(doubt: DoubtRow, file: Option<&FileRow>) -> DoubtView {
    let root = doubt.object_id.strip_prefix("root:").map(str::to_owned);
    DoubtView {
        kind: file.map_or_else(|| "root".to_owned(), |file| file.kind.clone()),
        name: file.map(|file| file.name.clone()).or(root).unwrap_or_default(),
        call_id: file.and_then(|file| some(&file.owner_id)),
        case_id: file.and_then(|file| some(&file.case_id)),
        case_number: file.map(|file| file.case_number.clone()).unwrap_or_default(),
        task_id: file.and_then(|file| some(&file.task_id)),
        task_number: file.map(|file| file.task_number.clone()).unwrap_or_default(),
        id: doubt.id,
        object_id: doubt.object_id,
        verdict: doubt.verdict,
        said: doubt.said.into(),
        found_at: rfc3339(doubt.found_ms),
        cleared_at: doubt.cleared_ms.map(rfc3339),
        cleared_by: doubt.cleared_by,
        reason: doubt.reason,
    }
}

/// Where a page of doubts starts.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AfterDoubt {
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Doubts of a page.
const DOUBTS: i64 = 100;

/// What is 待核查 in the court, and what was, with file, case and task; page by page.
#[utoipa::path(get, path = "/api/v1/evidence/doubts", tag = "evidence", params(AfterDoubt),
    responses((status = 200, body = DoubtsView), (status = 403, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub(super) async fn doubts(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Asked(after): Asked<AfterDoubt>,
) -> Result<Json<DoubtsView>, Problem> {
    require(&house, &actor, Permission::EvidenceRead).await?;
    let after = match after.cursor.as_deref() {
        None => Place::START,
        Some(text) => Place::parse(text).ok_or_else(|| {
            let text = "this is no cursor: take next_cursor of the page before";
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "cursor.unfit", text)
        })?,
    };
    let found = evidence::doubts(&house.db, &actor.court_id, &after, DOUBTS).await?;
    let files = evidence::files(&house.db, Which::Doubted(&actor.court_id, &after, DOUBTS)).await?;
    let next_cursor =
        (found.len() as i64 == DOUBTS).then(|| found.last().map(|doubt| Place::of(doubt).to_string())).flatten();
    let items = with_files(found, &files);
    note(&house, &actor, "evidence.doubts", ("court", &actor.court_id), "ok", json!({ "shown": items.len() })).await?;
    Ok(Json(DoubtsView { items, next_cursor }))
}

fn with_files(doubts: Vec<DoubtRow>, files: &[FileRow]) -> Vec<DoubtView> {
    let files: BTreeMap<&str, &FileRow> = files.iter().map(|file| (file.id.as_str(), file)).collect();
    let view = |doubt: DoubtRow| {
        let file = files.get(doubt.object_id.as_str()).copied();
        doubt_view(doubt, file)
    };
    doubts.into_iter().map(view).collect()
}

/// What is 待核查 of a case, for its pages.
pub(super) async fn doubts_of(house: &House, court: &str, case: &str) -> Result<Vec<DoubtView>, Problem> {
    let open = evidence::doubts_of_case(&house.db, court, case).await?;
    if open.is_empty() {
        return Ok(Vec::new());
    }
    Ok(with_files(open, &evidence::files(&house.db, Which::Case(case)).await?))
}

/// Says what was found out about something that was 待核查, and takes the mark off. The file and
/// its hashes stay as they are: one that still differs is marked anew.
#[utoipa::path(post, path = "/api/v1/evidence/doubts/{id}/clear", tag = "evidence", params(("id" = String, Path)),
    request_body = Why,
    responses((status = 204), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub(super) async fn clear_doubt(
    State(house): State<House>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
    JsonBody(why): JsonBody<Why>,
) -> Result<StatusCode, Problem> {
    require(&house, &actor, Permission::EvidenceClear).await?;
    evidence::clear(&house.db, &house.clock, &actor, &id, &why.reason).await?;
    Ok(StatusCode::NO_CONTENT)
}
