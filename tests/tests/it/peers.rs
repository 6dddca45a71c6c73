//! SIPp and baresip as the far end of a trunk, each with a party whose voice is a tone.

use std::{
    net::{SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

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

fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A program that takes calls until it is dropped.
pub(crate) struct FarEnd {
    child: Child,
    pub(crate) address: SocketAddr,
    folder: tempfile::TempDir,
    /// What stands before SIPp.
    wire: Option<Wire>,
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
        Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)), folder, wire: None }
    }

    /// SIPp for one call: challenges, checks the court's number, plays 1,000 Hz.
    pub(crate) fn sipp() -> Self {
        Self::sipp_saying(1_000.0)
    }

    /// The same with another voice.
    pub(crate) fn sipp_saying(hertz: f64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scenario = std::fs::read_to_string(scenario("party.xml")).unwrap();
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
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let modules =
            ["g711.so", "aufile.so", "aubridge.so", "sndfile.so"].map(|name| format!("module {name}\n")).concat();
        let config = format!(
            "poll_method epoll\nsip_listen 127.0.0.1:{port}\nnet_interface 127.0.0.1\naudio_source aufile,{tone}\n\
             audio_player aubridge,nobody\nausrc_srate 8000\nauplay_srate 8000\nausrc_channels 1\nauplay_channels 1\n\
             rtp_ports 31000-31999\nmodule_path /usr/lib/baresip/modules\n{modules}module_app account.so\n\
             module_app menu.so\nsnd_path {}\n",
            folder.path().display(),
            tone = tone_file(folder.path(), hertz, 8_000).display(),
        );
        std::fs::write(folder.path().join("config"), config).unwrap();
        std::fs::write(folder.path().join("accounts"), account(port)).unwrap();
        std::fs::write(folder.path().join("contacts"), "").unwrap();
        let mut baresip = Command::new("baresip");
        baresip.arg("-f").arg(folder.path()).arg("-v");
        Self::spawn(&mut baresip, port, folder)
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
