//! Identity numbers that are right by their check digit and belong to nobody.
//!
//! The region 610199 is not assigned, so that no number made here is a person's.

/// An 18-digit resident number (GB 11643: mod 11-2) for a birth date `YYYYMMDD`.
pub(crate) fn resident(birth: u32, serial: u32) -> String {
    let body = format!("610199{birth:08}{:03}", serial % 1000);
    let sum: u32 = body.bytes().zip(WEIGHTS).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    let check = b"10X98765432"[(sum % 11) as usize];
    format!("{body}{}", char::from(check))
}

const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];

/// The 18 characters of a unified social credit code (GB 32100: mod 31).
pub(crate) fn credit_code(serial: u32) -> String {
    let body = format!("91610199MA6T{:05}", serial % 100_000);
    let (mut sum, mut weight) = (0, 1);
    for character in body.bytes() {
        let value = CODE.iter().position(|c| *c == character).unwrap_or(0);
        sum += value * weight;
        weight = weight * 3 % 31;
    }
    let check = CODE[(31 - sum % 31) % 31];
    format!("{body}{}", char::from(check))
}

const CODE: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_agree_with_known_numbers() {
        let sum: u32 = b"11010519491231002".iter().zip(WEIGHTS).map(|(d, w)| u32::from(d - b'0') * w).sum();
        assert_eq!(b"10X98765432"[(sum % 11) as usize], b'X');
        assert_eq!(resident(19_900_101, 1).len(), 18);
        let (mut sum, mut weight) = (0, 1);
        for c in b"91350100M000100Y4" {
            sum += CODE.iter().position(|x| x == c).unwrap() * weight;
            weight = weight * 3 % 31;
        }
        assert_eq!(CODE[(31 - sum % 31) % 31], b'3');
        assert_eq!(credit_code(7).len(), 18);
    }
}
