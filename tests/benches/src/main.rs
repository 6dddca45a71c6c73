//! `songda-bench`: benches of the product's crates, and a bridge for outside generators.

mod bridge;
mod cpu;
mod generator;
mod line;
mod media;
mod record;
mod signalling;
mod soak;
mod status;
#[path = "../../src/webrtc.rs"]
mod webrtc;

use std::{io::Write as _, net::SocketAddr};

use clap::{Parser, Subcommand};

/// Benches of Songda's crates.
#[derive(Debug, Parser)]
#[command(name = "songda-bench", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Hands calls on from one SIP peer to another, over the product's own crates.
    Bridge(bridge::Bridge),
    /// Both far ends of many calls; prints what came of them as JSON.
    Generate(generator::Generate),
    /// What a bridged call costs, and what happens when there are too many. Needs Linux, two
    /// cores, taskset, kamailio, and for the overload a writable control group.
    Signalling(signalling::Signalling),
    /// What a relayed call and a browser's call cost, recorded or not, beside rtpengine. Needs
    /// Linux, two cores with nothing else to do, taskset and rtpengine.
    Media(media::Media),
    /// Our relay for the media bench.
    #[command(hide = true)]
    MediaServe,
    /// Both ends of its calls.
    #[command(hide = true)]
    MediaGenerate,
    /// Many calls through the bridge over a bad line: afterwards every table is empty.
    Soak(soak::Soak),
    /// The same between two cores in virtual time.
    Hour(soak::hour::Hour),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Bridge(order) => bridge::run(order).await,
        Command::Generate(order) => {
            let report = generator::generate(&order).await?;
            print(&serde_json::to_string(&report)?)
        }
        Command::Signalling(order) => signalling::run(&order).await,
        Command::Media(order) => media::run(&order).await,
        Command::MediaServe => media::serve().await,
        Command::MediaGenerate => media::generate(),
        Command::Soak(order) => soak::run(&order).await,
        Command::Hour(order) => soak::hour::run(&order),
    }
}

/// On standard output.
fn print(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

/// On standard error; a bench goes on without the call.
fn complain(what: &str, error: &anyhow::Error) {
    let _ = writeln!(std::io::stderr(), "{what}: {error:#}");
}

/// A port that is free now.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(std::net::UdpSocket::bind("127.0.0.1:0")?.local_addr()?)
}
