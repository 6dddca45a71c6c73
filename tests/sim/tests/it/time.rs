//! The time server.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::net::UdpSocket;

use crate::world::world;

/// Asks for the time; seconds since 1900 of the answer.
async fn ask(server: std::net::SocketAddr) -> Option<f64> {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut request = [0; 48];
    (request[0], request[47]) = (0x23, 9);
    socket.send_to(&request, server).await.unwrap();
    let mut reply = [0; 64];
    let (length, _) = tokio::time::timeout(Duration::from_secs(5), socket.recv_from(&mut reply)).await.ok()?.unwrap();
    assert_eq!((length, reply[0] & 7, reply[31]), (48, 4, 9), "a server that gives back what it got");
    let word = |at: usize| f64::from(u32::from_be_bytes(reply[at..at + 4].try_into().unwrap()));
    Some(word(40) + word(44) / 4_294_967_296.0)
}

#[tokio::test]
async fn x1_the_time_server_tells_the_time_and_a_wrong_one_when_told_to() {
    let world = world(|_| {}).await;
    let server = world.sim.ntp_addr.expect("tests have a time server");
    for offset_ms in [0, 90_000, -2_500] {
        world.sim.set_time_offset_ms(offset_ms);
        let here = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64() + 2_208_988_800.0;
        let ahead = ask(server).await.unwrap() - here;
        assert!((ahead - offset_ms as f64 / 1_000.0).abs() < 0.5, "{ahead}");
    }
    assert_eq!(world.sim.journal().times_told, 3);
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(b"what time is it?", server).await.unwrap();
    // The next answer comes after the first datagram was looked at.
    ask(server).await.unwrap();
    let complaints = world.sim.journal().complaints;
    assert_eq!(
        complaints.iter().map(|c| (c.part, c.what.as_str())).collect::<Vec<_>>(),
        [("ntp", "a request for the time that is not 48 octets long")]
    );
}
