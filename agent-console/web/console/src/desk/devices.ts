// Which microphone, loudspeaker and bell this machine uses. They are remembered by name,
// because a browser gives them new ids whenever it likes.

export type DeviceUse = "microphone" | "speaker" | "bell";

export type DeviceChoice = Record<DeviceUse, string>;

export interface Device {
  id: string;
  label: string;
}

const CHOICE = "songda.devices";

export const noChoice: DeviceChoice = { microphone: "", speaker: "", bell: "" };

/** The names that were chosen; empty means what the system uses. */
export function chosenDevices(): DeviceChoice {
  try {
    return { ...noChoice, ...JSON.parse(localStorage.getItem(CHOICE) ?? "{}") };
  } catch {
    return noChoice;
  }
}

export function chooseDevice(use: DeviceUse, label: string): DeviceChoice {
  const choice = { ...chosenDevices(), [use]: label };
  localStorage.setItem(CHOICE, JSON.stringify(choice));
  return choice;
}

/** What is plugged in for this use. Names are there once the microphone was allowed. */
export async function devicesFor(use: DeviceUse): Promise<Device[]> {
  const kind = use === "microphone" ? "audioinput" : "audiooutput";
  const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return all
    .filter((device) => device.kind === kind && device.deviceId !== "default")
    .map((device) => ({ id: device.deviceId, label: device.label }));
}

/** Id of the chosen device; empty when it is not plugged in, or none was chosen. */
export async function chosenId(use: DeviceUse): Promise<string> {
  const label = chosenDevices()[use];
  if (!label) return "";
  return (await devicesFor(use)).find((device) => device.label === label)?.id ?? "";
}

/** Lets an element play on the chosen device; on the system's where it is not there. */
export async function playOn(element: HTMLMediaElement, use: "speaker" | "bell"): Promise<void> {
  if (!("setSinkId" in element)) return;
  await element.setSinkId(await chosenId(use)).catch(() => undefined);
}

/** What came and what went since the list before. */
export function changes(before: Device[], now: Device[]): { came: string[]; went: string[] } {
  const names = (list: Device[]) => new Set(list.map((device) => device.label).filter(Boolean));
  const [old, fresh] = [names(before), names(now)];
  return {
    came: [...fresh].filter((name) => !old.has(name)),
    went: [...old].filter((name) => !fresh.has(name)),
  };
}
