//! The engine in a process of its own: what a malformed model or a hard recording does to
//! it never reaches the server, and it can be stopped.
//!
//! Request: length (4 bytes, big endian), JSON head, left samples, right samples (16 bits,
//! little endian). Answer: length, JSON. One after the other over standard input and
//! output; the child ends with its input.

use std::{
    io::{self, BufReader, BufWriter, Read, Write},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{Model, PromptSpan, Request, Transcript};

/// Longest recording, frames: eight hours at 16 kHz.
const LONGEST: u64 = 8 * 3600 * 16_000;
/// Largest JSON part, bytes.
const LARGEST: usize = 32 << 20;

#[derive(Serialize, Deserialize)]
struct Head {
    frames: u64,
    rate: u32,
    speech_from_ms: u64,
    prompts: Vec<PromptSpan>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Transcript(Box<Transcript>),
    Failed(String),
}

/// The child's side: answers requests until its input ends.
pub fn serve(model: &Model, threads: usize, input: impl Read, output: impl Write) -> io::Result<()> {
    let (mut input, mut output) = (BufReader::new(input), BufWriter::new(output));
    while let Some(head) = read_json::<Head>(&mut input)? {
        if head.frames > LONGEST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a recording of more than eight hours"));
        }
        let left = read_samples(&mut input, head.frames)?;
        let right = read_samples(&mut input, head.frames)?;
        let request =
            Request { left, right, rate: head.rate, speech_from_ms: head.speech_from_ms, prompts: head.prompts };
        let answer = match model.transcribe(&request, threads) {
            Ok(transcript) => Answer::Transcript(Box::new(transcript)),
            Err(error) => Answer::Failed(error.to_string()),
        };
        write_json(&mut output, &answer)?;
        output.flush()?;
    }
    Ok(())
}

/// How the child is started.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// Program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// A recording that takes longer than this is given up and the child stopped.
    pub limit: Duration,
}

/// Why there is no transcript.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// The child cannot be started or died.
    #[error("the transcriber {action}: {error}; see its own message above, and check asr.model and asr.sha256")]
    Process {
        /// What was being done.
        action: &'static str,
        /// Cause.
        error: io::Error,
    },
    /// The child took too long and was stopped.
    #[error("the transcriber took longer than {0:?} and was stopped")]
    TooLong(Duration),
    /// Every child is at work on something else.
    #[error("every transcriber is at work")]
    Busy,
    /// The engine refused this recording.
    #[error("the recording cannot be transcribed: {0}")]
    Refused(String),
}

/// The parent's side. The child is started on first use and again after it died.
#[derive(Debug)]
pub struct Worker {
    config: WorkerConfig,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    child: Arc<Mutex<Child>>,
    input: BufWriter<ChildStdin>,
    answers: mpsc::Receiver<io::Result<Option<Answer>>>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Answer")
    }
}

impl Worker {
    /// A worker; nothing is started yet.
    pub fn new(config: WorkerConfig) -> Self {
        Self { config, running: None }
    }

    /// Transcribes one call. Blocks.
    pub fn transcribe(&mut self, request: &Request) -> Result<Transcript, WorkerError> {
        let mut running = match self.running.take() {
            Some(running) => running,
            None => self.start()?,
        };
        let failed = |action| move |error| WorkerError::Process { action, error };
        // One limit for all of it: the recording's way in and the answer's way out.
        let begun = Instant::now();
        let watch = Watch::start(&running.child, self.config.limit).map_err(failed("cannot be watched"))?;
        let asked = running.ask(request);
        if watch.end() {
            running.stop();
            return Err(WorkerError::TooLong(self.config.limit));
        }
        if let Err(error) = asked {
            running.stop();
            return Err(failed("does not take a recording")(error));
        }
        let answer = running.answers.recv_timeout(self.config.limit.saturating_sub(begun.elapsed()));
        match answer {
            Ok(Ok(Some(answer))) => {
                self.running = Some(running);
                match answer {
                    Answer::Transcript(transcript) => Ok(*transcript),
                    Answer::Failed(reason) => Err(WorkerError::Refused(reason)),
                }
            }
            Ok(Ok(None)) | Err(mpsc::RecvTimeoutError::Disconnected) => {
                running.stop();
                Err(failed("ended")(io::ErrorKind::UnexpectedEof.into()))
            }
            Ok(Err(error)) => {
                running.stop();
                Err(failed("gave an answer that cannot be read")(error))
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                running.stop();
                Err(WorkerError::TooLong(self.config.limit))
            }
        }
    }

    fn start(&self) -> Result<Running, WorkerError> {
        let failed = |error| WorkerError::Process { action: "cannot be started", error };
        let mut child = Command::new(&self.config.program)
            .args(&self.config.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed(io::ErrorKind::BrokenPipe.into()));
        };
        let (sender, answers) = mpsc::sync_channel(1);
        thread::Builder::new()
            .name("transcriber".into())
            .spawn(move || {
                let mut output = BufReader::new(output);
                loop {
                    let answer = read_json::<Answer>(&mut output);
                    let last = !matches!(answer, Ok(Some(_)));
                    if sender.send(answer).is_err() || last {
                        return;
                    }
                }
            })
            .map_err(failed)?;
        Ok(Running { child: Arc::new(Mutex::new(child)), input: BufWriter::new(input), answers })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }
}

impl Running {
    fn ask(&mut self, request: &Request) -> io::Result<()> {
        let frames = request.left.len().max(request.right.len());
        let head = Head {
            frames: frames as u64,
            rate: request.rate,
            speech_from_ms: request.speech_from_ms,
            prompts: request.prompts.clone(),
        };
        write_json(&mut self.input, &head)?;
        for channel in [&request.left, &request.right] {
            for at in 0..frames {
                self.input.write_all(&channel.get(at).copied().unwrap_or(0).to_le_bytes())?;
            }
        }
        self.input.flush()
    }

    fn stop(self) {
        drop(self.input);
        // It may have ended by itself.
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Kills a child that does not read what it is given: a write to it would wait for ever.
struct Watch {
    over: mpsc::Sender<()>,
    thread: thread::JoinHandle<bool>,
}

impl Watch {
    fn start(child: &Arc<Mutex<Child>>, limit: Duration) -> io::Result<Self> {
        let (over, ended) = mpsc::channel();
        let child = child.clone();
        let thread = thread::Builder::new().name("transcriber's watch".into()).spawn(move || {
            let late = ended.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout);
            if late {
                let _ = child.lock().unwrap_or_else(PoisonError::into_inner).kill();
            }
            late
        })?;
        Ok(Self { over, thread })
    }

    /// Ends the watch; whether the child was killed.
    fn end(self) -> bool {
        drop(self.over);
        self.thread.join().unwrap_or(false)
    }
}

fn read_json<T: for<'a> Deserialize<'a>>(input: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0u8; 4];
    match input.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > LARGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message that is too long"));
    }
    let mut text = vec![0; length];
    input.read_exact(&mut text)?;
    Ok(Some(serde_json::from_slice(&text)?))
}

fn write_json(output: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_vec(value)?;
    output.write_all(&(text.len() as u32).to_be_bytes())?;
    output.write_all(&text)
}

fn read_samples(input: &mut impl Read, frames: u64) -> io::Result<Vec<i16>> {
    let mut bytes = vec![0; frames as usize * 2];
    input.read_exact(&mut bytes)?;
    Ok(bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect())
}
