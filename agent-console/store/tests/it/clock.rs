//! The clock against servers and in front of people (X1).

use std::{
    net::UdpSocket,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    thread,
};

use songda_store::{
    Clock, Said, alarms, audit,
    clock::{Guard, Level, Machine, Reference},
    testing::{NINE_O_CLOCK, databases, sqlite},
};

/// A machine whose clock is set by hand and on which no time passes by itself.
#[derive(Debug, Default)]
struct Still {
    off: AtomicI64,
}

impl Machine for Still {
    fn wall_ms(&self) -> i64 {
        NINE_O_CLOCK + self.off.load(Ordering::Relaxed)
    }

    fn passed_ms(&self) -> i64 {
        0
    }
}

impl Still {
    fn set_off(&self, ms: i64) {
        self.off.store(ms, Ordering::Relaxed);
    }
}

/// What a server answers.
#[derive(Clone, Copy)]
enum Answer {
    /// This far off nine o'clock.
    Off(i64),
    /// A time, but not to what was asked.
    Foreign,
    /// Go away (RFC 5905, section 7.4).
    Kiss,
    /// A clock that was never set.
    Unset,
}

/// An NTP server that answers each question so, for the life of the test.
fn server(answer: Answer) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let mut question = [0; 64];
        while let Ok((48, from)) = socket.recv_from(&mut question) {
            let _ = socket.send_to(&packet(answer, &question[..48]), from);
        }
    });
    address
}

fn packet(answer: Answer, question: &[u8]) -> [u8; 48] {
    let off = if let Answer::Off(off) = answer { off } else { 90_000 };
    let ms = (NINE_O_CLOCK + off) as u64;
    let time = (((ms / 1_000 + 2_208_988_800) & 0xffff_ffff) << 32) | (((ms % 1_000) << 32) / 1_000);
    let mut packet = [0; 48];
    let (leap, stratum) = match answer {
        Answer::Kiss => (3, 0),
        Answer::Unset => (3, 2),
        _ => (0, 2),
    };
    packet[0] = leap << 6 | 4 << 3 | 4;
    packet[1] = stratum;
    packet[12..16].copy_from_slice(if stratum == 0 { b"DENY" } else { &[127, 0, 0, 1] });
    packet[24..32].copy_from_slice(&question[40..48]);
    if matches!(answer, Answer::Foreign) {
        packet[24] ^= 1;
    }
    packet[32..40].copy_from_slice(&time.to_be_bytes());
    packet[40..48].copy_from_slice(&time.to_be_bytes());
    packet
}

async fn settled(servers: Vec<String>) -> Clock {
    let fixture = sqlite().await.unwrap();
    let clock = Clock::on(Arc::new(Still::default()));
    Guard::new(fixture.db, clock.clone(), servers).settle().await;
    clock
}

#[tokio::test]
async fn x1_the_house_goes_by_the_server_that_it_is_told_to_ask() {
    let clock = settled(vec![server(Answer::Off(5_000))]).await;
    assert_eq!((clock.now_ms(), clock.offset_ms()), (NINE_O_CLOCK + 5_000, -5_000));
    assert_eq!((clock.level(), clock.trusted()), (Level::Off, true));
    assert_eq!(clock.reference(), Reference::Ntp { ago_s: 0 });
    let clock = settled(vec![server(Answer::Off(-3_600_000))]).await;
    assert_eq!((clock.now_ms(), clock.offset_ms()), (NINE_O_CLOCK, 3_600_000), "not that far");
    assert!(!clock.trusted());
}

#[tokio::test]
async fn x1_of_three_servers_one_may_lie_and_one_be_silent() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let servers = [Answer::Off(500), Answer::Off(4_000_000), Answer::Off(250)].map(server).to_vec();
    assert_eq!(settled(servers.clone()).await.now_ms(), NINE_O_CLOCK + 500);
    let servers = vec![silent.local_addr().unwrap().to_string(), servers[0].clone()];
    assert_eq!(settled(servers).await.now_ms(), NINE_O_CLOCK + 500);
}

#[tokio::test]
async fn x1_what_is_no_answer_of_a_set_clock_to_our_question_moves_nothing() {
    for answer in [Answer::Foreign, Answer::Kiss, Answer::Unset] {
        let clock = settled(vec![server(answer)]).await;
        assert_eq!((clock.now_ms(), clock.reference()), (NINE_O_CLOCK, Reference::Own));
    }
}

#[tokio::test]
async fn x1_one_alarm_at_a_time_says_how_far_off_the_clock_is_and_is_cleared_when_it_is_right() {
    for fixture in databases().await.unwrap() {
        let machine = Arc::new(Still::default());
        let clock = Clock::on(machine.clone());
        let mut guard = Guard::new(fixture.db.clone(), clock.clone(), Vec::new());
        let open = async || {
            let open = alarms::open(&fixture.db).await.unwrap();
            open.into_iter().map(|alarm| (alarm.kind, alarm.said.text)).collect::<Vec<_>>()
        };
        alarms::raise(&fixture.db, &clock, "clock.off", "house", &Said::new("clock.off", "left by the last run"))
            .await
            .unwrap();
        guard.settle().await;
        assert_eq!(open().await, []);
        for (off, kind, says) in
            [(5_000, "clock.off", "+5.0 s"), (90_000, "clock.wrong", "+90.0 s"), (-1_500, "clock.off", "-1.5 s")]
        {
            machine.set_off(off);
            guard.look().await;
            guard.look().await;
            let open = open().await;
            assert!(matches!(&open[..], [(is, text)] if is == kind && text.contains(says)), "{open:?}");
        }
        machine.set_off(0);
        guard.look().await;
        assert_eq!(open().await, [], "on {}", fixture.engine);
        let rows = audit::list(&fixture.db, "", None, 10).await.unwrap();
        let actions: Vec<_> = rows.iter().rev().map(|row| row.action.as_str()).collect();
        assert_eq!(actions, ["clock.off", "clock.wrong", "clock.off", "clock.right"]);
    }
}
