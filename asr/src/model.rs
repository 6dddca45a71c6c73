//! A whisper model. The one place that names `whisper_rs`.

use std::{fs::File, io::Read, path::Path, sync::Once};

use sha2::{Digest, Sha256};
use whisper_rs::{FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperState};

use crate::{gates, resample::RATE, transcript::ModelInfo};

/// SHA-256 of the bundled test model.
const TEST_MODEL: &str = include_str!("../fixtures/ggml-songda-test-zh.bin.sha256");
/// whisper.cpp reads out of bounds below this: shorter pieces are filled with silence.
const SHORTEST: usize = RATE as usize;

/// Why a model could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The file cannot be read.
    #[error("cannot read the speech model {path}: {error}")]
    Unreadable {
        /// File.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file is not the one that the configuration names.
    #[error("the speech model {path} has another SHA-256 than the configuration names: it is not loaded")]
    Hash {
        /// File.
        path: String,
    },
    /// The file has the right hash and still does not load.
    #[error("the speech model {path} does not load: {error}")]
    Load {
        /// File.
        path: String,
        /// What the engine said.
        error: String,
    },
    /// Decoding failed.
    #[error("decoding failed: {0}")]
    Decode(String),
}

/// A loaded model. One per process; each thread takes its own session.
pub struct Model {
    context: WhisperContext,
    info: ModelInfo,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("info", &self.info).finish_non_exhaustive()
    }
}

/// What a piece of speech became.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decoded {
    pub(crate) text: String,
    pub(crate) confidence: f32,
}

/// Working memory of one thread.
pub(crate) struct Session {
    state: WhisperState,
    threads: i32,
}

impl Model {
    /// Whether a file is the one expected, by its SHA-256 in hex; answers with that in lower case. It is
    /// read to its end, and not loaded.
    ///
    /// # Errors
    /// The file cannot be read, or is another.
    pub fn check(path: &Path, sha256: &str) -> Result<String, ModelError> {
        let name = || path.display().to_string();
        let found = hash(path).map_err(|error| ModelError::Unreadable { path: name(), error })?;
        if found.eq_ignore_ascii_case(sha256.trim()) { Ok(found) } else { Err(ModelError::Hash { path: name() }) }
    }

    /// Loads a model whose SHA-256 is the one expected. A malformed file can bring the
    /// engine down, so a file with another hash is never shown to it.
    pub fn load(path: &Path, sha256: &str) -> Result<Self, ModelError> {
        static QUIET: Once = Once::new();
        QUIET.call_once(whisper_rs::install_logging_hooks);
        let found = Self::check(path, sha256)?;
        let name = || path.display().to_string();
        let context = WhisperContext::new_with_params(path, WhisperContextParameters::default())
            .map_err(|error| ModelError::Load { path: name(), error: error.to_string() })?;
        let info = ModelInfo {
            name: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            test_only: TEST_MODEL.starts_with(&found),
            sha256: found,
        };
        Ok(Self { context, info })
    }

    /// Which model this is.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// Working memory for one thread that decodes on `threads` cores.
    pub(crate) fn session(&self, threads: usize) -> Result<Session, ModelError> {
        let state = self.context.create_state().map_err(|error| ModelError::Decode(error.to_string()))?;
        Ok(Session { state, threads: threads.clamp(1, 64) as i32 })
    }
}

fn hash(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hex::encode(hash.finalize()));
        }
        hash.update(&buffer[..read]);
    }
}

impl Session {
    /// Decodes one piece of speech of at most 28 s at 16 kHz.
    pub(crate) fn decode(&mut self, samples: &[f32]) -> Result<Decoded, ModelError> {
        let mut filled = samples.to_vec();
        filled.resize(samples.len().max(SHORTEST), 0.0);
        let mut params = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
        params.set_language(Some("zh"));
        params.set_n_threads(self.threads);
        params.set_no_context(true);
        params.set_temperature_inc(0.0);
        params.set_max_tokens(gates::token_limit(samples.len() as f32 / RATE as f32));
        params.set_print_progress(false);
        params.set_print_realtime(false);
        params.set_print_special(false);
        params.set_print_timestamps(false);
        self.state.full(params, &filled).map_err(|error| ModelError::Decode(error.to_string()))?;
        let (mut text, mut sum, mut count) = (String::new(), 0.0, 0_u16);
        for segment in self.state.as_iter() {
            if let Ok(words) = segment.to_str_lossy() {
                text.push_str(words.trim());
            }
            for token in (0..segment.n_tokens()).filter_map(|at| segment.get_token(at)) {
                sum += token.token_probability();
                count = count.saturating_add(1);
            }
        }
        let confidence = if count == 0 { 0.0 } else { sum / f32::from(count) };
        Ok(Decoded { text, confidence })
    }
}
