//! Which blocks a file holds, and what of its end was lost.
//!
//! All blocks but the last hold a second, so a block's place tells where it lies. A file that
//! was finished ends with its closing block. One that was not ends with its last block, or
//! with what a kill or a power cut left of those that were not on the disk yet: a piece of a
//! block, or blocks in which pieces are zeros, for these are what a file system shows where
//! nothing was written. What does not look so is no loss but an alteration, and the file is
//! refused; nothing of it is cut off.

use super::{
    BLOCK_FRAMES, Flaw, VaultError,
    format::{BLOCK_BYTES, BLOCK_HEAD, BODY_LIMIT, Closing, FRAME, Kind, OVERHEAD},
    reader::Sealed,
    source::Unread,
};

/// Bytes of a block of a whole second in the file.
pub(super) const SLOT: u64 = (BLOCK_HEAD + OVERHEAD + BLOCK_BYTES) as u64;
/// Blocks that may be written and not on the disk yet: a minute.
pub(super) const UNSYNCED: u64 = 60;
/// So many zeros in a row are none of a cipher's.
const ZEROS: usize = 64;
/// Seconds before the end where the reading of a file that is far away begins: closing blocks
/// with few holes, then those with as many as there can be, then the whole.
const JUMPS: [u64; 3] = [2, (BODY_LIMIT as u64).div_ceil(SLOT) + 2, u64::MAX];

/// Where a block lies in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    /// First byte of its body.
    pub(super) offset: u64,
    /// Bytes of its body.
    pub(super) sealed: usize,
}

/// The blocks of a file.
#[derive(Debug)]
pub(super) struct Layout {
    /// Bytes of the header.
    head: u64,
    /// Blocks of a whole second.
    full: u64,
    /// Bytes of the body of a shorter last one.
    short: Option<usize>,
    /// There when the file was finished.
    pub(super) closing: Option<Closing>,
}

/// What stands at a place.
enum Next {
    Full,
    Short(usize),
    Closing(Block),
    /// A block that goes on behind the end of the file.
    Piece,
    Nothing,
}

impl Layout {
    fn new(head: u64) -> Self {
        Self { head, full: 0, short: None, closing: None }
    }

    pub(super) fn blocks(&self) -> u64 {
        self.full + u64::from(self.short.is_some())
    }

    pub(super) fn frames(&self) -> u64 {
        self.full * BLOCK_FRAMES as u64 + self.short.map_or(0, |sealed| ((sealed - OVERHEAD) / FRAME) as u64)
    }

    pub(super) fn head(&self) -> u64 {
        self.head
    }

    /// First byte behind the last block.
    pub(super) fn end(&self) -> u64 {
        self.head + self.full * SLOT + self.short.map_or(0, |sealed| (BLOCK_HEAD + sealed) as u64)
    }

    pub(super) fn block(&self, place: u64) -> Option<Block> {
        let sealed =
            if place < self.full { OVERHEAD + BLOCK_BYTES } else { self.short.filter(|_| place == self.full)? };
        Some(Block { offset: self.head + place * SLOT + BLOCK_HEAD as u64, sealed })
    }

    /// Leaves away the blocks from this place on.
    fn cut(&mut self, place: u64) {
        self.full = self.full.min(place);
        self.short = self.short.filter(|_| place > self.full);
    }

    /// Reads what blocks a file holds that was finished.
    pub(super) fn finished(file: &mut Sealed, head: u64) -> Result<Self, VaultError> {
        let slots = file.length().saturating_sub(head) / SLOT;
        let jumps: &[u64] = if file.is_far() { &JUMPS } else { &JUMPS[2..] };
        let mut found = Self::new(head);
        for jump in jumps {
            found = Self { full: slots.saturating_sub(*jump), ..Self::new(head) };
            match found.walk(file)? {
                Next::Closing(block) => {
                    found.closing = Some(file.closing(block, found.blocks())?);
                    return found.complete(file, block);
                }
                _ if found.full == 0 || *jump == u64::MAX => break,
                _ => {}
            }
        }
        Err(file.altered(found.blocks(), Flaw::EndCut))
    }

    /// Reads what blocks a file holds that may not have been finished.
    pub(super) fn unfinished(file: &mut Sealed, head: u64) -> Result<Self, VaultError> {
        let mut found = Self::new(head);
        let next = found.walk(file)?;
        if let Next::Closing(block) = next {
            match file.closing(block, found.blocks()) {
                Ok(closing) => {
                    found.closing = Some(closing);
                    return found.complete(file, block);
                }
                // The closing block itself was not on the disk yet.
                Err(VaultError::Altered { .. }) if end_of(block) == file.length() => {}
                Err(error) => return Err(error),
            }
        }
        found.leave_lost(file, &next)?;
        Ok(found)
    }

    /// Nothing may be missing before the closing block, and nothing may follow it.
    fn complete(self, file: &Sealed, closing: Block) -> Result<Self, VaultError> {
        if self.closing.as_ref().is_none_or(|closing| closing.frames != self.frames()) {
            return Err(file.altered(self.blocks(), Flaw::BlocksMissing));
        }
        if end_of(closing) != file.length() {
            return Err(file.altered(self.blocks() + 1, Flaw::Follows));
        }
        Ok(self)
    }

    /// Counts blocks from where it stands on, and says what stands behind them.
    fn walk(&mut self, file: &mut Sealed) -> Result<Next, VaultError> {
        loop {
            match self.next(file)? {
                Next::Full if self.short.is_none() => self.full += 1,
                Next::Short(sealed) if self.short.is_none() => self.short = Some(sealed),
                // A short block was the last.
                Next::Full | Next::Short(_) => return Ok(Next::Nothing),
                end => return Ok(end),
            }
        }
    }

    fn next(&self, file: &mut Sealed) -> Result<Next, VaultError> {
        let at = self.end();
        let left = file.length().saturating_sub(at);
        let mut head = [0u8; BLOCK_HEAD];
        if left < BLOCK_HEAD as u64 {
            return Ok(if left == 0 { Next::Nothing } else { Next::Piece });
        }
        match file.read(at, &mut head) {
            Ok(()) => {}
            Err(Unread::Cut) => return Ok(Next::Nothing),
            Err(Unread::Failed(error)) => return Err(error),
        }
        let sealed = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let clear = sealed.wrapping_sub(OVERHEAD);
        let fits = sealed > OVERHEAD && sealed <= BODY_LIMIT;
        let whole = (BLOCK_HEAD + sealed) as u64 <= left;
        Ok(match Kind::read(head[4]) {
            Some(Kind::Audio) if fits && clear <= BLOCK_BYTES && clear.is_multiple_of(FRAME) => match whole {
                false => Next::Piece,
                true if clear == BLOCK_BYTES => Next::Full,
                true => Next::Short(sealed),
            },
            Some(Kind::Closing) if fits && whole => Next::Closing(Block { offset: at + BLOCK_HEAD as u64, sealed }),
            Some(Kind::Closing) if fits => Next::Piece,
            _ => Next::Nothing,
        })
    }

    /// Opens the blocks that may not have been on the disk, and leaves away what was lost.
    fn leave_lost(&mut self, file: &mut Sealed, next: &Next) -> Result<(), VaultError> {
        let claimed = self.blocks();
        let behind = file.length().saturating_sub(self.end());
        for place in claimed.saturating_sub(UNSYNCED)..claimed {
            let Some(block) = self.block(place) else { break };
            match file.unseal(block, place, Kind::Audio) {
                Ok(_) => {}
                Err(broken @ VaultError::Altered { .. }) => {
                    // The last one is the one that was being written, whatever it holds.
                    let last = place + 1 == claimed && behind < SLOT;
                    if !last && !holds_zeros(file, block.offset - BLOCK_HEAD as u64, end_of(block))? {
                        return Err(broken);
                    }
                    self.cut(place);
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        let at = self.end();
        let lost = behind == 0
            || matches!(next, Next::Piece | Next::Closing(_))
            || behind <= (UNSYNCED + 1) * SLOT && holds_zeros(file, at, at + BLOCK_HEAD as u64)?;
        if lost { Ok(()) } else { Err(file.altered(claimed, Flaw::NoBlock)) }
    }
}

fn end_of(block: Block) -> u64 {
    block.offset + block.sealed as u64
}

/// Whether zeros in a row touch this part of the file. A row that goes on before or behind it
/// counts whole; at the very end of the file a shorter one does, too.
fn holds_zeros(file: &mut Sealed, from: u64, to: u64) -> Result<bool, VaultError> {
    let start = from.saturating_sub(ZEROS as u64);
    let end = (to + ZEROS as u64).min(file.length());
    let mut bytes = vec![0; end.saturating_sub(start) as usize];
    match file.read(start, &mut bytes) {
        Ok(()) => {}
        Err(Unread::Cut) => return Ok(true),
        Err(Unread::Failed(error)) => return Err(error),
    }
    let inside = (from - start) as usize..(to.min(end) - start) as usize;
    let mut run = 0;
    for (at, byte) in bytes.iter().enumerate() {
        run = if *byte == 0 { run + 1 } else { 0 };
        let touches = at >= inside.start && at + 1 - run < inside.end;
        let closes = at + 1 == bytes.len() && end == file.length();
        if touches && (run >= ZEROS || closes && run > BLOCK_HEAD - 1) {
            return Ok(true);
        }
    }
    Ok(false)
}
