//! An agent at Chromium in an office whose firewall lets no UDP through: the sound goes by
//! ICE-TCP (RFC 6544).

use std::{
    ffi::OsString,
    net::{SocketAddr, TcpListener, UdpSocket},
    path::Path,
};

use serde_json::json;
use tokio::{
    net::{TcpStream, UnixListener},
    task::JoinSet,
};

use crate::{
    browser::{Browser, Microphone},
    peers::tone_file,
    server::Machine,
    sound::{AGENT_HZ, PARTY_HZ, is_tone, stretch},
    survives::{at_the_carrier, recorded},
    world::World,
};

/// A network namespace from which only TCP leads to the house: see `walls/office.py`.
pub(crate) struct Office {
    folder: tempfile::TempDir,
    tcp: Vec<SocketAddr>,
    udp: SocketAddr,
    _ways: JoinSet<()>,
}

impl Office {
    /// These ports of the house are reached by TCP; datagrams to the UDP port go nowhere.
    pub(crate) fn open(tcp: &[SocketAddr], udp: SocketAddr) -> Self {
        let (folder, mut ways) = (tempfile::tempdir().unwrap(), JoinSet::new());
        for house in tcp.iter().copied() {
            let listener = UnixListener::bind(folder.path().join(house.port().to_string())).unwrap();
            ways.spawn(async move {
                let mut open = JoinSet::new();
                while let Ok((mut inside, _)) = listener.accept().await {
                    open.spawn(async move {
                        let Ok(mut outside) = TcpStream::connect(house).await else { return };
                        let _ = outside.set_nodelay(true);
                        let _ = tokio::io::copy_bidirectional(&mut inside, &mut outside).await;
                    });
                    while open.try_join_next().is_some() {}
                }
            });
        }
        Self { folder, tcp: tcp.to_vec(), udp, _ways: ways }
    }

    /// In front of a command that is to run inside.
    pub(crate) fn enter(&self) -> Vec<OsString> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("walls/office.py");
        let tcp: Vec<String> = self.tcp.iter().map(|house| house.port().to_string()).collect();
        let mut words = ["unshare", "--user", "--map-root-user", "--net", "python3"].map(OsString::from).to_vec();
        words.extend([script.into(), self.folder.path().into(), tcp.join(",").into()]);
        words.push(self.udp.port().to_string().into());
        words
    }

    /// How many datagrams to the house were swallowed.
    fn swallowed(&self) -> u64 {
        std::fs::metadata(self.folder.path().join("udp")).map_or(0, |tally| tally.len())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_1a_chromium_with_all_udp_dropped_connects_by_ice_tcp_and_both_are_heard() {
    // The party of this number never pauses its 1,000 Hz.
    const NUMBER: &str = "13800008007";
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let configure = move |text: String| {
        let text = text.replace("web_listen = \"127.0.0.1:0\"", &format!("web_listen = \"{udp}\""));
        format!("{text}\n[media]\nweb_tcp_listen = \"{tcp}\"\n")
    };
    let world = World::start_on(|_| Machine { configure: Some(Box::new(configure)), ..Machine::default() }).await;
    world.push(NUMBER).await;
    let page: SocketAddr = world.server.url.strip_prefix("http://").unwrap().parse().unwrap();
    let office = Office::open(&[page, tcp], udp);
    let folder = tempfile::tempdir().unwrap();
    let plays = tone_file(folder.path(), AGENT_HZ, 48_000).display().to_string();
    let microphone = Microphone { plays: Some(&plays), denied: false };
    let mut browser = Browser::open_in(&office, &world.server.url, microphone).await;
    browser.sign_in("agent", "/desk?raw=1").await;
    browser.take_work().await;
    browser.press("Alt+d").await;
    browser.phase("talking").await;
    assert_eq!(browser.act(json!({ "do": "way" })).await, "tcp");
    assert!(office.swallowed() > 0, "UDP was tried");
    assert_eq!(browser.hears_only(&[('a', AGENT_HZ), ('p', PARTY_HZ)], "p").await, "p");
    browser.talk(6).await;
    browser.press("Alt+e").await;
    browser.press("Alt+e").await;
    browser.phase("ended").await;
    browser.close().await;

    let judge = world.server.cookie("J0001").await;
    let order = json!({ "task_id": world.only_task(&judge).await });
    let (_, left, right) = recorded(&world, &order).await;
    let end = left.len() as i64 / 8;
    assert!(is_tone(stretch(&left, end - 2_500, end - 500), AGENT_HZ), "the agent is recorded");
    assert!(is_tone(stretch(&right, end - 2_500, end - 500), PARTY_HZ), "and so is the party");
    let heard = hound::WavReader::open(at_the_carrier(&world).audio.unwrap()).unwrap().into_samples::<i16>();
    let heard: Vec<i16> = heard.map(Result::unwrap).collect();
    assert!(is_tone(&heard[heard.len() - 20_000..heard.len() - 4_000], AGENT_HZ), "the party hears the agent");
}
