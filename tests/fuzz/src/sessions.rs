//! Session descriptions.

use std::hint::black_box;

use songda_sip::sdp::{Session, agreed, answer_to, first_answer_to, following, unnarrowed};

/// What our sound offers.
pub(crate) const OURS: &str = "v=0\r\no=- 7 3 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
    m=audio 20000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";

/// An answer of ours can be read, has the streams of the offer, one of them live, and sends
/// nothing to who does not listen; the same content keeps its version.
pub fn sdp(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    black_box(agreed(OURS, &text).ok());
    black_box(unnarrowed(&text, &[]));
    for answer in [answer_to(&text, OURS), first_answer_to(&text, OURS)] {
        let Ok(answer) = answer else { continue };
        let (offered, answered) = match (Session::parse(&text), Session::parse(&answer)) {
            (Ok(offered), Ok(answered)) => (offered, answered),
            (_, error) => panic!("an answer that nobody reads: {error:?}: {answer:?}"),
        };
        assert_eq!(offered.media.len(), answered.media.len());
        assert_eq!(answered.media.iter().filter(|media| media.is_live()).count(), 1);
        let taken = answered.media.iter().position(songda_sip::sdp::Media::is_live).unwrap_or_default();
        let (theirs, ours) = (offered.media[taken].flow(), answered.media[taken].flow());
        assert!(theirs.receives() || !ours.sends());
        assert!(theirs.sends() || !ours.receives());
        assert_eq!(agreed(&text, &answer), Ok(ours));
        // What follows may ask for all that our sound can do.
        let able = unnarrowed(&answer, &[]);
        let again = answer_to(OURS, &able);
        assert!(again.is_ok_and(|again| again.contains("RTP/AVP 8 0") && again.contains("a=sendrecv")), "{able}");
        let next = following(OURS, &answer);
        assert_eq!(following(&next, &answer), next);
    }
}
