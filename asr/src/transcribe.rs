//! From two channels to a transcript.

use serde::{Deserialize, Serialize};

use crate::{
    gates,
    model::{Model, ModelError},
    resample::{self, RATE},
    transcript::{Line, Speaker, Transcript},
    voice,
};

/// A prompt that was played to the party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptSpan {
    /// From, milliseconds of the recording.
    pub from_ms: u64,
    /// To, milliseconds of the recording.
    pub to_ms: u64,
    /// What it says.
    pub text: String,
}

/// A call to be transcribed.
#[derive(Debug, Clone)]
pub struct Request {
    /// What the party heard from us.
    pub left: Vec<i16>,
    /// What came from the party.
    pub right: Vec<i16>,
    /// Samples per second of both, 8,000 or 16,000.
    pub rate: u32,
    /// Nothing before the answer is transcribed: ring-back is no speech.
    pub speech_from_ms: u64,
    /// Prompts; they stand in the transcript with their own text and are not decoded.
    pub prompts: Vec<PromptSpan>,
}

impl Model {
    /// Transcribes a call: each channel apart, merged by time.
    pub fn transcribe(&self, request: &Request, threads: usize) -> Result<Transcript, ModelError> {
        let mut lines: Vec<Line> = request
            .prompts
            .iter()
            .map(|prompt| Line {
                no: 0,
                speaker: Speaker::System,
                from_ms: prompt.from_ms,
                to_ms: prompt.to_ms,
                text: prompt.text.clone(),
                confidence: 1.0,
                weak: false,
                hidden: false,
            })
            .collect();
        lines.extend(self.channel(&request.left, request, Speaker::Agent, threads)?);
        lines.extend(self.channel(&request.right, request, Speaker::Party, threads)?);
        lines.sort_by_key(|line| (line.from_ms, line.to_ms));
        for (line, no) in lines.iter_mut().zip(1..) {
            line.no = no;
        }
        Ok(Transcript { version: 1, model: self.info().clone(), lines })
    }

    fn channel(
        &self,
        samples: &[i16],
        request: &Request,
        speaker: Speaker,
        threads: usize,
    ) -> Result<Vec<Line>, ModelError> {
        let mut samples = samples.to_vec();
        silence(&mut samples, request.rate, 0, request.speech_from_ms);
        if speaker == Speaker::Agent {
            for prompt in &request.prompts {
                silence(&mut samples, request.rate, prompt.from_ms, prompt.to_ms);
            }
        }
        let clear = resample::to_16k(&samples, request.rate)
            .ok_or_else(|| ModelError::Decode(format!("cannot resample from {} Hz", request.rate)))?;
        let spans = voice::pieces(&clear);
        let mut lines = Vec::with_capacity(spans.len());
        if spans.is_empty() {
            return Ok(lines);
        }
        let mut session = self.session(threads)?;
        for span in spans {
            let decoded = session.decode(&clear[span.from..span.to])?;
            if decoded.text.is_empty() {
                continue;
            }
            let seconds = (span.to - span.from) as f32 / RATE as f32;
            let ms = |at: usize| at as u64 * 1000 / RATE;
            lines.push(Line {
                no: 0,
                speaker,
                from_ms: ms(span.from),
                to_ms: ms(span.to),
                weak: gates::is_weak(&decoded.text, seconds, decoded.confidence),
                hidden: gates::is_residue(&decoded.text),
                confidence: decoded.confidence,
                text: decoded.text,
            });
        }
        Ok(lines)
    }
}

/// Makes a stretch of a channel silent.
fn silence(samples: &mut [i16], rate: u32, from_ms: u64, to_ms: u64) {
    let at = |ms: u64| ((ms * u64::from(rate) / 1000) as usize).min(samples.len());
    let (from, to) = (at(from_ms), at(to_ms));
    if from < to {
        samples[from..to].fill(0);
    }
}
