//! Files of sealed blocks: whatever lies there, nothing but what was written is read from it.

use std::{
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use songda_recordings::{
    keys::KeyFile,
    vault::{BLOCK_FRAMES, Manifest, RecordingId, Vault, VaultError, Verdict},
};

/// A vault under a key that is always the same, so that a seed can hold a file of it.
struct House {
    vault: Vault,
    id: RecordingId,
    live: PathBuf,
    closed: PathBuf,
    /// Two seconds and a piece, as they lie there unfinished and finished.
    unfinished: Vec<u8>,
    finished: Vec<u8>,
    manifest: Manifest,
    /// Their samples, as in a WAV.
    sound: Vec<u8>,
}

/// SHA-256 of a key file of the first layout with the bytes 0 to 63 for keys.
const CHECK: [u8; 32] = [
    0xcb, 0x52, 0xab, 0x73, 0x3e, 0xbb, 0xab, 0x61, 0x8c, 0xab, 0xd8, 0x75, 0xb6, 0x93, 0x68, 0xce, 0x06, 0x8f, 0x93,
    0x40, 0x51, 0xd7, 0xe8, 0x4f, 0xbb, 0xcf, 0x4b, 0x6b, 0x2b, 0x61, 0x9e, 0x60,
];

fn house() -> &'static Mutex<House> {
    static HOUSE: OnceLock<Mutex<House>> = OnceLock::new();
    HOUSE.get_or_init(|| Mutex::new(build().expect("a folder for a vault")))
}

fn build() -> Result<House, Box<dyn std::error::Error>> {
    // In memory, where there is such a folder.
    let shm = PathBuf::from("/dev/shm");
    let base = if shm.is_dir() { shm } else { std::env::temp_dir() };
    let folder = base.join(format!("songda-fuzz-vault-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let mut keys = b"SONGDAK1".to_vec();
    keys.extend(0..64);
    keys.extend(CHECK);
    let path = folder.join("key");
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?.write_all(&keys)?;
    let vault = Vault::open(&folder.join("vault"), Arc::new(KeyFile::open(&path)?), 0)?;
    let id = RecordingId::new("01FUZZ")?;
    let mut writer = vault.begin(&id, 7)?;
    let mut sound = Vec::new();
    for frames in [BLOCK_FRAMES, BLOCK_FRAMES, 40] {
        let pcm: Vec<i16> = (0..frames * 2).map(|at| (at * 31 + sound.len()) as i16).collect();
        writer.append(&pcm)?;
        sound.extend(pcm.iter().flat_map(|sample| sample.to_le_bytes()));
    }
    let live = folder.join("vault/live/01FUZZ.sdv");
    let closed = folder.join("vault/closed/01FUZ/01FUZZ.sdv");
    let unfinished = fs::read(&live)?;
    let manifest = writer.finish(Vec::new())?;
    let finished = fs::read(&closed)?;
    Ok(House { vault, id, live, closed, unfinished, finished, manifest, sound })
}

/// First byte: whether the rest is a file (0 unfinished, 1 finished), or alterations of one that
/// was written (2 unfinished, 3 finished).
pub fn vault(bytes: &[u8]) {
    let Some((mode, rest)) = bytes.split_first() else { return };
    let house = house().lock().unwrap_or_else(PoisonError::into_inner);
    match mode % 4 {
        0 => drop(house.read(rest, false)),
        1 => drop(house.read(rest, true)),
        2 => house.altered(&house.unfinished, rest, false),
        _ => house.altered(&house.finished, rest, true),
    }
}

/// What a power cut, or somebody, left of a recording that was being written: behind the first byte the
/// alterations of it, or all of it. It is closed as far as its blocks open, and nothing that was written
/// whole before the first byte that differs is missing; all else lies aside, unless it is zeros or a piece
/// of a header. First byte: 0 it is all of it, 1 alterations of one that had its closing block already,
/// 2 and 3 of one that had not.
pub fn tail(bytes: &[u8]) {
    let Some((mode, rest)) = bytes.split_first() else { return };
    let house = house().lock().unwrap_or_else(PoisonError::into_inner);
    match mode % 4 {
        0 => house.recovered(rest),
        1 => house.recovered(&alter(&house.finished, rest)),
        _ => house.recovered(&alter(&house.unfinished, rest)),
    }
}

/// Bytes of a sealed block around its samples.
const SEAL: usize = 33;

impl House {
    /// Where the header and each block ends, and the bytes of sound so far.
    fn borders(&self) -> [(usize, usize); 4] {
        let (full, all) = (BLOCK_FRAMES * 4, self.sound.len());
        let head = self.unfinished.len() - all - 3 * SEAL;
        let block = |no: usize, sound: usize| (head + sound + no * SEAL, sound);
        [block(0, 0), block(1, full), block(2, 2 * full), block(3, all)]
    }

    fn recovered(&self, bytes: &[u8]) {
        self.sweep();
        fs::write(&self.live, bytes).expect("a file for a recording");
        let done = self.vault.finish_unclosed().expect("the folder can be read");
        for stayed in &done.stayed {
            assert!(matches!(stayed.error, VaultError::Altered { .. } | VaultError::Key(_)), "{}", stayed.error);
        }
        assert!(done.closed.len() + done.stayed.len() <= 1 && done.aside.len() <= 1);
        assert_eq!(self.live.exists(), !done.stayed.is_empty());
        let same = bytes.iter().zip(&self.unfinished).take_while(|(here, there)| here == there).count();
        let kept = match done.closed.first() {
            Some(closed) => {
                let was_closed = !closed.manifest.recovered;
                let verdict = self.vault.verify(&self.id, &closed.manifest).expect("the folder can be read");
                let mut reader = self.vault.read(&self.id).expect("it was closed");
                let mut wav = vec![0; usize::try_from(reader.wav_bytes()).expect("no more than the file")];
                match reader.read_at(0, &mut wav) {
                    Ok(read) => {
                        assert_eq!((read, closed.manifest.bytes), (wav.len(), wav.len() as u64));
                        assert!(self.sound.starts_with(&wav[44..]), "other samples than were written");
                        assert_eq!(verdict, Verdict::Intact);
                    }
                    // It had its closing block: it is put away as it is, and its damage is told.
                    Err(VaultError::Altered { .. }) if was_closed => assert_ne!(verdict, Verdict::Intact),
                    Err(error) => panic!("neither read nor refused: {error}"),
                }
                wav.len() - 44
            }
            None => 0,
        };
        let borders = self.borders();
        let whole = borders.iter().rfind(|(end, _)| *end <= same).map_or(0, |(_, sound)| *sound);
        // What looks like no cut is left as it is, for a person.
        let stays = !done.stayed.is_empty();
        assert!(stays || kept >= whole, "{kept} bytes of sound of {whole} are kept");
        // Whatever is not in the closed file lies somewhere.
        let end = borders.iter().find(|(_, sound)| *sound == kept).map(|(end, _)| *end).expect("whole blocks");
        let rest = bytes.get(end..).unwrap_or_default();
        let is_nothing = if kept > 0 { rest.iter().all(|byte| *byte == 0) } else { bytes.len() <= end };
        let was_closed = done.closed.iter().any(|closed| !closed.manifest.recovered);
        let told = stays || !done.aside.is_empty();
        assert!(told || is_nothing || was_closed, "{} bytes are gone", rest.len());
        assert!(self.vault.finish_unclosed().is_ok_and(|again| again.closed.is_empty()), "once is enough");
        self.sweep();
    }

    /// Nothing of it is there.
    fn sweep(&self) {
        let _ = fs::remove_file(&self.live);
        self.vault.remove(&self.id).expect("the folder can be written");
    }

    /// Everything that is read from these bytes; none when they are refused.
    fn read(&self, bytes: &[u8], finished: bool) -> Option<Vec<u8>> {
        let (here, gone) = if finished { (&self.closed, &self.live) } else { (&self.live, &self.closed) };
        let _ = fs::remove_file(gone);
        fs::write(here, bytes).expect("a file for a recording");
        let mut reader = match self.vault.read(&self.id) {
            Ok(reader) => reader,
            Err(VaultError::Altered { .. } | VaultError::Key(_)) => return None,
            Err(error) => panic!("neither read nor refused: {error}"),
        };
        let mut wav = vec![0; usize::try_from(reader.wav_bytes()).expect("no more than the file")];
        assert!(wav.len() <= bytes.len() + 44, "more sound than there are bytes");
        match reader.read_at(0, &mut wav) {
            Ok(read) => assert_eq!(read, wav.len(), "it is read to its end"),
            Err(VaultError::Altered { .. }) => return None,
            Err(error) => panic!("neither read nor refused: {error}"),
        }
        Some(wav.split_off(44))
    }

    fn altered(&self, whole: &[u8], alterations: &[u8], finished: bool) {
        let bytes = alter(whole, alterations);
        if let Some(sound) = self.read(&bytes, finished) {
            assert!(self.sound.starts_with(&sound), "other samples than were written");
            assert!(!finished || sound == self.sound, "a finished one is read whole or not at all");
        }
        if finished {
            let intact = matches!(self.vault.verify(&self.id, &self.manifest), Ok(Verdict::Intact));
            assert_eq!(intact, bytes == whole, "intact is what was written, and nothing else");
        }
    }
}

/// Alterations of seven bytes: what, where (3), how much (2), with what.
fn alter(whole: &[u8], alterations: &[u8]) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for alteration in alterations.chunks_exact(7).take(8) {
        let number =
            |from: usize, to: usize| alteration[from..to].iter().fold(0, |all, byte| all << 8 | usize::from(*byte));
        let at = number(1, 4) % (bytes.len() + 1);
        let to = (at + number(4, 6)).min(bytes.len());
        match alteration[0] % 5 {
            0 => bytes.truncate(at),
            1 => bytes[at..to].fill(0),
            2 => bytes[at..to].fill(alteration[6]),
            3 => drop(bytes.splice(at..at, std::iter::repeat_n(alteration[6], to - at))),
            _ => bytes[at..].iter_mut().take(1).for_each(|byte| *byte ^= alteration[6]),
        }
    }
    bytes
}
