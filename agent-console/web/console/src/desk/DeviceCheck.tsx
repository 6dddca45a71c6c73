// Before the first call: does the microphone hear, can the agent hear. A refused or missing
// device is named together with what to do about it; the check is made once per session.

import { Alert, Button } from "antd";
import { useCallback, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { type MicProblem, NoMicrophone, openMicrophone } from "./media.ts";

const PASSED = "songda.devices";

export const devicesPassed = () => sessionStorage.getItem(PASSED) === "1";

type Mic =
  | { at: "asking" }
  | { at: "open"; stream: MediaStream }
  | { at: "refused"; why: MicProblem };

export function DeviceCheck({ onPassed }: { onPassed: () => void }) {
  const { t } = useTranslation();
  const [mic, setMic] = useState<Mic>({ at: "asking" });
  const [played, setPlayed] = useState(false);
  const alive = useRef(true);

  const ask = useCallback(() => {
    setMic({ at: "asking" });
    openMicrophone(false).then(
      (stream) => {
        if (alive.current) setMic({ at: "open", stream });
        else stop(stream);
      },
      (error) => {
        const why = error instanceof NoMicrophone ? error.why : "busy";
        if (alive.current) setMic({ at: "refused", why });
      },
    );
  }, []);

  useEffect(() => {
    alive.current = true;
    ask();
    // A headset that is plugged in or pulled out is looked at again.
    navigator.mediaDevices?.addEventListener("devicechange", ask);
    return () => {
      alive.current = false;
      navigator.mediaDevices?.removeEventListener("devicechange", ask);
    };
  }, [ask]);

  const stream = mic.at === "open" ? mic.stream : null;
  useEffect(
    () => () => {
      if (stream) stop(stream);
    },
    [stream],
  );

  const pass = () => {
    sessionStorage.setItem(PASSED, "1");
    onPassed();
  };

  return (
    <section className="devices card" aria-labelledby="devices-title">
      <h1 id="devices-title">{t("devices.title")}</h1>
      <p className="muted">{t("devices.why")}</p>
      <div className="device">
        <b>{t("devices.microphone")}</b>
        {mic.at === "asking" && <p role="status">{t("devices.asking")}</p>}
        {mic.at === "open" && <Level stream={mic.stream} />}
        {mic.at === "refused" && (
          <Alert
            data-testid={`error-microphone.${mic.why}`}
            type="error"
            showIcon
            title={t(`error.microphone.${mic.why}`)}
            description={t(`devices.help.${mic.why}`)}
            action={<Button onClick={ask}>{t("devices.again")}</Button>}
          />
        )}
      </div>
      <div className="device">
        <b>{t("devices.speaker")}</b>
        <div className="row">
          <Button
            onClick={() => {
              playTone();
              setPlayed(true);
            }}
          >
            {t("devices.tone")}
          </Button>
          <span className="muted">{t(played ? "devices.heard" : "devices.not_yet")}</span>
        </div>
      </div>
      <Button
        data-testid="device-continue"
        type="primary"
        size="large"
        disabled={mic.at !== "open"}
        onClick={pass}
      >
        {t("devices.continue")}
      </Button>
      {mic.at === "refused" && <p className="muted">{t("devices.blocked")}</p>}
    </section>
  );
}

function Level({ stream }: { stream: MediaStream }) {
  const { t } = useTranslation();
  const [level, setLevel] = useState(0);
  const label = stream.getAudioTracks()[0]?.label || t("devices.unnamed");

  useEffect(() => {
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 512;
    context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const timer = window.setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      setLevel(loudness(samples));
    }, 80);
    return () => {
      window.clearInterval(timer);
      void context.close();
    };
  }, [stream]);

  return (
    <>
      <p className="muted clip">{label}</p>
      <meter className="level" aria-label={t("devices.level")} min={0} max={100} value={level} />
      <p className="muted" role="status">
        {t(level > 8 ? "devices.hears" : "devices.speak")}
      </p>
    </>
  );
}

/** Loudness on a scale of 0 to 100: -60 dB and below is 0. */
export function loudness(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const rms = Math.sqrt(sum / Math.max(1, samples.length));
  if (rms === 0) return 0;
  return Math.min(100, Math.max(0, Math.round(((20 * Math.log10(rms) + 60) / 60) * 100)));
}

function playTone(): void {
  const context = new AudioContext();
  const gain = context.createGain();
  const tone = context.createOscillator();
  tone.frequency.value = 660;
  gain.gain.setValueAtTime(0.15, context.currentTime);
  gain.gain.exponentialRampToValueAtTime(0.001, context.currentTime + 0.9);
  tone.connect(gain).connect(context.destination);
  tone.start();
  tone.stop(context.currentTime + 1);
  tone.onended = () => void context.close();
}

function stop(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}
