//! What arrives, on its way through the door to the calls.

use std::time::Instant;

use super::driver::Driver;
use crate::{
    edge::{Admit, Direction, Edge, Load},
    flow::Flow,
    msg::Message,
    transport::{unreadable, via},
    wire::{self, Frame},
};

impl Driver {
    /// One message that was read; how far the work is behind with it.
    pub(super) fn arrived(&mut self, now: Instant, flow: Flow, bytes: Vec<u8>, load: Load) {
        match bytes.as_slice() {
            Frame::PING => return self.send(now, flow, bytes::Bytes::from_static(Frame::PONG)),
            Frame::PONG => return,
            _ => {}
        }
        self.measure.received.message(flow.protocol, &bytes);
        if Edge::is_over(&bytes) {
            return;
        }
        let Some((mut message, defects)) = wire::parse(&bytes) else {
            return unreadable(flow.protocol);
        };
        match self.edge.admit(now, &message, flow, load) {
            Admit::Inside | Admit::Pass(_) | Admit::Prove => {
                self.ladder.record(now, Direction::In, flow, bytes.into());
                self.core.message(now, message, &defects, flow);
            }
            Admit::Answer(mut answer) => {
                let Message::Request(request) = &mut message else { return };
                via::stamp(request, &flow);
                if let Some(via) = request.headers.get("Via") {
                    answer.headers.set("Via", via);
                }
                let to = via::reply_flow(&request.headers, flow);
                self.send(now, to, wire::print_response(&answer).into());
            }
            Admit::Drop => {}
        }
    }
}
