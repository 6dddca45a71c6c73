//! What in the house keeps every call from going out: nothing is dated or written down
//! about a call then, for there is none.

use tokio::task::spawn_blocking;

use super::seat::Seat;

impl Seat {
    /// Code and words of what keeps calls from going out; none when nothing does.
    pub(super) async fn unready(&self) -> Option<(&'static str, String)> {
        if !self.ground.clock.trusted() {
            let seconds = self.ground.clock.offset_ms() / 1_000;
            return Some(("dial.clock", format!("the clock of the server is off by {seconds} s: no call goes out")));
        }
        let vault = self.ground.vault.clone();
        let error = match spawn_blocking(move || vault.check_room()).await {
            Ok(Ok(())) => return None,
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        Some(("dial.recording_unavailable", error))
    }
}
