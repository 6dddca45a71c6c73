// JsSIP over a secure WebSocket (RFC 7118), driven by lines on standard input:
//   register | unregister | call NUMBER | answer | reject STATUS | hold | hang-up | quit
// What happens is printed, one JSON object a line. There is no media: the session descriptions
// are made by hand.
//
// node phone.js WSS_URL SIP_URI PASSWORD CA_FILE

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import JsSIP from "jssip";
import WebSocket from "ws";
import { RTCPeerConnection, RTCSessionDescription, silence } from "./media.js";

const [url, uri, password, ca] = process.argv.slice(2);
const say = (event, more = {}) => console.log(JSON.stringify({ event, ...more }));

// JsSIP asks the browser for these.
class Socket extends WebSocket {
    constructor(address, protocol) {
        super(address, protocol, { ca: readFileSync(ca) });
    }
}
Object.assign(globalThis, { WebSocket: Socket, RTCPeerConnection, RTCSessionDescription, window: globalThis });

const phone = new JsSIP.UA({
    sockets: [new JsSIP.WebSocketInterface(url)],
    uri,
    password,
    register: false,
    session_timers: true,
    user_agent: "jssip",
});
let session;

for (const event of ["connected", "disconnected", "registered", "unregistered"]) {
    phone.on(event, () => say(event));
}
phone.on("registrationFailed", ({ response, cause }) => say("registration-failed", { status: response?.status_code, cause }));
phone.on("newRTCSession", ({ originator, session: begun, request }) => {
    session = begun;
    if (originator === "remote") {
        say("incoming", { from: request.from.uri.user });
    }
    begun.on("progress", ({ response }) => say("progress", { status: response?.status_code }));
    begun.on("accepted", () => say("accepted"));
    begun.on("confirmed", () => say("confirmed"));
    begun.on("reinvite", () => say("reinvite"));
    begun.on("ended", ({ originator: by, cause }) => say("ended", { by, cause }));
    begun.on("failed", ({ originator: by, cause, message }) => say("failed", { by, cause, status: message?.status_code }));
});

const commands = {
    register: () => phone.register(),
    unregister: () => phone.unregister(),
    call: (number) => phone.call(number, { mediaStream: silence() }),
    answer: () => session.answer({ mediaStream: silence() }),
    reject: (status) => session.terminate({ status_code: Number(status) }),
    hold: () => session.hold({}, () => say("held")),
    "hang-up": () => session.terminate(),
    quit: () => phone.stop(),
};
createInterface({ input: process.stdin })
    .on("line", (line) => {
        const [command, argument] = line.split(" ");
        commands[command](argument);
    })
    .on("close", () => process.exit(0));
phone.start();
