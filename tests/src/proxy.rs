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
//!
//! A bad one loses some of the sound that browsers send, evenly.

use std::{
    collections::{HashMap, hash_map::Entry},
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
    lost: watch::Sender<u64>,
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
        let (lost, loses) = watch::channel(0);
        let (house, target) = watch::channel(None);
        let task = tokio::spawn(async move {
            tokio::join!(streams(listener, target, is_cut.clone()), datagrams(front, media, is_cut, loses));
        });
        Self { cut, lost, house, scheme: String::new(), web, media, task }
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

    /// Of the sound that each browser sends every so many-th packet is lost; 0: none.
    pub fn lose(&self, each: u64) {
        self.lost.send_replace(each);
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

/// A packet of sound, secured or not, and none of its reports, of ICE or of DTLS (RFC 7983; RFC 5761,
/// section 4).
fn is_sound(datagram: &[u8]) -> bool {
    matches!(datagram, [128..=191, kind, ..] if !(192..=223).contains(kind))
}

async fn datagrams(front: UdpSocket, house: SocketAddr, cut: watch::Receiver<bool>, loses: watch::Receiver<u64>) {
    let (front, mut back) = (Arc::new(front), HashMap::new());
    let mut relays = JoinSet::new();
    let mut buffer = [0; 2_048];
    loop {
        // An error is the ICMP answer to an earlier datagram.
        let Ok((length, browser)) = front.recv_from(&mut buffer).await else { continue };
        if *cut.borrow() || (back.len() >= MAX_PORTS && !back.contains_key(&browser)) {
            continue;
        }
        let (socket, sounds) = match back.entry(browser) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let Ok(socket) = UdpSocket::bind((OUTSIDE, 0)).await else { continue };
                let socket = Arc::new(socket);
                relays.spawn(answers(socket.clone(), front.clone(), browser, cut.clone()));
                place.insert((socket, 0u64))
            }
        };
        if is_sound(&buffer[..length]) {
            *sounds += 1;
            let each = *loses.borrow();
            if each > 0 && sounds.is_multiple_of(each) {
                continue;
            }
        }
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
        // Of four packets of sound the second and the last one are lost, of all else nothing.
        proxy.lose(2);
        for datagram in
            [&[0x80, 8, 1][..], &[0x80, 8, 2], &[0x81, 200, 3], &[0x80, 136, 4], &[0x00, 1, 5], &[0x80, 0, 6]]
        {
            microphone.send(datagram).await.unwrap();
        }
        let mut came = Vec::new();
        while came.len() < 4 {
            timeout(PATIENCE, sound.recv_from(&mut buffer)).await.unwrap().unwrap();
            came.push(buffer[2]);
        }
        assert_eq!(came, [1, 3, 4, 5]);
        assert!(timeout(MOMENT, sound.recv_from(&mut buffer)).await.is_err());
        drop(browser);
        assert_eq!(timeout(PATIENCE, server.read(&mut buffer)).await.unwrap().unwrap(), 0);
    }
}
