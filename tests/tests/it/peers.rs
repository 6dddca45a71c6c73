//! SIPp and baresip as the far end of a trunk, each with a party whose voice is a tone.

use std::{
    fmt::Write as _,
    io::Write as _,
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
};

use songda_tests::agent::until;

use crate::{road::tone, wire::Wire};

fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sipp").join(name)
}

/// A WAV file with a minute of a tone; played over and over it has no seam.
pub(crate) fn tone_file(folder: &Path, hertz: f64, rate: u32) -> PathBuf {
    let path = folder.join("tone.wav");
    let spec =
        hound::WavSpec { channels: 1, sample_rate: rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    for place in 0..60 * rate {
        let sample = (f64::from(place) * hertz * std::f64::consts::TAU / f64::from(rate)).sin() * 8_000.0;
        writer.write_sample(sample as i16).unwrap();
    }
    writer.finalize().unwrap();
    path
}

/// A port for a program that is told it, and the next one, which it may take too: below those that
/// the system hands out by itself, or somebody would have it before the program starts.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let free =
        |port: u16| UdpSocket::bind(("127.0.0.1", port)).is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok();
    loop {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 9_000 + 2 * ((std::process::id().wrapping_mul(61) + step) % 10_000) as u16;
        if free(port) && free(port + 1) {
            return port;
        }
    }
}

/// A program that takes calls until it is dropped.
pub(crate) struct FarEnd {
    child: Child,
    pub(crate) address: SocketAddr,
    folder: tempfile::TempDir,
    /// What stands before SIPp.
    wire: Option<Wire>,
    /// Where baresip takes commands of its menu.
    control: Option<SocketAddr>,
}

impl FarEnd {
    /// This program, in this folder.
    pub(crate) fn spawn(command: &mut Command, port: u16, folder: tempfile::TempDir) -> Self {
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("scripts/test installs SIPp and baresip");
        Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)), folder, wire: None, control: None }
    }

    /// SIPp for one call: challenges, checks the court's number, plays 1,000 Hz.
    pub(crate) fn sipp() -> Self {
        Self::sipp_saying(1_000.0)
    }

    /// The same with another voice.
    pub(crate) fn sipp_saying(hertz: f64) -> Self {
        Self::sipp_by("party.xml", hertz)
    }

    /// SIPp for one call in which it is called by this scenario.
    pub(crate) fn sipp_by(name: &str, hertz: f64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scenario = std::fs::read_to_string(scenario(name)).unwrap();
        let port = free_port();
        let mut far = Self::sipp_with(&scenario, port, None, hertz, folder);
        let wire = Wire::before(far.address, None);
        far.address = wire.address;
        far.wire = Some(wire);
        far
    }

    /// SIPp as a desk phone of the house, with this voice: registers, then waits for one call,
    /// rings and answers.
    pub(crate) fn sipp_desk_phone(house: SocketAddr, user: &str, password: &str, hertz: f64) -> Self {
        let port = free_port();
        let sipp = SocketAddr::from(([127, 0, 0, 1], port));
        let wire = Wire::before(sipp, Some(house));
        let registers = std::fs::read_to_string(scenario("phone-registers.xml")).unwrap();
        let registers = registers.replace("USER", user).replace("PASSWORD", password);
        let folder = tempfile::tempdir().unwrap();
        let mut first = Self::sipp_with(&registers, port, Some(wire.address), hertz, folder);
        assert!(first.succeeded(), "it is registered: {}", first.log());
        drop(first);
        let called = std::fs::read_to_string(scenario("phone.xml")).unwrap();
        let mut phone = Self::sipp_with(&called, port, None, hertz, tempfile::tempdir().unwrap());
        phone.wire = Some(wire);
        phone
    }

    /// SIPp for one call by this scenario; without a remote side it is called.
    fn sipp_with(scenario: &str, port: u16, remote: Option<SocketAddr>, hertz: f64, folder: tempfile::TempDir) -> Self {
        std::fs::write(folder.path().join("tone.alaw"), tone(hertz, 4.0)).unwrap();
        std::fs::write(folder.path().join("scenario.xml"), scenario).unwrap();
        let mut sipp = Command::new("sipp");
        sipp.args(["-sf", "scenario.xml", "-i", "127.0.0.1", "-p", &port.to_string(), "-m", "1", "-nostdin"]);
        sipp.args(["-timeout", "240"]).args(remote.map(|remote| remote.to_string()));
        Self::spawn(&mut sipp, port, folder)
    }

    /// baresip as the telephone with this number: answers, plays 1,000 Hz, keeps what it hears.
    pub(crate) fn baresip(number: &str) -> Self {
        Self::baresip_saying(number, 1_000.0)
    }

    /// The same with another voice.
    pub(crate) fn baresip_saying(number: &str, hertz: f64) -> Self {
        Self::baresip_as(hertz, |port| {
            format!("<sip:{number}@127.0.0.1:{port}>;regint=0;answermode=auto;audio_codecs=PCMA/8000/1\n")
        })
    }

    /// baresip as a desk phone of the house, with this voice; it answers by itself.
    pub(crate) fn desk_phone(house: SocketAddr, user: &str, password: &str, hertz: f64) -> Self {
        let account = format!(
            "<sip:{user}@{house}>;auth_user={user};auth_pass={password};regint=600;answermode=auto;\
             audio_codecs=PCMA/8000/1\n"
        );
        Self::baresip_as(hertz, |_| account)
    }

    fn baresip_as(hertz: f64, account: impl FnOnce(u16) -> String) -> Self {
        Self::baresip_with(Some(hertz), None, account)
    }

    /// baresip with this account at its port. Without a voice it says and keeps nothing. With keys it
    /// speaks TLS at the next port, and knows SRTP.
    pub(crate) fn baresip_with(voice: Option<f64>, keys: Option<&Path>, account: impl FnOnce(u16) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, control) = (free_port(), SocketAddr::from(([127, 0, 0, 1], free_port())));
        let mut config = format!(
            "poll_method epoll\nsip_listen 127.0.0.1:{port}\nnet_interface 127.0.0.1\naudio_player aubridge,nobody\n\
             rtp_ports 31000-34999\nmodule_path /usr/lib/baresip/modules\nmodule g711.so\nmodule aubridge.so\n\
             module_app account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\nctrl_tcp_listen {control}\n"
        );
        match voice {
            None => config.push_str("audio_source aubridge,nobody\n"),
            Some(hertz) => write!(
                config,
                "audio_source aufile,{tone}\nausrc_srate 8000\nauplay_srate 8000\nausrc_channels 1\n\
                 auplay_channels 1\nmodule aufile.so\nmodule sndfile.so\nsnd_path {folder}\n",
                tone = tone_file(folder.path(), hertz, 8_000).display(),
                folder = folder.path().display(),
            )
            .unwrap(),
        }
        if let Some(keys) = keys {
            let keys = keys.display();
            write!(config, "sip_certificate {keys}/both.pem\nsip_cafile {keys}/root.pem\nmodule srtp.so\n").unwrap();
        }
        for (name, text) in [("config", config), ("accounts", account(port)), ("contacts", String::new())] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let mut baresip = Command::new("baresip");
        baresip.arg("-f").arg(folder.path()).arg("-v");
        let mut far = Self::spawn(&mut baresip, port, folder);
        far.control = Some(control);
        far
    }

    /// Waits until it said this so often.
    pub(crate) async fn says(&self, words: &str, times: usize) {
        let said = |log: &String| log.matches(words).count() >= times;
        until(|| async { self.log() }, said).await.unwrap_or_else(|log| panic!("{words} is not in: {log}"));
    }

    /// A command of baresip's menu, as a netstring of JSON.
    pub(crate) async fn tell(&self, command: &str, parameters: &str) -> TcpStream {
        self.says("baresip is ready", 1).await;
        let text = format!(r#"{{"command":"{command}","params":"{parameters}"}}"#);
        let mut control = TcpStream::connect(self.control.unwrap()).unwrap();
        control.write_all(format!("{}:{text},", text.len()).as_bytes()).unwrap();
        control
    }

    /// The addresses that the house has told SIPp for its sound, as they grow.
    pub(crate) fn told(&self) -> Arc<Mutex<Vec<String>>> {
        self.wire.as_ref().expect("SIPp has a wire").told()
    }

    pub(crate) fn is_sipp(&self) -> bool {
        self.wire.is_some()
    }

    /// What it said of itself.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Hangs up and is gone.
    pub(crate) fn leave(&mut self) {
        assert!(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap().success());
        self.child.wait().unwrap();
    }

    /// Waits for its own end; true when it is content.
    pub(crate) fn succeeded(&mut self) -> bool {
        self.child.wait().unwrap().success()
    }

    /// What baresip heard: its own file of the decoded sound.
    pub(crate) fn heard_in(&self) -> Option<PathBuf> {
        std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.to_string_lossy().ends_with("-dec.wav"))
    }
}

impl FarEnd {
    /// What it has heard so far. baresip writes its file packet by packet, and the length in its head only at the end; what
    /// SIPp is sent passes its wire.
    pub(crate) fn heard(&self) -> Vec<i16> {
        const HEAD: usize = 44;
        if let Some(wire) = &self.wire {
            return wire.heard();
        }
        let file = self.heard_in().and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
        file.get(HEAD..)
            .unwrap_or_default()
            .chunks_exact(2)
            .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
            .collect()
    }
}

impl Drop for FarEnd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
