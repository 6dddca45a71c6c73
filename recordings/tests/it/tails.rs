//! What a kill or a power cut leaves at the end of a live file: it opens with exactly the
//! whole blocks that are there, or is refused for a broken seal, and is never read as sound.

use std::{path::PathBuf, sync::Arc};

use songda_recordings::{
    keys::KeyFile,
    vault::{BLOCK_FRAMES, RecordingId, Vault, VaultError},
};

/// A live file of so many blocks, and what its samples were.
struct Live {
    folder: tempfile::TempDir,
    vault: Vault,
    id: RecordingId,
    whole: Vec<u8>,
    /// Where each block begins, and where the last one ends.
    borders: Vec<usize>,
    /// The samples as they stand in a WAV.
    sound: Vec<u8>,
}

fn noise(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed | 1;
    move || {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

fn live(blocks: usize, last: usize) -> Live {
    let folder = tempfile::tempdir().unwrap();
    let keys = Arc::new(KeyFile::create(&folder.path().join("key")).unwrap());
    let vault = Vault::open(&folder.path().join("vault"), keys, 0).unwrap();
    let id = RecordingId::new("01TAIL").unwrap();
    let mut writer = vault.begin(&id, 7).unwrap();
    let path = folder.path().join("vault/live/01TAIL.sdv");
    let mut borders = vec![std::fs::metadata(&path).unwrap().len() as usize];
    let (mut sound, mut next) = (Vec::new(), noise(42));
    for block in 0..blocks {
        let frames = if block + 1 == blocks { last } else { BLOCK_FRAMES };
        let pcm: Vec<i16> = (0..frames * 2).map(|_| next() as i16).collect();
        writer.put(&pcm).unwrap();
        sound.extend(pcm.iter().flat_map(|sample| sample.to_le_bytes()));
        borders.push(std::fs::metadata(&path).unwrap().len() as usize);
    }
    drop(writer);
    let whole = std::fs::read(&path).unwrap();
    Live { folder, vault, id, whole, borders, sound }
}

/// How often something at random is tried.
fn rounds() -> u32 {
    if std::env::var_os("SONGDA_LONG").is_some() { 10_000 } else { 400 }
}

/// Up to three cuts, flips and rows of zeros, anywhere.
fn damaged(whole: &[u8], next: &mut impl FnMut() -> u64) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for _ in 0..=next() % 3 {
        let at = next() as usize % bytes.len().max(1);
        match next() % 4 {
            0 => bytes.truncate(at),
            1 => bytes[at..].fill(0),
            2 => {
                let to = (at + next() as usize % 9_000).min(bytes.len());
                bytes[at..to].fill(0);
            }
            _ => bytes[at] ^= 1 << (next() % 8),
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

/// What a file system loses at once.
const PAGE: usize = 4_096;

/// What a file of these bytes is read as.
#[derive(Debug, PartialEq)]
enum Read {
    Samples(usize),
    Refused,
}

impl Live {
    fn path(&self) -> PathBuf {
        self.folder.path().join("vault/live/01TAIL.sdv")
    }

    /// Opens these bytes as the live file; whatever is read must be what was written.
    fn open(&self, bytes: &[u8]) -> Read {
        std::fs::write(self.path(), bytes).unwrap();
        let read = self.vault.read(&self.id).and_then(|mut reader| {
            let mut wav = vec![0; reader.wav_bytes() as usize];
            let read = reader.read_at(0, &mut wav)?;
            assert_eq!(read, wav.len());
            Ok(wav)
        });
        match read {
            Ok(wav) => {
                let (head, sound) = wav.split_at(44);
                assert_eq!(head[40..], (sound.len() as u32).to_le_bytes(), "the length in the header");
                assert!(*sound == self.sound[..sound.len()], "other samples than were written");
                Read::Samples(sound.len() / 2)
            }
            Err(VaultError::Altered { .. } | VaultError::Key(_)) => Read::Refused,
            Err(error) => panic!("{error}"),
        }
    }

    /// Samples of the blocks that end at or before this place.
    fn whole_until(&self, length: usize) -> usize {
        let blocks = self.borders.iter().filter(|border| **border <= length).count().saturating_sub(1);
        (blocks * BLOCK_FRAMES * 2).min(self.sound.len() / 2)
    }

    /// Closes what is left of these bytes, as the next start does, and answers its samples.
    fn recovered(&self, bytes: &[u8]) -> Option<usize> {
        std::fs::write(self.path(), bytes).unwrap();
        let done = self.vault.finish_unclosed().unwrap();
        let closed = done.closed.first().map(|closed| closed.manifest.clone());
        if let Some(manifest) = &closed {
            assert_eq!(self.vault.verify(&self.id, manifest).unwrap(), songda_recordings::vault::Verdict::Intact);
            self.vault.remove(&self.id).unwrap();
        }
        let _ = std::fs::remove_file(self.path());
        closed.map(|manifest| manifest.frames as usize * 2)
    }
}

#[test]
fn e52_every_length_to_which_three_blocks_can_be_cut_opens_with_exactly_the_whole_blocks() {
    let live = live(3, 50);
    let file = std::fs::OpenOptions::new().write(true).open(live.path()).unwrap();
    for length in (0..=live.whole.len()).rev() {
        file.set_len(length as u64).unwrap();
        match live.vault.read(&live.id) {
            Ok(reader) => {
                assert_eq!(reader.frames() as usize * 2, live.whole_until(length), "cut at {length}");
                assert!(length >= live.borders[0], "cut at {length}");
            }
            Err(error) => {
                assert!(matches!(error, VaultError::Altered { block: 0, .. }), "cut at {length}: {error}");
                assert!(length < live.borders[0], "cut at {length}: {error}");
            }
        }
    }
    // What is opened is what was written.
    for border in &live.borders {
        for length in [border - 1, *border, border + 1] {
            let read = live.open(&live.whole[..length.min(live.whole.len())]);
            let whole = live.whole_until(length);
            assert_eq!(read, if length < live.borders[0] { Read::Refused } else { Read::Samples(whole) }, "{length}");
        }
    }
}

#[test]
fn e52_a_cut_one_byte_around_each_border_of_sixty_blocks_keeps_the_blocks_before_it() {
    let live = live(60, BLOCK_FRAMES);
    // The blocks before the last thirty are not opened again: that they are sound is told above.
    for border in live.borders.iter().skip(1) {
        for length in [border - 1, *border, border + 1] {
            let bytes = &live.whole[..length.min(live.whole.len())];
            assert_eq!(live.open(bytes), Read::Samples(live.whole_until(length)), "cut at {length}");
        }
    }
    // And the next start closes it there.
    for border in [1, 31, 59].map(|block| live.borders[block]) {
        for length in [border - 1, border, border + 1] {
            let expected = live.whole_until(length);
            assert_eq!(live.recovered(&live.whole[..length]).unwrap_or(0), expected, "cut at {length}");
        }
    }
}

#[test]
fn e52_zeros_where_blocks_were_not_on_the_disk_yet_are_never_read_as_sound() {
    let live = live(3, BLOCK_FRAMES);
    // The length is on the disk, what was written behind `from` is not.
    let dense = live.borders.iter().flat_map(|border| border.saturating_sub(10)..border + 70);
    for from in dense.chain((0..live.whole.len()).step_by(1_009)).filter(|from| *from <= live.whole.len()) {
        let mut bytes = live.whole.clone();
        bytes[from..].fill(0);
        if from < live.borders[0] && from >= live.borders[0] - 8 {
            // Only the time of the first sound: no power cut leaves this, it is synced before.
            continue;
        }
        let read = live.open(&bytes);
        // A last byte that is zero by itself loses nothing.
        let same = (from..=live.whole.len()).rev().take_while(|at| live.whole[*at..].iter().all(|b| *b == 0)).count();
        let kept = live.whole_until(if same > live.whole.len() - from { live.whole.len() } else { from });
        let expected = if from < live.borders[0] { Read::Refused } else { Read::Samples(kept) };
        assert_eq!(read, expected, "zeros from {from}");
    }
    // The length ran ahead, as where room is taken in advance.
    for extra in [1, 4, 5, 6, 63, 64, 4_096, 32_033, 40_000, 5 * 32_033] {
        for block in 0..live.borders.len() {
            let mut bytes = live.whole[..live.borders[block]].to_vec();
            bytes.resize(bytes.len() + extra, 0);
            let expected = live.whole_until(live.borders[block]);
            assert_eq!(live.open(&bytes), Read::Samples(expected), "{extra} zeros behind block {block}");
            assert_eq!(live.recovered(&bytes).unwrap_or(0), expected, "{extra} zeros behind block {block}");
        }
    }
}

#[test]
fn e52_pages_that_were_lost_in_any_order_leave_the_blocks_before_the_first_of_them() {
    let live = live(8, BLOCK_FRAMES);
    let mut next = noise(7);
    for _ in 0..40 {
        let mut bytes = live.whole.clone();
        let first = live.borders[next() as usize % 8];
        let mut lost = live.whole.len();
        for page in (first / PAGE + 1)..bytes.len().div_ceil(PAGE) {
            if next().is_multiple_of(3) {
                let from = page * PAGE;
                let to = (from + PAGE).min(bytes.len());
                if bytes[from..to].iter().any(|byte| *byte != 0) {
                    lost = lost.min(from);
                }
                bytes[from..to].fill(0);
            }
        }
        let kept = live.whole_until(lost);
        assert_eq!(live.open(&bytes), Read::Samples(kept), "lost from {lost}");
        assert_eq!(live.recovered(&bytes).unwrap_or(0), kept, "lost from {lost}");
    }
}

#[test]
fn e52_a_power_cut_before_the_closing_block_was_on_the_disk_loses_no_sound() {
    let live = live(2, BLOCK_FRAMES);
    let done = live.vault.finish_unclosed().unwrap();
    let manifest = &done.closed[0].manifest;
    let shelf = live.folder.path().join("vault/closed/01TAI/01TAIL.sdv");
    let closed = std::fs::read(&shelf).unwrap();
    std::fs::remove_file(&shelf).unwrap();
    let closing = *live.borders.last().unwrap();
    for from in (closing..closed.len()).step_by(7) {
        let mut zeros = closed.clone();
        zeros[from..].fill(0);
        for bytes in [&closed[..from], &zeros] {
            assert_eq!(live.open(bytes), Read::Samples(2 * BLOCK_FRAMES * 2), "from {from}");
        }
    }
    assert_eq!(live.recovered(&closed[..closed.len() - 1]), Some(manifest.frames as usize * 2));
}

#[test]
fn e52_what_was_altered_is_no_loss_and_nothing_is_cut_off_for_it() {
    let live = live(40, BLOCK_FRAMES);
    let mut next = noise(11);
    // The length of a block, its kind, its body, in the middle: not the very last block.
    for block in [0, 1, 7, 20, 37, 38] {
        let start = live.borders[block];
        for at in [start, start + 1, start + 2, start + 3, start + 4, start + 5, start + 20_000] {
            let mut bytes = live.whole.clone();
            bytes[at] ^= 1 << (next() % 8);
            // Far before the end, a body is looked at when it is read.
            assert_eq!(live.open(&bytes), Read::Refused, "block {block}, byte {}", at - start);
            let done = live.vault.finish_unclosed().unwrap();
            assert_eq!((done.closed.len(), done.stayed.len()), (0, 1), "block {block}, byte {}", at - start);
            assert_eq!(std::fs::metadata(live.path()).unwrap().len(), live.whole.len() as u64, "nothing is cut off");
        }
    }
}

#[test]
fn e52_cuts_flips_and_zeros_at_random_never_give_other_samples_than_were_written() {
    let live = live(4, 50);
    let mut next = noise(0x5eed);
    let mut outcomes = (0, 0);
    for _ in 0..rounds() {
        // `open` compares every sample that is read.
        match live.open(&damaged(&live.whole, &mut next)) {
            Read::Samples(_) => outcomes.0 += 1,
            Read::Refused => outcomes.1 += 1,
        }
    }
    assert!(outcomes.0 > 50 && outcomes.1 > 50, "{outcomes:?}");
}

#[test]
fn e52_a_recovery_of_cuts_flips_and_zeros_at_random_closes_nothing_else_and_throws_nothing_away() {
    let live = live(4, 50);
    let mut next = noise(0xf171);
    let lost = live.folder.path().join("vault/live/lost");
    let (mut closed, mut stayed, mut aside, mut nothing) = (0, 0, 0, 0);
    for round in 0..rounds() {
        let bytes = damaged(&live.whole, &mut next);
        std::fs::write(live.path(), &bytes).unwrap();
        let done = live.vault.finish_unclosed().unwrap();
        if let Some(one) = done.closed.first() {
            closed += 1;
            let mut wav = vec![0; one.manifest.bytes as usize];
            live.vault.read(&live.id).unwrap().read_at(0, &mut wav).unwrap();
            assert!(wav[44..] == live.sound[..wav.len() - 44], "{round}: other samples than were written");
            // The rest is kept, but for zeros.
            let kept = done.aside.first().map(|piece| std::fs::read(&piece.file).unwrap());
            if let Some(end) = kept {
                assert!(bytes.ends_with(&end), "{round}: its end is kept as it was");
            } else {
                let blocks = wav.len().saturating_sub(44).div_ceil(BLOCK_FRAMES * 4);
                assert!(bytes[live.borders[blocks]..].iter().all(|byte| *byte == 0), "{round}: nothing was there");
            }
            live.vault.remove(&live.id).unwrap();
        } else if let Some(piece) = done.aside.first() {
            aside += 1;
            assert!(std::fs::read(&piece.file).unwrap() == bytes, "{round}: kept as it was");
        } else if done.stayed.is_empty() {
            nothing += 1;
            let held = bytes.len() > live.borders[0] && bytes.iter().any(|byte| *byte != 0);
            assert!(!held, "{round}: {} bytes that held something are gone", bytes.len());
        } else {
            stayed += 1;
            assert!(std::fs::read(live.path()).unwrap() == bytes, "{round}: left as it is");
        }
        let _ = std::fs::remove_file(live.path());
        let _ = std::fs::remove_dir_all(&lost);
    }
    assert!(closed > 50 && stayed > 50 && aside > 0 && nothing < closed, "{closed} {stayed} {aside} {nothing}");
}

#[test]
fn e52_a_file_whose_header_never_came_to_the_disk_is_an_empty_one() {
    let live = live(1, BLOCK_FRAMES);
    for bytes in [vec![], vec![0; 50], vec![0; live.borders[0]], live.whole[..30].to_vec()] {
        std::fs::write(live.path(), &bytes).unwrap();
        let done = live.vault.finish_unclosed().unwrap();
        assert!(done.closed.is_empty() && done.stayed.is_empty() && !live.path().exists());
    }
    // One that holds something is kept, whatever its header says.
    let mut bytes = live.whole.clone();
    bytes[..11].fill(0);
    std::fs::write(live.path(), &bytes).unwrap();
    let done = live.vault.finish_unclosed().unwrap();
    assert_eq!((done.closed.len(), done.stayed.len()), (0, 1));
    assert!(live.path().exists());
}
