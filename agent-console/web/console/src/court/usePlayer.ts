// The audio element as state: where it stands, whether it plays, and how it was asked to.

import { type RefObject, useCallback, useEffect, useRef, useState } from "react";
import { ChannelGraph, type Channels } from "./channels.ts";

export const SPEEDS = [1, 1.25, 1.5] as const;

export interface Player {
  audio: RefObject<HTMLAudioElement | null>;
  ms: number;
  playing: boolean;
  failed: boolean;
  speed: number;
  channels: Channels;
  toggle: () => void;
  seek: (ms: number) => void;
  /** Jumps there and plays on. */
  playFrom: (ms: number) => void;
  setSpeed: (speed: number) => void;
  setChannels: (channels: Channels) => void;
}

export function usePlayer(): Player {
  const audio = useRef<HTMLAudioElement>(null);
  const graph = useRef<ChannelGraph | null>(null);
  const [ms, setMs] = useState(0);
  const [playing, setPlaying] = useState(false);
  const [failed, setFailed] = useState(false);
  const [speed, setSpeedState] = useState(1);
  const [channels, setChannelsState] = useState<Channels>("both");

  useEffect(() => {
    const element = audio.current;
    if (!element) return;
    let frame = 0;
    const follow = () => {
      setMs(element.currentTime * 1000);
      frame = requestAnimationFrame(follow);
    };
    const on = {
      play: () => {
        setPlaying(true);
        cancelAnimationFrame(frame);
        follow();
      },
      pause: () => {
        setPlaying(false);
        cancelAnimationFrame(frame);
        setMs(element.currentTime * 1000);
      },
      seeked: () => setMs(element.currentTime * 1000),
      error: () => {
        setPlaying(false);
        setFailed(true);
      },
    };
    for (const [name, listen] of Object.entries(on)) element.addEventListener(name, listen);
    return () => {
      cancelAnimationFrame(frame);
      for (const [name, listen] of Object.entries(on)) element.removeEventListener(name, listen);
    };
  }, []);

  useEffect(
    () => () => {
      graph.current?.close();
      graph.current = null;
    },
    [],
  );

  const toggle = useCallback(() => {
    const element = audio.current;
    if (!element) return;
    if (element.paused) element.play().catch(() => setFailed(true));
    else element.pause();
  }, []);

  const seek = useCallback((to: number) => {
    const element = audio.current;
    if (!element) return;
    element.currentTime = Math.max(0, to / 1000);
    setMs(Math.max(0, to));
  }, []);

  const playFrom = useCallback(
    (to: number) => {
      seek(to);
      audio.current?.play().catch(() => setFailed(true));
    },
    [seek],
  );

  const setSpeed = useCallback((to: number) => {
    if (audio.current) audio.current.playbackRate = to;
    setSpeedState(to);
  }, []);

  const setChannels = useCallback((to: Channels) => {
    const element = audio.current;
    if (!element) return;
    graph.current ??= new ChannelGraph(element);
    graph.current.choose(to);
    setChannelsState(to);
  }, []);

  return {
    audio,
    ms,
    playing,
    failed,
    speed,
    channels,
    toggle,
    seek,
    playFrom,
    setSpeed,
    setChannels,
  };
}
