//! rtpengine in user space, and as much of its control protocol (ng: a cookie and a bencoded
//! dictionary in a datagram) as a relayed call needs.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, UdpSocket},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use tokio::process::{Child, Command};

use crate::free_address;

/// Time to start, and to answer.
const START: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(200);

/// The version that is measured against, of Debian 12.
pub(super) const VERSION: &str = "10.5";

/// What is installed: the version in what `rtpengine --version` says.
pub(super) async fn version() -> anyhow::Result<String> {
    let said = Command::new("rtpengine").arg("--version").output().await;
    let said = said.context("rtpengine is needed: apt-get install rtpengine-daemon")?;
    // It says so where errors are said.
    let all = [said.stdout, said.stderr].concat();
    read_version(&String::from_utf8_lossy(&all)).context("rtpengine does not say its version")
}

fn read_version(said: &str) -> Option<String> {
    let line = said.lines().find_map(|line| line.trim().strip_prefix("Version:"))?;
    Some(line.trim().to_owned()).filter(|version| !version.is_empty())
}

/// Whether this is the version that the goals are about.
pub(super) fn is_meant(version: &str) -> bool {
    version.strip_prefix(VERSION).is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
}

/// A relay that runs, with one thread and without its kernel module.
pub(super) struct Rtpengine {
    child: Child,
    pub(super) pid: u32,
    asking: UdpSocket,
    cookies: u64,
}

impl Rtpengine {
    /// Starts one on this core.
    pub(super) async fn start(core: usize, ports: (u16, u16)) -> anyhow::Result<Self> {
        let control = free_address()?;
        let child = Command::new("taskset")
            .args(["-c", &core.to_string(), "rtpengine", "--foreground", "--log-stderr", "--log-level=1"])
            .args(["--table=-1", "--num-threads=1", "--interface=127.0.0.1", "--recording-method="])
            .arg(format!("--listen-ng={control}"))
            .args([format!("--port-min={}", ports.0), format!("--port-max={}", ports.1)])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("taskset and rtpengine are needed: apt-get install util-linux rtpengine-daemon")?;
        let pid = child.id().context("rtpengine ended at once")?;
        let asking = UdpSocket::bind("127.0.0.1:0")?;
        asking.connect(control)?;
        asking.set_read_timeout(Some(AGAIN))?;
        let mut server = Self { child, pid, asking, cookies: 0 };
        let begun = Instant::now();
        while server.ask(&[("command", "ping")]).is_err() {
            if begun.elapsed() > START {
                bail!("rtpengine does not answer: may it run here?");
            }
            tokio::time::sleep(AGAIN).await;
        }
        Ok(server)
    }

    /// One call between two ends; where it wants their packets.
    pub(super) fn call(&mut self, no: usize, ends: [SocketAddr; 2]) -> anyhow::Result<[u16; 2]> {
        let id = format!("bench{no}");
        let offered = self.described(&[("command", "offer"), ("call-id", &id), ("from-tag", "a")], ends[0])?;
        let answered =
            self.described(&[("command", "answer"), ("call-id", &id), ("from-tag", "a"), ("to-tag", "b")], ends[1])?;
        // The offer is rewritten for the called side, the answer for the caller.
        Ok([answered, offered])
    }

    fn described(&mut self, words: &[(&str, &str)], end: SocketAddr) -> anyhow::Result<u16> {
        let sdp = super::description(end);
        let answer = self.ask(&[words, &[("sdp", sdp.as_str())]].concat())?;
        super::port(answer.get("sdp").map_or("", String::as_str))
    }

    /// A command, asked again under the same cookie until it is answered.
    fn ask(&mut self, words: &[(&str, &str)]) -> anyhow::Result<BTreeMap<String, String>> {
        self.cookies += 1;
        let cookie = format!("c{}", self.cookies);
        let message = format!("{cookie} {}", encode(words));
        let mut buffer = vec![0; 65_536];
        for _ in 0..5 {
            self.asking.send(message.as_bytes())?;
            let Ok(len) = self.asking.recv(&mut buffer) else { continue };
            let text = String::from_utf8_lossy(&buffer[..len]).into_owned();
            let Some(rest) = text.strip_prefix(&cookie).and_then(|rest| rest.strip_prefix(' ')) else { continue };
            let answer = decode(rest).context("an answer of rtpengine that nobody reads")?;
            let result = answer.get("result").map_or("", String::as_str);
            if result != "ok" && result != "pong" {
                bail!("rtpengine says {answer:?}");
            }
            return Ok(answer);
        }
        bail!("no answer to {:?}", words[0].1)
    }

    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// A bencoded dictionary of strings, its keys in order.
fn encode(words: &[(&str, &str)]) -> String {
    let sorted: BTreeMap<_, _> = words.iter().copied().collect();
    let words: Vec<String> =
        sorted.iter().map(|(key, value)| format!("{}:{key}{}:{value}", key.len(), value.len())).collect();
    format!("d{}e", words.concat())
}

/// The strings of a bencoded dictionary; what else is in it is passed over.
fn decode(text: &str) -> Option<BTreeMap<String, String>> {
    let mut rest = text.strip_prefix('d')?;
    let mut words = BTreeMap::new();
    while !rest.starts_with('e') {
        let (key, tail) = string(rest)?;
        rest = match string(tail) {
            Some((value, tail)) => {
                words.insert(key.to_owned(), value.to_owned());
                tail
            }
            None => skip(tail)?,
        };
    }
    Some(words)
}

fn string(text: &str) -> Option<(&str, &str)> {
    let (len, rest) = text.split_once(':')?;
    rest.split_at_checked(len.parse().ok()?)
}

fn skip(text: &str) -> Option<&str> {
    match text.as_bytes().first()? {
        b'i' => text.split_once('e').map(|(_, rest)| rest),
        b'l' | b'd' => {
            let mut rest = &text[1..];
            while !rest.starts_with('e') {
                rest = skip(rest)?;
            }
            Some(&rest[1..])
        }
        _ => string(text).map(|(_, rest)| rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_and_another_one_is_not_meant() {
        assert_eq!(read_version("Version: 10.5.3.5-1+deb12u1\n").as_deref(), Some("10.5.3.5-1+deb12u1"));
        assert_eq!(read_version("usage: rtpengine\n"), None);
        assert!(is_meant("10.5.3.5-1+deb12u1") && is_meant("10.5"));
        assert!(!is_meant("10.50.1") && !is_meant("11.5.1.24-1") && !is_meant("1.10.5"));
    }

    #[test]
    fn a_dictionary_is_read_as_it_was_written_and_what_is_no_string_is_passed_over() {
        assert_eq!(encode(&[("sdp", "v=0"), ("command", "offer")]), "d7:command5:offer3:sdp3:v=0e");
        let read = decode("d6:result2:ok4:tagsd1:ali1eee3:sdp5:v=0\r\ne").unwrap();
        assert_eq!(read["sdp"], "v=0\r\n");
        assert_eq!(read["result"], "ok");
        for cut in 0..12 {
            assert!(decode(&"d6:result2:oke"[..cut]).is_none());
        }
    }
}
