//! Characters to the syllables they are read as, without tones, and how much alike two sound.
//!
//! The readings are the commonest one of each of the 6,763 characters of GB 2312, by the data of
//! `pypinyin` 0.5x (MIT).

use std::{collections::HashMap, sync::LazyLock};

const TABLE: &str = include_str!("syllables.txt");

static READINGS: LazyLock<HashMap<char, &'static str>> = LazyLock::new(|| {
    let lines = TABLE.lines().filter_map(|line| line.split_once(' '));
    lines.flat_map(|(syllable, characters)| characters.chars().map(move |character| (character, syllable))).collect()
});

/// What is said in one go: a syllable, or a word of another script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// Initial and rest of a syllable.
    Syllable(&'static str, &'static str),
    /// Letters in lower case.
    Word(String),
    /// A character without a known reading.
    Strange(char),
}

/// The tokens of a text. Punctuation and blanks say nothing.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut word = String::new();
    for character in text.chars() {
        if character.is_ascii_alphabetic() || (character == '\'' && !word.is_empty()) {
            word.push(character.to_ascii_lowercase());
            continue;
        }
        if !word.is_empty() {
            tokens.push(Token::Word(std::mem::take(&mut word)));
        }
        if let Some(syllable) = digit(character).or_else(|| READINGS.get(&character).copied()) {
            let (initial, rest) = split(syllable);
            tokens.push(Token::Syllable(initial, rest));
        } else if character.is_alphanumeric() {
            tokens.push(Token::Strange(character));
        }
    }
    if !word.is_empty() {
        tokens.push(Token::Word(word));
    }
    tokens
}

fn digit(character: char) -> Option<&'static str> {
    const DIGITS: [&str; 10] = ["ling", "yi", "er", "san", "si", "wu", "liu", "qi", "ba", "jiu"];
    DIGITS.get(character.to_digit(10)? as usize).copied()
}

fn split(syllable: &'static str) -> (&'static str, &'static str) {
    let vowel = syllable.find(['a', 'e', 'i', 'o', 'u', 'v']).unwrap_or(syllable.len());
    syllable.split_at(vowel)
}

/// Parts of syllables that recognition and people take for each other.
const INITIALS: [(&str, &str); 11] = [
    ("z", "zh"),
    ("c", "ch"),
    ("s", "sh"),
    ("n", "l"),
    ("f", "h"),
    ("j", "zh"),
    ("q", "ch"),
    ("x", "sh"),
    ("b", "p"),
    ("d", "t"),
    ("g", "k"),
];
const RESTS: [(&str, &str); 9] = [
    ("in", "ing"),
    ("en", "eng"),
    ("an", "ang"),
    ("ian", "iang"),
    ("uan", "uang"),
    ("un", "ong"),
    ("ou", "uo"),
    ("ei", "ui"),
    ("ie", "ia"),
];

/// Levenshtein distance.
fn distance(a: &[char], b: &[char]) -> usize {
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

/// How far two tokens lie apart in sound, 0 to 1.
pub(super) fn apart(one: &Token, other: &Token) -> f32 {
    match (one, other) {
        (Token::Syllable(a, b), Token::Syllable(c, d)) => part(a, c, &INITIALS) + part(b, d, &RESTS),
        (Token::Word(a), Token::Word(b)) => {
            let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
            let wrong = distance(&a, &b) as f32 / a.len().max(b.len()) as f32;
            if wrong < 0.5 { wrong } else { 1.0 }
        }
        (a, b) => f32::from(u8::from(a != b)),
    }
}

fn part(one: &str, other: &str, pairs: &[(&str, &str)]) -> f32 {
    let paired = |(a, b): &(&str, &str)| (*a == one && *b == other) || (*a == other && *b == one);
    match () {
        () if one == other => 0.0,
        () if pairs.iter().any(paired) => 0.2,
        () => 0.5,
    }
}
