//! The people of one call, each at his own kind of device.

use serde_json::{Value, json};
use songda_media::Law;
use songda_tests::{agent::until, supervisor::Supervisor};

use super::{Do, VOICES, heard_in, voice};
use crate::{
    browser::{Browser, id},
    peers::FarEnd,
    road::tone,
    sound::HALF,
    survives::recorded,
    world::World,
};

/// Whoever is called here; the carrier is one telephone.
pub(super) const NUMBER: &str = crate::secured::NUMBER;

/// Somebody with an ear and a voice.
pub(super) enum Person {
    Chromium(Browser),
    /// A supervisor without a browser, once he is there.
    Line(Option<Supervisor>),
    Telephone(FarEnd),
}

impl Person {
    /// At Chromium with the voice of his part, signed in at this page.
    pub(super) async fn at_chromium(world: &World, who: char, login: &str, path: &str) -> Self {
        let mut page = Browser::saying(&world.server.url, voice(who)).await;
        page.sign_in(login, path).await;
        Self::Chromium(page)
    }

    fn page(&mut self) -> &mut Browser {
        match self {
            Self::Chromium(page) => page,
            _ => panic!("he has no page"),
        }
    }

    /// Waits until he hears these and nobody else for half a second from now on; answers what he
    /// heard last.
    async fn hears(&mut self, wanted: &str) -> String {
        match self {
            _ if wanted == "-" => wanted.to_owned(),
            Self::Chromium(page) => page.hears_only(&VOICES, wanted).await,
            Self::Line(line) => {
                let line = line.as_mut().unwrap();
                let enough = line.peer.as_ref().unwrap().heard().len() + HALF;
                let last = |heard: &[u8]| -> Vec<i16> {
                    heard[heard.len() - HALF..].iter().map(|octet| Law::Pcma.decode(*octet)).collect()
                };
                line.hears(|heard| heard.len() >= enough && heard_in(&last(heard)) == wanted).await;
                wanted.to_owned()
            }
            Self::Telephone(telephone) => {
                let enough = telephone.heard().len() + HALF;
                let is = |heard: &Vec<i16>| heard.len() >= enough && heard_in(&heard[heard.len() - HALF..]) == wanted;
                let (Ok(heard) | Err(heard)) = until(|| async { telephone.heard() }, is).await;
                if heard.len() < enough {
                    return format!("nothing new: {}", telephone.log());
                }
                heard_in(&heard[heard.len() - HALF..])
            }
        }
    }
}

/// Everybody of the call.
pub(super) struct House {
    world: World,
    party: Person,
    agent: Person,
    pub(super) target: Person,
    supervisor: Person,
    /// Its id, for a supervisor without a page.
    call: String,
}

impl House {
    /// An agent at Chromium with the work order of this party. The target is this telephone, or a
    /// colleague at Chromium; then the supervisor has no browser, and else he has one too.
    pub(super) async fn open(world: World, party: FarEnd, telephone: Option<FarEnd>) -> Self {
        world.push(NUMBER).await;
        let agent = async {
            let mut agent = Person::at_chromium(&world, 'a', "agent", "/desk?raw=1").await;
            agent.page().take_work().await;
            agent
        };
        let others = async {
            if let Some(telephone) = telephone {
                let supervisor = Person::at_chromium(&world, 's', "supervisor", "/overview?raw=1").await;
                return (Person::Telephone(telephone), supervisor);
            }
            let mut colleague = Person::at_chromium(&world, 't', "agent2", "/desk?raw=1").await;
            colleague.page().wait(&format!("{}:enabled", id("device-continue"))).await;
            colleague.page().click(&id("device-continue")).await;
            (colleague, Person::Line(None))
        };
        let (agent, (mut target, supervisor)) = tokio::join!(agent, others);
        if let Person::Chromium(colleague) = &mut target {
            // Ready sooner, the work order would have been his.
            colleague.click(&format!("{}:enabled", id("ready"))).await;
        }
        Self { world, party: Person::Telephone(party), agent, target, supervisor, call: String::new() }
    }

    pub(super) async fn go(&mut self, what: Do) {
        match what {
            Do::Talk => {
                self.agent.page().press("Alt+d").await;
                self.agent.page().phase("talking").await;
            }
            Do::Hold => self.held("yes").await,
            Do::Back => self.held("no").await,
            Do::Ring => {
                self.transfer().await;
                self.transfer_is("ringing").await;
            }
            Do::Consult => {
                if let Person::Chromium(page) = &mut self.target {
                    page.click(&id("handed-accept")).await;
                } else {
                    self.transfer().await;
                }
                self.transfer_is("consulting").await;
            }
            Do::Join => {
                self.agent.page().press("Alt+j").await;
                self.transfer_is("joined").await;
            }
            Do::HandOver => {
                self.agent.page().click(&id("transfer-leave")).await;
                if let Person::Chromium(page) = &mut self.target {
                    page.phase("talking").await;
                }
            }
            Do::Listen => self.supervise("listen").await,
            Do::Whisper => self.supervise("whisper").await,
            Do::Barge => self.supervise("barge").await,
            Do::Leave => {
                if let Person::Line(line) = &mut self.supervisor {
                    line.as_mut().unwrap().send(json!({ "type": "leave" })).await;
                } else {
                    self.supervisor.page().click(&id("supervise-leave")).await;
                }
            }
        }
    }

    async fn held(&mut self, held: &str) {
        self.agent.page().press("Alt+h").await;
        self.agent.page().wait(&format!("{}[data-held={held}]", id("phase"))).await;
    }

    /// Asks the only one there is.
    async fn transfer(&mut self) {
        let page = self.agent.page();
        page.press("Alt+z").await;
        page.click("[data-testid^=target-]:enabled").await;
        page.click(&id("transfer-attended")).await;
    }

    async fn transfer_is(&mut self, phase: &str) {
        self.agent.page().wait(&format!("{}[data-phase={phase}]", id("transfer-bar"))).await;
    }

    async fn supervise(&mut self, what: &str) {
        if let Person::Line(line) = &mut self.supervisor {
            let on = if let Some(line) = line {
                line.change(&self.call, what).await
            } else {
                let line = line.insert(Supervisor::sign_in(&self.world.server.url).await);
                let (_, overview) = self.world.server.get("/api/v1/overview", &line.cookie).await;
                let overview: Value = serde_json::from_str(&overview).unwrap();
                let mut agents = overview["agents"].as_array().unwrap().iter();
                let call = agents.find_map(|agent| agent["call"]["call_id"].as_str());
                call.unwrap().clone_into(&mut self.call);
                let on = line.enter(&self.call, what).await;
                line.peer.as_ref().unwrap().say(&tone(voice('s'), 240.0));
                on
            };
            assert_eq!(on["what"], what, "{on}");
            return;
        }
        // The way in stands beside the agent on the page, the way on in the bar of the call.
        let page = self.supervisor.page();
        page.click(&format!("[data-testid^={what}-]:enabled, {}", id(&format!("supervise-{what}")))).await;
        page.wait(&format!("{}[data-on={what}]", id("supervise-bar"))).await;
    }

    /// Everybody who is in the call hears these and nobody else: party, agent, target, supervisor.
    pub(super) async fn hears(&mut self, when: &str, wanted: [&str; 4]) {
        let (party, agent, target, supervisor) = tokio::join!(
            self.party.hears(wanted[0]),
            self.agent.hears(wanted[1]),
            self.target.hears(wanted[2]),
            self.supervisor.hears(wanted[3]),
        );
        assert_eq!([party, agent, target, supervisor], wanted, "{when}\n{}", self.world.server.log_tail());
    }

    /// UDP sockets of the server.
    pub(super) fn udp_sockets(&self) -> usize {
        self.world.server.udp_sockets()
    }

    /// What the party has heard so far.
    pub(super) fn party_heard(&self) -> Vec<i16> {
        match &self.party {
            Person::Telephone(party) => party.heard(),
            _ => panic!("the party is at a telephone"),
        }
    }

    /// Whoever has the party hangs up, or the party. The call, both channels of its recording, and
    /// what the party heard.
    pub(super) async fn end(mut self) -> (Value, Vec<i16>, Vec<i16>, Vec<i16>) {
        let Person::Telephone(mut party) = self.party else { panic!("the party is at a telephone") };
        match &mut self.target {
            Person::Telephone(target) if target.is_sipp() => {
                party.leave();
                assert!(target.succeeded(), "{}", target.log());
            }
            Person::Telephone(target) => target.leave(),
            person => {
                for _ in 0..2 {
                    person.page().click(&id("hang-up")).await;
                }
                person.page().phase("ended").await;
            }
        }
        if party.is_sipp() {
            assert!(party.succeeded(), "{}", party.log());
        }
        let judge = self.world.server.cookie("J0001").await;
        let order = json!({ "task_id": self.world.only_task(&judge).await });
        let (call, left, right) = recorded(&self.world, &order).await;
        for person in [self.agent, self.target, self.supervisor] {
            if let Person::Chromium(page) = person {
                page.close().await;
            }
        }
        (call, left, right, party.heard())
    }
}
