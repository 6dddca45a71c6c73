//! Kamailio as the record-routing hop between SIPp and us.

use std::{net::SocketAddr, path::Path};

use songda_sip::{LegEvent, Side};
use tokio::process::Command;

use super::{answered, dial, ended_by, hang_up, process::Process, taken};
use crate::{
    restart::{any_endpoint, free_port, trunk},
    sipp::Sipp,
};

/// A proxy that hands on to `peer` what is not for us.
pub(crate) struct Proxy {
    _process: Process,
    pub(crate) port: u16,
    _folder: tempfile::TempDir,
}

impl Proxy {
    pub(crate) async fn start(court: u16, peer: u16) -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        let settings = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/peers/kamailio.cfg");
        let mut command = Command::new("kamailio");
        command.args(["-DD", "-E", "-n", "1", "-m", "32", "-M", "4", "-f"]).arg(settings);
        for (name, port) in [("COURT", court), ("PEER", peer)] {
            command.arg("-A").arg(format!("{name}=\"sip:127.0.0.1:{port}\""));
        }
        for protocol in ["udp", "tcp"] {
            command.arg("-l").arg(format!("{protocol}:127.0.0.1:{port}"));
        }
        command.arg("-w").arg(folder.path()).arg("-Y").arg(folder.path()).arg("-P").arg(folder.path().join("pid"));
        let mut process = Process::start("kamailio", &mut command);
        process.says("SO_RCVBUF is finally").await;
        Self { _process: process, port, _folder: folder }
    }
}

#[tokio::test]
async fn a_call_through_kamailio_goes_by_its_route_and_we_hang_up() {
    let mut sipp = Sipp::called("proxied", &[]);
    let proxy = Proxy::start(9, sipp.port).await;
    let (_endpoint, mut leg) = dial(trunk(proxy.port, "secret")).await;
    answered(&mut leg).await;
    leg.handle().hang_up().await;
    ended_by(&mut leg, Side::Us).await;
    sipp.succeeded().await;
}

#[tokio::test]
async fn a_call_through_kamailio_is_hung_up_by_sipp() {
    let mut sipp = Sipp::called("proxied-ends", &[]);
    let proxy = Proxy::start(9, sipp.port).await;
    let (_endpoint, mut leg) = dial(trunk(proxy.port, "secret")).await;
    answered(&mut leg).await;
    ended_by(&mut leg, Side::Peer).await;
    sipp.succeeded().await;
}

#[tokio::test]
async fn a_call_through_kamailio_is_cancelled() {
    let mut sipp = Sipp::called("proxied-cancel", &[]);
    let proxy = Proxy::start(9, sipp.port).await;
    let (_endpoint, mut leg) = dial(trunk(proxy.port, "secret")).await;
    super::until(&mut leg, |event| *event == LegEvent::Ringing).await;
    leg.handle().hang_up().await;
    assert_eq!(super::ended(&mut leg).await.by, Side::Us);
    sipp.succeeded().await;
}

#[tokio::test]
async fn calls_come_in_through_kamailio_and_go_by_its_route() {
    for (name, ours) in [("hung-up", true), ("basic", false)] {
        let endpoint = any_endpoint().await;
        let mut calls = endpoint.incoming().unwrap();
        let proxy = Proxy::start(endpoint.local_addr().port(), 9).await;
        let mut sipp = Sipp::calling(name, SocketAddr::from(([127, 0, 0, 1], proxy.port)));
        let mut leg = taken(&mut calls).await;
        if ours {
            hang_up(&mut leg).await;
        } else {
            ended_by(&mut leg, Side::Peer).await;
        }
        sipp.succeeded().await;
    }
}
