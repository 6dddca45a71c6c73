//! G.711 A-law and µ-law, sample by sample (ITU-T G.711).

/// Which of the two laws a payload is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Law {
    /// PCMA, static payload type 8.
    A,
    /// PCMU, static payload type 0.
    Mu,
}

impl Law {
    pub(crate) fn payload_type(self) -> u8 {
        match self {
            Self::A => 8,
            Self::Mu => 0,
        }
    }

    pub(crate) fn encoding_name(self) -> &'static str {
        match self {
            Self::A => "PCMA",
            Self::Mu => "PCMU",
        }
    }

    pub(crate) fn encode(self, sample: i16) -> u8 {
        match self {
            Self::A => encode_a(sample),
            Self::Mu => encode_mu(sample),
        }
    }

    pub(crate) fn decode(self, code: u8) -> i16 {
        match self {
            Self::A => decode_a(code),
            Self::Mu => decode_mu(code),
        }
    }
}

fn encode_a(sample: i16) -> u8 {
    let negative = sample < 0;
    // 13 bits; the segment is the place of the highest bit above the fifth.
    let magnitude = (if negative { !sample } else { sample } >> 3) as u16;
    let segment = (16 - magnitude.leading_zeros()).saturating_sub(5) as u16;
    let mantissa = (magnitude >> segment.max(1)) & 0x0F;
    let code = ((segment << 4) | mantissa) as u8;
    (if negative { code } else { code | 0x80 }) ^ 0x55
}

fn decode_a(code: u8) -> i16 {
    let code = code ^ 0x55;
    let mantissa = i16::from(code & 0x0F) << 4;
    let segment = (code & 0x70) >> 4;
    let magnitude = match segment {
        0 => mantissa + 8,
        s => (mantissa + 0x108) << (s - 1),
    };
    if code & 0x80 == 0 { -magnitude } else { magnitude }
}

fn encode_mu(sample: i16) -> u8 {
    let negative = sample < 0;
    let magnitude = i32::from(sample).abs().min(32_635) + 0x84;
    let segment = (magnitude as u32).ilog2().saturating_sub(7) as u8;
    let mantissa = ((magnitude >> (segment + 3)) & 0x0F) as u8;
    let code = (segment << 4) | mantissa;
    !(if negative { code | 0x80 } else { code })
}

fn decode_mu(code: u8) -> i16 {
    let code = !code;
    let magnitude = ((i32::from(code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4);
    let value = if code & 0x80 == 0 { magnitude - 0x84 } else { 0x84 - magnitude };
    value as i16
}

#[cfg(test)]
mod tests {
    use super::Law;

    #[test]
    fn every_code_survives_decoding_and_encoding() {
        for code in 0..=255_u8 {
            let a = Law::A.decode(code);
            assert_eq!(Law::A.encode(a), code, "A-law {code} is {a}");
            let mu = Law::Mu.decode(code);
            // µ-law has two zeros.
            assert_eq!(Law::Mu.decode(Law::Mu.encode(mu)), mu, "mu-law {code}");
        }
    }

    #[test]
    fn every_sample_comes_back_close() {
        for sample in (i16::MIN..=i16::MAX).step_by(7) {
            for law in [Law::A, Law::Mu] {
                let back = i32::from(law.decode(law.encode(sample)));
                let error = (back - i32::from(sample)).abs();
                assert!(error <= 16 + i32::from(sample).abs() / 16, "{law:?} {sample} {back}");
            }
        }
    }
}
