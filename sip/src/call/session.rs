//! Session descriptions as far as calls go into them: whether a message has one, and what of
//! an offer a telephone can take.

use std::fmt::Write as _;

use crate::{
    msg::{Headers, Request, Response, body, text},
    sdp::{self, Refusal, Srtp},
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

/// Every telephone: what of an offer nobody could take needs no asking. Keys of nobody: what is
/// written by them is thrown away.
fn any(srtp: Srtp) -> String {
    let profile = if srtp == Srtp::Required { "RTP/SAVP" } else { "RTP/AVP" };
    let mut text = format!("v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 {profile} 8 0\r\n");
    if srtp != Srtp::Off {
        for (tag, suite) in [(1, "AES_CM_128_HMAC_SHA1_80"), (2, "AES_CM_128_HMAC_SHA1_32")] {
            let _ = write!(text, "a=crypto:{tag} {suite} inline:{:A<40}\r\n", "");
        }
    }
    text
}

/// Whether the offer of a new call can be taken by a telephone that speaks these codecs, secured
/// like this; without names, any.
pub(crate) fn judge(offer: &str, codecs: &[String], srtp: Srtp) -> Result<(), Refusal> {
    sdp::first_answer_to(offer, &sdp::unnarrowed(&any(srtp), codecs)).map(|_| ())
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
