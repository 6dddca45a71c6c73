//! SIP signalling for calls that the court places and takes.
//!
//! Everything but `endpoint` and `transport` is sans-IO: `wire` reads and prints messages, `tx`
//! holds the transactions of RFC 3261 (with RFC 6026), `call` the INVITE sessions with their
//! dialogs, `auth` the digest, `trunk` the accounts at carriers, `registrar` the desk phones.
//! Bytes and time are passed in, bytes and events come out. `transport` owns the sockets, finds
//! the addresses of domains and knows which connection leads where; `endpoint` turns the crank.

#![forbid(unsafe_code)]

mod auth;
mod call;
mod edge;
mod endpoint;
mod flow;
mod msg;
mod number;
mod registrar;
pub mod sdp;
mod transport;
mod trunk;
mod tx;
mod uri;
mod wire;

/// The machines, for tests and for what will be built on them.
pub mod machine {
    pub use crate::{
        auth::{Algorithm, Challenge, Challenger, Credentials, DigestClient, Ha1s, Policy, Qop, Verdict, answer},
        call::{CallCore, Out},
        msg::{
            Contact, Contacts, Headers, Malformed, Message, Method, Privacy, RAck, Reason, Refresher, Request,
            Response, SessionExpires, Via, asserted, min_se, privacy, q850, reason, reasons, retry_after, rseq,
        },
        registrar::{Device, PhoneChange, Registrar, RegistrarSettings, Target},
        trunk::{Board, Choice, Chosen, Do, NoTrunk, Share, Ticket},
        tx::{Event, Key, Layer, Output, T1, T2, T4},
        uri::{NameAddr, Uri},
        wire::{
            Defect, Frame, FrameError, Framer, HEADER_LIMIT, LINE_LIMIT, STREAM_LIMIT, Serves, VIA_LIMIT, parse,
            print_request, print_response, refuse,
        },
    };
}

pub use call::{
    EndCause, Ended, FinishError, Finished, FromForm, HeaderPolicy, Identity, IdentityUri, Invite, LegEvent,
    MediaSource, OutboundCall, Reason, Rejection, SavedLeg, Side, Trunk, TrunkSound, account,
};
pub use edge::{
    Access, AccessFull, Admit, Counts, Direction, Edge, EdgeSettings, Inbox, Ladder, LadderLine, Load, Mark, Network,
    Rate, Source, mask,
};
pub use endpoint::{
    CallError, Endpoint, EndpointConfig, IncomingCall, Leg, LegHandle, PhoneCall, PreparedLeg, ProbeError, Seat,
    StartError,
};
pub use flow::{Flow, Protocol, Targets};
pub use number::{Number, Secret};
pub use registrar::{Device, PhoneAccount, RegistrarSettings, Target};
pub use sdp::Srtp;
pub use transport::{
    Addresses, ClientTls, Destination, Limits, Listen, ListenError, OwnCertificate, ServerTls, TlsError,
};
pub use trunk::{Answer, Health, NoTrunk, Registration, TrunkSettings, TrunkState, Why, may_fail_over};
