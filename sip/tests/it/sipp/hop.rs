//! A hop between SIPp and us that loses what its test names.

use std::net::SocketAddr;

use tokio::net::UdpSocket;

/// Hands on to SIPp what comes here; the first datagram that begins with `lost` is lost.
pub(crate) async fn losing(lost: &'static str, to: impl Future<Output = SocketAddr> + Send + 'static) -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    tokio::spawn(async move {
        let to = to.await;
        let (mut buffer, mut loses) = (vec![0; 65_535], true);
        while let Ok((length, _)) = socket.recv_from(&mut buffer).await {
            if loses && buffer.starts_with(lost.as_bytes()) {
                loses = false;
                continue;
            }
            let _ = socket.send_to(&buffer[..length], to).await;
        }
    });
    port
}
