//! Single values: URIs, name-addresses, and the headers that have a reader of their own.

use std::hint::black_box;

use songda_sip::machine::{Contact, Headers, NameAddr, RAck, Reason, SessionExpires, Uri, Via, reasons};

/// What is read is printed as what is read as the same again, a URI is the same as itself, and
/// two are the same from both sides.
pub fn uri(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (first, second) = text.split_once('\n').unwrap_or((text, text));
    for value in [first, second] {
        one(value);
    }
    if let (Some(one), Some(other)) = (Uri::parse(first), Uri::parse(second)) {
        assert_eq!(one.matches(&other), other.matches(&one));
    }
}

fn one(value: &str) {
    if let Some(uri) = Uri::parse(value) {
        assert_eq!(Uri::parse(&uri.to_string()).as_ref(), Some(&uri));
        assert!(uri.matches(&uri));
        black_box((uri.name(), uri.param("transport"), uri.header("Replaces")));
        let mut bare = uri;
        bare.drop_headers();
        assert_eq!(bare.header("Replaces"), None);
    }
    if let Some(address) = NameAddr::parse(value) {
        assert_eq!(NameAddr::parse(&address.to_string()), Some(address));
    }
    if let Some(contact) = Contact::parse(value) {
        black_box((contact.expires(), contact.q(), contact.instance(), contact.reg_id()));
    }
    if let Some(via) = Via::parse(value) {
        black_box((via.branch(), via.rport()));
    }
    let mut headers = Headers::default();
    for name in ["Reason", "RAck", "Session-Expires"] {
        headers.push(name, value);
    }
    black_box(RAck::of(&headers));
    if let Some(session) = SessionExpires::of(&headers) {
        headers.set("Session-Expires", session.to_string());
        assert_eq!(SessionExpires::of(&headers), Some(session));
    }
    let read: Vec<Reason> = reasons(&headers).collect();
    let printed: Vec<String> = read.iter().map(Reason::to_string).collect();
    headers.set("Reason", printed.join(", "));
    assert_eq!(reasons(&headers).collect::<Vec<_>>(), read);
}
