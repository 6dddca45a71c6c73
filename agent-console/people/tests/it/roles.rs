//! Roles against the hand-written matrix of domain 4.

use songda_people::{Permission, Role};

/// Rows: permission; columns: agent, supervisor, judge, clerk, admin, auditor.
const MATRIX: &[(Permission, [bool; 6])] = &[
    (Permission::MeRead, [true, true, true, true, true, true]),
    (Permission::DeskWork, [true, false, false, false, false, false]),
    (Permission::OutcomesRead, [true, true, true, true, false, false]),
    (Permission::OutcomeSave, [true, false, false, false, false, false]),
    (Permission::CourtRead, [false, true, false, false, false, false]),
    (Permission::TaskRead, [false, true, true, true, false, false]),
    (Permission::CaseRead, [false, true, true, true, false, false]),
    (Permission::RecordingPlay, [false, true, true, true, false, false]),
    (Permission::RecordingDownload, [false, false, true, true, false, false]),
    (Permission::TranscriptRead, [false, true, true, true, false, false]),
    (Permission::TranscriptEdit, [false, true, true, true, false, false]),
    (Permission::ReportRead, [false, true, true, true, false, false]),
    (Permission::OverviewRead, [false, true, false, false, false, false]),
    (Permission::CallSupervise, [false, true, false, false, false, false]),
    (Permission::AlarmsRead, [false, true, false, false, true, false]),
    (Permission::OrdersRead, [false, true, true, true, false, false]),
    (Permission::UsersRead, [false, false, false, false, true, false]),
    (Permission::AuditRead, [false, false, false, false, false, true]),
    (Permission::HealthRead, [false, true, false, false, true, false]),
    (Permission::SettingsManage, [false, true, false, false, false, false]),
    (Permission::InboundManage, [false, true, false, false, false, false]),
    (Permission::TelephonyManage, [false, false, false, false, true, false]),
    (Permission::EvidenceRead, [false, true, false, false, true, false]),
    (Permission::EvidenceClear, [false, true, false, false, false, false]),
    // Nobody deletes evidence alone: the administrator asks, the supervisor decides.
    (Permission::RetentionRead, [false, true, false, false, true, false]),
    (Permission::RetentionAsk, [false, false, false, false, true, false]),
    (Permission::RetentionDecide, [false, true, false, false, false, false]),
    (Permission::HoldManage, [false, true, true, false, false, false]),
];

#[test]
fn every_role_may_do_what_the_matrix_says_and_nothing_else() {
    for (permission, row) in MATRIX {
        for (role, may) in Role::ALL.into_iter().zip(row) {
            assert_eq!(role.grants().contains(permission), *may, "{} {}", role.code(), permission.code());
        }
    }
    for role in Role::ALL {
        let in_matrix = MATRIX.iter().filter(|(permission, _)| role.grants().contains(permission)).count();
        assert_eq!(role.grants().len(), in_matrix, "{} has a grant that the matrix does not know", role.code());
        assert_eq!(Role::parse(role.code()), Some(role));
    }
}

#[test]
fn who_keeps_accounts_or_the_log_reads_no_content() {
    for role in [Role::Admin, Role::Auditor] {
        for permission in
            [Permission::CaseRead, Permission::RecordingPlay, Permission::TranscriptRead, Permission::ReportRead]
        {
            assert!(!role.grants().contains(&permission), "{}", role.code());
        }
    }
}
