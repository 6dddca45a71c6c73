//! `songda seed --demo`: one court with its people, its line, and the account of its case
//! system.

use std::net::SocketAddr;

use songda_desk::{
    inbound::hours::{self, Hours},
    telephony::{self, NewLine},
};
use songda_people::{
    Role, courts, machines,
    users::{self, NewUser},
};

use crate::house::House;

/// Password of every demo login. Demo mode reaches songda-sim only (X5).
pub const DEMO_PASSWORD: &str = "Songda-demo-2026";

/// Logins of the demo court.
pub const DEMO_LOGINS: [(&str, &str, &str, Role); 8] = [
    ("agent", "刘敏", "1026", Role::Agent),
    ("agent2", "赵磊", "1027", Role::Agent),
    ("supervisor", "陈静", "1001", Role::Supervisor),
    ("J0001", "周明远", "2001", Role::Judge),
    ("C0001", "吴婷", "3001", Role::Clerk),
    ("admin", "管理员", "9001", Role::Admin),
    ("admin2", "管理员乙", "9003", Role::Admin),
    ("auditor", "审计员", "9002", Role::Auditor),
];

/// The number of the demo court: its subscriber part lies in the demo range.
const DEMO_CALLER: &str = "02988009000";

/// Seeds an empty database; `carrier` is where the simulated carrier listens. Answers the
/// key of the case system's account, which is shown this once.
pub async fn demo(house: &House, carrier: SocketAddr) -> anyhow::Result<String> {
    anyhow::ensure!(
        carrier.ip().is_loopback(),
        "the demo carrier must be on this machine: demo mode reaches nothing else"
    );
    anyhow::ensure!(
        house.demo,
        "the configuration does not say `demo = true`: a real court is not seeded with demo data"
    );
    anyhow::ensure!(courts::list(&house.db).await?.is_empty(), "the database has a court already: seed an empty one");
    let mut tx = house.db.begin().await?;
    let court = courts::create(&mut tx, &house.clock, "陕0102", "西安市新城区人民法院", true).await?;
    house.sealer.ensure_court(&mut tx, &house.clock, &court.id).await?;
    for (login, name, staff_no, role) in DEMO_LOGINS {
        let user = NewUser { court: &court.id, login, name, staff_no, role, password: DEMO_PASSWORD };
        users::create(&mut tx, &house.clock, &user).await?;
    }
    let line = NewLine {
        court: &court.id,
        name: "songda-sim",
        proxy: &carrier.to_string(),
        domain: "songda-sim",
        username: "songda",
        password: "secret",
        number: DEMO_CALLER,
        licence: "演示号码，无需备案",
    };
    telephony::add_line(&mut tx, &house.clock, &house.sealer, &line).await?;
    // Whoever tries it does so at any time of the day.
    let always = Hours { days: (1..=7).collect(), opens: 0, closes: 24 * 60, ..Hours::default() };
    hours::set(&mut tx, &house.clock, &court.id, "system", &always).await?;
    let key = machines::create(&mut tx, &house.clock, &court.id, "ajxt").await?;
    tx.commit().await?;
    Ok(key)
}
