//! One line per step, and what to do when it fails.

use std::io::Write;

use super::words::{Advice, Lang, Said};

/// The steps of a check, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The trunk in the books.
    Trunk,
    /// Our own port.
    Port,
    /// The addresses of its hosts.
    Resolve,
    /// REGISTER.
    Register,
    /// OPTIONS.
    Options,
    /// The court's number that is shown.
    Caller,
    /// The number that is called.
    Callee,
    /// The recording.
    Record,
    /// From INVITE to the answer.
    Call,
    /// Whether sound is secured.
    Srtp,
    /// The notice, and sound both ways.
    Sound,
    /// BYE.
    HangUp,
    /// The registration is given back.
    Unregister,
}

/// How a step went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is in order.
    Passed(Said),
    /// It is not; do this.
    Failed(Said, Advice),
    /// A step before it failed.
    Skipped,
}

/// Prints what happens while it happens, and remembers whether all of it was in order.
pub(super) struct Report<'a> {
    out: &'a mut (dyn Write + Send),
    lang: Lang,
    failed: bool,
}

impl<'a> Report<'a> {
    pub(super) fn new(out: &'a mut (dyn Write + Send), lang: Lang) -> Self {
        Self { out, lang, failed: false }
    }

    /// Prints a step. Answers whether it passed.
    pub(super) fn tell(&mut self, step: Step, outcome: &Outcome) -> std::io::Result<bool> {
        let passed = matches!(outcome, Outcome::Passed(_));
        self.failed |= matches!(outcome, Outcome::Failed(..));
        writeln!(self.out, "{}", line(self.lang, step, outcome))?;
        self.out.flush()?;
        Ok(passed)
    }

    /// A remark that is no step.
    pub(super) fn remark(&mut self, said: &Said) -> std::io::Result<()> {
        writeln!(self.out, "        {}", said.text(self.lang))?;
        self.out.flush()
    }

    /// Whether every step passed; the last line says so.
    pub(super) fn close(self) -> std::io::Result<bool> {
        let said = if self.failed { Said::SomeFailed } else { Said::AllPassed };
        writeln!(self.out, "{}", said.text(self.lang))?;
        Ok(!self.failed)
    }
}

/// One step as a line.
pub(super) fn line(lang: Lang, step: Step, outcome: &Outcome) -> String {
    let name = step.name(lang);
    match (outcome, lang) {
        (Outcome::Passed(said), Lang::En) => format!("ok      {name}: {}", said.text(lang)),
        (Outcome::Passed(said), Lang::Zh) => format!("通过    {name}：{}", said.text(lang)),
        (Outcome::Failed(said, advice), Lang::En) => {
            format!("FAILED  {name}: {} -> {}", said.text(lang), advice.text(lang))
        }
        (Outcome::Failed(said, advice), Lang::Zh) => {
            format!("失败    {name}：{} → {}", said.text(lang), advice.text(lang))
        }
        (Outcome::Skipped, Lang::En) => format!("skipped {name}: a step before it failed"),
        (Outcome::Skipped, Lang::Zh) => format!("跳过    {name}：前面有步骤未通过"),
    }
}

impl Step {
    fn name(self, lang: Lang) -> &'static str {
        let (zh, en) = match self {
            Self::Trunk => ("线路", "trunk"),
            Self::Port => ("本机端口", "port"),
            Self::Resolve => ("解析", "resolve"),
            Self::Register => ("注册", "register"),
            Self::Options => ("探测", "options"),
            Self::Caller => ("主叫", "caller"),
            Self::Callee => ("被叫", "callee"),
            Self::Record => ("录音", "record"),
            Self::Call => ("呼叫", "call"),
            Self::Srtp => ("语音加密", "srtp"),
            Self::Sound => ("声音", "sound"),
            Self::HangUp => ("挂机", "hang up"),
            Self::Unregister => ("注销", "unregister"),
        };
        lang.pick(zh, en)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_one_line_and_a_failed_one_says_what_to_do() {
        let failed = Outcome::Failed(Said::Status(401), Advice::Password);
        for lang in [Lang::Zh, Lang::En] {
            let text = line(lang, Step::Register, &failed);
            assert!(!text.contains('\n') && text.contains("401"), "{text}");
            assert!(text.contains(Advice::Password.text(lang)), "{text}");
        }
        assert!(line(Lang::Zh, Step::Register, &failed).starts_with("失败"));
        assert!(line(Lang::En, Step::Register, &failed).starts_with("FAILED"));
    }

    #[test]
    fn all_is_well_only_when_no_step_failed() {
        let mut out = Vec::new();
        let mut report = Report::new(&mut out, Lang::En);
        assert!(report.tell(Step::Options, &Outcome::Passed(Said::Alive)).unwrap());
        assert!(report.close().unwrap());
        let mut report = Report::new(&mut out, Lang::En);
        assert!(!report.tell(Step::Options, &Outcome::Failed(Said::Silent, Advice::Silence)).unwrap());
        assert!(!report.tell(Step::Call, &Outcome::Skipped).unwrap());
        assert!(!report.close().unwrap());
        assert_eq!(String::from_utf8(out).unwrap().lines().count(), 5);
    }
}
