//! What stands between the house and a SIPp that knows of calls only and keeps nothing that it
//! hears: answers for it whether it is there, and keeps the sound that passes.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::{Arc, Mutex},
};

use songda_media::Law;

/// A wire for one call.
pub(crate) struct Wire {
    /// Where the house finds SIPp.
    pub(crate) address: SocketAddr,
    sound: Arc<Sound>,
}

/// One port that each side takes for the other's.
struct Sound {
    socket: UdpSocket,
    ends: Mutex<Ends>,
    /// Addresses that the house named.
    told: Arc<Mutex<Vec<String>>>,
    heard: Mutex<Vec<i16>>,
}

/// The media ports that both named.
#[derive(Clone, Copy, Default)]
struct Ends {
    house: u16,
    sipp: u16,
}

impl Wire {
    /// To this SIPp. Who calls is the house, unless SIPp begins: then it is named.
    pub(crate) fn before(sipp: SocketAddr, house: Option<SocketAddr>) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let sound = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sound =
            Arc::new(Sound { socket: sound, ends: Mutex::default(), told: Arc::default(), heard: Mutex::default() });
        let (of_messages, of_packets) = (sound.clone(), sound.clone());
        std::thread::spawn(move || messages(&socket, sipp, house, &of_messages));
        std::thread::spawn(move || of_packets.pass());
        Self { address, sound }
    }

    /// The addresses that the house has named for its sound.
    pub(crate) fn told(&self) -> Arc<Mutex<Vec<String>>> {
        self.sound.told.clone()
    }

    /// The sound that SIPp has been sent so far.
    pub(crate) fn heard(&self) -> Vec<i16> {
        self.sound.heard.lock().unwrap().clone()
    }
}

impl Sound {
    /// Packets of either side go to the other; those to SIPp are kept.
    fn pass(&self) {
        let mut buffer = [0; 2_048];
        while let Ok((length, from)) = self.socket.recv_from(&mut buffer) {
            let (packet, ends) = (&buffer[..length], *self.ends.lock().unwrap());
            let from_sipp = from.port() == ends.sipp;
            let _ = self.socket.send_to(packet, ("127.0.0.1", if from_sipp { ends.house } else { ends.sipp }));
            // RFC 3550, 5.1: nothing here has an extension or contributors.
            let law = packet.get(1).and_then(|kind| Law::of(kind & 0x7f));
            if let (false, Some(law), Some(octets)) = (from_sipp, law, packet.get(12..)) {
                self.heard.lock().unwrap().extend(octets.iter().map(|octet| law.decode(*octet)));
            }
        }
    }

    /// The same message with our media port and address in the place of its own, which are kept.
    fn between(&self, message: &[u8], from_sipp: bool) -> Vec<u8> {
        let text = String::from_utf8_lossy(message);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { return message.to_vec() };
        let Some(named) = body.split("m=audio ").nth(1).and_then(|rest| rest.split(' ').next()) else {
            return message.to_vec();
        };
        let port = named.parse().unwrap();
        {
            let mut ends = self.ends.lock().unwrap();
            *(if from_sipp { &mut ends.sipp } else { &mut ends.house }) = port;
        }
        let ours = self.socket.local_addr().unwrap().port();
        let mut body = body.replacen(&format!("m=audio {named} "), &format!("m=audio {ours} "), 1);
        let at = body.lines().find_map(|line| line.strip_prefix("c=IN IP4 ")).map(str::to_owned);
        if let Some(at) = at.filter(|_| !from_sipp) {
            body = body.replacen(&format!("c=IN IP4 {at}"), "c=IN IP4 127.0.0.1", 1);
            self.told.lock().unwrap().push(at);
        }
        let is_length = |line: &str| line.to_ascii_lowercase().starts_with("content-length:");
        let length = format!("Content-Length: {}", body.len());
        let head: Vec<&str> = head.split("\r\n").map(|line| if is_length(line) { &length } else { line }).collect();
        format!("{}\r\n\r\n{body}", head.join("\r\n")).into_bytes()
    }
}

fn messages(socket: &UdpSocket, sipp: SocketAddr, mut house: Option<SocketAddr>, sound: &Sound) {
    let mut buffer = vec![0; 65_535];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        let message = &buffer[..length];
        if from == sipp {
            house.map(|house| socket.send_to(&sound.between(message, true), house));
            continue;
        }
        house = Some(from);
        if message.starts_with(b"OPTIONS ") {
            let _ = socket.send_to(here(message).as_bytes(), from);
        } else {
            let _ = socket.send_to(&sound.between(message, false), sipp);
        }
    }
}

/// The answer to who asks whether it is there (RFC 3261, 11).
fn here(asked: &[u8]) -> String {
    let text = String::from_utf8_lossy(asked);
    let copied = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
    let lines = text.lines().filter(|line| copied.iter().any(|name| line.starts_with(name)));
    let headers: Vec<String> =
        lines.map(|line| if line.starts_with("To:") { format!("{line};tag=here") } else { line.to_owned() }).collect();
    format!("SIP/2.0 200 OK\r\n{}\r\nContent-Length: 0\r\n\r\n", headers.join("\r\n"))
}
