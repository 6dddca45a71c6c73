//! The task that owns one call.

mod diary;
mod hearing;
mod line;
mod orders;
mod supervision;
mod transfer;
mod ways;

use std::{sync::Arc, time::Instant};

use songda_media::{CallMedia, Law, MediaEvent, Summary, progress::Heard};
use songda_sip::{IncomingCall, LegEvent};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::spawn_blocking,
};

pub use self::ways::carrier_sound;
use self::{
    diary::Diary,
    line::{Ground, Line},
};
pub(crate) use self::{
    hearing::Hearing,
    supervision::{Gallery, Wish},
    transfer::Phone,
};
use crate::{
    causes,
    clock::CallClock,
    events::CallEvent,
    facts::{CallEnd, Farewell, Fault, SupervisionEnd, TransferFault, TransferMode},
    machine::{Do, Input, Machine, Target, Welcome},
    recorder::{Kept, Recorder},
    sounds::Sounds,
    switchboard::{Dial, Live, SwitchboardConfig, TransferTo},
};

/// What the agent wants, and what the desk knows of him.
pub(crate) enum Order {
    HangUp,
    /// The house closes.
    Close,
    EndPolitely,
    Mute(bool),
    Hold(bool),
    Press(String),
    Offer(String),
    Away,
    Here,
    Join(String),
    NobodyTook,
    /// The party calls us; the call goes back where it is not taken.
    CalledBack(Box<IncomingCall>, oneshot::Sender<Option<Box<IncomingCall>>>),
    Transfer(TransferMode, TransferTo),
    TransferTaken(String),
    TransferRefused(TransferFault),
    CompleteTransfer,
    JoinAll,
    /// Nobody of the house is left with the party.
    Forsaken,
}

/// How a call begins.
pub(crate) enum Begin {
    /// An agent's browser was answered; the carrier is asked next.
    Dial { answer: String },
    /// A call that came in is answered.
    Answer(Welcome),
}

pub(crate) struct Actor {
    pub(crate) ground: Arc<SwitchboardConfig>,
    pub(crate) call: String,
    /// What is dialled.
    pub(crate) dial: Option<Dial>,
    /// A call that came in and is not answered yet.
    pub(crate) caller: Option<Box<IncomingCall>>,
    /// A desk phone that the call is passed on to.
    pub(crate) phone: Phone,
    /// Who supervises.
    pub(crate) gallery: Gallery,
    pub(crate) sounds: Sounds,
    pub(crate) recorder: Recorder,
    /// When the recording began; told once.
    pub(crate) recording: oneshot::Receiver<Instant>,
    pub(crate) media: CallMedia,
    pub(crate) news: mpsc::Receiver<MediaEvent>,
    pub(crate) inbox: mpsc::Receiver<Order>,
    /// Of supervisors, who take no place from the agent's orders.
    pub(crate) wishes: mpsc::Receiver<Wish>,
    pub(crate) events: mpsc::Sender<CallEvent>,
    /// True once the house waits no longer for the end of a call.
    pub(crate) parts: watch::Receiver<bool>,
    pub(crate) live: Live,
    pub(crate) clock: CallClock,
    pub(crate) hearing: Hearing,
}

/// Which of the sources still say something.
struct Open {
    news: bool,
    orders: bool,
    wishes: bool,
    desk: bool,
    house: bool,
    recording: bool,
}

impl Actor {
    pub(crate) async fn run(mut self, begin: Begin) {
        let now = Instant::now();
        let (mut machine, answer) = match begin {
            Begin::Dial { answer } => {
                let extension = self.dial.as_mut().and_then(|dial| dial.extension.take());
                (Machine::new(now).with_extension(extension), Some(answer))
            }
            Begin::Answer(welcome) => (Machine::incoming(now, welcome), None),
        };
        let mut diary = Diary::new(self.clock);
        let mut line = Line::idle();
        let mut open = Open { news: true, orders: true, wishes: true, desk: true, house: true, recording: true };
        if let Some(sdp) = answer {
            self.tell(CallEvent::BrowserAnswer { sdp }).await;
        }
        let first = machine.begin();
        let mut over = self.obey(&mut machine, first, &mut line, &mut diary).await;
        while !over {
            over = match self.next(&machine, &mut line, &mut open, &mut diary).await {
                Some(input) => self.turn(&mut machine, input, &mut line, &mut diary).await,
                None => false,
            };
            self.tell_marks(&mut diary).await;
        }
        self.finish(&machine, diary, line.farewell()).await;
    }

    /// Waits for what happens next; nothing when it was seen to at once.
    async fn next(&mut self, machine: &Machine, line: &mut Line, open: &mut Open, diary: &mut Diary) -> Option<Input> {
        let deadline = machine.deadline();
        // In this order: who hung up, or is gone, must not see an INVITE go out.
        tokio::select! {
            biased;
            () = self.events.closed(), if open.desk => {
                open.desk = false;
                Some(Input::Abandoned)
            }
            () = is_true(&mut self.parts), if open.house => {
                open.house = false;
                Some(Input::HouseCloses)
            }
            order = self.inbox.recv(), if open.orders => {
                if order.is_none() {
                    open.orders = false;
                }
                self.ordered(machine, order?)
            }
            gone = self.gallery.left() => Some(gone),
            wish = self.wishes.recv(), if open.wishes => {
                open.wishes = wish.is_some();
                self.wished(machine.takes_supervisor(), machine.is_supervised(), wish?)
            }
            event = self.phone.next() => Some(self.phone.said(event)),
            step = line.step() => {
                match line.take(step, &self.line_stands_on()).await {
                    // A carrier that tells keys by INFO; those in the sound come with their frame.
                    Some(Input::Leg(LegEvent::Digit { digit, ms })) => {
                        if let Some(event) = diary.digit_now(digit, ms) {
                            self.tell(event).await;
                        }
                        None
                    }
                    input => input,
                }
            }
            began = &mut self.recording, if open.recording => {
                open.recording = false;
                if let Ok(began) = began {
                    self.tell(diary.recording_began(began)).await;
                }
                None
            }
            read = self.hearing.read() => {
                if let Some(status) = self.hearing.words(read) {
                    self.tell(CallEvent::Progress(Box::new(status))).await;
                }
                None
            }
            news = self.news.recv(), if open.news => if let Some(news) = news {
                self.sound(news, diary).await
            } else {
                open.news = false;
                Some(Input::BadAnswer("the media engine stopped".into()))
            },
            () = until(deadline) => Some(Input::Deadline),
        }
    }

    /// Feeds the machine and does what it says, until it asks for nothing more. True when
    /// the call is over.
    async fn turn(&mut self, machine: &mut Machine, first: Input, line: &mut Line, diary: &mut Diary) -> bool {
        let orders = machine.handle(Instant::now(), first);
        let over = self.obey(machine, orders, line, diary).await;
        diary.settle();
        over
    }

    /// Does what the machine said, and what it says to what came of it.
    async fn obey(&mut self, machine: &mut Machine, orders: Vec<Do>, line: &mut Line, diary: &mut Diary) -> bool {
        let mut over = false;
        let mut orders = orders;
        loop {
            let mut given = None;
            for order in orders {
                match order {
                    Do::Tell(told) => {
                        self.gallery.told(told);
                        let event = diary.told(told);
                        // What is told is in the books by then.
                        self.tell_marks(diary).await;
                        self.tell(event).await;
                    }
                    Do::Finish => over = true,
                    order => {
                        if let Some(input) = self.act(order, line, diary).await {
                            given = Some(input);
                        }
                    }
                }
            }
            let Some(input) = given else { return over };
            orders = machine.handle(Instant::now(), input);
        }
    }

    /// What an order of the agent or the desk is to the machine.
    fn ordered(&mut self, machine: &Machine, order: Order) -> Option<Input> {
        Some(match order {
            Order::HangUp => Input::HangUp,
            Order::Close => Input::Abandoned,
            Order::EndPolitely => Input::EndPolitely,
            Order::Mute(on) => Input::Mute(on),
            Order::Hold(on) => Input::Hold(on),
            Order::Press(keys) => Input::Press(keys),
            Order::Offer(sdp) => Input::Offer(sdp),
            Order::Away => Input::PageGone,
            Order::Here => Input::PageHere,
            Order::Join(sdp) => Input::Join(sdp),
            Order::NobodyTook => Input::NobodyTook,
            Order::Transfer(mode, TransferTo::Desk) => Input::Transfer(mode, Target::Desk),
            Order::Transfer(mode, TransferTo::Phone(phone)) => {
                self.phone.want(phone);
                Input::Transfer(mode, Target::Phone)
            }
            Order::TransferTaken(sdp) => Input::TransferTaken(sdp),
            Order::TransferRefused(why) => Input::TransferRefused(why),
            Order::CompleteTransfer => Input::CompleteTransfer,
            Order::JoinAll => Input::JoinAll,
            Order::Forsaken => Input::Forsaken,
            // One at a time, and only while nobody has answered.
            Order::CalledBack(incoming, back) => {
                if self.caller.is_some() || self.dial.is_none() || !machine.gives_way() {
                    let _ = back.send(Some(incoming));
                    return None;
                }
                let _ = back.send(None);
                self.caller = Some(incoming);
                Input::CalledBack
            }
        })
    }

    /// Answers the call that came in: with our answer to its offer, or with an offer of ours.
    async fn answer(&mut self, line: &mut Line) -> Option<Input> {
        let Some(caller) = self.caller.take() else { return Some(Input::BadAnswer("no caller is there".into())) };
        let IncomingCall { invite, leg, codecs, sound, .. } = *caller;
        let ours = async {
            self.media.comes_in()?;
            self.media.trunk_speaks(Law::named(&codecs))?;
            self.media.carrier(carrier_sound(sound))?;
            match invite.offer {
                Some(offer) => self.media.trunk_offered(offer).await,
                None => self.media.trunk_offer().await,
            }
        };
        match ours.await {
            Ok(sdp) => {
                // Its Call-ID was chosen by the other end, and may hold a number: it stands in no log.
                tracing::info!(call = %self.call, "a call that came in is answered");
                leg.handle().answer(sdp).await;
                line.take_up(leg);
                None
            }
            Err(error) => {
                leg.handle().reject(causes::refusal(488)).await;
                line.take_up(leg);
                Some(Input::BadAnswer(error.to_string()))
            }
        }
    }

    /// Does one thing; what came of it, when the machine must know.
    async fn act(&mut self, order: Do, line: &mut Line, diary: &mut Diary) -> Option<Input> {
        match order {
            Do::Dial => {
                let Some(dial) = &self.dial else {
                    return Some(Input::NotPlaced(Fault::Desk, "nothing is to be dialled".into()));
                };
                line.dial(&self.line_stands_on(), ways::of(dial)).await;
                None
            }
            Do::Answer => self.answer(line).await,
            Do::GiveWay => line.hang_up(causes::of_end(None)).await,
            Do::HangUp(why) => {
                // Dropped, a caller who was not answered is refused.
                self.caller = None;
                line.hang_up(why).await
            }
            Do::TrunkAnswer(sdp) => {
                self.media.trunk_answer(sdp).await.err().map(|error| Input::BadAnswer(error.to_string()))
            }
            Do::TrunkMoved(sdp) => {
                self.media.trunk_moved(sdp).await.err().map(|error| Input::BadAnswer(error.to_string()))
            }
            Do::TakeOffer(sdp) => self.take_offer(sdp).await,
            Do::Press(keys) => {
                self.press(keys, diary).await;
                None
            }
            Do::Extension(keys) => {
                self.press_extension(keys, diary).await;
                None
            }
            Do::RingPhone => self.ring_phone().await,
            Do::TakeTarget(sdp) => self.take_target(sdp).await,
            Do::PhoneAnswer(sdp) => self.phone_answer(sdp).await,
            Do::Supervise(what, sdp) => self.supervise(what, sdp, diary).await,
            Do::DropTarget => {
                self.phone.drop_leg().await;
                self.order(Do::DropTarget).await
            }
            // Seen to by `turn`.
            Do::Tell(_) | Do::Finish => None,
            order => self.order(order).await,
        }
    }

    fn line_stands_on(&self) -> Ground<'_> {
        Ground { board: &self.ground, media: &self.media, events: &self.events }
    }

    async fn take_offer(&self, sdp: String) -> Option<Input> {
        match self.media.browser_offer(sdp).await {
            Ok(sdp) => {
                self.tell(CallEvent::BrowserAnswer { sdp }).await;
                Some(Input::OfferTaken)
            }
            Err(error) => {
                self.tell(CallEvent::OfferRefused { reason: error.to_string() }).await;
                Some(Input::OfferNotTaken)
            }
        }
    }

    async fn press(&self, keys: String, diary: &mut Diary) {
        let event = match self.media.digits(keys.clone()).await {
            Ok(()) => diary.pressed(keys),
            Err(error) => CallEvent::DigitsRefused { reason: error.to_string() },
        };
        self.tell(event).await;
    }

    /// Keys that are part of a number on file: nobody reads them.
    async fn press_extension(&self, keys: String, diary: &mut Diary) {
        let hidden = "*".repeat(keys.len());
        let event = match self.media.digits(keys).await {
            Ok(()) => diary.pressed(hidden),
            Err(error) => CallEvent::DigitsRefused { reason: error.to_string() },
        };
        self.tell(event).await;
    }

    async fn sound(&mut self, news: MediaEvent, diary: &mut Diary) -> Option<Input> {
        match news {
            MediaEvent::BrowserConnected => Some(Input::BrowserConnected),
            MediaEvent::BrowserLost => Some(Input::BrowserLost),
            MediaEvent::AgentGone { frame } => {
                diary.agent_gone(frame);
                Some(Input::AgentGone)
            }
            MediaEvent::AgentBack { frame } => {
                diary.at(frame);
                Some(Input::AgentBack)
            }
            MediaEvent::PartyHeard => Some(Input::PartyHeard),
            MediaEvent::PartySilent { silence, frame } => {
                diary.party_silent(frame);
                Some(Input::PartySilent(silence.into()))
            }
            MediaEvent::PartyHeardAgain { frame } => {
                diary.at(frame);
                Some(Input::PartyHeardAgain)
            }
            MediaEvent::Digit { digit, frame } => {
                if let Some(event) = diary.digit(digit, frame) {
                    self.tell(event).await;
                }
                None
            }
            MediaEvent::PromptFinished(span) => {
                let cue = self.sounds.over(span.cue);
                diary.played(&span, &self.sounds);
                cue.map(Input::Said)
            }
            MediaEvent::Heard(heard) => self.heard(heard).await,
            MediaEvent::TargetConnected { leg } => self.phone.browser_is(leg).then_some(Input::TargetUp),
            MediaEvent::TargetLost { leg } => self.phone.browser_is(leg).then_some(Input::TargetLost),
            MediaEvent::SupervisorConnected { leg } => self.gallery.is_at(leg).then_some(Input::SupervisorUp),
            MediaEvent::SupervisorLost { leg } => {
                self.gallery.is_at(leg).then_some(Input::SupervisorGone(SupervisionEnd::Lost))
            }
            MediaEvent::HandedOver { frame } => {
                diary.at(frame);
                Some(Input::HandedOver)
            }
            MediaEvent::RecordingFailed => Some(Input::RecordingFailed),
            MediaEvent::Quality(moments) => {
                // Whoever has much to read gets the next one.
                let _ = self.events.try_send(CallEvent::Quality(moments));
                None
            }
            MediaEvent::Measured(legs) => {
                let at_ms = self.clock.at(Instant::now());
                let _ = self.events.try_send(CallEvent::Measured { at_ms, quality: serde_json::json!(legs) });
                None
            }
        }
    }

    /// Only whom we call has a number to find something out about.
    async fn heard(&mut self, heard: Heard) -> Option<Input> {
        self.dial.as_ref()?;
        match heard {
            Heard::Class(finding) => {
                if let Some(status) = self.hearing.sound(finding) {
                    self.tell(CallEvent::Progress(Box::new(status))).await;
                }
                None
            }
            Heard::Speech { samples, from_frame, place } => {
                self.hearing.speech(&self.call, samples, from_frame, place);
                None
            }
            Heard::Anew { frame } => {
                self.hearing.anew(frame);
                None
            }
            Heard::Tone { .. } => Some(Input::Tone),
            Heard::Voice { on, .. } => Some(Input::Voice(on)),
        }
    }

    async fn tell_marks(&self, diary: &mut Diary) {
        if let Some(event) = diary.news() {
            self.tell(event).await;
        }
    }

    async fn tell(&self, event: CallEvent) {
        let _ = self.events.send(event).await;
    }

    async fn finish(self, machine: &Machine, diary: Diary, farewell: Farewell) {
        let ended = Instant::now();
        let Self { call, dial, hearing, sounds, recorder, media, events, live, clock, .. } = self;
        let summary = media.close().await;
        if let Err(error) = &summary {
            tracing::error!(%call, %error, "the sound of a call did not close");
        }
        let summary = summary.ok();
        let gaps = summary.as_ref().map(|summary| summary.gaps.clone()).unwrap_or_default();
        let lost = |error: &dyn std::fmt::Display| {
            tracing::error!(%call, %error, "a recording could not be closed");
            Kept { manifest: None, incomplete: true }
        };
        let kept = match spawn_blocking(move || recorder.finish(&gaps)).await {
            Ok(Ok(kept)) => kept,
            Ok(Err(error)) => lost(&error),
            Err(error) => lost(&error),
        };
        let talk_ms = diary.talk_ms(ended);
        let (prompt_spans, marks) = diary.side_record(summary.as_ref(), &sounds, ended);
        let end = CallEnd {
            facts: machine.facts(),
            ended_ms: clock.at(ended),
            talk_ms,
            recording: kept.manifest,
            recording_incomplete: kept.incomplete,
            prompt_spans,
            marks,
            lost: false,
            quality: summary.as_ref().map(quality).unwrap_or_default(),
            unread: dial.is_some() && !hearing.was_all_read(),
            farewell,
        };
        drop(live);
        let _ = events.send(CallEvent::Ended(Box::new(end))).await;
    }
}

/// As it is kept with the call; guests, and agents who handed it over, stand there where there were any.
fn quality(summary: &Summary) -> serde_json::Value {
    let mut kept = serde_json::json!(summary.legs);
    kept["late_samples"] = summary.late_samples.into();
    kept["slips"] = summary.slips.into();
    kept
}

/// Waits until it says so, and for ever where nobody is left to say it.
async fn is_true(said: &mut watch::Receiver<bool>) {
    if said.wait_for(|on| *on).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
