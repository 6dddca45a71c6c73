//! Trunks and numbers of a court: which way a call may take, who decided that, and what a
//! carrier's cause means.

use songda_calls::numbering::{Abroad, Callee, Refusal};
use songda_desk::{
    DeskError,
    inbound::caller,
    telephony::{
        NoRoute, Routes, causes,
        changes::{self, Decision, Wanted},
        choose, lines, lines_of,
        numbers::{self, NumberForm, Registration},
        trunks::{self, Place, Profile, Transport, TrunkForm, TrunkState},
    },
};
use songda_people::Actor;
use songda_service::outcomes::{CauseRule, LineFacts};
use songda_sip::{Destination, Protocol};
use songda_store::{Tx, new_id, testing::NINE_O_CLOCK};

use sqlx::Row as _;

use crate::{
    clear,
    desk::{Desk, desks},
    house::party,
};

pub(crate) const PARTY: &str = "13800001234";
const PDF: &[u8] = b"%PDF-1.7\n1 0 obj\n%%EOF\n";

pub(crate) fn trunk(name: &str) -> TrunkForm {
    TrunkForm {
        name: name.into(),
        state: TrunkState::Active,
        domain: "carrier.example".into(),
        username: "court".into(),
        password: Some("trunk-secret-7".into()),
        profile: Profile { hosts: vec!["sbc1.carrier.example:5060".into()], ..Profile::default() },
    }
}

pub(crate) fn number(text: &str, trunks: &[&str]) -> NumberForm {
    NumberForm {
        number: text.into(),
        carrier: "中国电信".into(),
        trunks: trunks.iter().map(|id| (*id).to_owned()).collect(),
        proof: None,
        valid_from: "2026-01-01".into(),
        valid_until: "2026-12-31".into(),
        registration: Registration::Registered,
        label: "新城区人民法院".into(),
        active: true,
    }
}

impl Desk {
    pub(crate) async fn trunk(&self, form: &TrunkForm) -> String {
        let id = new_id();
        let mut tx = self.ground.db.begin().await.unwrap();
        let place = Place { court: &self.house.court, id: &id, version: 0, demo: false };
        trunks::put(&mut tx, &self.ground.clock, &self.ground.sealer, place, form).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    async fn proof(&self) -> String {
        let mut tx = self.ground.db.begin().await.unwrap();
        let id = numbers::keep_proof(&mut tx, &self.house.on.objects, &self.house.court, PDF).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    pub(crate) async fn number(&self, id: &str, version: i64, form: &NumberForm) -> Result<(), DeskError> {
        let mut tx = self.ground.db.begin().await.unwrap();
        numbers::put(&mut tx, &self.ground.clock, &self.house.court, id, version, form).await?;
        Ok(tx.commit().await?)
    }

    pub(crate) async fn proved(&self, text: &str, trunks: &[&str]) {
        let form = NumberForm { proof: Some(self.proof().await), ..number(text, trunks) };
        self.number(&new_id(), 0, &form).await.unwrap();
    }

    /// Names of the trunks, in the order in which they would be tried.
    pub(crate) async fn ways(&self, callee: &str, down: &str) -> Result<Vec<String>, DeskError> {
        let mut tx = self.ground.db.begin().await?;
        self.ways_in(&mut tx, callee, down).await
    }

    pub(crate) async fn ways_in(&self, tx: &mut Tx, callee: &str, down: &str) -> Result<Vec<String>, DeskError> {
        let lines = lines_of(&self.ground.db, &self.ground.clock, &self.house.court, false).await?;
        let callee = Callee::parse(callee).unwrap();
        let (clock, sealer) = (&self.ground.clock, &self.ground.sealer);
        let Routes { routes, lines, .. } = choose(tx, clock, sealer, lines, &callee, |trunk| trunk == down).await?;
        assert_eq!(routes.len(), lines.len());
        Ok(lines.iter().map(|line| line.trunk.name.clone()).collect())
    }

    pub(crate) async fn why_not(&self, callee: &str, down: &str) -> NoRoute {
        match self.ways(callee, down).await {
            Err(DeskError::NoRoute(why)) => why,
            other => panic!("{}: {other:?}", self.engine()),
        }
    }
}

fn field(result: Result<(), DeskError>) -> String {
    match result {
        Err(DeskError::Unfit(unfit)) if unfit.field.is_empty() => unfit.code.to_owned(),
        Err(DeskError::Unfit(unfit)) => unfit.field,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn r12_1_a_number_without_proof_or_outside_its_validity_is_neither_activated_nor_used() {
    for desk in desks().await {
        let a = desk.trunk(&trunk("a")).await;
        let id = new_id();
        assert_eq!(desk.why_not(PARTY, "").await, NoRoute::NoNumber);
        assert_eq!(field(desk.number(&id, 0, &number("02988001000", &[&a])).await), "proof", "{}", desk.engine());
        let idle = NumberForm { active: false, ..number("02988001000", &[&a]) };
        desk.number(&id, 0, &idle).await.unwrap();
        assert_eq!(desk.why_not(PARTY, "").await, NoRoute::NoNumber, "it is in the register, and not active");

        let active = NumberForm { proof: Some(desk.proof().await), ..number("02988001000", &[&a]) };
        for (from, until) in [("2026-11-24", ""), ("2025-01-01", "2026-11-22")] {
            let form = NumberForm { valid_from: from.into(), valid_until: until.into(), ..active.clone() };
            assert_eq!(field(desk.number(&id, 1, &form).await), "valid_until", "{from} {until}");
        }
        let today = NumberForm { valid_from: "2026-11-23".into(), valid_until: "2026-11-23".into(), ..active };
        desk.number(&id, 1, &today).await.unwrap();
        assert_eq!(desk.ways(PARTY, "").await.unwrap(), ["a"]);
        assert_eq!(field(desk.number(&id, 1, &today).await), "telephony.stale", "somebody changed it meanwhile");

        desk.ground.clock.advance(15 * 3_600_000 - 1);
        assert_eq!(desk.ways(PARTY, "").await.unwrap(), ["a"], "to the last moment of its last day");
        desk.ground.clock.advance(1);
        assert_eq!(desk.why_not(PARTY, "").await, NoRoute::NoNumber, "{}: its validity is over", desk.engine());
    }
}

#[tokio::test]
async fn r12_1_the_proof_is_a_whole_pdf_png_or_jpeg_and_lies_sealed() {
    for desk in desks().await {
        let mut tx = desk.ground.db.begin().await.unwrap();
        let (objects, court) = (&desk.house.on.objects, &desk.house.court);
        for wrong in [&b"<html>"[..], b"%PDF-1.7 and no end", b"\x89PNG\r\n\x1a\n", b""] {
            let kept = numbers::keep_proof(&mut tx, objects, court, wrong).await;
            assert_eq!(field(kept.map(drop)), "proof");
        }
        drop(tx);
        let a = desk.trunk(&trunk("a")).await;
        desk.proved("02988001000", &[&a]).await;
        let row = numbers::list(&desk.ground.db, court).await.unwrap().remove(0);
        assert_eq!(row.proof_type.as_deref(), Some("application/pdf"));
        let proof = row.proof.as_deref().unwrap();
        let file = numbers::read_proof(&desk.ground.db, objects, court, proof).await.unwrap().unwrap();
        assert_eq!((file.media_type.as_str(), file.content.as_slice()), ("application/pdf", PDF));
        assert!(numbers::read_proof(&desk.ground.db, objects, "other", proof).await.unwrap().is_none());
        let stolen = NumberForm { proof: Some(new_id()), ..number("02988001001", &[&a]) };
        assert_eq!(field(desk.number(&new_id(), 0, &stolen).await), "proof", "no file of this court");
        let twice = NumberForm { proof: row.proof.clone(), ..number("02988001000", &[&a]) };
        assert_eq!(field(desk.number(&new_id(), 0, &twice).await), "number");
    }
}

#[tokio::test]
async fn r12_1_what_is_on_file_proves_its_number_of_its_carrier_and_no_other() {
    for desk in desks().await {
        let a = desk.trunk(&trunk("a")).await;
        let (id, proof) = (new_id(), desk.proof().await);
        let first = NumberForm { proof: Some(proof.clone()), ..number("02988001000", &[&a]) };
        desk.number(&id, 0, &first).await.unwrap();
        for (text, carrier) in [("02988001001", "中国电信"), ("02988001000", "中国联通")] {
            for proof in [None, Some(proof.clone())] {
                for active in [true, false] {
                    let other =
                        NumberForm { carrier: carrier.into(), proof: proof.clone(), active, ..number(text, &[&a]) };
                    assert_eq!(
                        field(desk.number(&id, 1, &other).await),
                        "proof",
                        "{}: {text} {carrier}",
                        desk.engine()
                    );
                }
            }
        }
        let labelled = NumberForm { label: "送达专线".into(), ..number("02988001000", &[&a]) };
        desk.number(&id, 1, &labelled).await.unwrap();
        let other = NumberForm { proof: Some(desk.proof().await), ..number("02988001001", &[&a]) };
        desk.number(&id, 2, &other).await.unwrap();
        let row = numbers::find(&desk.ground.db, &desk.house.court, &id).await.unwrap().unwrap();
        assert_eq!((row.number.as_str(), row.proof), ("02988001001", other.proof));
    }
}

#[tokio::test]
async fn r12_1_who_decides_about_a_number_sees_what_proves_it() {
    for desk in desks().await {
        let (liu, wang) = (admin(&desk, &desk.liu), admin(&desk, &desk.wang));
        let Desk { ground, .. } = &desk;
        let on = changes::Desk { db: &ground.db, clock: &ground.clock, sealer: &ground.sealer, demo: false };
        let (a, proof) = (desk.trunk(&trunk("a")).await, desk.proof().await);
        let form = NumberForm { proof: Some(proof.clone()), ..number("02988001000", &[&a]) };
        let asked = changes::ask(on, &liu, None, 0, &Wanted::Number { form }).await.unwrap();
        let seen = changes::one(&ground.db, &desk.house.court, &asked.id).await.unwrap().unwrap();
        assert_eq!(seen.proof.as_deref(), Some(proof.as_str()), "{}: before it is in the register", desk.engine());
        assert!(changes::one(&ground.db, "other", &asked.id).await.unwrap().is_none());
        changes::decide(on, &wang, &asked.id, &Decision::Approve).await.unwrap();

        let form = NumberForm { label: "送达专线".into(), ..number("02988001000", &[&a]) };
        let label = changes::ask(on, &liu, Some(&asked.object_id), 1, &Wanted::Number { form }).await.unwrap();
        assert_eq!(label.proof.as_deref(), Some(proof.as_str()), "{}: the one on file", desk.engine());
        let trunk = changes::ask(on, &liu, None, 0, &Wanted::Trunk { form: trunk("b") }).await.unwrap();
        assert_eq!(trunk.proof, None);
    }
}

#[tokio::test]
async fn r4_4a_a_number_out_of_use_is_still_the_courts_and_an_account_stands_for_the_number_of_its_trunk() {
    for desk in desks().await {
        let (db, court) = (&desk.ground.db, desk.house.court.as_str());
        let (a, b) = (desk.trunk(&trunk("a")).await, desk.trunk(&trunk("b")).await);
        desk.proved("02988001000", &[&a]).await;
        let row = numbers::list(db, court).await.unwrap().remove(0);
        let mut tx = db.begin().await.unwrap();
        assert!(numbers::pause(&mut tx, &desk.ground.clock, court, &row.id).await.unwrap());
        tx.commit().await.unwrap();
        let called = async |text: &str, over: Option<&str>| caller::called(db, text, over, false).await.unwrap();
        let over = |trunk: &str| Some((court.to_owned(), "02988001000".to_owned(), trunk.to_owned()));
        for text in ["02988001000", "+862988001000", "862988001000", "court"] {
            assert_eq!(called(text, Some(&a)).await, over(&a), "{}: {text}", desk.engine());
        }
        assert_eq!(called("02988001000", None).await, over(&a));
        assert_eq!(called("02988001000", Some(&b)).await, over(&b), "the way by which it came");
        for (text, over) in [("02988007777", Some(&a)), ("court", None), ("court", Some(&b)), ("", Some(&a))] {
            assert_eq!(called(text, over.map(String::as_str)).await, None, "{}: {text}", desk.engine());
        }
        assert_eq!(caller::called(db, "02988001000", None, true).await.unwrap(), None, "demo mode knows demo trunks");
    }
}

#[tokio::test]
async fn r4_4a_an_ims_identity_stands_for_the_number_of_its_trunk() {
    for desk in desks().await {
        let (db, court) = (&desk.ground.db, desk.house.court.as_str());
        let ims = |name: &str, user: &str| TrunkForm { username: user.into(), ..trunk(name) };
        let a = desk.trunk(&ims("a", "+862988001000@ims.example")).await;
        let b = desk.trunk(&ims("b", "line-b@ims.example")).await;
        desk.proved("02988007000", &[&a, &b]).await;
        let called = async |text: &str, over: &str| caller::called(db, text, Some(over), false).await.unwrap();
        let over = |trunk: &str| Some((court.to_owned(), "02988007000".to_owned(), trunk.to_owned()));
        assert_eq!(called("+862988001000", &a).await, over(&a), "{}", desk.engine());
        assert_eq!(called("line-b", &b).await, over(&b), "{}: the number leaves over it too", desk.engine());
        for (text, trunk) in [("line-b", &a), ("ims.example", &a), ("line-b@ims.example", &b)] {
            assert_eq!(called(text, trunk).await, None, "{}: {text}", desk.engine());
        }
    }
}

#[tokio::test]
async fn a_trunk_is_called_from_by_the_networks_that_were_written_down_for_it() {
    for desk in desks().await {
        let mut form = trunk("a");
        for wrong in ["sbc.carrier.example", "192.0.2.0/33", "0.0.0.0/0", "2001:db8::/8", "192.0.2.7:5060", ""] {
            form.profile.accept = vec!["192.0.2.7".into(), wrong.into()];
            assert_eq!(form.check().unwrap_err().field, "profile.accept[1]", "{wrong}");
        }
        form.profile.accept = vec!["192.0.2.7".into(); 17];
        assert_eq!(form.check().unwrap_err().field, "profile.accept");
        form.profile.accept = vec!["198.51.100.7".into(), "203.0.113.0/24".into(), "2001:db8:5::/48".into()];
        let id = desk.trunk(&form).await;
        let row = trunks::find(&desk.ground.db, &desk.house.court, &id, false).await.unwrap().unwrap();
        let told = row.settings(&desk.ground.sealer).unwrap();
        assert_eq!(told.accept, form.profile.accept, "{}: signalling is told", desk.engine());
    }
}

#[tokio::test]
async fn e39_each_trunk_writes_the_number_its_own_way_and_abroad_is_off_until_it_is_opened() {
    for desk in desks().await {
        let mut opened = trunk("opened");
        opened.profile.called.abroad = vec![Abroad::HongKong];
        opened.profile.called.access_prefix = "9".into();
        let (plain, opened) = (desk.trunk(&trunk("plain")).await, desk.trunk(&opened).await);
        desk.proved("02988001000", &[&plain]).await;
        assert_eq!(desk.why_not("+85223456789", "").await, NoRoute::Refused(Refusal::Abroad(Abroad::HongKong)));
        desk.proved("02988001001", &[&opened]).await;
        assert_eq!(desk.ways("+85223456789", "").await.unwrap(), ["opened"]);
        assert_eq!(desk.why_not("+886223456789", "").await.code(), "number.abroad");

        let lines = lines_of(&desk.ground.db, &desk.ground.clock, &desk.house.court, false).await.unwrap();
        let callee = Callee::parse("029-88001234转8012").unwrap();
        let mut tx = desk.ground.db.begin().await.unwrap();
        let (clock, sealer) = (&desk.ground.clock, &desk.ground.sealer);
        let ways = choose(&mut tx, clock, sealer, lines, &callee, |_| false).await.unwrap();
        assert_eq!(ways.extension.as_deref(), Some("8012"));
        let dialled: Vec<&str> = ways.routes.iter().map(|route| route.callee.reveal()).collect();
        assert_eq!(dialled, ["02988001234", "902988001234"], "{}", desk.engine());
        let shown: Vec<&str> = ways.routes.iter().map(|route| route.caller.reveal()).collect();
        assert_eq!(shown, ["02988001000", "02988001001"], "each under the number that its carrier knows");
    }
}

#[tokio::test]
async fn a_trunk_is_looked_for_by_its_transport_and_at_its_port_where_it_names_one() {
    for desk in desks().await {
        for (transport, protocol) in
            [(Transport::Udp, Protocol::Udp), (Transport::Tcp, Protocol::Tcp), (Transport::Tls, Protocol::Tls)]
        {
            for (host, name, port) in [
                ("sbc.carrier.example", "sbc.carrier.example", None),
                ("sbc.carrier.example:5099", "sbc.carrier.example", Some(5099)),
                ("192.0.2.7:5080", "192.0.2.7", Some(5080)),
                ("[2001:db8::7]:5080", "2001:db8::7", Some(5080)),
            ] {
                let profile = Profile { hosts: vec![host.into()], transport, ..Profile::default() };
                let id = desk.trunk(&TrunkForm { profile, ..trunk(&format!("{host} {transport:?}")) }).await;
                let row = trunks::find(&desk.ground.db, &desk.house.court, &id, false).await.unwrap().unwrap();
                let sealer = &desk.ground.sealer;
                let wanted = Destination { host: name.into(), port, protocol: Some(protocol) };
                assert_eq!(Destination::parse(&row.sip(sealer).unwrap().proxy), Some(wanted), "{host}");
                let settings = row.settings(sealer).unwrap();
                assert_eq!((settings.protocol, settings.hosts.as_slice()), (protocol, &[host.to_owned()][..]));
            }
        }
    }
}

/// State of the number and phase of the task of each order, the oldest first.
async fn abroad(desk: &Desk) -> Vec<(String, String)> {
    let sql = "SELECT n.state, t.phase FROM phones n JOIN tasks t ON t.party_id = n.party_id
               WHERE n.masked LIKE '+%' ORDER BY t.number";
    let rows = sqlx::query(sql).fetch_all(desk.ground.db.read()).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn e39_a_trunk_that_is_opened_for_a_place_makes_its_numbers_dialable_until_it_is_closed() {
    for desk in desks().await {
        let order = async |no: &str, number: &str| {
            let case = format!("（2026）陕0102民初{no}号");
            desk.house.order(&format!("AB{no}"), &case, vec![party("p", None, &[number])], "D1").await;
        };
        let row = |state: &str, phase: &str| (state.to_owned(), phase.to_owned());
        let (shut, open) = (row("不可拨", "查找中"), row("有效", "待外呼"));
        order("81", "+85223456789").await;
        order("82", "+886223456789").await;
        assert_eq!(abroad(&desk).await, [shut.clone(), shut.clone()], "{}", desk.engine());
        let mut opened = trunk("opened");
        opened.profile.called.abroad = vec![Abroad::HongKong];
        let id = desk.trunk(&opened).await;
        assert_eq!(abroad(&desk).await, [open.clone(), shut.clone()], "{}: Taiwan stays shut", desk.engine());
        order("83", "+85223456780").await;
        assert_eq!(abroad(&desk).await, [open.clone(), shut.clone(), open.clone()], "and what comes in later");
        let mut tx = desk.ground.db.begin().await.unwrap();
        assert!(trunks::pause(&mut tx, &desk.ground.clock, &desk.house.court, &id).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(abroad(&desk).await, [shut.clone(), shut.clone(), shut], "{}: closed again", desk.engine());
        let sql =
            "SELECT kind FROM events WHERE task_id IN (SELECT id FROM tasks WHERE number LIKE 'AB81%') ORDER BY seq";
        let rows = sqlx::query(sql).fetch_all(desk.ground.db.read()).await.unwrap();
        let kinds: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(kinds, ["received", "no_number", "number_usable", "no_number"]);
    }
}

fn admin(desk: &Desk, user: &Actor) -> Actor {
    Actor { role: songda_people::Role::Admin, court_id: desk.house.court.clone(), ..user.clone() }
}

#[tokio::test]
async fn a_change_by_one_administrator_waits_for_another_and_its_password_is_nowhere_to_be_read() {
    for desk in desks().await {
        let (liu, wang) = (admin(&desk, &desk.liu), admin(&desk, &desk.wang));
        let on =
            changes::Desk { db: &desk.ground.db, clock: &desk.ground.clock, sealer: &desk.ground.sealer, demo: false };
        let wanted = Wanted::Trunk { form: trunk("a") };
        let asked = changes::ask(on, &liu, None, 0, &wanted).await.unwrap();
        assert!(trunks::list(&desk.ground.db, None, false).await.unwrap().is_empty(), "it waits");
        assert!(!asked.shown.to_string().contains("trunk-secret-7"));
        assert!(clear::places(&desk.house.on, "trunk-secret-7").await.is_empty(), "{}", desk.engine());
        let own = changes::decide(on, &liu, &asked.id, &Decision::Approve).await;
        assert_eq!(field(own.map(drop)), "change.own");
        let done = changes::decide(on, &wang, &asked.id, &Decision::Approve).await.unwrap();
        assert_eq!((done.state.as_str(), done.decided_by.as_deref()), ("applied", Some(wang.user_id.as_str())));
        let row = trunks::list(&desk.ground.db, None, false).await.unwrap().remove(0);
        assert_eq!((row.name.as_str(), row.password(&desk.ground.sealer).unwrap().as_str()), ("a", "trunk-secret-7"));
        let again = changes::decide(on, &wang, &asked.id, &Decision::Approve).await;
        assert_eq!(field(again.map(drop)), "change.decided");

        let renamed = TrunkForm { name: "b".into(), password: None, ..trunk("a") };
        let first = changes::ask(on, &liu, Some(&row.id), 1, &Wanted::Trunk { form: renamed }).await.unwrap();
        let taken = TrunkForm { name: "c".into(), ..trunk("a") };
        let second = changes::ask(on, &wang, Some(&row.id), 1, &Wanted::Trunk { form: taken }).await.unwrap();
        changes::decide(on, &wang, &first.id, &Decision::Approve).await.unwrap();
        let stale = changes::decide(on, &liu, &second.id, &Decision::Approve).await;
        assert_eq!(field(stale.map(drop)), "telephony.stale", "{}: it was made for another version", desk.engine());
        let back = Decision::Refuse { reason: "已改名".into() };
        assert_eq!(changes::decide(on, &wang, &second.id, &back).await.unwrap().state, "withdrawn");
        let row = trunks::find(&desk.ground.db, &desk.house.court, &row.id, false).await.unwrap().unwrap();
        assert_eq!((row.name.as_str(), row.version), ("b", 2));
        assert_eq!(row.password(&desk.ground.sealer).unwrap(), "trunk-secret-7", "kept, for none was given");

        let wrong = TrunkForm { profile: Profile::default(), ..trunk("d") };
        let refused = changes::ask(on, &liu, None, 0, &Wanted::Trunk { form: wrong }).await;
        assert_eq!(field(refused.map(drop)), "profile.hosts", "what could not be applied is not asked for");
        let states: Vec<String> = changes::list(&desk.ground.db, &desk.house.court)
            .await
            .unwrap()
            .into_iter()
            .map(|change| change.state)
            .collect();
        assert_eq!(states.len(), 3);
        let log = desk.log().await;
        assert_eq!(log.iter().filter(|(action, _)| action == "telephony.ask").count(), 3);
        let decided =
            |result: &str| log.iter().filter(|entry| **entry == ("telephony.decide".into(), result.into())).count();
        assert_eq!((decided("ok"), decided("denied")), (3, 1), "{}: his own approval was refused", desk.engine());
    }
}

#[tokio::test]
async fn what_a_cause_means_on_a_trunk_is_versioned_and_a_result_names_its_rule() {
    for desk in desks().await {
        let a = desk.trunk(&trunk("a")).await;
        let (court, clock) = (desk.house.court.as_str(), &desk.ground.clock);
        let off = LineFacts { status: Some(503), provisional: true, rang_ms: 8_000, ..Default::default() };
        let table = causes::table_at(&desk.ground.db, &a, clock.now_ms()).await.unwrap();
        assert_eq!((table.judge(&off).code, table.judge(&off).rule.as_str()), ("C11", "house v1"));
        let rules = [
            CauseRule { status: Some(486), q850: Some(31), code: "C04".into(), ..Default::default() },
            CauseRule { status: Some(503), rang_from_s: Some(5), code: "C05".into(), ..Default::default() },
        ];
        let add = async |base: i64, from: i64, rules: &[CauseRule]| {
            let mut tx = desk.ground.db.begin().await?;
            causes::add(&mut tx, clock, (court, &a), base, from, rules, "admin").await?;
            Ok::<_, DeskError>(tx.commit().await?)
        };
        add(0, 0, &rules).await.unwrap();
        let table = causes::table_at(&desk.ground.db, &a, clock.now_ms()).await.unwrap();
        assert_eq!(table.judge(&off).code, "C05", "{}", desk.engine());
        assert_eq!(table.judge(&off).rule, format!("trunk {a} v1 #2"));
        let ours = LineFacts { our_fault: true, ..off.clone() };
        assert_eq!(table.judge(&ours).code, "C11", "no table makes a fault of ours a result");
        let cancelled = LineFacts { cancelled_by_agent: true, status: Some(487), ..off.clone() };
        assert_eq!(table.judge(&cancelled).rule, "house v1");

        let later = NINE_O_CLOCK + 3_600_000;
        add(1, later, &[]).await.unwrap();
        assert_eq!(field(add(1, later, &[]).await), "telephony.stale");
        let now = causes::table_at(&desk.ground.db, &a, clock.now_ms()).await.unwrap();
        assert_eq!(now.judge(&off).code, "C05", "the next version is not valid yet");
        let then = causes::table_at(&desk.ground.db, &a, later).await.unwrap();
        assert_eq!(then.judge(&off).rule, "house v1");
        assert_eq!(causes::history(&desk.ground.db, &a).await.unwrap().len(), 2);
        for (rule, wrong) in [
            (CauseRule { code: "C05".into(), ..Default::default() }, "rules[0].status"),
            (CauseRule { status: Some(200), code: "C05".into(), ..Default::default() }, "rules[0].status"),
            (CauseRule { q850: Some(17), code: "C01".into(), ..Default::default() }, "rules[0].code"),
        ] {
            assert_eq!(field(add(2, 0, &[rule]).await), wrong);
        }
        let changed = sqlx::query("UPDATE cause_tables SET rules = '[]'").execute(desk.ground.db.read()).await;
        assert!(changed.is_err(), "{}: a version is never changed", desk.engine());
    }
}

#[tokio::test]
async fn r12_1_a_paused_trunk_can_be_tried_under_its_proved_number_and_under_no_other() {
    for desk in desks().await {
        let paused = TrunkForm { state: TrunkState::Paused, ..trunk("移动") };
        let (tried, other) = (desk.trunk(&paused).await, desk.trunk(&trunk("电信")).await);
        desk.proved("02988001001", &[&tried]).await;
        desk.proved("02988001002", &[&other]).await;
        let inactive =
            NumberForm { active: false, proof: Some(desk.proof().await), ..number("02988001003", &[&tried]) };
        desk.number(&new_id(), 0, &inactive).await.unwrap();
        let unproved = NumberForm { active: false, ..number("02988001004", &[&tried]) };
        desk.number(&new_id(), 0, &unproved).await.unwrap();
        let (db, clock, court) = (&desk.ground.db, &desk.ground.clock, &desk.house.court);
        let row = trunks::find(db, court, &tried, false).await.unwrap().unwrap();
        assert_eq!(lines::numbers_over(db, clock, &row).await.unwrap(), ["02988001001"], "{}", desk.engine());
        let used = lines_of(db, clock, court, false).await.unwrap();
        assert!(used.iter().all(|line| line.trunk.id == other), "{}: no call of the desk takes it", desk.engine());
    }
}
