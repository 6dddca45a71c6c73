//! Desk phones. One administrator is enough: a phone shows no number and opens no way outside.

use std::{collections::HashMap, sync::Arc, time::Instant};

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde_json::json;
use songda_calls::sip::Device;
use songda_desk::telephony::{
    changes,
    phones::{self as books, PhoneForm, PhoneRow},
};
use songda_people::{Actor, Permission};
use songda_store::clock::rfc3339;

use crate::{
    desk::Desk,
    house::House,
    input::JsonBody,
    problem::Problem,
    routes::{note, require},
    shapes::{
        Paused, PhoneChange, PhoneDevice, PhoneNew, PhoneSecret, PhoneSwitch, PhoneView, PhoneWay, Phones, ProblemBody,
    },
    who::SignedIn,
};

/// The desk phones of the court, and where they are registered now.
#[utoipa::path(get, path = "/api/v1/telephony/phones", tag = "telephony",
    responses((status = 200, body = Phones), (status = 403, body = ProblemBody)))]
pub(crate) async fn phones(
    State(house): State<House>,
    State(desk): State<Option<Desk>>,
    SignedIn(actor): SignedIn,
) -> Result<Json<Phones>, Problem> {
    require(&house, &actor, Permission::TelephonyManage).await?;
    let devices = devices(desk.as_ref()).await;
    let rows = books::list(&house.db, &actor.court_id).await?;
    let items = rows.into_iter().map(|row| view(&house, &devices, row)).collect();
    let ways = desk.iter().flat_map(|desk| desk.phone_ways.iter()).map(|way| PhoneWay {
        protocol: way.protocol.to_string(),
        address: match way.advertise {
            Some(seen) => std::net::SocketAddr::new(seen, way.address.port()).to_string(),
            None => way.address.to_string(),
        },
    });
    note(&house, &actor, "phone.list", ("court", &actor.court_id), "ok", json!({})).await?;
    Ok(Json(Phones { items, realm: house.phone_realm.as_deref().map(str::to_owned), ways: ways.collect() }))
}

/// Enters a desk phone. Its password is in the answer, and never shown again.
#[utoipa::path(post, path = "/api/v1/telephony/phones", tag = "telephony", request_body = PhoneNew,
    responses((status = 201, body = PhoneSecret), (status = 403, body = ProblemBody),
              (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub(crate) async fn add_phone(
    State(house): State<House>,
    State(desk): State<Option<Desk>>,
    SignedIn(actor): SignedIn,
    JsonBody(form): JsonBody<PhoneNew>,
) -> Result<(StatusCode, Json<PhoneSecret>), Problem> {
    require(&house, &actor, Permission::TelephonyManage).await?;
    let realm = realm(&house)?;
    let form = PhoneForm { extension: form.extension, name: form.name, owner: form.owner_id };
    let mut tx = house.db.begin().await?;
    let (id, password) = books::add(&mut tx, &house.clock, &house.sealer, &actor.court_id, &realm, &form).await?;
    let detail = json!({ "extension": form.extension, "name": form.name, "owner": form.owner });
    changes::note(&mut tx, &house.clock, &actor, "phone.add", ("phone", &id), detail).await?;
    tx.commit().await?;
    tell(desk.as_ref()).await;
    let phone = view(&house, &HashMap::new(), found(&house, &actor, &id).await?);
    Ok((StatusCode::CREATED, Json(PhoneSecret { phone, password })))
}

/// Gives a desk phone another name or another owner.
#[utoipa::path(put, path = "/api/v1/telephony/phones/{id}", tag = "telephony", request_body = PhoneChange,
    params(("id" = String, Path)),
    responses((status = 200, body = PhoneView), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
              (status = 422, body = ProblemBody)))]
pub(crate) async fn change_phone(
    State(house): State<House>,
    State(desk): State<Option<Desk>>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
    JsonBody(change): JsonBody<PhoneChange>,
) -> Result<Json<PhoneView>, Problem> {
    require(&house, &actor, Permission::TelephonyManage).await?;
    let old = found(&house, &actor, &id).await?;
    let mut tx = house.db.begin().await?;
    let owner = change.owner_id.as_deref();
    books::change(&mut tx, &house.clock, &actor.court_id, &id, &change.name, owner).await?;
    let detail = json!({ "extension": old.extension, "name": change.name, "owner": owner,
                         "was": { "name": old.name, "owner": old.owner_id } });
    changes::note(&mut tx, &house.clock, &actor, "phone.change", ("phone", &id), detail).await?;
    tx.commit().await?;
    let devices = devices(desk.as_ref()).await;
    Ok(Json(view(&house, &devices, found(&house, &actor, &id).await?)))
}

/// Gives a desk phone a new password, which is in the answer and never shown again. Devices
/// with the old one are thrown out.
#[utoipa::path(post, path = "/api/v1/telephony/phones/{id}/password", tag = "telephony",
    params(("id" = String, Path)),
    responses((status = 200, body = PhoneSecret), (status = 403, body = ProblemBody),
              (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
pub(crate) async fn renew_phone(
    State(house): State<House>,
    State(desk): State<Option<Desk>>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<PhoneSecret>, Problem> {
    require(&house, &actor, Permission::TelephonyManage).await?;
    let realm = realm(&house)?;
    let row = found(&house, &actor, &id).await?;
    let mut tx = house.db.begin().await?;
    let password = books::renew(&mut tx, &house.clock, &house.sealer, &row, &realm).await?;
    changes::note(
        &mut tx,
        &house.clock,
        &actor,
        "phone.password",
        ("phone", &id),
        json!({ "extension": row.extension }),
    )
    .await?;
    tx.commit().await?;
    tell(desk.as_ref()).await;
    let phone = view(&house, &HashMap::new(), found(&house, &actor, &id).await?);
    Ok(Json(PhoneSecret { phone, password }))
}

/// Switches a desk phone on or off. One that is switched off is thrown out at once; a call that
/// it has goes on.
#[utoipa::path(put, path = "/api/v1/telephony/phones/{id}/state", tag = "telephony", request_body = PhoneSwitch,
    params(("id" = String, Path)),
    responses((status = 200, body = Paused), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub(crate) async fn switch_phone(
    State(house): State<House>,
    State(desk): State<Option<Desk>>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
    JsonBody(PhoneSwitch { active }): JsonBody<PhoneSwitch>,
) -> Result<Json<Paused>, Problem> {
    require(&house, &actor, Permission::TelephonyManage).await?;
    let row = found(&house, &actor, &id).await?;
    let mut tx = house.db.begin().await?;
    let changed = books::set_active(&mut tx, &house.clock, &actor.court_id, &id, active).await?;
    let action = if active { "phone.on" } else { "phone.off" };
    let detail = json!({ "extension": row.extension, "changed": changed });
    changes::note(&mut tx, &house.clock, &actor, action, ("phone", &id), detail).await?;
    tx.commit().await?;
    tell(desk.as_ref()).await;
    Ok(Json(Paused { changed }))
}

/// Takes a desk phone out of the books.
#[utoipa::path(delete, path = "/api/v1/telephony/phones/{id}", tag = "telephony",
    params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub(crate) async fn remove_phone(
    State(house): State<House>,
    State(desk): State<Option<Desk>>,
    SignedIn(actor): SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    require(&house, &actor, Permission::TelephonyManage).await?;
    let row = found(&house, &actor, &id).await?;
    let mut tx = house.db.begin().await?;
    books::remove(&mut tx, &actor.court_id, &id).await?;
    let detail = json!({ "extension": row.extension, "name": row.name });
    changes::note(&mut tx, &house.clock, &actor, "phone.remove", ("phone", &id), detail).await?;
    tx.commit().await?;
    tell(desk.as_ref()).await;
    Ok(StatusCode::NO_CONTENT)
}

async fn found(house: &House, actor: &Actor, id: &str) -> Result<PhoneRow, Problem> {
    books::find(&house.db, &actor.court_id, id).await?.ok_or_else(|| Problem::not_found("phone"))
}

/// The realm for which passwords are made.
fn realm(house: &House) -> Result<Arc<str>, Problem> {
    if house.read_only.is_some() {
        return Err(Problem::read_only());
    }
    house.phone_realm.clone().ok_or_else(|| {
        let text = "no desk phone can register: set telephony.phone_realm in the configuration of the server first";
        Problem::new(StatusCode::CONFLICT, "phones.no_realm", text)
    })
}

/// The answer goes out when the registrar knows: whoever reads the password can use it.
async fn tell(desk: Option<&Desk>) {
    if let Some(desk) = desk {
        desk.phones.tell().await;
    }
}

async fn devices(desk: Option<&Desk>) -> HashMap<String, Vec<Device>> {
    match desk {
        Some(desk) => desk.switchboard.endpoint().phone_devices().await,
        None => HashMap::new(),
    }
}

fn view(house: &House, devices: &HashMap<String, Vec<Device>>, row: PhoneRow) -> PhoneView {
    let (now, now_ms) = (Instant::now(), house.clock.now_ms());
    let past = |at: Instant| rfc3339(now_ms - now.saturating_duration_since(at).as_millis() as i64);
    let ahead = |at: Instant| rfc3339(now_ms + at.saturating_duration_since(now).as_millis() as i64);
    let device = |device: &Device| PhoneDevice {
        protocol: device.flow.protocol.to_string(),
        address: device.flow.remote.to_string(),
        since: past(device.since),
        until: ahead(device.until),
        agent: device.agent.clone(),
    };
    PhoneView {
        devices: devices.get(&row.extension).into_iter().flatten().map(device).collect(),
        password_valid: house.phone_realm.as_deref() == Some(row.realm.as_str()),
        id: row.id,
        extension: row.extension,
        name: row.name,
        owner_id: row.owner_id,
        owner_name: row.owner_name,
        active: row.active,
        created_at: rfc3339(row.created_ms),
    }
}
