//! Against invented text: what a real utterance cannot be is marked.

/// Mandarin has 4 to 6 characters a second; more than this was not spoken.
const CHARACTERS_PER_SECOND: f32 = 12.0;
/// Mean token probability below which a line must be listened to.
const WEAK: f32 = 0.55;
/// A group of characters that stands more often in a row than this was not said.
const REPEATS: usize = 4;

/// What subtitle makers leave behind in the training data of large models.
const RESIDUE: [&str; 4] = ["请不吝点赞", "字幕由", "Amara.org", "订阅转发打赏"];

/// Tokens that a stretch of speech may become.
pub(crate) fn token_limit(seconds: f32) -> i32 {
    (seconds * CHARACTERS_PER_SECOND).ceil().max(8.0) as i32
}

/// Whether a line must be listened to before it is relied on.
pub(crate) fn is_weak(text: &str, seconds: f32, confidence: f32) -> bool {
    let characters = text.chars().count() as f32;
    confidence < WEAK || characters > seconds.max(0.5) * CHARACTERS_PER_SECOND || repeats(text)
}

/// Whether a line looks invented as a whole.
pub(crate) fn is_residue(text: &str) -> bool {
    RESIDUE.iter().any(|residue| text.contains(residue))
}

fn repeats(text: &str) -> bool {
    let characters: Vec<char> = text.chars().filter(|c| !c.is_ascii_digit()).collect();
    (1..=8).any(|length| {
        let mut run = 1;
        let mut at = length;
        while at + length <= characters.len() {
            run = if characters[at..at + length] == characters[at - length..at] { run + 1 } else { 1 };
            if run > REPEATS {
                return true;
            }
            at += length;
        }
        false
    })
}
