//! The task that owns one call.

use std::{future::Future, net::SocketAddr, pin::Pin, sync::Arc, time::Instant};

use songda_media::{CallMedia, MediaEvent, Rest, Span};
use songda_sip::{Leg, LegEvent, OutboundCall};
use tokio::{sync::mpsc, task::spawn_blocking};

use crate::{
    events::CallEvent,
    facts::{CallEnd, PromptSpan},
    machine::{Do, Input, Machine, Told},
    recorder::{Kept, Recorder},
    switchboard::{Dial, Live, Notice, SwitchboardConfig, unix_ms},
};

/// What the agent wants.
#[derive(Debug)]
pub(crate) enum Order {
    HangUp,
    Mute(bool),
    Hold(bool),
    Digits(String),
    Resume(String),
    EndPolitely,
    Away,
    Here,
}

pub(crate) struct Actor {
    pub(crate) ground: Arc<SwitchboardConfig>,
    pub(crate) dial: Dial,
    pub(crate) notice: Notice,
    pub(crate) recorder: Recorder,
    pub(crate) media: CallMedia,
    pub(crate) news: mpsc::Receiver<MediaEvent>,
    pub(crate) inbox: mpsc::Receiver<Order>,
    pub(crate) events: mpsc::Sender<CallEvent>,
    pub(crate) live: Live,
    pub(crate) offer: String,
}

/// What is known beside the machine.
#[derive(Default)]
struct Notes {
    talk_from_ms: Option<i64>,
    spans: Vec<PromptSpan>,
}

type Looking = Pin<Box<dyn Future<Output = Result<SocketAddr, String>> + Send>>;

/// The way to the carrier.
#[derive(Default)]
struct Line {
    /// Its address is being looked for; nothing has gone out.
    looking: Option<Looking>,
    leg: Option<Leg>,
}

impl Actor {
    pub(crate) async fn run(mut self, answer: String) {
        let mut machine = Machine::new(Instant::now());
        let mut notes = Notes::default();
        let mut line = Line::default();
        let mut news_open = true;
        let mut orders_open = true;
        let mut desk_there = true;
        self.tell(CallEvent::BrowserAnswer { sdp: answer }).await;
        loop {
            let deadline = machine.deadline();
            // In this order: who hung up, or is gone, must not see an INVITE go out.
            let input = tokio::select! {
                biased;
                () = self.events.closed(), if desk_there => { desk_there = false; Input::Abandoned }
                order = self.inbox.recv(), if orders_open => match order {
                    Some(Order::HangUp) => Input::HangUp,
                    Some(Order::Mute(on)) => Input::Mute(on),
                    Some(Order::EndPolitely) => Input::HangUp,
                    Some(Order::Hold(_) | Order::Digits(_) | Order::Resume(_) | Order::Away | Order::Here) => continue,
                    None => { orders_open = false; continue }
                },
                found = found(&mut line.looking) => {
                    line.looking = None;
                    match self.place(found).await {
                        Ok(placed) => { line.leg = Some(placed); continue }
                        Err(reason) => Input::NotPlaced(reason),
                    }
                }
                event = next(&mut line.leg) => if let Some(event) = event {
                    Input::Leg(event)
                } else {
                    line.leg = None;
                    Input::NotPlaced("signalling stopped".into())
                },
                news = self.news.recv(), if news_open => if let Some(news) = news {
                    let Some(input) = self.sound(news, &mut notes).await else { continue };
                    input
                } else {
                    news_open = false;
                    Input::BadAnswer("the media engine stopped".into())
                },
                () = until(deadline) => Input::Deadline,
            };
            if self.turn(&mut machine, Some(input), &mut line, &mut notes).await {
                break;
            }
        }
        self.finish(&machine, notes).await;
    }

    /// Feeds the machine and does what it says, until it asks for nothing more. True when
    /// the call is over.
    async fn turn(
        &mut self,
        machine: &mut Machine,
        mut input: Option<Input>,
        line: &mut Line,
        notes: &mut Notes,
    ) -> bool {
        let mut over = false;
        while let Some(given) = input.take() {
            for order in machine.handle(Instant::now(), given) {
                match order {
                    Do::Dial => line.looking = Some(self.look()),
                    Do::TrunkAnswer(sdp) => {
                        if let Err(error) = self.media.trunk_answer(sdp).await {
                            input = Some(Input::BadAnswer(error.to_string()));
                        }
                    }
                    Do::OpenEarly => self.engine_took(self.media.early(), &mut input),
                    Do::PlayNotice => {
                        let playing = self.media.announce(0, self.notice.prompt.clone());
                        self.engine_took(playing, &mut input);
                    }
                    Do::Mute(on) => self.engine_took(self.media.mute(on), &mut input),
                    Do::HangUp => {
                        line.looking = None;
                        match &line.leg {
                            Some(leg) => leg.handle().hang_up().await,
                            None => input = Some(Input::NeverDialled),
                        }
                    }
                    Do::Tell(told) => self.pass_on(told, notes).await,
                    Do::Finish => over = true,
                }
            }
        }
        over
    }

    fn engine_took(&self, done: Result<(), songda_media::EngineError>, input: &mut Option<Input>) {
        if let Err(error) = done {
            tracing::error!(call = %self.dial.call, %error, "the media engine refused an order");
            *input = Some(Input::BadAnswer(error.to_string()));
        }
    }

    fn look(&self) -> Looking {
        let (ground, trunk) = (self.ground.clone(), self.dial.trunk.clone());
        Box::pin(async move { ground.endpoint.resolve(&trunk).await.map_err(|error| error.to_string()) })
    }

    async fn place(&self, found: Result<SocketAddr, String>) -> Result<Leg, String> {
        let target = found?;
        let call = OutboundCall {
            trunk: self.dial.trunk.clone(),
            callee: self.dial.callee.clone(),
            caller: self.dial.caller.clone(),
            offer: self.offer.clone(),
            ring_limit: self.ground.ring_limit,
        };
        let leg = self.ground.endpoint.call_at(call, target).await.map_err(|error| error.to_string())?;
        tracing::info!(call = %self.dial.call, sip_call_id = %leg.call_id(), "INVITE sent");
        Ok(leg)
    }

    async fn sound(&mut self, news: MediaEvent, notes: &mut Notes) -> Option<Input> {
        Some(match news {
            MediaEvent::BrowserConnected => Input::BrowserConnected,
            MediaEvent::BrowserLost => Input::BrowserLost,
            MediaEvent::RecordingFailed => Input::RecordingFailed,
            MediaEvent::PromptFinished(span) => {
                let span = PromptSpan { from_ms: ms(span.from_frame), to_ms: ms(span.to_frame), text: self.notice.text.clone() };
                notes.spans.push(span.clone());
                self.tell(CallEvent::NoticeFinished { span }).await;
                Input::NoticeFinished
            }
            MediaEvent::PartyHeard
            | MediaEvent::Digit { .. }
            | MediaEvent::AgentGone { .. }
            | MediaEvent::AgentBack { .. }
            | MediaEvent::PartySilent { .. }
            | MediaEvent::PartyHeardAgain { .. } => Input::PartyHeard,
        })
    }

    async fn pass_on(&mut self, told: Told, notes: &mut Notes) {
        let event = match told {
            Told::BrowserConnected => CallEvent::BrowserConnected,
            Told::Dialling => CallEvent::Dialling,
            Told::Ringing => CallEvent::Ringing,
            Told::EarlyMedia => CallEvent::EarlyMedia,
            Told::Answered => CallEvent::Answered { at_ms: unix_ms() },
            Told::NoticeStarted => CallEvent::NoticeStarted,
            Told::Talking => {
                let at_ms = unix_ms();
                notes.talk_from_ms = Some(at_ms);
                CallEvent::Talking { at_ms }
            }
            Told::Muted(on) => CallEvent::Muted(on),
            Told::BrowserLost => {
                let since_ms = unix_ms();
                CallEvent::AgentAway { since_ms, until_ms: since_ms + 10_000 }
            }
            Told::RecordingFailed => CallEvent::RecordingFailed,
        };
        self.tell(event).await;
    }

    async fn tell(&self, event: CallEvent) {
        let _ = self.events.send(event).await;
    }

    async fn finish(self, machine: &Machine, mut notes: Notes) {
        let ended_ms = unix_ms();
        let Self { dial, notice, recorder, media, events, live, .. } = self;
        let summary = media.close().await;
        let (gaps, quality, notice_at) = match &summary {
            Ok(summary) => (summary.gaps.clone(), quality(summary), summary.played.first().copied()),
            Err(error) => {
                tracing::error!(call = %dial.call, %error, "the sound of a call did not close");
                (Vec::new(), serde_json::Value::Null, None)
            }
        };
        let lost = |error: &dyn std::fmt::Display| {
            tracing::error!(call = %dial.call, %error, "a recording could not be closed");
            Kept { manifest: None, incomplete: true }
        };
        let kept = match spawn_blocking(move || recorder.finish(&gaps)).await {
            Ok(Ok(kept)) => kept,
            Ok(Err(error)) => lost(&error),
            Err(error) => lost(&error),
        };
        let recording = kept.manifest;
        // A notice that the party cut short stands in the recording as far as it got.
        if let (true, Some(span), Some(_)) = (notes.spans.is_empty(), notice_at, &recording) {
            notes.spans.push(PromptSpan { from_ms: ms(span.from_frame), to_ms: ms(span.to_frame), text: notice.text });
        }
        let end = CallEnd {
            facts: machine.facts(),
            ended_ms,
            talk_ms: notes.talk_from_ms.map_or(0, |from| (ended_ms - from).max(0)),
            recording,
            recording_incomplete: kept.incomplete,
            prompt_spans: notes.spans,
            marks: Vec::new(),
            quality,
        };
        drop(live);
        let _ = events.send(CallEvent::Ended(Box::new(end))).await;
    }
}

fn ms(frame: u64) -> u64 {
    frame * 1000 / u64::from(songda_media::RATE)
}

fn quality(summary: &songda_media::Summary) -> serde_json::Value {
    serde_json::json!({
        "agent": summary.agent,
        "party": summary.party,
        "late_samples": summary.late_samples,
        "slips": summary.slips,
    })
}

async fn next(leg: &mut Option<Leg>) -> Option<LegEvent> {
    match leg {
        Some(leg) => leg.next().await,
        None => std::future::pending().await,
    }
}

async fn found(looking: &mut Option<Looking>) -> Result<SocketAddr, String> {
    match looking {
        Some(looking) => looking.await,
        None => std::future::pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
