// A file of the server, to keep or to look at. It is asked for by the page and not by an address that the
// browser opens: what the server refuses is then said here, in the reader's language, and never stands in
// a window of its own as the server's answer.

import { Button, type ButtonProps } from "antd";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { takeFile } from "../lib/http.ts";
import { Failed } from "./problem.tsx";

/** How long the browser has to take over a file that is kept. */
const TAKEN_OVER_MS = 60_000;

type How = "save" | "open";

export interface Fetched {
  /** Which one is on its way, and how much of it is here. */
  busy: { key: string; percent: number | null } | null;
  error: unknown;
  /** It is here, and the browser opened no window for it. */
  ready: string | null;
  take: (key: string, path: string, name: string, how: How) => Promise<void>;
}

/** Files that are fetched from one place of a page; `onRefused` hears of what did not come. */
export function useFile(onRefused?: (error: unknown) => void): Fetched {
  const [busy, setBusy] = useState<Fetched["busy"]>(null);
  const [error, setError] = useState<unknown>(null);
  const [ready, setReady] = useState<string | null>(null);
  const take = async (key: string, path: string, name: string, how: How) => {
    if (busy) return;
    setBusy({ key, percent: null });
    setError(null);
    setReady(null);
    try {
      const file = await takeFile(path, name, (share) =>
        setBusy({ key, percent: Math.floor(share * 100) }),
      );
      const url = URL.createObjectURL(file);
      if (how === "save") {
        keep(url, file.name);
      } else if (!window.open(url, "_blank")) {
        setReady(url);
      }
    } catch (problem) {
      setError(problem);
      onRefused?.(problem);
    } finally {
      setBusy(null);
    }
  };
  return { busy, error, ready, take };
}

function keep(url: string, name: string) {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(url), TAKEN_OVER_MS);
}

interface FileButtonProps extends Pick<ButtonProps, "size" | "type"> {
  file: Fetched;
  path: string;
  /** For an answer that names no file. */
  name: string;
  how: How;
  testId: string;
  children: ReactNode;
}

export function FileButton(props: FileButtonProps) {
  const { file, path, name, how, testId, children, ...look } = props;
  const mine = file.busy?.key === testId;
  return (
    <Button
      {...look}
      // A link stands in line with the words around it.
      className={look.type === "link" ? "file-link" : undefined}
      data-testid={testId}
      loading={mine}
      disabled={file.busy !== null && !mine}
      onClick={() => void file.take(testId, path, name, how)}
    >
      {children}
      {mine && file.busy?.percent !== null && ` ${file.busy?.percent}%`}
    </Button>
  );
}

/** What became of a file that did not come, or that no window was opened for. */
export function FileNews({ file }: { file: Fetched }) {
  const { t } = useTranslation();
  if (file.error !== null) return <Failed error={file.error} />;
  if (file.ready === null) return null;
  return (
    <p role="status" data-testid="file-ready">
      {t("file.blocked")}{" "}
      <a href={file.ready} target="_blank" rel="noreferrer">
        {t("file.open")}
      </a>
    </p>
  );
}
