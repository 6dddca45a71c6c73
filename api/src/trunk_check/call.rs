//! The test call: notice, music, goodbye, and what was heard meanwhile.

use std::time::{Duration, Instant};

use songda_calls::Sounds;
use songda_media::{CallMedia, MediaEvent, Rest, Silence, Summary};
use songda_sip::{EndCause, Ended, Leg, LegEvent, Side};
use tokio::sync::mpsc;

/// Music after the notice.
const MUSIC: Duration = Duration::from_secs(6);
/// More than notice and music, when the other end does not take our sound.
const PATIENCE: Duration = Duration::from_secs(10);
/// How the music stands among what is played.
const MUSIC_CUE: u32 = 0;

/// What is known of a test call once it is over.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// From the INVITE to the answer.
    pub(super) answered: Option<Duration>,
    /// It rang.
    pub(super) rang: bool,
    /// How signalling ended.
    pub(super) ended: Option<Ended>,
    /// Whether the other end knows that it is over.
    pub(super) down: bool,
    /// Something was heard after the answer.
    heard: bool,
    /// What is missing from the other end.
    silence: Option<Silence>,
    /// The notice was said to its end.
    pub(super) noticed: bool,
    /// How the carrier answered our keys, when it has.
    pub(super) keys: Option<Keys>,
    /// The carrier's description cannot be used.
    pub(super) codec: Option<String>,
    /// The recording broke.
    pub(super) recording_failed: bool,
    /// Ctrl-C.
    pub(super) interrupted: bool,
}

/// The carrier's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    /// It has none.
    None,
    /// Of this suite.
    Of(&'static str),
}

/// What came of the sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// Sound.
    Sound,
    /// Packets with nothing in them.
    Mute,
    /// No packets.
    Nothing,
}

impl Seen {
    /// What was heard of the other end after the answer.
    pub(super) fn heard(&self, summary: &Summary) -> Heard {
        match self.silence {
            Some(Silence::Mute) => Heard::Mute,
            None if self.heard && summary.legs.party.received > 0 => Heard::Sound,
            Some(Silence::NoPackets) | None => Heard::Nothing,
        }
    }
}

/// A call that was placed, and its sound.
pub(super) struct TestCall<'a> {
    pub(super) leg: Leg,
    pub(super) media: &'a CallMedia,
    pub(super) news: mpsc::Receiver<MediaEvent>,
    pub(super) sounds: &'a Sounds,
}

impl TestCall<'_> {
    /// Runs until the other end knows that the call is over, or 32 seconds after our goodbye.
    pub(super) async fn run(mut self, stop: impl Future<Output = ()>) -> Seen {
        let (begun, mut seen) = (Instant::now(), Seen::default());
        let mut until: Option<Instant> = None;
        let (mut open, mut stopped) = (true, false);
        tokio::pin!(stop);
        loop {
            tokio::select! {
                event = self.leg.next() => match event {
                    Some(LegEvent::Down { answered }) => {
                        seen.down = answered;
                        return seen;
                    }
                    Some(event) => {
                        if self.signalled(event, begun, &mut seen).await {
                            until = Some(Instant::now() + self.notice() + MUSIC + PATIENCE);
                        }
                    }
                    None => return seen,
                },
                news = self.news.recv(), if open => if let Some(news) = news {
                    if self.sounded(&news, &mut seen).await {
                        until = Some(Instant::now() + MUSIC);
                    }
                } else {
                    open = false;
                    seen.recording_failed |= seen.ended.is_none();
                    self.leg.handle().hang_up().await;
                },
                () = sleep(until) => {
                    until = None;
                    self.leg.handle().hang_up().await;
                }
                () = &mut stop, if !stopped => {
                    (stopped, seen.interrupted) = (true, true);
                    self.leg.handle().hang_up().await;
                }
            }
        }
    }

    /// True when it was answered.
    async fn signalled(&mut self, event: LegEvent, begun: Instant, seen: &mut Seen) -> bool {
        match event {
            LegEvent::Ringing => {
                seen.rang = true;
            }
            LegEvent::EarlyMedia { sdp } => {
                seen.rang = true;
                // What cannot be used before the answer is heard by nobody; the answer counts.
                if self.media.trunk_answer(sdp).await.is_ok() {
                    let _ = self.media.early();
                }
            }
            LegEvent::Answered { sdp } => {
                seen.answered = Some(begun.elapsed());
                if self.answered(sdp, seen).await {
                    return true;
                }
                self.leg.handle().hang_up().await;
            }
            LegEvent::Reoffered { sdp } => {
                let _ = self.media.trunk_moved(sdp).await;
            }
            LegEvent::Ended(ended) => seen.ended = Some(ended),
            _ => {}
        }
        false
    }

    async fn answered(&self, sdp: String, seen: &mut Seen) -> bool {
        seen.keys = Some(suite(&sdp).map_or(Keys::None, Keys::Of));
        if let Err(error) = self.media.trunk_answer(sdp).await {
            seen.codec = Some(error.to_string());
            return false;
        }
        let mut parts = (1..).zip(&self.sounds.notice);
        let told = parts.try_for_each(|(cue, part)| self.media.announce(cue, part.prompt.clone()));
        seen.recording_failed |= told.is_err();
        told.is_ok()
    }

    /// True when the music begins.
    async fn sounded(&mut self, news: &MediaEvent, seen: &mut Seen) -> bool {
        match news {
            MediaEvent::PartyHeard => seen.heard |= seen.answered.is_some(),
            MediaEvent::PartySilent { silence, .. } => seen.silence = Some(*silence),
            MediaEvent::PartyHeardAgain { .. } => (seen.silence, seen.heard) = (None, true),
            MediaEvent::PromptFinished(span) if span.cue as usize == self.sounds.notice.len() => {
                seen.noticed = true;
                let music = Rest::Hold { cue: MUSIC_CUE, music: self.sounds.music.prompt.clone() };
                let _ = self.media.rest(music);
                return true;
            }
            MediaEvent::RecordingFailed => {
                seen.recording_failed = true;
                self.leg.handle().hang_up().await;
            }
            _ => {}
        }
        false
    }

    fn notice(&self) -> Duration {
        let samples: usize = self.sounds.notice.iter().map(|part| part.prompt.len()).sum();
        Duration::from_millis((samples / 8) as u64)
    }
}

/// The suite of the first key in a session description (RFC 4568, 6.2).
fn suite(sdp: &str) -> Option<&'static str> {
    let key = sdp.lines().find_map(|line| line.strip_prefix("a=crypto:"))?;
    let name = key.split_ascii_whitespace().nth(1)?;
    let known = ["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"];
    Some(known.into_iter().find(|known| known.eq_ignore_ascii_case(name)).unwrap_or("?"))
}

/// Why a call was not answered, for [`super::words::Advice::for_invite`].
pub(super) fn status_of(ended: Option<&Ended>) -> Option<u16> {
    let ended = ended?;
    match ended.cause {
        EndCause::AuthenticationFailed => ended.status.or(Some(401)),
        _ => ended.status,
    }
}

/// Whether we ended it.
pub(super) fn by_us(ended: Option<&Ended>) -> bool {
    ended.is_none_or(|ended| ended.by != Side::Peer)
}

async fn sleep(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}
