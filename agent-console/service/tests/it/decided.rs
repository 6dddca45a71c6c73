//! A shelf of which something is due, asked for and approved: where most tests of deletions begin.

use std::collections::BTreeMap;

use serde_json::Value;
use songda_people::Role;
use songda_service::{
    ServiceError,
    retention::{CertificateRow, Decision, ask_for_deletion, certificate, certificates, decide, items, set_hold},
};

use crate::shelf::{DAY_MS, Served, Shelf};

/// Approved, by someone who did not look at the list.
pub(crate) const YES: Decision<'static> = Decision::Approve { reason: "清单已核对", files: None };
pub(crate) const THREE_YEARS: i64 = 1_096 * DAY_MS;
pub(crate) const TEN_YEARS: i64 = 3_653 * DAY_MS;

pub(crate) fn code(error: &ServiceError) -> &'static str {
    match error {
        ServiceError::Refused { code, .. } => code,
        other => panic!("{other}"),
    }
}

impl Shelf {
    pub(crate) async fn ask(&self, case: Option<&str>) -> Result<String, ServiceError> {
        let on = &self.house.on;
        ask_for_deletion(&on.db, &on.clock, &self.actor(Role::Admin), case, "保存期限届满").await
    }

    pub(crate) async fn approve(&self, id: &str) {
        let on = &self.house.on;
        let files = Some(items(&on.db, id).await.unwrap().len() as i64);
        let yes = Decision::Approve { reason: "清单已核对", files };
        decide(&on.db, &on.clock, self.keys.as_ref(), &self.actor(Role::Supervisor), id, yes).await.unwrap();
    }

    pub(crate) async fn hold(&self, case: &str) {
        let on = &self.house.on;
        set_hold(&on.db, &on.clock, &self.actor(Role::Judge), case, "再审立案，暂停销毁").await.unwrap();
    }

    /// Sets a hold that is answered with this code.
    pub(crate) async fn hold_refused(&self, case: &str) -> &'static str {
        let on = &self.house.on;
        code(&set_hold(&on.db, &on.clock, &self.actor(Role::Judge), case, "再审立案，暂停销毁").await.unwrap_err())
    }

    pub(crate) async fn states(&self, id: &str) -> BTreeMap<String, (String, String)> {
        let all = items(&self.house.on.db, id).await.unwrap();
        all.into_iter().map(|item| (item.file_id, (item.state, item.why))).collect()
    }

    /// A case that came back to the court so long ago, with the root of its day.
    pub(crate) async fn due(&self, ms: i64) -> Served {
        let served = self.case(1).await;
        self.returned(&served).await;
        self.pass(ms).await;
        served
    }

    /// The same with a deletion of what is due, asked for and approved; and its request.
    pub(crate) async fn approved(&self, ms: i64) -> (Served, String) {
        let served = self.due(ms).await;
        let id = self.ask(None).await.unwrap();
        self.approve(&id).await;
        (served, id)
    }

    /// The newest certificate, and what is signed in it.
    pub(crate) async fn certified(&self) -> (CertificateRow, Value) {
        let (on, court) = (&self.house.on, &self.house.court);
        let row = certificates(&on.db, court).await.unwrap().remove(0);
        let (_, body) = certificate(&on.db, &on.objects, court, &row.id).await.unwrap();
        let told = serde_json::from_str(body["signed"].as_str().unwrap()).unwrap();
        (row, told)
    }
}
