//! SIPp and baresip as the far end of a trunk, each with a party whose voice is a tone.

use std::{
    net::{SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::road::tone;

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

/// Stands before a SIPp that knows of calls only: answers whether it is there (RFC 3261, 11),
/// and hands everything else on.
fn answering_options(sipp: SocketAddr) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut buffer, mut court) = (vec![0; 65_535], None);
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let message = &buffer[..length];
            if from == sipp {
                court.map(|court| socket.send_to(message, court));
                continue;
            }
            court = Some(from);
            if !message.starts_with(b"OPTIONS ") {
                let _ = socket.send_to(message, sipp);
                continue;
            }
            let text = String::from_utf8_lossy(message);
            let copied = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
            let lines = text.lines().filter(|line| copied.iter().any(|name| line.starts_with(name)));
            let headers: Vec<String> = lines
                .map(|line| if line.starts_with("To:") { format!("{line};tag=here") } else { line.to_owned() })
                .collect();
            let answer = format!("SIP/2.0 200 OK\r\n{}\r\nContent-Length: 0\r\n\r\n", headers.join("\r\n"));
            let _ = socket.send_to(answer.as_bytes(), from);
        }
    });
    address
}

/// A program that takes calls until it is dropped.
pub(crate) struct FarEnd {
    child: Child,
    pub(crate) address: SocketAddr,
    folder: tempfile::TempDir,
}

impl FarEnd {
    fn spawn(command: &mut Command, port: u16, folder: tempfile::TempDir) -> Self {
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("scripts/test installs SIPp and baresip");
        Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)), folder }
    }

    /// SIPp for one call: challenges, checks the court's number, plays 1,000 Hz.
    pub(crate) fn sipp() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tone.alaw"), tone(1_000.0, 4.0)).unwrap();
        let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("sipp/party.xml");
        let port = free_port();
        let mut sipp = Command::new("sipp");
        sipp.arg("-sf").arg(scenario).args(["-i", "127.0.0.1", "-p", &port.to_string(), "-m", "1", "-nostdin"]);
        sipp.args(["-timeout", "120"]);
        let mut far = Self::spawn(&mut sipp, port, folder);
        far.address = answering_options(far.address);
        far
    }

    /// baresip as the telephone with this number: answers, plays 1,000 Hz, keeps what it hears.
    pub(crate) fn baresip(number: &str) -> Self {
        Self::baresip_as(1_000.0, |port| {
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
    pub(crate) fn heard(&self) -> Option<PathBuf> {
        std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.to_string_lossy().ends_with("-dec.wav"))
    }
}

impl Drop for FarEnd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
