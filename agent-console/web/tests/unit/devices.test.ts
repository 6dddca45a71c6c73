// Devices by name, and the console's version by its entry script.
import { expect, test } from "vitest";
import { changes, chooseDevice, chosenDevices } from "../../console/src/desk/devices.ts";
import { SampleBox } from "../../console/src/desk/samples.ts";
import { isOutdated } from "../../console/src/desk/version.ts";

test("a device is remembered by its name, whatever its id", () => {
  chooseDevice("bell", "Desk speaker");
  expect(chosenDevices()).toEqual({ microphone: "", speaker: "", bell: "Desk speaker" });
  localStorage.setItem("songda.devices", "no json");
  expect(chosenDevices().bell).toBe("");
});

test("what came and what went is told once by name", () => {
  const device = (label: string) => ({ id: Math.random().toString(), label });
  const before = [device("Headset"), device("Headset"), device("")];
  expect(changes(before, [device("Webcam")])).toEqual({ came: ["Webcam"], went: ["Headset"] });
  expect(changes(before, before)).toEqual({ came: [], went: [] });
});

test("another entry script is another version; an unknown one is none", () => {
  expect(isOutdated("/assets/a.js", "/assets/a.js")).toBe(false);
  expect(isOutdated("/assets/b.js", "/assets/a.js")).toBe(true);
  expect(isOutdated(null, "/assets/a.js")).toBe(false);
});

test("samples go out by fives, with their own call", () => {
  const sent: Record<string, unknown>[] = [];
  const box = new SampleBox((command) => sent.push(command));
  const sample = { at: "", quality: "good" as const, rtt_ms: 1, jitter_ms: 0, loss: 0 };
  for (let n = 0; n < 4; n++) box.add("a", sample);
  for (let n = 0; n < 5; n++) box.add("b", sample);
  box.add(null, sample);
  expect(sent.map((each) => [each.call_id, (each.items as unknown[]).length])).toEqual([["b", 5]]);
});
