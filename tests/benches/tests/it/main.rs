//! The benches themselves, small: that they run, measure and judge. And the bridge, which is
//! the product's signalling without the product around it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bridge;
mod media;
mod signalling;
mod soak;

use std::{
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// What measures the machine has it to itself: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `songda-bench`, which must succeed; what it prints.
fn bench(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_songda-bench")).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    text
}
