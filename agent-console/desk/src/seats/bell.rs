//! What rings at a seat, until whoever lets it ring says that it is over, or is gone himself.
//! No inbox stands between the two: one that is full keeps nothing ringing.

use tokio::sync::watch;

/// Held by whoever lets it ring. Dropped, it rings no more.
#[derive(Debug)]
pub struct Bell(watch::Sender<&'static str>);

/// The same at the seat.
#[derive(Debug, Clone)]
pub struct Ring(watch::Receiver<&'static str>);

/// A bell, and what a seat hears of it.
pub fn bell() -> (Bell, Ring) {
    let (bell, ring) = watch::channel("");
    (Bell(bell), Ring(ring))
}

impl Bell {
    /// It rings no more, for this reason.
    pub fn stop(self, reason: &'static str) {
        let _ = self.0.send(reason);
    }
}

impl Ring {
    /// Waits until it is over; why, unless whoever let it ring went without a word.
    async fn over(&mut self) -> Option<&'static str> {
        self.0.wait_for(|reason| !reason.is_empty()).await.ok().map(|reason| *reason)
    }
}

/// Why what rings is over; never ready when nothing does.
pub(super) async fn over(ring: Option<&mut Ring>) -> Option<&'static str> {
    match ring {
        Some(ring) => ring.over().await,
        None => std::future::pending().await,
    }
}
