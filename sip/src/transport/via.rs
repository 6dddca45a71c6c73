//! The top Via: where a message came from, and where its answer goes (RFC 3261, 18.2;
//! RFC 3581).

use std::{
    borrow::Cow,
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
};

use crate::{
    flow::Flow,
    msg::{Headers, Message, Request, Via, text},
    wire,
};

/// Where a response goes when the way that its request came by is no more (18.2.2): to the
/// address that was seen, at the port of sent-by. `maddr` is not followed: we serve no
/// multicast, and it would let a stranger aim our answers at somebody else.
pub(crate) fn reply_address(response: &[u8]) -> Option<SocketAddr> {
    let (Message::Response(response), _) = wire::parse(response)? else { return None };
    let via = Via::top(&response.headers)?;
    let ip: IpAddr = via.received().unwrap_or(via.host).trim_matches(['[', ']']).parse().ok()?;
    let usual = if via.transport.eq_ignore_ascii_case("TLS") { 5061 } else { 5060 };
    Some(SocketAddr::new(ip, via.port.unwrap_or(usual)))
}

/// Notes in the top Via where the request came from (18.2.1; RFC 3581, 4). It runs before
/// anybody asks whether the message is whole: headers without any Via may come first.
pub(crate) fn stamp(request: &mut Request, from: &Flow) {
    let headers = &request.headers;
    let first = |value| text::split(value, b',').map(str::trim).find(|part| !part.is_empty());
    let Some((at, value, top)) =
        headers.all("Via").enumerate().find_map(|(at, value)| Some((at, value, first(value)?)))
    else {
        return;
    };
    let Some(via) = Via::parse(top) else { return };
    let rport = via.param("rport").is_some();
    let same = via.host.parse::<IpAddr>().is_ok_and(|ip| ip == from.ip());
    if same && !rport {
        return;
    }
    let mut stamped = String::with_capacity(value.len() + 48);
    stamped.push_str(top.split(';').next().unwrap_or_default());
    for part in via.tail.split(';').skip(1) {
        let name = part.split('=').next().unwrap_or_default().trim();
        // Whatever the sender wrote there is not for him to say.
        if name.eq_ignore_ascii_case("received") {
            continue;
        }
        if name.eq_ignore_ascii_case("rport") {
            let _ = write!(stamped, ";rport={}", from.remote.port());
        } else {
            let _ = write!(stamped, ";{part}");
        }
    }
    let _ = write!(stamped, ";received={}", from.ip());
    // The usual case is one Via in a header of its own.
    for more in text::split(value, b',').map(str::trim).filter(|part| !part.is_empty()).skip(1) {
        let _ = write!(stamped, ", {more}");
    }
    if at == 0 {
        request.headers.set("Via", stamped);
        return;
    }
    let others: Vec<String> = headers.all("Via").skip(at + 1).map(str::to_owned).collect();
    request.headers.remove("Via");
    std::iter::once(stamped).chain(others).for_each(|via| request.headers.push("Via", via));
}

/// Where the answer to a request goes that came by `from` (18.2.2; RFC 3581, 4): back by the
/// same connection; over datagrams to the source when it asks for that by `rport`, else to the
/// port that the Via names.
pub(crate) fn reply_flow(headers: &Headers, from: Flow) -> Flow {
    if from.is_reliable() {
        return from;
    }
    match Via::top(headers) {
        Some(via) if via.param("rport").is_none() => {
            Flow { remote: SocketAddr::new(from.ip(), via.port.unwrap_or(5060)), ..from }
        }
        _ => from,
    }
}

/// `host:port` in lower case, as it names a transaction.
pub(crate) fn sent_by(top: &str) -> Option<Cow<'_, str>> {
    let place = top.split(';').next()?;
    let text = place.rsplit('/').next()?.trim().split_once([' ', '\t'])?.1.trim();
    if text.bytes().any(|b| b.is_ascii_uppercase() || b.is_ascii_whitespace()) {
        return Some(Cow::Owned(text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()));
    }
    Some(Cow::Borrowed(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::msg::Method;

    fn request(via: &str) -> Request {
        let mut headers = Headers::default();
        headers.push("Via", via);
        Request { method: Method::OPTIONS, uri: "sip:a@b".into(), headers, body: Vec::new() }
    }

    #[test]
    fn a_via_is_read_with_white_space_around_every_mark() {
        let via = Via::parse("SIP / 2.0 /\tUDP  [2001:db8::9:1] : 5070 ;branch=z9hG4bK1;rport").unwrap();
        assert_eq!((via.transport, via.host, via.port), ("UDP", "2001:db8::9:1", Some(5070)));
        assert_eq!(via.param("rport"), Some(""));
        assert_eq!(Via::parse("SIP/2.0/UDP host:port;branch=1"), None);
        assert_eq!(sent_by("SIP / 2.0 / UDP  Host.Example : 5070 ;branch=1").unwrap(), "host.example:5070");
    }

    #[test]
    fn a_via_behind_headers_without_any_is_stamped_where_it_stands() {
        let from = Flow::udp("192.0.2.9:33000".parse().unwrap());
        for empty in ["", ",", " , ,"] {
            let mut asked = request(empty);
            asked.headers.push("Via", ", SIP/2.0/UDP h;branch=z9hG4bKx,,SIP/2.0/UDP b");
            asked.headers.push("Via", "SIP/2.0/UDP c");
            stamp(&mut asked, &from);
            let vias: Vec<&str> = asked.headers.all("Via").collect();
            assert_eq!(
                vias,
                ["SIP/2.0/UDP h;branch=z9hG4bKx;received=192.0.2.9, SIP/2.0/UDP b", "SIP/2.0/UDP c"],
                "{empty:?}"
            );
            assert_eq!(reply_flow(&asked.headers, from).remote, "192.0.2.9:5060".parse().unwrap());
        }
        let mut none = request(",");
        stamp(&mut none, &from);
        assert_eq!(none.headers.get("Via"), Some(","));
    }

    #[test]
    fn source_address_and_port_are_noted_whatever_the_sender_claims() {
        let from = Flow::udp("192.0.2.9:33000".parse().unwrap());
        let mut asked = request("SIP/2.0/UDP 10.0.0.1:5060;rport;received=203.0.113.1;branch=z9hG4bKa, SIP/2.0/UDP b");
        stamp(&mut asked, &from);
        assert_eq!(
            asked.headers.get("Via").unwrap(),
            "SIP/2.0/UDP 10.0.0.1:5060;rport=33000;branch=z9hG4bKa;received=192.0.2.9, SIP/2.0/UDP b"
        );
        assert_eq!(reply_flow(&asked.headers, from), from);
        let mut plain = request("SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bKa");
        stamp(&mut plain, &from);
        assert_eq!(plain.headers.get("Via").unwrap(), "SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bKa");
        assert_eq!(reply_flow(&plain.headers, from).remote.port(), 5070);
        let lost = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS pbx.example;received=192.0.2.4;branch=z9hG4bKa\r\n\r\n";
        assert_eq!(reply_address(lost), Some("192.0.2.4:5061".parse().unwrap()));
    }
}
