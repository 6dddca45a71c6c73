// What is plugged in, and what changed while the desk is open.

import { useCallback, useEffect, useRef, useState } from "react";
import { changes, type Device, devicesFor } from "./devices.ts";

export interface DeviceNews {
  came: string[];
  went: string[];
}

/** The devices of this machine; `onChange` is told what came and went. */
export function useDevices(onChange?: (news: DeviceNews) => void) {
  const [inputs, setInputs] = useState<Device[]>([]);
  const [outputs, setOutputs] = useState<Device[]>([]);
  const before = useRef<Device[] | null>(null);
  const tell = useRef(onChange);
  tell.current = onChange;

  const look = useCallback(async () => {
    const [ins, outs] = await Promise.all([devicesFor("microphone"), devicesFor("speaker")]);
    setInputs(ins);
    setOutputs(outs);
    const all = [...ins, ...outs];
    const news = before.current && changes(before.current, all);
    before.current = all;
    if (news && (news.came.length > 0 || news.went.length > 0)) tell.current?.(news);
  }, []);

  useEffect(() => {
    void look();
    const listen = () => void look();
    navigator.mediaDevices?.addEventListener("devicechange", listen);
    return () => navigator.mediaDevices?.removeEventListener("devicechange", listen);
  }, [look]);

  return { inputs, outputs, look };
}
