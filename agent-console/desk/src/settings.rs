//! How a court works at the desk: what happens between the end of a call and its outcome.

use songda_people::Actor;
use songda_store::{Clock, Db, audit};
use sqlx::Row;

use crate::DeskError;

/// What an agent must do after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrapUp {
    /// The outcome may wait: the agent takes the next task when he likes.
    Optional,
    /// The outcome is saved, or left for later, before the next task; there is no clock.
    Discretionary,
    /// When the time is up the outcome is owed (待补录) and the agent is free.
    TimeBoxed,
    /// The same, and who is done earlier waits for the end of the time.
    TimeBoxedNoEarlyExit,
}

impl WrapUp {
    /// Every policy.
    pub const ALL: [Self; 4] = [Self::Optional, Self::Discretionary, Self::TimeBoxed, Self::TimeBoxedNoEarlyExit];

    /// The stored word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Optional => "optional",
            Self::Discretionary => "discretionary",
            Self::TimeBoxed => "time_boxed",
            Self::TimeBoxedNoEarlyExit => "time_boxed_no_early_exit",
        }
    }

    /// The policy with this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.word() == word)
    }

    /// Whether its time ends by itself.
    pub fn is_timed(self) -> bool {
        matches!(self, Self::TimeBoxed | Self::TimeBoxedNoEarlyExit)
    }
}

/// What agents see of a supervisor in their call (R4.4b). What he says they hear in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SupervisionShown {
    /// Whispering and barging in, and no listening: who listens for quality would hear another
    /// call where the agent knows. That he listened stands in the call record and in the audit.
    Spoken,
    /// Listening too, as a court may have agreed with its staff.
    Always,
}

impl SupervisionShown {
    /// Every choice.
    pub const ALL: [Self; 2] = [Self::Spoken, Self::Always];

    /// The stored word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Spoken => "spoken",
            Self::Always => "always",
        }
    }

    /// The choice with this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.word() == word)
    }
}

/// Settings of a court.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// What an agent must do after a call.
    pub wrap_up: WrapUp,
    /// Within how many seconds; where there is no clock, a measure for the supervisor.
    pub wrap_up_s: i64,
    /// What agents see of a supervisor.
    pub supervision: SupervisionShown,
}

impl Default for Settings {
    fn default() -> Self {
        Self { wrap_up: WrapUp::TimeBoxed, wrap_up_s: 60, supervision: SupervisionShown::Spoken }
    }
}

/// The shortest and the longest time that a court can set, seconds.
pub const WRAP_UP_S: std::ops::RangeInclusive<i64> = 10..=900;

impl Settings {
    /// How long after its end a call is wrapped up, milliseconds.
    pub fn wrap_up_ms(&self) -> i64 {
        self.wrap_up_s * 1_000
    }
}

/// The settings of a court.
pub async fn of(db: &Db, court: &str) -> Result<Settings, DeskError> {
    let row = sqlx::query("SELECT wrap_up, wrap_up_s, supervision_shown FROM court_settings WHERE court_id = $1")
        .bind(court)
        .fetch_optional(db.read())
        .await?;
    let Some(row) = row else { return Ok(Settings::default()) };
    let wrap_up = WrapUp::parse(&row.get::<String, _>(0)).unwrap_or(Settings::default().wrap_up);
    let supervision = SupervisionShown::parse(&row.get::<String, _>(2)).unwrap_or(Settings::default().supervision);
    Ok(Settings { wrap_up, wrap_up_s: row.get(1), supervision })
}

/// Sets them. The calls that are being wrapped up keep the time they have.
pub async fn change(db: &Db, clock: &Clock, actor: &Actor, to: &Settings) -> Result<(), DeskError> {
    let was = of(db, &actor.court_id).await?;
    let mut tx = db.begin().await?;
    sqlx::query(
        "INSERT INTO court_settings (court_id, wrap_up, wrap_up_s, changed_ms, changed_by, supervision_shown)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (court_id) DO UPDATE SET wrap_up = excluded.wrap_up, wrap_up_s = excluded.wrap_up_s,
             supervision_shown = excluded.supervision_shown, changed_ms = excluded.changed_ms, changed_by = excluded.changed_by",
    )
    .bind(&actor.court_id)
    .bind(to.wrap_up.word())
    .bind(to.wrap_up_s)
    .bind(clock.now_ms())
    .bind(&actor.user_id)
    .bind(to.supervision.word())
    .execute(&mut *tx.conn())
    .await?;
    let shown = |settings: &Settings| {
        serde_json::json!({ "wrap_up": settings.wrap_up.word(), "seconds": settings.wrap_up_s,
                            "supervision": settings.supervision.word() })
    };
    let mut detail = shown(to);
    detail["was"] = shown(&was);
    let entry = actor.did("settings.change", ("court", &actor.court_id), detail);
    audit::append(&mut tx, clock, entry).await?;
    Ok(tx.commit().await?)
}
