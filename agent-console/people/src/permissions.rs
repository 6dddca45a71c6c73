//! Roles and permissions of domain 4, as far as this version has functions for them. The
//! roles are fixed; grants by group and person come later.

/// A role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// 电话送达专员.
    Agent,
    /// 坐席班长, 送达管理员.
    Supervisor,
    /// 法官.
    Judge,
    /// 书记员, 法官助理.
    Clerk,
    /// 系统管理员: manages accounts, reads no content.
    Admin,
    /// 安全审计员: reads the audit log only.
    Auditor,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 6] = [Self::Agent, Self::Supervisor, Self::Judge, Self::Clerk, Self::Admin, Self::Auditor];

    /// The stored word.
    pub fn code(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Supervisor => "supervisor",
            Self::Judge => "judge",
            Self::Clerk => "clerk",
            Self::Admin => "admin",
            Self::Auditor => "auditor",
        }
    }

    /// The role with this word.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.code() == code)
    }

    /// What the role may do.
    pub fn grants(self) -> &'static [Permission] {
        use Permission as P;
        match self {
            Self::Agent => &[P::MeRead, P::DeskWork, P::OutcomesRead, P::OutcomeSave],
            Self::Supervisor => &[
                P::MeRead,
                P::OutcomesRead,
                P::CourtRead,
                P::TaskRead,
                P::CaseRead,
                P::RecordingPlay,
                P::TranscriptRead,
                P::TranscriptEdit,
                P::ReportRead,
                P::OverviewRead,
                P::AlarmsRead,
                P::OrdersRead,
                P::HealthRead,
                P::SettingsManage,
                P::InboundManage,
                P::EvidenceRead,
                P::EvidenceClear,
                P::RetentionRead,
                P::RetentionDecide,
                P::HoldManage,
                P::CallSupervise,
            ],
            Self::Judge => &[
                P::MeRead,
                P::OutcomesRead,
                P::TaskRead,
                P::CaseRead,
                P::RecordingPlay,
                P::RecordingDownload,
                P::TranscriptRead,
                P::TranscriptEdit,
                P::ReportRead,
                P::OrdersRead,
                P::HoldManage,
            ],
            Self::Clerk => &[
                P::MeRead,
                P::OutcomesRead,
                P::TaskRead,
                P::CaseRead,
                P::RecordingPlay,
                P::RecordingDownload,
                P::TranscriptRead,
                P::TranscriptEdit,
                P::ReportRead,
                P::OrdersRead,
            ],
            Self::Admin => &[
                P::MeRead,
                P::UsersRead,
                P::AlarmsRead,
                P::HealthRead,
                P::TelephonyManage,
                P::EvidenceRead,
                P::RetentionRead,
                P::RetentionAsk,
            ],
            Self::Auditor => &[P::MeRead, P::AuditRead],
        }
    }
}

/// A permission. Its code is stable and stands in the OpenAPI document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Own session.
    MeRead,
    /// Work orders and calls.
    DeskWork,
    /// The outcome table.
    OutcomesRead,
    /// Save the outcome of an own call.
    OutcomeSave,
    /// See every case of the court, not only the own ones.
    CourtRead,
    /// Tasks and timelines.
    TaskRead,
    /// Cases.
    CaseRead,
    /// Play recordings.
    RecordingPlay,
    /// Download recordings.
    RecordingDownload,
    /// Transcripts.
    TranscriptRead,
    /// Correct transcripts.
    TranscriptEdit,
    /// Reports.
    ReportRead,
    /// Queue and agents.
    OverviewRead,
    /// Alarms.
    AlarmsRead,
    /// Orders that wait for correction.
    OrdersRead,
    /// Accounts.
    UsersRead,
    /// The audit log.
    AuditRead,
    /// Health in detail.
    HealthRead,
    /// How the court works at the desk.
    SettingsManage,
    /// Trunks, numbers and what causes mean; a change needs two persons who may.
    TelephonyManage,
    /// Calls that came in and belong to no task.
    InboundManage,
    /// Day roots and what is 待核查: names of files, cases and tasks, no content.
    EvidenceRead,
    /// Say what was found out about something that is 待核查.
    EvidenceClear,
    /// Periods, dry runs, deletions and their certificates.
    RetentionRead,
    /// Ask for other periods or a deletion; another person decides.
    RetentionAsk,
    /// Decide about what the administrator asked for.
    RetentionDecide,
    /// Set and lift legal holds on cases that one may see.
    HoldManage,
    /// Listen to live calls of the court, whisper, barge in (R4.4b).
    CallSupervise,
}

impl Permission {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::MeRead => "me.read",
            Self::DeskWork => "desk.work",
            Self::OutcomesRead => "outcomes.read",
            Self::OutcomeSave => "outcome.save",
            Self::CourtRead => "court.read",
            Self::TaskRead => "task.read",
            Self::CaseRead => "case.read",
            Self::RecordingPlay => "recording.play",
            Self::RecordingDownload => "recording.download",
            Self::TranscriptRead => "transcript.read",
            Self::TranscriptEdit => "transcript.edit",
            Self::ReportRead => "report.read",
            Self::OverviewRead => "overview.read",
            Self::AlarmsRead => "alarms.read",
            Self::OrdersRead => "orders.read",
            Self::UsersRead => "users.read",
            Self::AuditRead => "audit.read",
            Self::HealthRead => "health.read",
            Self::SettingsManage => "settings.manage",
            Self::TelephonyManage => "telephony.manage",
            Self::InboundManage => "inbound.manage",
            Self::EvidenceRead => "evidence.read",
            Self::EvidenceClear => "evidence.clear",
            Self::RetentionRead => "retention.read",
            Self::RetentionAsk => "retention.ask",
            Self::RetentionDecide => "retention.decide",
            Self::HoldManage => "hold.manage",
            Self::CallSupervise => "call.supervise",
        }
    }
}
