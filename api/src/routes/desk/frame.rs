//! What the page sends.

use serde::Deserialize;
use songda_desk::{
    calls::{Sample, transfers::TargetKind},
    seats::{Command, TransferMode},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A frame of the browser.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Frame {
    Hello {
        kid: String,
        #[serde(default)]
        tab: String,
        #[serde(default)]
        take_over: bool,
        /// The page's sound of the live call still flows.
        sound: Option<bool>,
    },
    Ready,
    Pause,
    Opened {
        work_order: String,
    },
    Dial {
        work_order: String,
        phone_id: String,
        sdp: String,
        language: Option<String>,
    },
    Resume {
        call_id: String,
        sdp: String,
    },
    /// Takes the call that rings.
    Accept {
        call_id: String,
        sdp: String,
    },
    /// Leaves it to somebody else.
    Decline {
        call_id: String,
    },
    /// Hands the call to a colleague or to a desk phone.
    Transfer {
        call_id: String,
        mode: Mode,
        to: TransferTarget,
    },
    TransferComplete {
        call_id: String,
    },
    /// Takes whom the agent consults in to the party.
    TransferJoin {
        call_id: String,
    },
    TransferCancel {
        call_id: String,
    },
    /// Takes a colleague's call.
    TransferAccept {
        call_id: String,
        sdp: String,
    },
    TransferDecline {
        call_id: String,
    },
    HangUp,
    EndPolitely {
        reason: String,
    },
    Mute {
        on: bool,
    },
    Hold {
        on: bool,
    },
    Keypad {
        digits: String,
    },
    Tick {
        step: String,
        on: bool,
        call_id: Option<String>,
    },
    Judge {
        call_id: String,
        confirmed: bool,
    },
    Later {
        call_id: String,
    },
    Extend {
        call_id: String,
    },
    Samples {
        call_id: String,
        items: Vec<Measure>,
    },
    Ping,
}

/// To whom a call goes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TransferTarget {
    kind: Kind,
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Seat,
    Phone,
}

impl From<Kind> for TargetKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Seat => Self::Seat,
            Kind::Phone => Self::Phone,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    Blind,
    Attended,
    ThreeWay,
}

impl From<Mode> for TransferMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Blind => Self::Blind,
            Mode::Attended => Self::Attended,
            Mode::ThreeWay => Self::ThreeWay,
        }
    }
}

/// What a browser measured of its line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Measure {
    at: String,
    rtt_ms: Option<f64>,
    jitter_ms: Option<f64>,
    loss: Option<f64>,
    quality: String,
}

/// Measures of one frame, at most.
const MEASURES: usize = 60;
/// Words for how a line sounds.
const QUALITIES: [&str; 4] = ["good", "fair", "poor", "lost"];

impl Measure {
    /// None where it is no measure.
    fn sample(self) -> Option<Sample> {
        let at = OffsetDateTime::parse(&self.at, &Rfc3339).ok()?;
        let sane = |value: Option<f64>| value.filter(|value| (0.0..1e6).contains(value));
        QUALITIES.contains(&self.quality.as_str()).then(|| Sample {
            at_ms: (at.unix_timestamp_nanos() / 1_000_000) as i64,
            rtt_ms: sane(self.rtt_ms),
            jitter_ms: sane(self.jitter_ms),
            loss: self.loss.filter(|share| (0.0..=1.0).contains(share)),
            quality: self.quality,
        })
    }
}

impl Frame {
    /// What a call needs: it is taken although the session is over.
    pub(super) fn is_of_a_call(&self) -> bool {
        use Frame as F;
        matches!(
            self,
            F::HangUp
                | F::EndPolitely { .. }
                | F::Mute { .. }
                | F::Hold { .. }
                | F::Keypad { .. }
                | F::Resume { .. }
                | F::Tick { .. }
                | F::Judge { .. }
                | F::Samples { .. }
                | F::TransferComplete { .. }
                | F::TransferJoin { .. }
                | F::TransferCancel { .. }
                | F::TransferDecline { .. }
        )
    }

    /// What it asks of the seat. Hello and ping are the line's own.
    pub(super) fn command(self) -> Option<Command> {
        Some(match self {
            Self::Hello { .. } | Self::Ping => return None,
            Self::Ready => Command::Ready,
            Self::Pause => Command::Pause,
            Self::Opened { work_order } => Command::Opened { work_order },
            Self::Dial { work_order, phone_id, sdp, language } => Command::Dial { work_order, phone_id, sdp, language },
            Self::Resume { call_id, sdp } => Command::Resume { call: call_id, sdp },
            Self::Accept { call_id, sdp } => Command::Accept { call: call_id, sdp },
            Self::Decline { call_id } => Command::Decline { call: call_id },
            Self::Transfer { call_id, mode, to } => {
                Command::Transfer { call: call_id, mode: mode.into(), kind: to.kind.into(), to: to.id }
            }
            Self::TransferComplete { call_id } => Command::TransferComplete { call: call_id },
            Self::TransferJoin { call_id } => Command::TransferJoin { call: call_id },
            Self::TransferCancel { call_id } => Command::TransferCancel { call: call_id },
            Self::TransferAccept { call_id, sdp } => Command::TransferAccept { call: call_id, sdp },
            Self::TransferDecline { call_id } => Command::TransferDecline { call: call_id },
            Self::HangUp => Command::HangUp,
            Self::EndPolitely { reason } => Command::EndPolitely { reason },
            Self::Mute { on } => Command::Mute { on },
            Self::Hold { on } => Command::Hold { on },
            Self::Keypad { digits } => Command::Keypad { digits },
            Self::Tick { step, on, call_id } => Command::Tick { step, on, call: call_id },
            Self::Judge { call_id, confirmed } => Command::Judge { call: call_id, confirmed },
            Self::Later { call_id } => Command::Later { call: call_id },
            Self::Extend { call_id } => Command::Extend { call: call_id },
            Self::Samples { call_id, items } => Command::Samples {
                call: call_id,
                items: items.into_iter().take(MEASURES).filter_map(Measure::sample).collect(),
            },
        })
    }
}
