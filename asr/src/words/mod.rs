//! What a notice of the network, a mailbox or a person says, found by key words.
//!
//! Recognition errs, and by telephone it errs more: words are compared by how they sound, without
//! tones, and a phrase may have a wrong, a missing or an extra syllable. The longer a phrase the
//! more of it may be wrong. The phrases are data with a version; one with `^` before it counts only
//! at the beginning.

mod syllables;

use std::sync::LazyLock;

use serde::Deserialize;

use self::syllables::{Token, apart, tokens};

/// What was said, by its class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// 空号, 不存在.
    NoSuchNumber,
    /// 停机.
    Suspended,
    /// 号码过期, 注销.
    Expired,
    /// 关机.
    SwitchedOff,
    /// 通话中.
    InACall,
    /// 用户正忙.
    UserBusy,
    /// 无法接通, 不在服务区.
    Unreachable,
    /// 无人接听.
    NoAnswer,
    /// 呼入限制.
    Barred,
    /// 来电转接.
    Forwarded,
    /// 语音信箱, 滴声后留言.
    Voicemail,
    /// 智能助理, 来电秘书.
    Assistant,
    /// 请按一.
    Menu,
    /// A notice of the network that says nothing of these.
    Network,
    /// What persons say who answer.
    Person,
}

impl Said {
    /// As it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoSuchNumber => "no_such_number",
            Self::Suspended => "suspended",
            Self::Expired => "expired",
            Self::SwitchedOff => "switched_off",
            Self::InACall => "in_a_call",
            Self::UserBusy => "user_busy",
            Self::Unreachable => "unreachable",
            Self::NoAnswer => "no_answer",
            Self::Barred => "barred",
            Self::Forwarded => "forwarded",
            Self::Voicemail => "voicemail",
            Self::Assistant => "assistant",
            Self::Menu => "menu",
            Self::Network => "network",
            Self::Person => "person",
        }
    }

    /// It says of the number or of who answered what the others do not.
    fn is_telling(self) -> bool {
        !matches!(self, Self::Network | Self::Person)
    }
}

/// Key words that were found.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// What was said.
    pub said: Said,
    /// How well it fits, and how clearly nothing else does: 0 to 1.
    pub score: f32,
    /// The phrase of the table.
    pub phrase: String,
}

/// How near a text comes to what only recordings say, and to what persons do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Leaning {
    /// How well the best phrase of a notice, a mailbox or an assistant fits, beyond what is enough
    /// for one of its length: 0 and more is found, far below 0 is nothing like it.
    pub recorded: f32,
    /// The same of what persons say beside a greeting, which machines say too.
    pub person: f32,
    /// It begins with 喂, as persons do and hardly a recording does.
    pub hails: bool,
    /// Syllables of the text.
    pub syllables: usize,
}

#[derive(Deserialize)]
struct Written {
    version: u32,
    classes: Vec<WrittenClass>,
}

#[derive(Deserialize)]
struct WrittenClass {
    class: Said,
    phrases: Vec<String>,
}

struct Phrase {
    said: Said,
    text: String,
    tokens: Vec<Token>,
    /// It counts only where the text begins with it.
    first: bool,
}

/// A table of key words.
pub struct Table {
    version: u32,
    phrases: Vec<Phrase>,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Table(v{}, {} phrases)", self.version, self.phrases.len())
    }
}

static HOUSE: LazyLock<Result<Table, String>> =
    LazyLock::new(|| Table::read(include_str!("../../rules/announcements-v2.json")));

/// A syllable too many inside a phrase costs less than a wrong one.
const EXTRA: f32 = 0.7;
/// Another class that fits as well within this makes both doubtful.
const MARGIN: f32 = 0.06;

/// The house's table; an error when it cannot be read, which the server finds at its start.
pub fn table() -> Result<&'static Table, &'static str> {
    HOUSE.as_ref().map_err(String::as_str)
}

impl Table {
    fn read(text: &str) -> Result<Self, String> {
        let written: Written = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let mut phrases = Vec::new();
        for class in written.classes {
            for text in class.phrases {
                let first = text.starts_with('^');
                let tokens = tokens(&text);
                phrases.push(Phrase { said: class.class, text, tokens, first });
            }
        }
        Ok(Self { version: written.version, phrases })
    }

    /// Name of the table with its version, which stays with what it found.
    pub fn rule(&self) -> String {
        format!("announcements v{}", self.version)
    }

    /// Whether a text, however badly it was read, sounds like a recording or like a person.
    pub fn leaning(&self, text: &str) -> Leaning {
        let said = tokens(text);
        let best = |wanted: fn(&&Phrase) -> bool| {
            let fits = self.phrases.iter().filter(wanted).map(|phrase| {
                let needed = enough(phrase.tokens.len());
                fit(&phrase.tokens, &said) - needed
            });
            fits.fold(-1.0, f32::max)
        };
        Leaning {
            recorded: best(|phrase| phrase.said != Said::Person && phrase.tokens.len() > 2),
            person: best(|phrase| phrase.said == Said::Person && !phrase.first),
            hails: said.first() == tokens("喂").first(),
            syllables: said.len(),
        }
    }

    /// What a text says, when it says something that the table knows.
    pub fn find(&self, text: &str) -> Option<Match> {
        let said = tokens(text);
        let mut best: Vec<(Said, f32, &Phrase)> = Vec::new();
        for phrase in &self.phrases {
            let within = if phrase.first { &said[..said.len().min(phrase.tokens.len())] } else { &said[..] };
            let score = fit(&phrase.tokens, within);
            if score < enough(phrase.tokens.len()) {
                continue;
            }
            // Of two that fit as well the longer one says more.
            let score = score + phrase.tokens.len().min(12) as f32 * 0.005;
            match best.iter_mut().find(|(class, ..)| *class == phrase.said) {
                Some(entry) if entry.1 < score => *entry = (phrase.said, score, phrase),
                Some(_) => {}
                None => best.push((phrase.said, score, phrase)),
            }
        }
        let network = best.iter().any(|(class, ..)| *class == Said::Network);
        let telling = best.iter().any(|(class, ..)| class.is_telling());
        best.retain(|(class, ..)| class.is_telling() || !telling);
        best.sort_by(|a, b| b.1.total_cmp(&a.1));
        let (class, score, phrase) = *best.first()?;
        let rival = best.get(1).map_or(0.0, |(_, score, _)| *score);
        let mut score = score.min(1.0);
        if score - rival < MARGIN && !alike(class, best.get(1).map(|(class, ..)| *class)) {
            score *= 0.7;
        }
        if network && class.is_telling() {
            score = (score + 0.05).min(1.0);
        }
        Some(Match { said: class, score, phrase: phrase.text.clone() })
    }
}

/// Classes that mean the same to whoever reads them: one more of them is no doubt.
fn alike(one: Said, other: Option<Said>) -> bool {
    let machine = |said| matches!(said, Said::Voicemail | Said::Assistant | Said::Menu | Said::Forwarded);
    other.is_none_or(|other| machine(one) && machine(other))
}

/// How well a phrase of so many syllables must fit.
fn enough(syllables: usize) -> f32 {
    match syllables {
        0..=2 => 0.99,
        3 => 0.86,
        4 => 0.79,
        5..=7 => 0.74,
        _ => 0.68,
    }
}

/// How well a phrase fits the best place in a text: 1 for every syllable.
fn fit(phrase: &[Token], text: &[Token]) -> f32 {
    if phrase.is_empty() {
        return 0.0;
    }
    // Edit distance whose ends in the text are free.
    let mut row = vec![0.0f32; text.len() + 1];
    for (at, token) in phrase.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = (at + 1) as f32;
        for (to, said) in text.iter().enumerate() {
            let above = row[to + 1];
            row[to + 1] = (above + 1.0).min(row[to] + EXTRA).min(diagonal + apart(token, said));
            diagonal = above;
        }
    }
    let cost = row.into_iter().fold(f32::INFINITY, f32::min);
    1.0 - cost / phrase.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Option<Said> {
        table().unwrap().find(text).map(|found| found.said)
    }

    #[test]
    fn each_notice_is_known_by_its_words_in_both_languages() {
        for (text, class) in [
            ("您好，您拨打的号码是空号，请核对后再拨。", Said::NoSuchNumber),
            ("Sorry, the number you have dialed does not exist, please check the number.", Said::NoSuchNumber),
            ("对不起，您拨打的用户已停机。", Said::Suspended),
            ("您拨打的电话已关机，请稍后再拨。Sorry, the subscriber you dialed is powered off.", Said::SwitchedOff),
            ("您拨打的用户正在通话中，请稍后再拨。", Said::InACall),
            ("您拨打的用户正忙，请稍后再拨。", Said::UserBusy),
            ("您拨打的电话暂时无法接通，请稍后再拨。", Said::Unreachable),
            ("您拨打的电话暂时无人接听，请稍后再拨。", Said::NoAnswer),
            ("您所拨打的号码已过期。", Said::Expired),
            ("对不起，该用户已设置呼入限制。", Said::Barred),
            ("您的来电已转接，请稍候。", Said::Forwarded),
            ("您好，我现在不方便接听电话，请在嘀声后留言。", Said::Voicemail),
            ("您好，我是机主的智能助理，请问您有什么事？", Said::Assistant),
            ("您好，人工服务请按零，查询请按一。", Said::Menu),
        ] {
            assert_eq!(said(text), Some(class), "{text}");
        }
    }

    #[test]
    fn a_word_that_sounds_the_same_is_the_same_word() {
        assert_eq!(said("您播打的电话以关鸡"), Some(Said::SwitchedOff));
        assert_eq!(said("您拨打的号码是空好"), Some(Said::NoSuchNumber));
    }

    #[test]
    fn wrong_and_missing_syllables_are_borne_and_other_talk_is_not_taken_for_a_notice() {
        assert_eq!(said("您拨的电话暂时无罚接通"), Some(Said::Unreachable));
        assert_eq!(said("拨打用户正在通画中请少后再拨"), Some(Said::InACall));
        for text in [
            "喂，你好，哪位？",
            "我是王建国，您说。",
            "我在开车，等会儿再说。",
            "好的，我知道了。",
            "我不同意，你寄过来吧。",
        ] {
            assert!(said(text).is_none_or(|said| said == Said::Person), "{text} {:?}", said(text));
        }
        assert_eq!(said(""), None);
    }

    #[test]
    fn where_two_classes_fit_as_well_neither_is_sure() {
        let found = table().unwrap().find("您拨打的电话已关机已停机").unwrap();
        assert!(found.score < 0.8, "{found:?}");
    }
}
