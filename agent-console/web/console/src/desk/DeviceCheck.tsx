// Before the first call: does the microphone hear, can the agent hear. A refused or missing
// device is named together with what to do about it; the check is made once per session.

import { Alert, Button } from "antd";
import { useCallback, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { DEVICES_PASSED } from "../lib/session.ts";
import { testTone } from "./bell.ts";
import { DeviceChoice } from "./DeviceChoice.tsx";
import { type MicProblem, NoMicrophone, openMicrophone } from "./media.ts";

/** Once per sign-in, whatever the number of windows. */
export const devicesPassed = () => localStorage.getItem(DEVICES_PASSED) === "1";

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
    localStorage.setItem(DEVICES_PASSED, "1");
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
              void testTone();
              setPlayed(true);
            }}
          >
            {t("devices.tone")}
          </Button>
          <span className="muted">{t(played ? "devices.heard" : "devices.not_yet")}</span>
        </div>
      </div>
      {mic.at === "open" && (
        <div className="device">
          <DeviceChoice onChosen={(use) => use === "microphone" && ask()} />
        </div>
      )}
      <Button
        data-testid="device-continue"
        // A button that was off when the page came cannot have had the focus.
        key={mic.at}
        autoFocus={mic.at === "open"}
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

function stop(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}
