//! Desk phones that registered are called (RFC 3261, 10.3; RFC 5626, 5.3; RFC 7118, 5).

use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::{SinkExt as _, StreamExt as _};
use songda_sip::{
    CallError, EndCause, Ended, LegEvent, PhoneAccount, PhoneCall, RegistrarSettings, ServerTls, Side, Target,
    machine::{Credentials, DigestClient, Ha1s},
};
use tokio::{
    net::{TcpStream, UdpSocket},
    sync::mpsc,
};
use tokio_tungstenite::tungstenite::Message as Frames;

use super::{certificates::Authority, websocket, *};

const REALM: &str = "phones.court.test";
const USER: &str = "8001";
const PASSWORD: &str = "phone-secret";

fn house(authority: &Authority) -> Endpoint {
    let tls = ServerTls { identity: authority.sign("court", &["court.test"]), client_roots: None };
    let listens = [Protocol::Udp, Protocol::Ws, Protocol::Tls].map(|protocol| {
        let tls = (protocol == Protocol::Tls).then(|| tls.clone());
        Listen { tls, ..Listen::new(protocol, loopback()) }
    });
    let config = EndpointConfig::new(listens.to_vec(), "songda-test");
    start(EndpointConfig { phones: Some(RegistrarSettings::new(REALM)), ..config })
}

async fn house_with_phone() -> (Endpoint, Authority) {
    let authority = Authority::new();
    let endpoint = house(&authority);
    let ha1s = Ha1s::derive(USER, REALM, PASSWORD);
    endpoint.set_phones(vec![PhoneAccount { user: USER.into(), ha1s }]).await;
    (endpoint, authority)
}

/// A telephone that does what the test says.
struct Phone {
    out: mpsc::UnboundedSender<Vec<u8>>,
    heard: mpsc::UnboundedReceiver<Message>,
    protocol: Protocol,
    contact: String,
    /// Ends its connection with it.
    pump: tokio::task::JoinHandle<()>,
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

impl Phone {
    async fn over(protocol: Protocol, endpoint: &Endpoint, authority: &Authority) -> Self {
        let place = endpoint.local_addr_on(protocol).unwrap();
        let (out, mut to_send) = mpsc::unbounded_channel::<Vec<u8>>();
        let (hear, heard) = mpsc::unbounded_channel();
        let tell = move |bytes: &[u8]| {
            if let Some((message, _)) = parse(bytes) {
                let _ = hear.send(message);
            }
        };
        let mut contact = format!("<sip:{USER}@df7jal23ls0d.invalid;transport=ws>");
        let pump = match protocol {
            Protocol::Udp => {
                let socket = UdpSocket::bind(loopback()).await.unwrap();
                contact = format!("<sip:{USER}@{}>", socket.local_addr().unwrap());
                tokio::spawn(async move {
                    let mut buffer = vec![0; 65_536];
                    loop {
                        tokio::select! {
                            bytes = to_send.recv() => match bytes {
                                Some(bytes) => drop(socket.send_to(&bytes, place).await.unwrap()),
                                None => return,
                            },
                            got = socket.recv(&mut buffer) => tell(&buffer[..got.unwrap()]),
                        }
                    }
                })
            }
            Protocol::Tls => {
                let stream = authority.connect(place, "court.test").await;
                contact = format!("<sip:{USER}@10.9.8.7:5061;transport=tls>");
                tokio::spawn(async move {
                    let (mut from, mut to) = tokio::io::split(stream);
                    let mut framer = Framer::default();
                    let mut chunk = vec![0; 4096];
                    loop {
                        tokio::select! {
                            bytes = to_send.recv() => match bytes {
                                Some(bytes) => to.write_all(&bytes).await.unwrap(),
                                None => return,
                            },
                            got = from.read(&mut chunk) => {
                                let length = got.unwrap_or(0);
                                if length == 0 {
                                    return;
                                }
                                framer.push(&chunk[..length]);
                                while let Some(frame) = framer.take().unwrap() {
                                    if let Frame::Message(bytes) = frame {
                                        tell(&bytes);
                                    }
                                }
                            }
                        }
                    }
                })
            }
            _ => {
                let stream = TcpStream::connect(place).await.unwrap();
                let mut socket = websocket::open(stream, Some("sip")).await.unwrap();
                tokio::spawn(async move {
                    loop {
                        tokio::select! {
                            bytes = to_send.recv() => match bytes {
                                Some(bytes) => socket.send(Frames::binary(bytes)).await.unwrap(),
                                None => return,
                            },
                            got = socket.next() => match got {
                                Some(Ok(frame)) => tell(&frame.into_data()),
                                _ => return,
                            },
                        }
                    }
                })
            }
        };
        Self { out, heard, protocol, contact, pump }
    }

    /// A telephone that registered.
    async fn registered(protocol: Protocol, endpoint: &Endpoint, authority: &Authority) -> Self {
        static CALLS: AtomicU32 = AtomicU32::new(0);
        let mut phone = Self::over(protocol, endpoint, authority).await;
        let call = format!("register-{}", CALLS.fetch_add(1, Ordering::Relaxed));
        let mut digest = DigestClient::default();
        for (cseq, status) in [(1, 401), (2, 200)] {
            let mut ask = request(&Method::REGISTER, protocol, "127.0.0.1:9", &format!("{call}-{cseq}"));
            ask.uri = format!("sip:{REALM}");
            for (name, value) in [
                ("From", format!("<sip:{USER}@{REALM}>;tag=1")),
                ("To", format!("<sip:{USER}@{REALM}>")),
                ("Call-ID", call.clone()),
                ("CSeq", format!("{cseq} REGISTER")),
                ("Contact", phone.contact.clone()),
            ] {
                ask.headers.set(name, value);
            }
            digest.authorise(&Credentials { username: USER, password: PASSWORD }, &mut ask, "cn");
            phone.send(print_request(&ask));
            let answer = phone.response().await;
            assert_eq!(answer.status, status);
            digest.challenged(&ask, &answer);
        }
        phone
    }

    fn send(&self, bytes: Vec<u8>) {
        self.out.send(bytes).unwrap();
    }

    async fn message(&mut self) -> Message {
        let heard = tokio::time::timeout(LIMIT, self.heard.recv()).await.expect("nothing comes");
        heard.expect("the connection is closed")
    }

    async fn response(&mut self) -> Response {
        loop {
            if let Message::Response(response) = self.message().await {
                return response;
            }
        }
    }

    /// The next request of this method; others are passed over.
    async fn hears(&mut self, method: Method) -> Request {
        loop {
            if let Message::Request(request) = self.message().await
                && request.method == method
            {
                return request;
            }
        }
    }

    fn answers(&self, request: &Request, status: u16) {
        let mut response = Response::to(request, status, "phone");
        if request.method == Method::INVITE && status < 300 {
            response.headers.push("Contact", &self.contact);
        }
        if request.method == Method::INVITE && status == 200 {
            response.headers.push("Content-Type", "application/sdp");
            response.body = SDP.into();
        }
        self.send(print_response(&response));
    }

    /// It does not want the call any more: 200 to the CANCEL, 487 to the INVITE.
    async fn is_cancelled(&mut self, invite: &Request) -> Request {
        let cancel = self.hears(Method::CANCEL).await;
        self.answers(&cancel, 200);
        self.answers(invite, 487);
        cancel
    }
}

async fn call(endpoint: &Endpoint) -> Leg {
    call_for(endpoint, Duration::from_secs(30)).await
}

async fn call_for(endpoint: &Endpoint, ring_limit: Duration) -> Leg {
    let targets = endpoint.phone(USER).await;
    endpoint.call_phone(order_to(targets, ring_limit)).await.unwrap()
}

fn order_to(targets: Vec<Target>, ring_limit: Duration) -> PhoneCall {
    PhoneCall {
        user: USER.into(), targets, caller_name: "送达一组 \"李\" 转接".into(), offer: SDP.into(), ring_limit
    }
}

async fn ended(leg: &mut Leg) -> Ended {
    match until(leg, |event| matches!(event, LegEvent::Ended(_))).await {
        LegEvent::Ended(ended) => ended,
        other => panic!("{other:?}"),
    }
}

async fn down(leg: &mut Leg) {
    until(leg, |event| *event == LegEvent::Down { answered: true }).await;
}

#[tokio::test]
async fn a_phone_is_called_over_the_way_it_registered_by_and_shows_a_name_and_no_number() {
    for protocol in [Protocol::Udp, Protocol::Ws, Protocol::Tls] {
        let (endpoint, authority) = house_with_phone().await;
        let mut phone = Phone::registered(protocol, &endpoint, &authority).await;
        let mut leg = call(&endpoint).await;
        let invite = phone.hears(Method::INVITE).await;
        let from = invite.headers.get("From").unwrap();
        assert!(
            from.starts_with(r#""送达一组 \"李\" 转接" <sip:anonymous@phones.court.test>;tag="#),
            "{protocol}: {from}"
        );
        assert_eq!(format!("<{}>", invite.uri), phone.contact);
        for header in ["P-Asserted-Identity", "P-Preferred-Identity"] {
            assert_eq!(invite.headers.get(header), None);
        }
        assert!(!invite.headers.lists("Allow", "REFER"));
        phone.answers(&invite, 180);
        until(&mut leg, |event| *event == LegEvent::Ringing).await;
        phone.answers(&invite, 200);
        let LegEvent::Answered { sdp } = until(&mut leg, |event| matches!(event, LegEvent::Answered { .. })).await
        else {
            unreachable!()
        };
        assert_eq!(sdp, SDP);
        let events = tokio::spawn(async move {
            let end = ended(&mut leg).await;
            down(&mut leg).await;
            end
        });
        phone.hears(Method::ACK).await;
        // The phone hangs up, over the same way.
        let mut bye = request(&Method::BYE, protocol, "127.0.0.1:9", "bye");
        bye.uri = format!("sip:{}", endpoint.local_addr());
        let to = format!("{};tag=phone", invite.headers.get("To").unwrap());
        for (name, value) in [("From", to.as_str()), ("To", from), ("Call-ID", invite.headers.get("Call-ID").unwrap())]
        {
            bye.headers.set(name, value);
        }
        phone.send(print_request(&bye));
        assert_eq!(phone.response().await.status, 200);
        let ended = events.await.unwrap();
        assert_eq!((ended.by, ended.cause), (Side::Peer, EndCause::HungUp));
        assert_eq!(phone.protocol, protocol);
    }
}

#[tokio::test]
async fn a_phone_that_talks_already_is_busy() {
    let (endpoint, authority) = house_with_phone().await;
    let mut phone = Phone::registered(Protocol::Udp, &endpoint, &authority).await;
    let mut leg = call(&endpoint).await;
    let invite = phone.hears(Method::INVITE).await;
    phone.answers(&invite, 486);
    let ended = ended(&mut leg).await;
    assert_eq!((ended.by, ended.cause, ended.status), (Side::Peer, EndCause::Refused, Some(486)));
    down(&mut leg).await;
}

#[tokio::test]
async fn a_phone_that_nobody_answers_falls_silent_when_the_ring_limit_is_over() {
    let (endpoint, authority) = house_with_phone().await;
    let mut phone = Phone::registered(Protocol::Ws, &endpoint, &authority).await;
    let mut leg = call_for(&endpoint, Duration::from_millis(300)).await;
    let invite = phone.hears(Method::INVITE).await;
    phone.answers(&invite, 180);
    phone.is_cancelled(&invite).await;
    let ended = ended(&mut leg).await;
    assert_eq!((ended.by, ended.cause, ended.provisional), (Side::Timer, EndCause::RingLimit, true));
    down(&mut leg).await;
}

#[tokio::test]
async fn of_two_devices_the_first_that_answers_has_the_call_and_the_other_does_not_show_it_as_missed() {
    let (endpoint, authority) = house_with_phone().await;
    let mut desk = Phone::registered(Protocol::Udp, &endpoint, &authority).await;
    let mut soft = Phone::registered(Protocol::Ws, &endpoint, &authority).await;
    let mut leg = call(&endpoint).await;
    let (at_desk, at_soft) = (desk.hears(Method::INVITE).await, soft.hears(Method::INVITE).await);
    desk.answers(&at_desk, 180);
    soft.answers(&at_soft, 180);
    until(&mut leg, |event| *event == LegEvent::Ringing).await;
    soft.answers(&at_soft, 200);
    until(&mut leg, |event| matches!(event, LegEvent::Saved(_))).await;
    let cancel = desk.is_cancelled(&at_desk).await;
    assert!(cancel.headers.get("Reason").is_some_and(|reason| reason.starts_with("SIP;cause=200")), "{cancel:?}");
    answered(&mut leg).await;
    // The answer is acknowledged when what was saved is kept, and not before.
    let handle = leg.handle();
    let events = tokio::spawn(async move {
        let end = ended(&mut leg).await;
        down(&mut leg).await;
        end
    });
    soft.hears(Method::ACK).await;
    handle.hang_up().await;
    let bye = soft.hears(Method::BYE).await;
    soft.answers(&bye, 200);
    let ended = events.await.unwrap();
    assert_eq!((ended.by, ended.cause), (Side::Us, EndCause::HungUp));
}

#[tokio::test]
async fn of_two_devices_one_that_is_busy_leaves_the_other_ringing() {
    let (endpoint, authority) = house_with_phone().await;
    let mut desk = Phone::registered(Protocol::Udp, &endpoint, &authority).await;
    let mut soft = Phone::registered(Protocol::Ws, &endpoint, &authority).await;
    let mut leg = call(&endpoint).await;
    let (at_desk, at_soft) = (desk.hears(Method::INVITE).await, soft.hears(Method::INVITE).await);
    desk.answers(&at_desk, 486);
    soft.answers(&at_soft, 180);
    until(&mut leg, |event| *event == LegEvent::Ringing).await;
    leg.handle().hang_up().await;
    soft.is_cancelled(&at_soft).await;
    let ended = ended(&mut leg).await;
    assert_eq!((ended.by, ended.cause), (Side::Us, EndCause::Cancelled));
    down(&mut leg).await;
}

#[tokio::test]
async fn two_devices_that_answer_at_once_leave_one_call() {
    let (endpoint, authority) = house_with_phone().await;
    let mut desk = Phone::registered(Protocol::Udp, &endpoint, &authority).await;
    let mut soft = Phone::registered(Protocol::Ws, &endpoint, &authority).await;
    let mut leg = call(&endpoint).await;
    let (at_desk, at_soft) = (desk.hears(Method::INVITE).await, soft.hears(Method::INVITE).await);
    desk.answers(&at_desk, 200);
    soft.answers(&at_soft, 200);
    answered(&mut leg).await;
    let handle = leg.handle();
    let events = tokio::spawn(async move { down(&mut leg).await });
    // One of them is hung up at once, the other when we hang up.
    let first = tokio::select! {
        bye = desk.hears(Method::BYE) => { desk.answers(&bye, 200); Protocol::Udp }
        bye = soft.hears(Method::BYE) => { soft.answers(&bye, 200); Protocol::Ws }
    };
    handle.hang_up().await;
    let other = if first == Protocol::Udp { &mut soft } else { &mut desk };
    let bye = other.hears(Method::BYE).await;
    other.answers(&bye, 200);
    events.await.unwrap();
}

#[tokio::test]
async fn a_phone_whose_connection_is_gone_is_not_registered_and_a_call_that_was_underway_to_it_ends() {
    let (endpoint, authority) = house_with_phone().await;
    let phone = Phone::registered(Protocol::Ws, &endpoint, &authority).await;
    let targets = endpoint.phone(USER).await;
    assert_eq!(targets.len(), 1);
    drop(phone);
    let gone = async {
        while !endpoint.phone(USER).await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, gone).await.expect("it stays registered");
    let refused = endpoint.call_phone(order_to(endpoint.phone(USER).await, LIMIT)).await;
    assert!(matches!(refused, Err(CallError::NotRegistered { .. })), "{refused:?}");
    let mut leg = endpoint.call_phone(order_to(targets, LIMIT)).await.unwrap();
    assert_eq!(ended(&mut leg).await.cause, EndCause::Transport);
    down(&mut leg).await;
}

#[tokio::test]
async fn a_phone_that_answers_while_we_give_up_is_hung_up() {
    let (endpoint, authority) = house_with_phone().await;
    let mut phone = Phone::registered(Protocol::Tls, &endpoint, &authority).await;
    let mut leg = call(&endpoint).await;
    let invite = phone.hears(Method::INVITE).await;
    phone.answers(&invite, 180);
    until(&mut leg, |event| *event == LegEvent::Ringing).await;
    leg.handle().hang_up().await;
    let cancel = phone.hears(Method::CANCEL).await;
    phone.answers(&invite, 200);
    phone.answers(&cancel, 200);
    phone.hears(Method::ACK).await;
    let bye = phone.hears(Method::BYE).await;
    phone.answers(&bye, 200);
    assert_eq!(ended(&mut leg).await.cause, EndCause::Cancelled);
    down(&mut leg).await;
}

#[tokio::test]
async fn a_phone_leads_our_call_to_nobody_else() {
    let (endpoint, authority) = house_with_phone().await;
    let mut phone = Phone::registered(Protocol::Udp, &endpoint, &authority).await;
    let mut leg = call(&endpoint).await;
    let invite = phone.hears(Method::INVITE).await;
    let mut moved = Response::to(&invite, 302, "phone");
    moved.headers.push("Contact", format!("<sip:{USER}@127.0.0.1:9>"));
    phone.send(print_response(&moved));
    assert_eq!(ended(&mut leg).await.status, Some(302));

    let mut leg = call(&endpoint).await;
    let invite = phone.hears(Method::INVITE).await;
    phone.answers(&invite, 200);
    answered(&mut leg).await;
    let events = tokio::spawn(async move {
        let end = ended(&mut leg).await;
        (end, leg)
    });
    phone.hears(Method::ACK).await;
    let mut refer = request(&Method::REFER, Protocol::Udp, "127.0.0.1:9", "refer");
    refer.uri = format!("sip:{}", endpoint.local_addr());
    let to = format!("{};tag=phone", invite.headers.get("To").unwrap());
    let from = invite.headers.get("From").unwrap();
    for (name, value) in [("From", to.as_str()), ("To", from), ("Call-ID", invite.headers.get("Call-ID").unwrap())] {
        refer.headers.set(name, value);
    }
    refer.headers.push("Refer-To", "<sip:13800000009@court.test>");
    phone.send(print_request(&refer));
    assert_eq!(phone.response().await.status, 405);
    endpoint.close(Duration::from_millis(100)).await;
    assert_eq!(events.await.unwrap().0.cause, EndCause::HungUp);
}
