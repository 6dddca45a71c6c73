//! STUN on the port of SIP, as a sign of life (RFC 5626, 4.4.2 and 8; RFC 8489): a phone
//! behind a translator of addresses asks, and is told from where it came.

use std::net::{IpAddr, SocketAddr};

const COOKIE: [u8; 4] = 0x2112_A442_u32.to_be_bytes();
const BINDING: [u8; 2] = [0x00, 0x01];
const SUCCESS: [u8; 2] = [0x01, 0x01];
const XOR_MAPPED_ADDRESS: [u8; 2] = [0x00, 0x20];

/// Whether a datagram is STUN and no SIP: a message of SIP never begins with such a byte.
pub(super) fn is_stun(datagram: &[u8]) -> bool {
    datagram.len() >= 20 && datagram[0] < 4 && datagram[4..8] == COOKIE
}

/// The answer to a binding request; none for anything else, and for one that asks for more
/// than we know.
pub(super) fn answer(datagram: &[u8], from: SocketAddr) -> Option<Vec<u8>> {
    let length = usize::from(u16::from_be_bytes([*datagram.get(2)?, *datagram.get(3)?]));
    if !is_stun(datagram) || datagram[..2] != BINDING || datagram.len() != 20 + length {
        return None;
    }
    let mut attributes = &datagram[20..];
    while let [kind, kind_low, size, size_low, rest @ ..] = attributes {
        // Attributes below 0x8000 must be understood (RFC 8489, 6.3.1); of these a binding
        // request without credentials has none that we need.
        if *kind < 0x80 && [*kind, *kind_low] != XOR_MAPPED_ADDRESS {
            return None;
        }
        let size = usize::from(u16::from_be_bytes([*size, *size_low])).next_multiple_of(4);
        attributes = rest.get(size..)?;
    }
    let mut address = Vec::with_capacity(20);
    let mask: Vec<u8> = COOKIE.iter().chain(&datagram[8..20]).copied().collect();
    let port = from.port().to_be_bytes();
    address.extend([0, if from.is_ipv4() { 1 } else { 2 }, port[0] ^ COOKIE[0], port[1] ^ COOKIE[1]]);
    match from.ip() {
        IpAddr::V4(ip) => address.extend(ip.octets().iter().zip(&mask).map(|(byte, mask)| byte ^ mask)),
        IpAddr::V6(ip) => address.extend(ip.octets().iter().zip(&mask).map(|(byte, mask)| byte ^ mask)),
    }
    let mut out = Vec::with_capacity(44);
    out.extend(SUCCESS);
    out.extend((address.len() as u16 + 4).to_be_bytes());
    out.extend(&datagram[4..20]);
    out.extend(XOR_MAPPED_ADDRESS);
    out.extend((address.len() as u16).to_be_bytes());
    out.extend(address);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Address of the example of RFC 5769, 2.2 and 2.3.
    #[test]
    fn a_binding_request_is_told_its_address() {
        let mut request = vec![0, 1, 0, 0];
        request.extend(COOKIE);
        request.extend([0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae]);
        let answer_v4 = answer(&request, "192.0.2.1:32853".parse().unwrap()).unwrap();
        assert_eq!(answer_v4[..4], [1, 1, 0, 12]);
        assert_eq!(answer_v4[20..], [0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
        let v6 = "[2001:db8:1234:5678:11:2233:4455:6677]:32853".parse().unwrap();
        assert_eq!(
            answer(&request, v6).unwrap()[24..],
            [
                0, 2, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2,
                0xb9, 0xd9
            ]
        );
        request.extend([0, 6, 0, 0]);
        request[3] = 4;
        assert_eq!(answer(&request, v6), None, "a user name must be understood");
        assert_eq!(answer(b"OPTIONS sip:a@b SIP/2.0\r\n\r\n", v6), None);
    }
}
