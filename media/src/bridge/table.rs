//! Who hears whom. The whole of it stands in this table: what a mode of the bridge means is
//! read here, and nothing else decides it.
//!
//! | with the agent | party hears | agent hears | target hears | supervisor hears |
//! |---|---|---|---|---|
//! | nobody | agent | party | – | agent, party |
//! | it rings | – | ring-back | – | agent, party |
//! | target, aside | – | target | agent | agent, target |
//! | target, joined | agent, target | party, target | party, agent | agent, party, target |
//!
//! A supervisor who whispers is heard by the agent; one who barges in by everybody who hears
//! the agent, and by the agent. What stands on the stage takes the party's ear for itself: on
//! hold it hears music, and those of the house go on hearing it and each other. An
//! announcement is heard beside the party by whoever hears the party.
//!
//! The left channel of the recording is what the party hears, so whispers, and what is said
//! aside, are in no recording.

/// A set of those who are heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Mouths(u8);

pub(super) const NOBODY: Mouths = Mouths(0);
pub(super) const AGENT: Mouths = Mouths(1);
pub(super) const TARGET: Mouths = Mouths(1 << 1);
pub(super) const PARTY: Mouths = Mouths(1 << 2);
pub(super) const SUPERVISOR: Mouths = Mouths(1 << 3);
/// What stands on the stage.
pub(super) const HOUSE: Mouths = Mouths(1 << 4);
/// The tone that the agent hears while a target rings.
pub(super) const RING: Mouths = Mouths(1 << 5);
/// Several at once, whoever they are.
pub(super) const MIX: Mouths = Mouths(u8::MAX);
/// How many of them are people; they come first.
pub(super) const PEOPLE: usize = 4;
/// How many there are.
pub(super) const COUNT: usize = 6;

impl Mouths {
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The same with two of them exchanged.
    pub(super) fn swapped(self, one: Self, other: Self) -> Self {
        match (self.has(one), self.has(other)) {
            (true, false) => self.without(one).and(other),
            (false, true) => self.without(other).and(one),
            _ => self,
        }
    }

    /// More than one: they have to be mixed.
    pub(super) fn is_mixed(self) -> bool {
        self.0.count_ones() > 1
    }

    /// Each of them, and its place.
    pub(super) fn each(self) -> impl Iterator<Item = (usize, Self)> {
        (0..COUNT).map(|at| (at, Self(1 << at))).filter(move |(_, mouth)| self.has(*mouth))
    }

    /// The place of one.
    pub(super) fn place(self) -> usize {
        self.0.trailing_zeros() as usize
    }
}

/// Who of the house is with the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Company {
    /// Nobody.
    Alone,
    /// It rings at a target.
    Ringing,
    /// A target, and the party hears neither.
    Aside,
    /// A target, and all three hear each other.
    Joined,
}

/// What a supervisor does in a call (R4.4b).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Supervision {
    /// He hears everybody, and nobody hears him.
    Listen,
    /// The agent hears him too, and neither the party nor the recording does.
    Whisper,
    /// All hear each other.
    Barge,
}

impl Supervision {
    /// As it is stored, told and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listen => "listen",
            Self::Whisper => "whisper",
            Self::Barge => "barge",
        }
    }
}

/// What the call is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scene {
    /// Nobody answered: the party hears nothing of us.
    Before,
    /// People talk.
    Talk,
    /// Something is said to the party.
    Announcement,
    /// The party hears music, or nothing more.
    Apart,
}

/// Whom each ear hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ears {
    pub(super) party: Mouths,
    pub(super) agent: Mouths,
    pub(super) target: Mouths,
    pub(super) supervisor: Mouths,
}

impl Ears {
    pub(super) fn of(company: Company, supervision: Option<Supervision>, scene: Scene) -> Self {
        let row = |party, agent, target, supervisor| Self { party, agent, target, supervisor };
        let mut ears = match company {
            Company::Alone => row(AGENT, PARTY, NOBODY, AGENT.and(PARTY)),
            Company::Ringing => row(NOBODY, RING, NOBODY, AGENT.and(PARTY)),
            Company::Aside => row(NOBODY, TARGET, AGENT, AGENT.and(TARGET)),
            Company::Joined => {
                row(AGENT.and(TARGET), PARTY.and(TARGET), PARTY.and(AGENT), AGENT.and(PARTY).and(TARGET))
            }
        };
        match supervision {
            None => ears.supervisor = NOBODY,
            Some(Supervision::Listen) => {}
            Some(Supervision::Whisper) => ears.agent = ears.agent.and(SUPERVISOR),
            Some(Supervision::Barge) => {
                for ear in [&mut ears.party, &mut ears.target] {
                    if ear.has(AGENT) {
                        *ear = ear.and(SUPERVISOR);
                    }
                }
                ears.agent = ears.agent.and(SUPERVISOR);
            }
        }
        match scene {
            Scene::Before => ears.party = NOBODY,
            Scene::Talk => {}
            Scene::Announcement => {
                for ear in [&mut ears.agent, &mut ears.target, &mut ears.supervisor] {
                    if ear.has(PARTY) {
                        *ear = ear.and(HOUSE);
                    }
                }
                ears.party = HOUSE;
            }
            Scene::Apart => ears.party = HOUSE,
        }
        ears
    }

    /// The same, and nobody hears this one.
    pub(super) fn without(self, mouth: Mouths) -> Self {
        let Self { party, agent, target, supervisor } = self;
        let [party, agent, target, supervisor] = [party, agent, target, supervisor].map(|ear| ear.without(mouth));
        Self { party, agent, target, supervisor }
    }

    /// Who is in some mix.
    pub(super) fn mixed(self) -> Mouths {
        [self.party, self.agent, self.target, self.supervisor]
            .into_iter()
            .filter(|ear| ear.is_mixed())
            .fold(NOBODY, Mouths::and)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPANIES: [Company; 4] = [Company::Alone, Company::Ringing, Company::Aside, Company::Joined];
    const SCENES: [Scene; 4] = [Scene::Before, Scene::Talk, Scene::Announcement, Scene::Apart];

    fn every() -> impl Iterator<Item = (Company, Option<Supervision>, Scene)> {
        let supervisions = [None, Some(Supervision::Listen), Some(Supervision::Whisper), Some(Supervision::Barge)];
        COMPANIES.into_iter().flat_map(move |company| {
            supervisions
                .into_iter()
                .flat_map(move |supervision| SCENES.into_iter().map(move |scene| (company, supervision, scene)))
        })
    }

    #[test]
    fn nobody_hears_himself_and_a_supervisor_is_heard_by_nobody_unless_he_speaks() {
        for (company, supervision, scene) in every() {
            let ears = Ears::of(company, supervision, scene);
            assert!(!ears.party.has(PARTY) && !ears.agent.has(AGENT), "{company:?} {supervision:?} {scene:?}");
            assert!(!ears.target.has(TARGET) && !ears.supervisor.has(SUPERVISOR));
            let heard = [ears.party, ears.agent, ears.target].into_iter().any(|ear| ear.has(SUPERVISOR));
            let speaks = matches!(supervision, Some(Supervision::Whisper | Supervision::Barge));
            assert_eq!(heard, speaks, "{company:?} {supervision:?} {scene:?}");
        }
    }

    #[test]
    fn r4_4b_a_whisper_is_heard_by_the_agent_alone_whatever_else_goes_on() {
        for (company, _, scene) in every() {
            let ears = Ears::of(company, Some(Supervision::Whisper), scene);
            assert!(ears.agent.has(SUPERVISOR) && !ears.party.has(SUPERVISOR) && !ears.target.has(SUPERVISOR));
        }
    }

    #[test]
    fn the_party_hears_the_stage_alone_whoever_is_in_the_call() {
        for (company, supervision, scene) in every() {
            let ears = Ears::of(company, supervision, scene);
            match scene {
                Scene::Before => assert_eq!(ears.party, NOBODY),
                Scene::Announcement | Scene::Apart => assert_eq!(ears.party, HOUSE),
                Scene::Talk => assert!(!ears.party.has(HOUSE)),
            }
        }
    }
}
