//! Datagrams in a stream, each behind its length (RFC 4571).

/// Longest frame: a datagram of any browser is shorter.
pub(super) const LONGEST: usize = 1_600;

/// What a stream holds next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Framed<'a> {
    /// A whole datagram, which may be empty.
    Whole(&'a [u8]),
    /// Not all of it has come.
    Partial,
    /// More than any honest peer sends: what follows cannot be told apart any more.
    TooLong,
}

/// What came of a stream and was not read yet.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    octets: Vec<u8>,
    at: usize,
}

impl Frames {
    /// More of the stream. What was read before is forgotten, so that no more is kept than one frame
    /// that is not whole, and this.
    pub(crate) fn take(&mut self, octets: &[u8]) {
        self.octets.drain(..self.at);
        self.at = 0;
        self.octets.extend_from_slice(octets);
    }

    /// The next frame, again and again until it is passed over.
    pub(crate) fn next(&self) -> Framed<'_> {
        let Some([high, low, rest @ ..]) = self.octets.get(self.at..) else { return Framed::Partial };
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        if len > LONGEST {
            return Framed::TooLong;
        }
        rest.get(..len).map_or(Framed::Partial, Framed::Whole)
    }

    /// The next frame is read.
    pub(crate) fn pass(&mut self) {
        if let Framed::Whole(frame) = self.next() {
            self.at += 2 + frame.len();
        }
    }

    /// Octets that wait.
    pub(crate) fn len(&self) -> usize {
        self.octets.len() - self.at
    }
}
