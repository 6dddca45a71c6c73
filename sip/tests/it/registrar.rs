//! Desk phones register (RFC 3261, 10.3; RFC 5626, 6).

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use proptest::prelude::*;
use songda_sip::{
    Flow, PhoneAccount, Protocol,
    machine::{
        Challenge, Credentials, DigestClient, Ha1s, Headers, Method, PhoneChange, Registrar, RegistrarSettings,
        Request, Response, Verdict,
    },
};

const REALM: &str = "phones.court.example";
const PASSWORD: &str = "hunter2";

fn flow(n: u64) -> Flow {
    let remote = format!("192.0.2.{n}:5060").parse().unwrap();
    Flow { protocol: Protocol::Tls, remote, connection: n }
}

fn account(user: &str) -> PhoneAccount {
    PhoneAccount { user: user.into(), ha1s: Ha1s::derive(user, REALM, PASSWORD) }
}

/// The registrar, a clock, and phones that know their password.
struct House {
    registrar: Registrar,
    now: Instant,
    cseq: u32,
}

impl House {
    fn new(settings: RegistrarSettings) -> Self {
        let now = Instant::now();
        let mut registrar = Registrar::new(now, settings, [3; 32]);
        registrar.set(vec![account("bob"), account("eve")]);
        Self { registrar, now, cseq: 0 }
    }

    fn plain() -> Self {
        Self::new(RegistrarSettings { domains: vec![REALM.into()], ..RegistrarSettings::new(REALM) })
    }

    fn later(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.registrar.tick(self.now);
    }

    fn request(&mut self, user: &str, more: &[(&str, &str)]) -> Request {
        self.cseq += 1;
        let mut headers = Headers::default();
        headers.push("Via", "SIP/2.0/TLS 192.0.2.1;branch=z9hG4bK1");
        headers.push("From", format!("<sip:{user}@{REALM}>;tag=1"));
        headers.push("To", format!("<sip:{user}@{REALM}>"));
        headers.push("Call-ID", "a-phone");
        headers.push("CSeq", format!("{} REGISTER", self.cseq));
        for (name, value) in more {
            match *name {
                "Call-ID" | "CSeq" | "To" => headers.set(name, *value),
                _ => headers.push(name, *value),
            }
        }
        Request { method: Method::REGISTER, uri: format!("sip:{REALM}"), headers, body: Vec::new() }
    }

    /// Sends it as it is.
    fn bare(&mut self, request: &Request, flow: Flow) -> Response {
        self.registrar.register(self.now, request, flow, "ours", 9)
    }

    /// Sends it with an answer to the challenge.
    fn with_password(&mut self, mut request: Request, user: &str, password: &str, flow: Flow) -> Response {
        let mut client = DigestClient::default();
        let challenged = self.registrar.refuse(self.now, &request, "ours", u64::from(self.cseq), false);
        assert!(client.challenged(&request, &challenged));
        client.authorise(&Credentials { username: user, password }, &mut request, "cn");
        self.bare(&request, flow)
    }

    fn register(&mut self, more: &[(&str, &str)], at: Flow) -> Response {
        let request = self.request("bob", more);
        self.with_password(request, "bob", PASSWORD, at)
    }

    fn targets(&self, user: &str) -> Vec<String> {
        self.registrar.targets(self.now, user).into_iter().map(|target| target.uri).collect()
    }

    fn changes(&mut self) -> Vec<PhoneChange> {
        std::iter::from_fn(|| self.registrar.poll()).collect()
    }
}

fn contacts(response: &Response) -> Vec<&str> {
    response.headers.all("Contact").collect()
}

#[test]
fn a_phone_that_proves_itself_is_reached_over_the_flow_it_came_by() {
    let mut house = House::plain();
    let first = house.request("bob", &[("Contact", "<sip:bob@10.0.0.7:5060;transport=tls>")]);
    let challenged = house.bare(&first, flow(1));
    assert_eq!(challenged.status, 401);
    assert_eq!(Challenge::all(401, &challenged.headers).len(), 2, "SHA-256 and MD5");
    assert!(house.targets("bob").is_empty());
    let answer = house.register(&[("Contact", "<sip:bob@10.0.0.7:5060;transport=tls>")], flow(1));
    assert_eq!(answer.status, 200);
    assert!(answer.headers.get("To").unwrap().ends_with(";tag=ours"));
    assert_eq!(contacts(&answer), ["<sip:bob@10.0.0.7:5060;transport=tls>;expires=600"]);
    let target = house.registrar.targets(house.now, "bob").remove(0);
    assert_eq!((target.uri.as_str(), target.flow), ("sip:bob@10.0.0.7:5060;transport=tls", flow(1)));
    assert_eq!(house.changes(), [PhoneChange::Came { user: "bob".into(), flow: flow(1) }]);
}

#[test]
fn people_are_shown_since_when_a_device_is_registered_and_what_it_calls_itself() {
    let mut house = House::plain();
    let more = [("Contact", "<sip:bob@10.0.0.7:5060>"), ("User-Agent", "Yealink SIP-T46U 108.86.0.20")];
    house.register(&more, flow(1));
    let begun = house.now;
    house.later(300);
    house.register(&more, flow(1));
    let devices = house.registrar.all_devices(house.now);
    let [(user, devices)] = devices.as_slice() else { panic!("{devices:?}") };
    assert_eq!((user.as_str(), devices.len()), ("bob", 1));
    let device = &devices[0];
    assert_eq!((device.since, device.agent.as_str()), (begun, "Yealink SIP-T46U 108.86.0.20"));
    house.later(601);
    assert_eq!(house.registrar.all_devices(house.now), []);
    house.register(&more, flow(1));
    assert_eq!(house.registrar.devices(house.now, "bob")[0].since, house.now, "it was gone in between");
}

#[test]
fn who_does_not_prove_himself_learns_nothing_and_binds_nothing() {
    let mut house = House::plain();
    for (user, password) in [("bob", "wrong"), ("nobody", PASSWORD)] {
        let request = house.request(user, &[("Contact", "<sip:x@10.0.0.7>")]);
        let answer = house.with_password(request, user, password, flow(1));
        assert_eq!((answer.status, answer.headers.all("WWW-Authenticate").count()), (401, 2), "{user}");
    }
    // A right password for the address of another.
    let request = house.request("bob", &[("Contact", "<sip:x@10.0.0.7>")]);
    assert_eq!(house.with_password(request, "eve", PASSWORD, flow(1)).status, 403);
    assert_eq!((house.registrar.bindings(), house.changes().len()), (0, 0));
}

/// Headers of a REGISTER, the status of its answer, and the contacts in it.
type Row<'a> = (&'a [(&'a str, &'a str)], u16, &'a [&'a str]);

/// What is asked for, and what the answer says of it: status, and contacts with their time.
#[test]
fn times_are_granted_by_the_table_of_rfc_3261() {
    let table: &[Row] = &[
        (&[("Contact", "<sip:b@h>;expires=300")], 200, &["<sip:b@h>;expires=300"]),
        (&[("Contact", "<sip:b@h>"), ("Expires", "120")], 200, &["<sip:b@h>;expires=120"]),
        (&[("Contact", "<sip:b@h>;expires=90"), ("Expires", "120")], 200, &["<sip:b@h>;expires=90"]),
        (&[("Contact", "<sip:b@h>")], 200, &["<sip:b@h>;expires=600"]),
        (&[("Contact", "<sip:b@h>;expires=soon"), ("Expires", "later")], 200, &["<sip:b@h>;expires=600"]),
        (&[("Contact", "<sip:b@h>;expires=99999999999")], 200, &["<sip:b@h>;expires=3600"]),
        (&[("Contact", "<sip:b@h>;expires=60")], 200, &["<sip:b@h>;expires=60"]),
        (&[("Contact", "<sip:b@h>;expires=59")], 423, &[]),
        (&[("Contact", "<sip:b@h>;expires=0")], 200, &[]),
        (&[("Contact", "<sip:b@h>, <sip:b@i>;expires=1")], 423, &[]),
        (
            &[("Contact", "<sip:b@h>;q=0.5, <sip:b@i>")],
            200,
            &["<sip:b@h>;q=0.500;expires=600", "<sip:b@i>;expires=600"],
        ),
        (&[], 200, &[]),
        (&[("Contact", "*"), ("Expires", "0")], 200, &[]),
        (&[("Contact", "*"), ("Expires", "60")], 400, &[]),
        (&[("Contact", "*")], 400, &[]),
        (&[("Contact", "*"), ("Contact", "<sip:b@h>"), ("Expires", "0")], 400, &[]),
        (&[("Contact", "<tel:+861012345678>")], 400, &[]),
        (&[("Contact", "<sip:b@h")], 400, &[]),
        (&[("Contact", "<sip:b@h>;+sip.instance=\"<a\\\"b>\"")], 400, &[]),
        (&[("Require", "gruu, path"), ("Contact", "<sip:b@h>")], 420, &[]),
        (&[("To", "<sip:bob@elsewhere.example>"), ("Contact", "<sip:b@h>")], 404, &[]),
    ];
    for (headers, status, granted) in table {
        let mut house = House::plain();
        let answer = house.register(headers, flow(1));
        assert_eq!((answer.status, contacts(&answer).as_slice()), (*status, *granted), "{headers:?}");
        assert_eq!(house.registrar.bindings(), granted.len(), "all or nothing: {headers:?}");
        if *status == 423 {
            assert_eq!(answer.headers.get("Min-Expires"), Some("60"));
        }
        if *status == 420 {
            assert_eq!(answer.headers.get("Unsupported"), Some("gruu"));
        }
    }
}

#[test]
fn a_request_for_another_domain_is_not_served() {
    let mut house = House::plain();
    let mut request = house.request("bob", &[("Contact", "<sip:b@h>")]);
    request.uri = "sip:elsewhere.example".into();
    assert_eq!(house.bare(&request, flow(1)).status, 404);
}

#[test]
fn bindings_end_when_their_time_is_over() {
    let mut house = House::plain();
    house.register(&[("Contact", "<sip:b@h>;expires=100"), ("Contact", "<sip:b@i>;expires=200")], flow(1));
    house.changes();
    assert_eq!(house.registrar.next_deadline(), Some(house.now + Duration::from_secs(100)));
    house.later(100);
    assert_eq!(
        (house.targets("bob"), house.changes()),
        (vec!["sip:b@i".to_owned()], vec![]),
        "the flow is still in use"
    );
    house.later(100);
    assert_eq!((house.targets("bob").len(), house.changes()), (0, vec![PhoneChange::Went { flow: flow(1) }]));
    assert_eq!(house.registrar.next_deadline(), None);
}

#[test]
fn an_older_request_that_comes_later_changes_nothing() {
    let mut house = House::plain();
    let older = [("CSeq", "5 REGISTER"), ("Contact", "<sip:b@h>;expires=0")];
    house.register(&[("CSeq", "6 REGISTER"), ("Contact", "<sip:b@h>")], flow(1));
    assert_eq!(house.register(&older, flow(1)).status, 500);
    assert_eq!(house.register(&[("CSeq", "6 REGISTER"), ("Contact", "*"), ("Expires", "0")], flow(1)).status, 500);
    assert_eq!(house.targets("bob"), ["sip:b@h"]);
    // Half of it would do; nothing is done.
    let both = [("CSeq", "6 REGISTER"), ("Contact", "<sip:b@i>, <sip:b@h>")];
    assert_eq!(house.register(&both, flow(1)).status, 500);
    assert_eq!(house.targets("bob"), ["sip:b@h"]);
    // Another Call-ID is another phone, or one that was restarted.
    let restarted = [("CSeq", "1 REGISTER"), ("Call-ID", "new"), ("Contact", "<sip:b@h>;expires=0")];
    assert_eq!(house.register(&restarted, flow(1)).status, 200);
    assert!(house.targets("bob").is_empty());
}

#[test]
fn a_star_forgets_every_binding_of_this_account_alone() {
    let mut house = House::plain();
    house.register(&[("Contact", "<sip:b@h>, <sip:b@i>")], flow(1));
    let request = house.request("eve", &[("Contact", "<sip:e@h>")]);
    house.with_password(request, "eve", PASSWORD, flow(2));
    house.changes();
    assert_eq!(house.register(&[("Contact", "*"), ("Expires", "0")], flow(1)).status, 200);
    assert_eq!((house.targets("bob").len(), house.targets("eve").len()), (0, 1));
    assert_eq!(house.changes(), [PhoneChange::Went { flow: flow(1) }]);
}

#[test]
fn a_refresh_moves_the_binding_to_the_flow_it_came_by() {
    let mut house = House::plain();
    house.register(&[("Contact", "<sip:b@h;transport=tls>")], flow(1));
    house.changes();
    let answer = house.register(&[("Contact", "<sip:b@H;transport=tls>")], flow(2));
    assert_eq!(contacts(&answer).len(), 1, "the same URI (19.1.4)");
    assert_eq!(
        house.changes(),
        [PhoneChange::Came { user: "bob".into(), flow: flow(2) }, PhoneChange::Went { flow: flow(1) }]
    );
}

#[test]
fn an_account_has_so_many_bindings_and_the_oldest_gives_way() {
    let mut house = House::new(RegistrarSettings { bindings: 3, ..RegistrarSettings::new(REALM) });
    for n in 1..=3 {
        house.register(&[("Contact", &format!("<sip:b@h{n}>"))], flow(n));
    }
    house.register(&[("Contact", "<sip:b@h1>")], flow(1));
    house.register(&[("Contact", "<sip:b@h4>")], flow(4));
    assert_eq!(house.targets("bob"), ["sip:b@h4", "sip:b@h1", "sip:b@h3"], "the newest first");
    assert!(house.changes().contains(&PhoneChange::Went { flow: flow(2) }));
}

#[test]
fn the_preferred_contact_is_tried_first() {
    let mut house = House::plain();
    house.register(&[("Contact", "<sip:b@low>;q=0.1, <sip:b@high>;q=0.9, <sip:b@middle>;q=0.55")], flow(1));
    assert_eq!(house.targets("bob"), ["sip:b@high", "sip:b@middle", "sip:b@low"]);
}

const DEVICE: &str = "+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\"";

fn outbound(house: &mut House, contact: &str, at: Flow) -> Response {
    house.register(&[("Supported", "path, outbound"), ("Contact", &format!("{contact};{DEVICE}"))], at)
}

#[test]
fn a_device_with_outbound_flows_keeps_one_binding_for_each_flow() {
    let timer = Some(Duration::from_mins(2));
    let mut house = House::new(RegistrarSettings { flow_timer: timer, ..RegistrarSettings::new(REALM) });
    let answer = outbound(&mut house, "<sip:b@h1>;reg-id=1", flow(1));
    assert_eq!(answer.headers.get("Require"), Some("outbound"));
    assert_eq!(answer.headers.get("Flow-Timer"), Some("120"));
    assert_eq!(contacts(&answer), [format!("<sip:b@h1>;{DEVICE};reg-id=1;expires=600")]);
    outbound(&mut house, "<sip:b@h2>;reg-id=2", flow(2));
    assert_eq!(house.registrar.bindings(), 2);
    assert_eq!(house.targets("bob"), ["sip:b@h2"], "one flow of a device at a time: the newest");
    // The device comes back from another address over another connection.
    outbound(&mut house, "<sip:b@h3>;reg-id=2", flow(3));
    assert_eq!((house.registrar.bindings(), house.targets("bob")), (2, vec!["sip:b@h3".to_owned()]));
    // Its connection breaks: the other flow is left.
    house.registrar.closed(&flow(3));
    assert_eq!(house.targets("bob"), ["sip:b@h1"]);
    house.registrar.closed(&flow(1));
    assert!(house.targets("bob").is_empty());
    assert!(house.changes().contains(&PhoneChange::Went { flow: flow(3) }));
}

#[test]
fn what_is_not_asked_for_as_outbound_is_bound_as_ever() {
    for contact in ["<sip:b@h1>;reg-id=1".to_owned(), format!("<sip:b@h1>;{DEVICE};reg-id=0")] {
        let mut house = House::plain();
        let answer = house.register(&[("Supported", "outbound"), ("Contact", &contact)], flow(1));
        assert_eq!((answer.status, answer.headers.get("Require")), (200, None), "{contact}");
    }
    let mut house = House::plain();
    let answer = house.register(&[("Contact", &format!("<sip:b@h1>;{DEVICE};reg-id=1"))], flow(1));
    assert_eq!((answer.status, answer.headers.get("Require")), (200, None));
}

#[test]
fn a_flow_is_bound_behind_a_first_hop_that_keeps_it_and_not_behind_another() {
    let table = [
        (None, 439),
        (Some("<sip:edge.example;lr>"), 439),
        (Some("<sip:edge.example;lr;ob>"), 200),
        (Some("<sip:near.example;lr>, <sip:edge.example;lr;ob>"), 200),
        (Some("<sip:near.example;lr;ob>, <sip:edge.example;lr>"), 439),
    ];
    for (path, status) in table {
        let mut house = House::plain();
        let contact = format!("<sip:b@h1>;{DEVICE};reg-id=1");
        let mut more = vec![
            ("Via", "SIP/2.0/TLS 192.0.2.2;branch=z9hG4bK2"),
            ("Supported", "outbound, path"),
            ("Contact", &contact),
        ];
        more.extend(path.map(|path| ("Path", path)));
        assert_eq!(house.register(&more, flow(1)).status, status, "{path:?}");
        if let Some(path) = path.filter(|_| status == 200) {
            let route = house.registrar.targets(house.now, "bob").remove(0).route;
            assert_eq!(route.join(", "), path);
        }
    }
    let mut house = House::plain();
    let two = format!("<sip:b@h1>;{DEVICE};reg-id=1, <sip:b@h2>;{DEVICE};reg-id=2");
    assert_eq!(house.register(&[("Supported", "outbound"), ("Contact", &two)], flow(1)).status, 400);
}

#[test]
fn datagrams_have_no_connection_that_could_end() {
    let mut house = House::plain();
    let udp = Flow::udp("192.0.2.5:5060".parse().unwrap());
    house.register(&[("Contact", "<sip:b@h>")], udp);
    house.registrar.closed(&udp);
    assert_eq!(house.targets("bob").len(), 1);
}

#[test]
fn two_accounts_behind_one_flow_are_told_apart_until_the_last_is_gone() {
    let mut house = House::plain();
    house.register(&[("Contact", "<sip:b@h>;expires=100")], flow(1));
    let request = house.request("eve", &[("Contact", "<sip:e@h>;expires=200")]);
    house.with_password(request, "eve", PASSWORD, flow(1));
    house.changes();
    house.later(100);
    assert_eq!(house.changes(), [PhoneChange::Came { user: "eve".into(), flow: flow(1) }]);
    house.later(100);
    assert_eq!(house.changes(), [PhoneChange::Went { flow: flow(1) }]);
}

#[test]
fn r12_1_accounts_change_while_phones_are_registered() {
    let mut house = House::plain();
    house.register(&[("Contact", "<sip:b@h>")], flow(1));
    let request = house.request("eve", &[("Contact", "<sip:e@h>")]);
    house.with_password(request, "eve", PASSWORD, flow(2));
    house.changes();
    // A third one comes: nobody is touched.
    house.registrar.set(vec![account("bob"), account("eve"), account("new")]);
    assert_eq!((house.registrar.bindings(), house.changes().len()), (2, 0));
    // One changes his password, one is gone.
    let other = PhoneAccount { user: "bob".into(), ha1s: Ha1s::derive("bob", REALM, "another") };
    house.registrar.set(vec![other, account("new")]);
    assert_eq!(house.registrar.bindings(), 0);
    let mut gone = house.changes();
    gone.sort_by_key(|change| format!("{change:?}"));
    assert_eq!(gone, [PhoneChange::Went { flow: flow(1) }, PhoneChange::Went { flow: flow(2) }]);
    assert_eq!(house.register(&[("Contact", "<sip:b@h>")], flow(1)).status, 401, "the old password");
    let request = house.request("bob", &[("Contact", "<sip:b@h>")]);
    assert_eq!(house.with_password(request, "bob", "another", flow(1)).status, 200);
}

#[test]
fn a_call_of_a_phone_is_asked_for_its_password_like_a_registration() {
    let mut house = House::plain();
    let mut request = house.request("bob", &[]);
    request.method = Method::INVITE;
    request.uri = format!("sip:1001@{REALM}");
    assert_eq!(house.registrar.verify(house.now, &request), Verdict::Challenge { stale: false });
    let mut client = DigestClient::default();
    assert!(client.challenged(&request, &house.registrar.refuse(house.now, &request, "t", 1, false)));
    client.authorise(&Credentials { username: "bob", password: PASSWORD }, &mut request, "cn");
    assert_eq!(house.registrar.verify(house.now, &request), Verdict::Accepted { user: "bob".into() });
}

#[test]
fn too_much_in_one_request_is_refused() {
    let long = format!("<sip:{}@h>", "b".repeat(600));
    let many = (0..17).map(|n| format!("<sip:b@h{n}>")).collect::<Vec<_>>().join(", ");
    let path = (0..9).map(|n| format!("<sip:p{n};lr>")).collect::<Vec<_>>().join(", ");
    for more in
        [vec![("Contact", long.as_str())], vec![("Contact", &many)], vec![("Contact", "<sip:b@h>"), ("Path", &path)]]
    {
        let mut house = House::plain();
        assert_eq!(house.register(&more, flow(1)).status, 400);
    }
}

/// What may happen to the house.
#[derive(Debug, Clone)]
enum Step {
    Register { user: &'static str, contact: u8, expires: u64, flow: u64, reg_id: Option<u8> },
    Forget { user: &'static str, flow: u64 },
    Closed(u64),
    Later(u64),
    Accounts(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let user = prop_oneof![Just("bob"), Just("eve")];
    let register =
        (user.clone(), 0_u8..4, prop_oneof![Just(0_u64), 60..900_u64], 1_u64..5, proptest::option::of(1_u8..3));
    prop_oneof![
        6 => register.prop_map(|(user, contact, expires, flow, reg_id)| Step::Register { user, contact, expires, flow, reg_id }),
        1 => (user, 1_u64..5).prop_map(|(user, flow)| Step::Forget { user, flow }),
        2 => (1_u64..5).prop_map(Step::Closed),
        2 => (0_u64..600).prop_map(Step::Later),
        1 => any::<bool>().prop_map(Step::Accounts),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever phones and connections do: whoever follows the changes knows exactly the flows
    /// at which somebody is, no account has more than it may, and nothing outlives its time.
    #[test]
    fn the_changes_tell_where_phones_are(steps in proptest::collection::vec(step(), 1..60)) {
        let mut house = House::new(RegistrarSettings { bindings: 3, ..RegistrarSettings::new(REALM) });
        let mut known: BTreeSet<Flow> = BTreeSet::new();
        for step in steps {
            match step {
                Step::Register { user, contact, expires, flow: at, reg_id } => {
                    let outbound = reg_id.map(|id| format!(";{DEVICE};reg-id={id}")).unwrap_or_default();
                    let contact = format!("<sip:{user}@h{contact}>{outbound};expires={expires}");
                    let request = house.request(user, &[("Supported", "outbound"), ("Contact", &contact)]);
                    house.with_password(request, user, PASSWORD, flow(at));
                }
                Step::Forget { user, flow: at } => {
                    let request = house.request(user, &[("Contact", "*"), ("Expires", "0")]);
                    house.with_password(request, user, PASSWORD, flow(at));
                }
                Step::Closed(at) => house.registrar.closed(&flow(at)),
                Step::Later(seconds) => house.later(seconds),
                Step::Accounts(both) => {
                    house.registrar.set(if both { vec![account("bob"), account("eve")] } else { vec![account("bob")] });
                }
            }
            for change in house.changes() {
                match change {
                    PhoneChange::Came { flow, .. } => known.insert(flow),
                    PhoneChange::Went { flow } => known.remove(&flow),
                };
            }
            let devices: Vec<_> = ["bob", "eve"].iter().map(|user| house.registrar.devices(house.now, user)).collect();
            let there: BTreeSet<Flow> = devices.iter().flatten().map(|device| device.flow).collect();
            prop_assert_eq!(&known, &there);
            prop_assert!(devices.iter().all(|devices| devices.len() <= 3));
            prop_assert_eq!(house.registrar.bindings(), devices.iter().map(Vec::len).sum::<usize>());
        }
        house.later(3_600);
        prop_assert_eq!((house.registrar.bindings(), house.registrar.next_deadline()), (0, None));
    }
}
