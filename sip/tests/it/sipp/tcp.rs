//! The same over TCP.

use std::net::SocketAddr;

use songda_sip::{EndCause, Endpoint, EndpointConfig, LegEvent, Listen, Protocol, Side};
use tokio_util::sync::CancellationToken;

use super::{Call, Sipp};
use crate::restart::OFFER;

async fn dial(name: &str) -> Call {
    let sipp = Sipp::called(name, &["-t", "t1"]);
    // Over TCP nobody repeats an INVITE that came too early.
    let there = async {
        while tokio::net::TcpStream::connect(("127.0.0.1", sipp.port)).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(super::LIMIT, there).await.unwrap();
    Call::place_with(sipp, |trunk| trunk.proxy += ";transport=tcp").await
}

async fn taken(name: &str) -> Call {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listens = vec![Listen::new(Protocol::Udp, any), Listen::new(Protocol::Tcp, any)];
    let mut config = EndpointConfig::new(listens, "songda-test");
    config.edge.open = true;
    let endpoint = Endpoint::start(config, CancellationToken::new()).unwrap();
    let (call, invite) = Call::taken_at(endpoint, |endpoint| {
        Sipp::calling_with(name, endpoint.local_addr_on(Protocol::Tcp).unwrap(), &["-t", "t1"])
    })
    .await;
    assert_eq!(invite.flow.protocol, Protocol::Tcp);
    call.leg.handle().ring().await;
    call
}

#[tokio::test]
async fn sipp_is_called_over_tcp_and_hangs_up_itself() {
    dial("basic").await.hung_up().await;
}

#[tokio::test]
async fn sipp_is_called_over_tcp_and_hung_up_on() {
    let mut call = dial("early-media").await;
    call.answered().await;
    call.hang_up().await;
}

#[tokio::test]
async fn sipp_is_called_over_tcp_and_cancelled() {
    let mut call = dial("cancel").await;
    call.until(|event| *event == LegEvent::Ringing).await;
    call.leg.handle().hang_up().await;
    let ended = call.ended().await;
    assert_eq!((ended.by, ended.cause), (Side::Us, EndCause::Cancelled));
}

#[tokio::test]
async fn sipp_moves_and_holds_over_tcp() {
    dial("reinvite").await.hung_up().await;
}

#[tokio::test]
async fn sipp_calls_over_tcp_and_hangs_up_itself() {
    let mut call = taken("basic").await;
    call.leg.handle().answer(OFFER.into()).await;
    call.acknowledged().await;
    call.hung_up().await;
}

#[tokio::test]
async fn sipp_calls_over_tcp_and_is_hung_up_on() {
    let mut call = taken("hung-up").await;
    call.leg.handle().answer(OFFER.into()).await;
    call.acknowledged().await;
    call.hang_up().await;
}

#[tokio::test]
async fn sipp_calls_over_tcp_and_gives_up() {
    let mut call = taken("cancel").await;
    let ended = call.ended().await;
    assert_eq!((ended.by, ended.cause), (Side::Peer, EndCause::Cancelled));
}
