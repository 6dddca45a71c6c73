// A clock that runs on in a window in the background, where a page's own timers are slowed
// down to one a minute.

const BEAT_MS = 5_000;

setInterval(() => postMessage(null), BEAT_MS);
