//! Reads short pieces of sound while a call is going on: a bounded number at once, and nobody
//! waits for another.

use std::sync::{Mutex, PoisonError, TryLockError};

use crate::{
    Request, Worker, WorkerConfig, WorkerError,
    transcript::{ModelInfo, Transcript},
};

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The words.
    pub text: String,
    /// Mean probability of its tokens, 0 to 1.
    pub confidence: f32,
    /// By which model.
    pub model: ModelInfo,
}

impl Reading {
    /// The words of a transcript; none when nothing was said.
    pub fn of(transcript: Transcript) -> Option<Self> {
        let text: String = transcript.lines.iter().map(|line| line.text.as_str()).collect();
        let sure: f32 = transcript.lines.iter().map(|line| line.confidence).sum();
        let confidence = sure / transcript.lines.len().max(1) as f32;
        (!text.is_empty()).then_some(Self { text, confidence, model: transcript.model })
    }
}

/// Reads pieces of sound, each in a child process of its own.
#[derive(Debug)]
pub struct Reader {
    workers: Vec<Mutex<Worker>>,
}

impl Reader {
    /// One that reads so many at once; none, and nothing is ever read.
    pub fn new(config: &WorkerConfig, at_once: usize) -> Self {
        Self { workers: (0..at_once).map(|_| Mutex::new(Worker::new(config.clone()))).collect() }
    }

    /// Reads a piece of 8 kHz sound. Blocks. Nothing when nothing was said in it.
    ///
    /// # Errors
    /// [`WorkerError::Busy`] when every worker is at work; else what became of the one that read it.
    pub fn read(&self, samples: Vec<i16>) -> Result<Option<Reading>, WorkerError> {
        let free = self.workers.iter().find_map(|worker| match worker.try_lock() {
            Ok(worker) => Some(worker),
            Err(TryLockError::Poisoned(broken)) => Some(PoisonError::into_inner(broken)),
            Err(TryLockError::WouldBlock) => None,
        });
        let Some(mut worker) = free else { return Err(WorkerError::Busy) };
        let request = Request { left: Vec::new(), right: samples, rate: 8_000, speech_from_ms: 0, prompts: Vec::new() };
        Ok(Reading::of(worker.transcribe(&request)?))
    }
}
