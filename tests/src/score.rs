//! Wrong characters of a transcript, for the acceptance of a model. Tests of several crates take this
//! file as a module.

/// Wrong characters and length of the reference; punctuation and blanks do not count.
pub fn character_errors(reference: &str, hypothesis: &str) -> (usize, usize) {
    let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<Vec<_>>();
    wrong(&letters(reference), &letters(hypothesis))
}

/// The same over digits alone.
pub fn digit_errors(reference: &str, hypothesis: &str) -> (usize, usize) {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<Vec<_>>();
    wrong(&digits(reference), &digits(hypothesis))
}

/// Levenshtein distance, and the length of the reference.
fn wrong(reference: &[char], hypothesis: &[char]) -> (usize, usize) {
    let mut row: Vec<usize> = (0..=hypothesis.len()).collect();
    for (no, wanted) in reference.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = no + 1;
        for (at, heard) in hypothesis.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = (above + 1).min(row[at] + 1).min(diagonal + usize::from(wanted != heard));
            diagonal = above;
        }
    }
    (row[hypothesis.len()], reference.len())
}
