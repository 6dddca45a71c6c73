//! Session descriptions as far as calls go into them: whether a message has one, and what of
//! an offer a telephone can take.

use crate::{
    msg::{Headers, Request, Response, body, text},
    sdp::{self, Refusal},
};

pub(super) const SDP: &str = "application/sdp";

/// The SDP of a message: its body, or the part of it that is one.
pub(super) fn sdp_of(headers: &Headers, content: &[u8]) -> Option<String> {
    if content.is_empty() {
        return None;
    }
    let kind = headers.get("Content-Type").unwrap_or(SDP);
    let sdp = if body::is_of_several(kind) {
        body::parts(kind, content).into_iter().find(|part| part.is(SDP))?.content
    } else if body::kind(kind).eq_ignore_ascii_case(SDP) {
        content
    } else {
        return None;
    };
    // Names of sessions and people are in whatever the exchange writes headers in.
    Some(text::readable(sdp).into_owned())
}

/// Every telephone: what of an offer nobody could take needs no asking.
const ANY: &str = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 RTP/AVP 8 0\r\n";

/// Whether the offer of a new call can be taken by a telephone that speaks these codecs; without
/// names, by any.
pub(crate) fn judge(offer: &str, codecs: &[String]) -> Result<(), Refusal> {
    sdp::first_answer_to(offer, &sdp::unnarrowed(ANY, codecs)).map(|_| ())
}

/// The refusal of an offer (RFC 3261, 14.2 and 20.43).
pub(super) fn refusal(request: &Request, refused: Refusal, host: &str, tag: &str) -> Response {
    let mut response = Response::to(request, refused.status(), tag);
    let (code, text) = refused.warning();
    response.headers.push_fmt("Warning", format_args!("{code} {host} \"{text}\""));
    response
}

/// Adds a description.
pub(super) fn describe(response: &mut Response, sdp: &str) {
    response.headers.push("Content-Type", SDP);
    response.body = sdp.as_bytes().to_vec();
}
