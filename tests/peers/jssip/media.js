// As much of WebRTC as JsSIP asks for: descriptions of one audio stream that nobody hears.

const description = (port, direction) =>
    [
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=-",
        "c=IN IP4 127.0.0.1",
        "t=0 0",
        `m=audio ${port} RTP/AVP 8 101`,
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        `a=${direction}`,
        "",
    ].join("\r\n");

export class RTCSessionDescription {
    constructor({ type, sdp }) {
        this.type = type;
        this.sdp = sdp;
    }
}

export class RTCPeerConnection extends EventTarget {
    iceGatheringState = "complete";
    iceConnectionState = "connected";
    signalingState = "stable";
    localDescription = null;
    remoteDescription = null;
    #senders = [];

    addTrack(track) {
        this.#senders.push({ track });
    }

    getSenders() {
        return this.#senders;
    }

    async createOffer() {
        return new RTCSessionDescription({ type: "offer", sdp: description(40000, "sendrecv") });
    }

    async createAnswer() {
        return new RTCSessionDescription({ type: "answer", sdp: description(40000, "sendrecv") });
    }

    async setLocalDescription(local) {
        this.localDescription = local;
        this.#move(local.type, "have-local-offer");
    }

    async setRemoteDescription(remote) {
        if (!/^m=audio [1-9]/m.test(remote.sdp)) {
            throw new Error("a description without audio");
        }
        this.remoteDescription = remote;
        this.#move(remote.type, "have-remote-offer");
    }

    close() {
        this.signalingState = "closed";
    }

    #move(type, offered) {
        this.signalingState = type === "offer" ? offered : "stable";
    }
}

/** A stream with one silent track. */
export const silence = () => ({
    getTracks: () => [{ kind: "audio", enabled: true, stop: () => undefined }],
});
