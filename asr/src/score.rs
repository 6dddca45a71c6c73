//! Character error rate, for the acceptance of a model.

/// Wrong characters and length of the reference; punctuation and blanks do not count.
pub fn character_errors(reference: &str, hypothesis: &str) -> (usize, usize) {
    let (reference, hypothesis) = (letters(reference), letters(hypothesis));
    (distance(&reference, &hypothesis), reference.len())
}

/// The same over digits alone.
pub fn digit_errors(reference: &str, hypothesis: &str) -> (usize, usize) {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<Vec<_>>();
    let (reference, hypothesis) = (digits(reference), digits(hypothesis));
    (distance(&reference, &hypothesis), reference.len())
}

fn letters(text: &str) -> Vec<char> {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Levenshtein distance.
pub(crate) fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (above + 1).min(row[j] + 1).min(diagonal + usize::from(x != y));
            diagonal = above;
        }
    }
    row[b.len()]
}
