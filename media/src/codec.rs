//! G.711 (ITU-T G.711, 1988): the two companding laws of the telephone.

/// A companding law.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Law {
    /// A-law, payload type 8.
    Pcma,
    /// µ-law, payload type 0.
    Pcmu,
}

impl Law {
    /// Both, as they are preferred where nobody says otherwise.
    pub const BOTH: [Self; 2] = [Self::Pcma, Self::Pcmu];

    /// Those of these encoding names (RFC 3551, table 4) that are laws, in their order.
    pub fn named(names: &[String]) -> Vec<Self> {
        let law = |name: &String| Self::BOTH.into_iter().find(|law| law.name().eq_ignore_ascii_case(name));
        names.iter().filter_map(law).collect()
    }

    /// Its encoding name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcma => "PCMA",
            Self::Pcmu => "PCMU",
        }
    }

    /// Both, this one first.
    pub(crate) fn first(self) -> [Self; 2] {
        match self {
            Self::Pcma => Self::BOTH,
            Self::Pcmu => [Self::Pcmu, Self::Pcma],
        }
    }

    /// Static payload type of RFC 3551, table 4.
    pub fn payload_type(self) -> u8 {
        match self {
            Self::Pcma => 8,
            Self::Pcmu => 0,
        }
    }

    /// The law of a static payload type.
    pub fn of(payload_type: u8) -> Option<Self> {
        match payload_type {
            8 => Some(Self::Pcma),
            0 => Some(Self::Pcmu),
            _ => None,
        }
    }

    /// The octet that is silence.
    pub fn silence(self) -> u8 {
        match self {
            Self::Pcma => 0xd5,
            Self::Pcmu => 0xff,
        }
    }

    /// One octet to a linear sample.
    pub fn decode(self, octet: u8) -> i16 {
        match self {
            Self::Pcma => DECODE_A[usize::from(octet)],
            Self::Pcmu => DECODE_U[usize::from(octet)],
        }
    }

    /// One linear sample to an octet.
    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Self::Pcma => encode_a(sample),
            Self::Pcmu => encode_u(sample),
        }
    }
}

static DECODE_A: [i16; 256] = decode_table(Law::Pcma);
static DECODE_U: [i16; 256] = decode_table(Law::Pcmu);

const fn decode_table(law: Law) -> [i16; 256] {
    let mut out = [0i16; 256];
    let mut at = 0usize;
    while at < 256 {
        out[at] = match law {
            Law::Pcma => decode_a(at as u8),
            Law::Pcmu => decode_u(at as u8),
        };
        at += 1;
    }
    out
}

const fn decode_a(octet: u8) -> i16 {
    let octet = octet ^ 0x55;
    let step = ((octet & 0x0f) as i32) << 4;
    let segment = ((octet & 0x70) >> 4) as i32;
    let level = match segment {
        0 => step + 8,
        1 => step + 0x108,
        _ => (step + 0x108) << (segment - 1),
    };
    (if octet & 0x80 != 0 { level } else { -level }) as i16
}

const fn decode_u(octet: u8) -> i16 {
    let octet = !octet;
    let level = ((((octet & 0x0f) as i32) << 3) + 0x84) << ((octet & 0x70) >> 4);
    (if octet & 0x80 != 0 { 0x84 - level } else { level - 0x84 }) as i16
}

fn encode_a(sample: i16) -> u8 {
    let (sign, level) = if sample >= 0 { (0x80, i32::from(sample)) } else { (0, -1 - i32::from(sample)) };
    let level = level >> 4;
    let mut octet = if level < 16 {
        level
    } else {
        let segment = (level as u32).ilog2() as i32 - 3;
        (segment << 4) | ((level >> (segment - 1)) & 0x0f)
    } as u8;
    octet |= sign;
    octet ^ 0x55
}

fn encode_u(sample: i16) -> u8 {
    const BIAS: i32 = 0x84;
    const CLIP: i32 = 32_635;
    let (sign, level) = if sample < 0 { (0x80, -i32::from(sample)) } else { (0, i32::from(sample)) };
    let level = level.min(CLIP) + BIAS;
    let segment = (level as u32).ilog2() as i32 - 7;
    !(sign | (segment << 4) as u8 | ((level >> (segment + 3)) & 0x0f) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_survives_a_round_trip_in_both_laws() {
        for octet in 0..=255u8 {
            assert_eq!(Law::Pcma.encode(Law::Pcma.decode(octet)), octet, "A-law {octet:#x}");
            // µ-law has two zeros; the negative one comes back as the positive one.
            if octet != 0x7f {
                assert_eq!(Law::Pcmu.encode(Law::Pcmu.decode(octet)), octet, "µ-law {octet:#x}");
            }
        }
    }

    #[test]
    fn every_sample_comes_back_within_half_a_step_of_its_segment() {
        for sample in i16::MIN..=i16::MAX {
            for law in [Law::Pcma, Law::Pcmu] {
                let back = law.decode(law.encode(sample));
                let error = (i32::from(back) - i32::from(sample)).abs();
                let allowed = (i32::from(sample).abs() / 16).max(16) + 8;
                assert!(
                    error <= allowed.max(if sample.unsigned_abs() > 32_000 { 700 } else { 0 }),
                    "{law:?} {sample} {back}"
                );
            }
        }
    }

    #[test]
    fn silence_is_the_smallest_level() {
        assert_eq!(Law::Pcma.decode(Law::Pcma.silence()), 8);
        assert_eq!(Law::Pcmu.decode(Law::Pcmu.silence()), 0);
    }

    #[test]
    fn known_levels_of_the_recommendation() {
        // G.711, tables 1a and 2a: the largest levels.
        assert_eq!(Law::Pcma.decode(0xaa), 32_256);
        assert_eq!(Law::Pcma.decode(0x2a), -32_256);
        assert_eq!(Law::Pcmu.decode(0x80), 32_124);
        assert_eq!(Law::Pcmu.decode(0x00), -32_124);
    }
}
