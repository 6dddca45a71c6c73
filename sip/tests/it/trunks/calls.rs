//! What a call over a trunk looks like to its carrier.

use std::{sync::Arc, time::Duration};

use songda_sip::{
    FromForm, HeaderPolicy, Identity, IdentityUri, Number, OutboundCall, TrunkSettings,
    machine::{CallCore, Message, Out, Request, Response, parse, print_response},
};

use super::{World, account, peer, seconds};

/// The core with one call over the trunk that the board chose, and what it sent.
struct Placed {
    core: CallCore,
    id: String,
    world: World,
}

fn place(mut world: World) -> Placed {
    let chosen = world.board.choose(world.now, |_| true).unwrap();
    let trunk = Arc::new(world.board.settings(&chosen.trunk).unwrap().trunk(&chosen));
    let mut counter = 0;
    let random = move || {
        counter += 1;
        counter
    };
    let mut core = CallCore::new(
        "192.0.2.1:5060".parse::<std::net::SocketAddr>().unwrap(),
        "songda-test".into(),
        Box::new(random),
    );
    let call = OutboundCall {
        trunk,
        callee: Number::new("13800000001"),
        caller: Number::new("02988009000"),
        offer: "v=0\r\n".into(),
        ring_limit: Duration::from_secs(50),
    };
    let carrier: std::net::SocketAddr = "198.51.100.1:5060".parse().unwrap();
    let id = core.dial(world.now, call, carrier);
    Placed { core, id, world }
}

impl Placed {
    fn sent(&mut self) -> Vec<Request> {
        let mut sent = Vec::new();
        while let Some(out) = self.core.poll() {
            if let Out::Send(_, bytes) = out
                && let Some((Message::Request(request), _)) = parse(&bytes)
            {
                sent.push(request);
            }
        }
        sent
    }

    fn hears(&mut self, request: &Request, status: u16, headers: &[(&str, &str)]) {
        let mut response = Response::to(request, status, "theirs");
        for (name, value) in headers {
            response.headers.push(name, *value);
        }
        let carrier: std::net::SocketAddr = "198.51.100.1:5060".parse().unwrap();
        self.core.receive(self.world.now, &print_response(&response), carrier);
    }
}

fn invite(headers: HeaderPolicy) -> Request {
    let trunk = TrunkSettings { username: "+862988009000@ims.example".into(), headers, ..peer("a") };
    place(World::new(vec![trunk])).sent().remove(0)
}

fn of<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.get(name)
}

#[test]
fn r12_1_the_header_policy_of_a_trunk_says_how_the_courts_number_is_shown() {
    let plain = invite(HeaderPolicy::default());
    assert!(of(&plain, "From").unwrap().starts_with("<sip:02988009000@carrier.example>;tag="));
    assert_eq!(of(&plain, "P-Asserted-Identity"), Some("<sip:02988009000@carrier.example>"));
    assert_eq!((of(&plain, "Privacy"), of(&plain, "P-Preferred-Identity")), (None, None));
    let ims = invite(HeaderPolicy {
        from: FromForm::Account,
        identity: Identity::Preferred,
        identity_uri: IdentityUri::Tel,
        privacy_none: true,
        extra: vec![("P-Charge-Info".into(), "<sip:court@carrier.example>".into())],
    });
    assert!(of(&ims, "From").unwrap().starts_with("<sip:+862988009000@carrier.example>;tag="));
    assert_eq!(of(&ims, "P-Preferred-Identity"), Some("<tel:02988009000>"));
    assert_eq!((of(&ims, "Privacy"), of(&ims, "P-Asserted-Identity")), (Some("none"), None));
    assert_eq!(of(&ims, "P-Charge-Info"), Some("<sip:court@carrier.example>"));
    let bare = invite(HeaderPolicy { identity: Identity::Absent, ..HeaderPolicy::default() });
    assert_eq!((of(&bare, "P-Asserted-Identity"), of(&bare, "P-Preferred-Identity")), (None, None));
}

#[test]
fn a_call_takes_the_service_route_of_its_registration_with_every_request_of_its_transaction() {
    let mut world = World::new(vec![account("a")]);
    world.run(seconds(1), |sent| {
        let mut answer = sent.grant(600);
        answer.headers.push("Service-Route", "<sip:p1.example;lr>, <sip:p2.example;lr>");
        Some(answer)
    });
    let mut placed = place(world);
    let route = |request: &Request| request.headers.list("Route").map(str::to_owned).collect::<Vec<_>>();
    let wanted = ["<sip:p1.example;lr>", "<sip:p2.example;lr>"];
    let first = placed.sent().remove(0);
    assert_eq!(route(&first), wanted);
    placed.hears(&first, 407, &[("Proxy-Authenticate", r#"Digest realm="c", nonce="n", qop="auth""#)]);
    let next = placed.sent();
    let methods: Vec<String> = next.iter().map(|request| request.method.to_string()).collect();
    assert_eq!(methods, ["ACK", "INVITE"]);
    assert!(next.iter().all(|request| route(request) == wanted));
    placed.hears(&next[1], 180, &[]);
    let id = placed.id.clone();
    placed.core.hang_up(placed.world.now, &id);
    let cancel = placed.sent().remove(0);
    assert_eq!(
        (cancel.method.to_string().as_str(), route(&cancel).as_slice()),
        ("CANCEL", &wanted.map(str::to_owned)[..])
    );
}
