//! Messages as they go out.

use std::io::Write as _;

use crate::msg::{Headers, Request, Response};

/// Room for the first line, Content-Length and the empty line, beside the URI or the phrase.
const AROUND: usize = 64;

/// A request as it goes out.
pub fn print_request(request: &Request) -> Vec<u8> {
    let mut out = room(request.uri.len(), &request.headers, &request.body);
    one_line(&mut out, request.method.as_str());
    out.push(b' ');
    one_line(&mut out, &request.uri);
    out.extend_from_slice(b" SIP/2.0\r\n");
    rest(out, &request.headers, &request.body)
}

/// A response as it goes out.
pub fn print_response(response: &Response) -> Vec<u8> {
    let mut out = room(response.reason.len(), &response.headers, &response.body);
    // Writing to memory cannot fail.
    let _ = write!(out, "SIP/2.0 {} ", response.status);
    one_line(&mut out, &response.reason);
    out.extend_from_slice(b"\r\n");
    rest(out, &response.headers, &response.body)
}

fn room(first: usize, headers: &Headers, body: &[u8]) -> Vec<u8> {
    Vec::with_capacity(first + headers.printed_len() + body.len() + AROUND)
}

/// Text with its line breaks made spaces.
fn one_line(out: &mut Vec<u8>, text: &str) {
    out.extend(text.bytes().map(|b| if matches!(b, b'\r' | b'\n') { b' ' } else { b }));
}

fn rest(mut out: Vec<u8>, headers: &Headers, body: &[u8]) -> Vec<u8> {
    headers.print(&mut out);
    let _ = write!(out, "Content-Length: {}\r\n\r\n", body.len());
    out.extend_from_slice(body);
    out
}
