// A supervisor's page: when his microphone is open, and what it is told of which call.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Place, Supervisor } from "../../console/src/supervisor/supervise.ts";

class Track {
  stopped = false;
  stop(): void {
    this.stopped = true;
  }
}

/** Microphones that were asked for, each opened when the test says so. */
let asked: { open: () => Track; refuse: () => void }[] = [];
let sockets: Socket[] = [];
let senders: { track: unknown }[] = [];
let peers: Peer[] = [];

class Socket extends EventTarget {
  static readonly OPEN = 1;
  readyState = 0;
  sent: Record<string, unknown>[] = [];
  constructor(readonly url: string) {
    super();
    sockets.push(this);
    queueMicrotask(() => {
      this.readyState = 1;
      this.dispatchEvent(new Event("open"));
    });
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }
  close(code = 1000): void {
    this.readyState = 3;
    this.dispatchEvent(Object.assign(new Event("close"), { code }));
  }
  says(frame: Record<string, unknown>): void {
    this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(frame) }));
  }
}

class Peer extends EventTarget {
  constructor() {
    super();
    peers.push(this);
  }
  localDescription: { sdp: string } | null = null;
  connectionState = "new";
  #sender = {
    track: null as unknown,
    replaceTrack: async (track: unknown) => {
      this.#sender.track = track;
    },
  };
  addTransceiver() {
    senders.push(this.#sender);
    return { setCodecPreferences: () => undefined };
  }
  getSenders() {
    return [this.#sender];
  }
  async createOffer() {
    return { sdp: "offer" };
  }
  async setLocalDescription(offer: { sdp: string }) {
    this.localDescription = offer;
  }
  async setRemoteDescription() {}
  close(): void {}
}

beforeEach(() => {
  [asked, sockets, senders, peers] = [[], [], [], []];
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", Socket);
  vi.stubGlobal("RTCPeerConnection", Peer);
  vi.stubGlobal("RTCRtpReceiver", { getCapabilities: () => ({ codecs: [] }) });
  vi.stubGlobal(
    "Worker",
    class {
      terminate() {}
    },
  );
  const getUserMedia = () =>
    new Promise((resolve, reject) => {
      asked.push({
        open: () => {
          const track = new Track();
          resolve({ getTracks: () => [track], getAudioTracks: () => [track] });
          return track;
        },
        refuse: () => reject(new DOMException("no", "NotAllowedError")),
      });
    });
  vi.stubGlobal("navigator", {
    mediaDevices: { getUserMedia, enumerateDevices: async () => [] },
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function supervisor() {
  const told: string[] = [];
  let place: Place | null = null;
  const made = new Supervisor(() => null, true, {
    place: (now) => {
      place = now;
    },
    over: (code) => told.push(code),
  });
  return { made, told, place: () => place };
}

/** What is due at once is done. */
const settle = () => vi.advanceTimersByTimeAsync(0);

async function listening() {
  const page = supervisor();
  const going = page.made.go("A", "刘坐席", "listen");
  await settle();
  await going;
  const line = sockets[0] as Socket;
  line.says({ type: "on", call_id: "A", what: "listen" });
  return { ...page, line };
}

test("a microphone that opens after he went back to listening is closed at once and heard by nobody", async () => {
  const { made, line, place } = await listening();
  const whisper = made.go("A", "刘坐席", "whisper");
  await settle();
  expect(asked).toHaveLength(1);
  await made.go("A", "刘坐席", "listen");
  const track = asked[0]?.open();
  await settle();
  await whisper;
  expect(track?.stopped).toBe(true);
  expect(senders.at(-1)?.track).toBeNull();
  expect(line.sent.filter((frame) => frame.type === "whisper")).toEqual([]);
  expect(line.sent.at(-1)).toMatchObject({ type: "listen", call_id: "A" });
  expect(place()?.what).toBe("listen");
});

test("who left, or whose page goes, while a microphone opens is in no call and is not heard", async () => {
  for (const goes of ["leave", "close"] as const) {
    const { made, line } = await listening();
    const whisper = made.go("A", "刘坐席", "whisper");
    await settle();
    made[goes]();
    const track = asked.at(-1)?.open();
    await settle();
    await whisper;
    expect(track?.stopped).toBe(true);
    expect(line.sent.map((frame) => frame.type)).toEqual(["listen", "leave"]);
    expect(line.readyState).toBe(goes === "close" ? 3 : 1);
    sockets.length = 0;
  }
});

test("a page that is left leaves the call, also before the line stands", async () => {
  const { made, line } = await listening();
  window.dispatchEvent(new Event("pagehide"));
  expect(line.sent.at(-1)).toEqual({ type: "leave" });
  made.close();
  const second = supervisor();
  const going = second.made.go("B", "刘坐席", "whisper");
  await settle();
  second.made.close();
  asked.at(-1)?.open();
  await settle();
  await going;
  expect(sockets.slice(1).flatMap((socket) => socket.sent)).toEqual([]);
});

test("without a microphone he goes on with what he did", async () => {
  const { made, place } = await listening();
  const whisper = made.go("A", "刘坐席", "whisper");
  const refused = expect(whisper).rejects.toThrow("refused");
  await settle();
  asked[0]?.refuse();
  await refused;
  expect(place()).toMatchObject({ what: "listen", on: "listen" });
});

test("what is told of a call before is nothing of the one he is in", async () => {
  const { made, told, line, place } = await listening();
  const going = made.go("B", "王坐席", "listen");
  await settle();
  await going;
  line.says({ type: "over", call_id: "A", why: "call_over" });
  line.says({ type: "error", call_id: "A", code: "supervision.no_call" });
  expect(place()?.call_id).toBe("B");
  line.says({ type: "over", call_id: "B", why: "left" });
  expect(place()?.call_id, "that he left he said himself").toBe("B");
  line.says({ type: "over", call_id: "B", why: "busy" });
  expect(place()).toBeNull();
  expect(told).toEqual(["busy"]);
});

test("an entry that nobody answers ends after a while, and one that is answered does not", async () => {
  const { made, told, line, place } = await listening();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(place()?.on).toBe("listen");
  const going = made.go("B", "王坐席", "listen");
  await settle();
  await going;
  await vi.advanceTimersByTimeAsync(15_000);
  expect(place()).toBeNull();
  expect(told).toEqual(["lost"]);
  expect(line.sent.at(-1)).toEqual({ type: "leave" });
});

test("a session that is over is told as that", async () => {
  const { told, line, place } = await listening();
  line.close(4401);
  expect(place()).toBeNull();
  expect(told).toEqual(["signed_out"]);
});

test("who does not hear the call any more is not left in it", async () => {
  for (const ends of ["error", "sound"] as const) {
    const { told, line, place } = await listening();
    if (ends === "error") {
      line.says({ type: "error", call_id: "A", code: "supervision.no_offer" });
    } else {
      const peer = peers.at(-1) as Peer;
      peer.connectionState = "failed";
      peer.dispatchEvent(new Event("connectionstatechange"));
    }
    expect(place()).toBeNull();
    expect(told).toHaveLength(1);
    expect(line.sent.map((frame) => frame.type)).toEqual(["listen", "leave"]);
    sockets.length = 0;
  }
});
