//! What a party heard, as a WAV file on the sender's time line.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use hound::{SampleFormat, WavSpec, WavWriter};

/// The longest silence that is filled in one go: 10 s; a longer jump is a new beginning.
const MAX_GAP: i64 = 80_000;
/// The longest file: 2 hours.
const MAX_SAMPLES: i64 = 2 * 3600 * 8000;

/// A file being written.
pub(crate) struct Recorder {
    writer: WavWriter<BufWriter<File>>,
    /// Source, its first timestamp and the sample at which it stands.
    anchor: Option<(u32, u32, i64)>,
    written: i64,
}

impl Recorder {
    pub(crate) fn create(path: &Path) -> Result<Self, hound::Error> {
        let spec = WavSpec { channels: 1, sample_rate: 8000, bits_per_sample: 16, sample_format: SampleFormat::Int };
        Ok(Self { writer: WavWriter::create(path, spec)?, anchor: None, written: 0 })
    }

    /// Writes the samples of a packet where its timestamp says, silence before it, nothing twice.
    pub(crate) fn write(&mut self, source: u32, timestamp: u32, samples: &[i16]) -> Result<(), hound::Error> {
        let placed = self
            .anchor
            .filter(|(s, ..)| *s == source)
            .map(|(_, first, at)| at + i64::from(timestamp.wrapping_sub(first).cast_signed()));
        let at = match placed {
            Some(at) if at <= self.written + MAX_GAP && at >= self.written - MAX_GAP => at,
            _ => {
                self.anchor = Some((source, timestamp, self.written));
                self.written
            }
        };
        if at > MAX_SAMPLES {
            return Ok(());
        }
        while self.written < at {
            self.writer.write_sample(0_i16)?;
            self.written += 1;
        }
        for sample in samples.iter().skip((self.written - at) as usize) {
            self.writer.write_sample(*sample)?;
            self.written += 1;
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<(), hound::Error> {
        self.writer.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_silence_and_repeats_are_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let mut recorder = Recorder::create(&path).unwrap();
        for (timestamp, value) in [(u32::MAX - 1, 1), (0, 2), (0, 9), (4, 3)] {
            recorder.write(5, timestamp, &[value; 2]).unwrap();
        }
        recorder.write(6, 77, &[4]).unwrap();
        recorder.finish().unwrap();
        let samples: Vec<i16> = hound::WavReader::open(path).unwrap().samples().map(Result::unwrap).collect();
        assert_eq!(samples, [1, 1, 2, 2, 0, 0, 3, 3, 4]);
    }
}
