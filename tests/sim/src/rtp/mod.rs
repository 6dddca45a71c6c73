//! The party's end of the media: G.711 over RTP, sent on an own clock, received,
//! counted and written to a WAV file.

pub(crate) mod events;
pub(crate) mod g711;
pub(crate) mod recorder;
pub(crate) mod sdp;
pub(crate) mod stream;
pub(crate) mod wav;
