//! Responses, and where they go (RFC 3261, sections 8.2.6 and 18.2; RFC 3581).

use std::fmt::Write as _;
use std::net::SocketAddr;

use super::message::{Headers, Request, Response, parameter, split_list, tag};

/// Methods this carrier answers.
pub(crate) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER";

/// A response to `request`, which came from `from`; `to_tag` is added where To has none.
pub(crate) fn reply(request: &Request, from: SocketAddr, status: u16, to_tag: &str) -> Response {
    let mut headers = Headers::default();
    for (at, via) in request.headers.list("Via").into_iter().enumerate() {
        headers.push("Via", if at == 0 { stamped(&via, from) } else { via });
    }
    let get = |name: &str| request.headers.get(name).unwrap_or_default();
    headers.push("From", get("From"));
    let to = get("To");
    if status > 100 && tag(to).is_none() {
        headers.push("To", format!("{to};tag={to_tag}"));
    } else {
        headers.push("To", to);
    }
    headers.push("Call-ID", get("Call-ID"));
    headers.push("CSeq", get("CSeq"));
    if status == 405 || status == 200 {
        headers.push("Allow", ALLOW);
    }
    headers.push("Server", "songda-sim");
    Response { status, reason: phrase(status).to_owned(), headers, body: Vec::new() }
}

/// Where responses to `request` go: back to the source when it asked for that with
/// `rport`, else to the port of its Via.
pub(crate) fn destination(request: &Request, from: SocketAddr) -> SocketAddr {
    let vias = request.headers.list("Via");
    let Some(via) = vias.first() else { return from };
    if parameter(via, "rport").is_some() {
        return from;
    }
    let sent_by = via.split_whitespace().nth(1).unwrap_or_default().split(';').next().unwrap_or_default();
    let port = match sent_by.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => port.parse().ok(),
        _ => None,
    };
    SocketAddr::new(from.ip(), port.unwrap_or(5060))
}

fn stamped(via: &str, from: SocketAddr) -> String {
    let mut out = String::with_capacity(via.len() + 48);
    for (at, part) in via.split(';').enumerate() {
        let name = part.split('=').next().unwrap_or_default().trim();
        if at > 0 && name.eq_ignore_ascii_case("received") {
            continue;
        }
        if at > 0 {
            out.push(';');
        }
        if at > 0 && name.eq_ignore_ascii_case("rport") {
            // Writing into a String cannot fail.
            let _ = write!(out, "rport={}", from.port());
        } else {
            out.push_str(part.trim());
        }
    }
    let _ = write!(out, ";received={}", from.ip());
    out
}

/// The address of the next hop of a request in a dialog: the first route, else the
/// contact, when it is an IP address; `None` for host names.
pub(crate) fn hop(uri: &str) -> Option<SocketAddr> {
    let rest = uri.strip_prefix("sip:")?;
    let rest = rest.split(['?', ';', '>']).next()?;
    let host = rest.rsplit('@').next()?;
    host.parse().ok().or_else(|| {
        let ip = host.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
        Some(SocketAddr::new(ip, 5060))
    })
}

/// The Record-Route set of a message in the order in which the server uses it; the client's is the reverse.
pub(crate) fn route_set(headers: &Headers) -> Vec<String> {
    headers.all("Record-Route").flat_map(split_list).collect()
}

/// Value of Reason (RFC 3326).
pub(crate) fn reason(headers: &Headers) -> Option<String> {
    headers.get("Reason").map(|value| value.chars().take(128).collect())
}

fn phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        183 => "Session Progress",
        200 => "OK",
        300 => "Multiple Choices",
        302 => "Moved Temporarily",
        305 => "Use Proxy",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        423 => "Interval Too Brief",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        500 => "Server Internal Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        603 => "Decline",
        _ => "Other",
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::{Message, parse};
    use super::*;

    fn request(via: &str) -> Request {
        let text = format!(
            "OPTIONS sip:h SIP/2.0\r\nVia: {via}\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:h>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n"
        );
        match parse(text.as_bytes()).unwrap() {
            Message::Request(request) => request,
            Message::Response(_) => panic!(),
        }
    }

    #[test]
    fn a_response_goes_where_the_via_says() {
        let from: SocketAddr = "10.0.0.1:999".parse().unwrap();
        let plain = request("SIP/2.0/UDP pc:5070;branch=z9hG4bK1");
        assert_eq!(destination(&plain, from).to_string(), "10.0.0.1:5070");
        let asked = request("SIP/2.0/UDP pc:5070;branch=z9hG4bK1;rport, SIP/2.0/UDP second");
        assert_eq!(destination(&asked, from), from);
        let response = reply(&asked, from, 200, "t");
        assert_eq!(
            response.headers.get("Via"),
            Some("SIP/2.0/UDP pc:5070;branch=z9hG4bK1;rport=999;received=10.0.0.1")
        );
        assert_eq!(response.headers.all("Via").count(), 2);
        assert_eq!(response.headers.get("To"), Some("<sip:h>;tag=t"));
    }

    #[test]
    fn the_next_hop_is_an_address_or_nothing() {
        assert_eq!(hop("sip:u@127.0.0.1:5080;transport=udp").unwrap().port(), 5080);
        assert_eq!(hop("sip:127.0.0.1;lr").unwrap().port(), 5060);
        assert_eq!(hop("sip:u@host.example"), None);
    }
}
