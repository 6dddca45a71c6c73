//! A time server (RFC 5905, mode 4), whose time tests can set wrong.
//!
//! It answers well-formed requests of clients only: 48 octets, mode 3, version 3 or 4, with a
//! transmit timestamp to be given back. Everything else is a breach of protocol.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

use crate::journal::Journal;

const LENGTH: usize = 48;
const CLIENT: u8 = 3;
const SERVER: u8 = 4;
/// From 1900, where NTP begins, to 1970: RFC 5905, figure 4.
const UNIX_ERA: i128 = 2_208_988_800;
const NANOS: i128 = 1_000_000_000;
/// Stratum 1: a clock of its own.
const STRATUM: u8 = 1;
/// 2^-20 s: about a microsecond.
const PRECISION: i8 = -20;
/// Root dispersion of one millisecond in NTP short format.
const DISPERSION: u32 = 66;
/// How long ago the clock was set, as it says.
const SET_AGO: Duration = Duration::from_secs(8);

/// What the time of the server is ahead of that of the machine; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Offset(Arc<AtomicI64>);

impl Offset {
    pub(crate) fn set_ms(&self, ms: i64) {
        self.0.store(ms, Ordering::Relaxed);
    }

    fn now(&self) -> i128 {
        let machine = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i128);
        machine + i128::from(self.0.load(Ordering::Relaxed)) * 1_000_000
    }
}

/// Serves the time until it is stopped.
pub(crate) async fn serve(socket: UdpSocket, offset: Offset, journal: Journal, stop: CancellationToken) {
    // One octet more than is taken, so that a longer request is seen as one.
    let mut buffer = [0; LENGTH + 1];
    loop {
        let (length, from): (usize, SocketAddr) = tokio::select! {
            received = socket.recv_from(&mut buffer) => match received {
                Ok(received) => received,
                // The ICMP answer to an earlier datagram.
                Err(_) => continue,
            },
            () = stop.cancelled() => return,
        };
        let received = offset.now();
        match reply(&buffer[..length], received, offset.now()) {
            Ok(bytes) => {
                journal.lock().times_told += 1;
                let _ = socket.send_to(&bytes, from).await;
            }
            Err(wrong) => journal.complain("ntp", wrong),
        }
    }
}

/// The reply to a request that came and is answered at these nanoseconds of Unix time.
fn reply(request: &[u8], received: i128, now: i128) -> Result<[u8; LENGTH], &'static str> {
    if request.len() != LENGTH {
        return Err("a request for the time that is not 48 octets long");
    }
    let (version, mode) = (request[0] >> 3 & 7, request[0] & 7);
    if mode != CLIENT {
        return Err("a request for the time that is not a client's");
    }
    if !(3..=4).contains(&version) {
        return Err("a request for the time of another version than 3 and 4");
    }
    let origin = &request[40..48];
    if origin == [0; 8] {
        return Err("a request for the time without a transmit timestamp");
    }
    let mut out = [0; LENGTH];
    out[0] = version << 3 | SERVER;
    out[1] = STRATUM;
    out[2] = request[2];
    out[3] = PRECISION.cast_unsigned();
    out[8..12].copy_from_slice(&DISPERSION.to_be_bytes());
    out[12..16].copy_from_slice(b"GPS\0");
    out[16..24].copy_from_slice(&timestamp(now - SET_AGO.as_nanos() as i128));
    out[24..32].copy_from_slice(origin);
    out[32..40].copy_from_slice(&timestamp(received));
    out[40..48].copy_from_slice(&timestamp(now));
    Ok(out)
}

/// NTP timestamp: seconds of the era and their fraction, 32 bits each.
fn timestamp(unix_nanos: i128) -> [u8; 8] {
    let since = unix_nanos + UNIX_ERA * NANOS;
    let (seconds, rest) = (since.div_euclid(NANOS), since.rem_euclid(NANOS));
    let fraction = (rest << 32) / NANOS;
    // Eras wrap (RFC 5905, section 6).
    ((u64::from(seconds as u32) << 32) | fraction as u64).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> [u8; LENGTH] {
        let mut request = [0; LENGTH];
        request[0] = 4 << 3 | CLIENT;
        request[2] = 6;
        request[40..].copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
        request
    }

    #[test]
    fn a_client_gets_its_own_timestamp_back_and_the_time() {
        let at = 1_764_208_800 * NANOS + NANOS / 2;
        let reply = reply(&request(), at, at + NANOS / 4).unwrap();
        assert_eq!((reply[0], reply[1], reply[2]), (0x24, 1, 6));
        assert_eq!(reply[24..32], [1, 2, 3, 4, 5, 6, 7, 8]);
        let seconds = (1_764_208_800_u32.wrapping_add(2_208_988_800)).to_be_bytes();
        assert_eq!((&reply[32..36], &reply[36..40]), (&seconds[..], &[0x80, 0, 0, 0][..]));
        assert_eq!((&reply[40..44], &reply[44..48]), (&seconds[..], &[0xC0, 0, 0, 0][..]));
    }

    #[test]
    fn what_is_no_request_of_a_client_is_not_answered() {
        let whole = request();
        assert!(reply(&whole[..47], 0, 0).is_err());
        assert!(reply(&[whole.as_slice(), &[0]].concat(), 0, 0).is_err());
        for first in [4 << 3 | 4, 4 << 3 | 1, 2 << 3 | 3, 5 << 3 | 3] {
            let mut other = whole;
            other[0] = first;
            assert!(reply(&other, 0, 0).is_err(), "{first:#x}");
        }
        let mut zero = whole;
        zero[40..].fill(0);
        assert!(reply(&zero, 0, 0).is_err());
    }
}
