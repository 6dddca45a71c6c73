//! A network between browser and house that can be cut: every byte and datagram between them
//! goes through here.
//!
//! The house listens on 127.0.0.1, browsers come to 127.0.0.2: TCP, which TLS passes as it is,
//! on a port of ours, and UDP on the very port of the house, because the house can tell
//! browsers another address for their sound (`telephony.web_advertise`) but no other port.
//!
//! While it is cut nothing gets through and nobody is told: datagrams are lost, bytes wait, and
//! so does the end of a stream. A network that comes back makes TCP try again in its own time,
//! up to seconds later; here the bytes go on at once.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UdpSocket, tcp},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// Where browsers come to.
const OUTSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// Where the house is.
const INSIDE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// More browsers' ports than any test opens.
const MAX_PORTS: usize = 1_024;
/// No port of a random one is free on both addresses this often in a row.
const TRIES: usize = 50;

/// The network. Dropped, it is gone, and all that goes through it.
pub struct Proxy {
    cut: watch::Sender<bool>,
    house: watch::Sender<Option<SocketAddr>>,
    scheme: String,
    web: SocketAddr,
    media: SocketAddr,
    task: JoinHandle<()>,
}

impl Proxy {
    /// A whole network that leads nowhere yet: see [`Proxy::lead_to`].
    pub async fn open() -> Self {
        let listener = TcpListener::bind((OUTSIDE, 0)).await.unwrap();
        let web = listener.local_addr().unwrap();
        let (front, media) = media_port().await;
        let (cut, is_cut) = watch::channel(false);
        let (house, target) = watch::channel(None);
        let task = tokio::spawn(async move {
            tokio::join!(streams(listener, target, is_cut.clone()), datagrams(front, media, is_cut));
        });
        Self { cut, house, scheme: String::new(), web, media, task }
    }

    /// Where the house must listen for browsers' sound, and the address it must tell them.
    pub fn media(&self) -> (SocketAddr, IpAddr) {
        (self.media, OUTSIDE)
    }

    /// From now on browsers get to the house at this address.
    pub fn lead_to(&mut self, url: &str) {
        let (scheme, address) = url.split_once("://").unwrap();
        scheme.clone_into(&mut self.scheme);
        self.house.send_replace(Some(address.parse().unwrap()));
    }

    /// The house as browsers find it.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.web)
    }

    /// Nothing gets through any more.
    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    /// All goes on.
    pub fn mend(&self) {
        self.cut.send_replace(false);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A port that is ours outside and free inside.
async fn media_port() -> (UdpSocket, SocketAddr) {
    for _ in 0..TRIES {
        let front = UdpSocket::bind((OUTSIDE, 0)).await.unwrap();
        let inside = SocketAddr::new(INSIDE, front.local_addr().unwrap().port());
        if std::net::UdpSocket::bind(inside).is_ok() {
            return (front, inside);
        }
    }
    panic!("no port is free on both addresses");
}

async fn streams(listener: TcpListener, house: watch::Receiver<Option<SocketAddr>>, cut: watch::Receiver<bool>) {
    let mut open = JoinSet::new();
    while let Ok((browser, _)) = listener.accept().await {
        let (house, cut) = (house.clone(), cut.clone());
        open.spawn(async move {
            // A browser whose house is gone sees its connection end.
            let _ = stream(browser, house, cut).await;
        });
        while open.try_join_next().is_some() {}
    }
}

async fn stream(
    browser: TcpStream,
    mut house: watch::Receiver<Option<SocketAddr>>,
    mut cut: watch::Receiver<bool>,
) -> io::Result<()> {
    whole(&mut cut).await?;
    let address = house.wait_for(Option::is_some).await.map_err(io::Error::other)?.expect("waited for");
    let house = TcpStream::connect(address).await?;
    browser.set_nodelay(true)?;
    house.set_nodelay(true)?;
    let ((from_browser, to_browser), (from_house, to_house)) = (browser.into_split(), house.into_split());
    tokio::try_join!(pass(from_browser, to_house, cut.clone()), pass(from_house, to_browser, cut))?;
    Ok(())
}

async fn pass(
    mut from: tcp::OwnedReadHalf,
    mut to: tcp::OwnedWriteHalf,
    mut cut: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = from.read(&mut buffer).await;
        // Neither bytes nor the end of them get through before the network is whole.
        whole(&mut cut).await?;
        match read? {
            0 => return to.shutdown().await,
            length => to.write_all(&buffer[..length]).await?,
        }
    }
}

async fn whole(cut: &mut watch::Receiver<bool>) -> io::Result<()> {
    cut.wait_for(|cut| !cut).await.map(|_| ()).map_err(io::Error::other)
}

async fn datagrams(front: UdpSocket, house: SocketAddr, cut: watch::Receiver<bool>) {
    let (front, mut back) = (Arc::new(front), HashMap::new());
    let mut relays = JoinSet::new();
    let mut buffer = [0; 2_048];
    loop {
        // An error is the ICMP answer to an earlier datagram.
        let Ok((length, browser)) = front.recv_from(&mut buffer).await else { continue };
        if *cut.borrow() || (back.len() >= MAX_PORTS && !back.contains_key(&browser)) {
            continue;
        }
        let socket = if let Some(socket) = back.get(&browser) {
            socket
        } else {
            let Ok(socket) = UdpSocket::bind((OUTSIDE, 0)).await else { continue };
            let socket = Arc::new(socket);
            relays.spawn(answers(socket.clone(), front.clone(), browser, cut.clone()));
            back.entry(browser).or_insert(socket)
        };
        let _ = socket.send_to(&buffer[..length], house).await;
    }
}

/// What the house sends to one port of a browser.
async fn answers(socket: Arc<UdpSocket>, front: Arc<UdpSocket>, browser: SocketAddr, cut: watch::Receiver<bool>) {
    let mut buffer = [0; 2_048];
    loop {
        if let Ok((length, _)) = socket.recv_from(&mut buffer).await
            && !*cut.borrow()
        {
            let _ = front.send_to(&buffer[..length], browser).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const MOMENT: Duration = Duration::from_millis(300);
    const PATIENCE: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn a_cut_network_loses_datagrams_and_keeps_bytes_until_it_is_mended() {
        let mut proxy = Proxy::open().await;
        let house = TcpListener::bind((INSIDE, 0)).await.unwrap();
        let (inside, outside) = proxy.media();
        let sound = UdpSocket::bind(inside).await.unwrap();
        proxy.lead_to(&format!("http://{}", house.local_addr().unwrap()));

        let url = proxy.url();
        let mut browser = TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap();
        let (mut server, _) = house.accept().await.unwrap();
        let microphone = UdpSocket::bind((INSIDE, 0)).await.unwrap();
        microphone.connect((outside, inside.port())).await.unwrap();
        let mut buffer = [0; 16];

        microphone.send(b"one").await.unwrap();
        let (length, from) = timeout(PATIENCE, sound.recv_from(&mut buffer)).await.unwrap().unwrap();
        assert_eq!((&buffer[..length], from.ip()), (&b"one"[..], OUTSIDE));
        sound.send_to(b"two", from).await.unwrap();
        assert_eq!(timeout(PATIENCE, microphone.recv(&mut buffer)).await.unwrap().unwrap(), 3);

        proxy.cut();
        browser.write_all(b"later").await.unwrap();
        microphone.send(b"lost").await.unwrap();
        sound.send_to(b"lost", from).await.unwrap();
        assert!(timeout(MOMENT, server.read(&mut buffer)).await.is_err(), "bytes wait");
        assert!(timeout(MOMENT, sound.recv_from(&mut buffer)).await.is_err());
        assert!(timeout(MOMENT, microphone.recv(&mut buffer)).await.is_err());

        proxy.mend();
        let mut five = [0; 5];
        timeout(PATIENCE, server.read_exact(&mut five)).await.unwrap().unwrap();
        assert_eq!(&five, b"later");
        microphone.send(b"three").await.unwrap();
        let (length, again) = timeout(PATIENCE, sound.recv_from(&mut buffer)).await.unwrap().unwrap();
        assert_eq!((&buffer[..length], again), (&b"three"[..], from), "the same port as before");
        drop(browser);
        assert_eq!(timeout(PATIENCE, server.read(&mut buffer)).await.unwrap().unwrap(), 0);
    }
}
