// Signing in. A wrong password and a locked account say so; nothing else is given away.

import { Alert, Button, Input } from "antd";
import { type FormEvent, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "../lib/http.ts";
import { isDemo, signIn } from "../lib/session.ts";
import { dateTime } from "../lib/time.ts";
import type { Me } from "../lib/types.ts";
import { useProblemText } from "../ui/problem.tsx";
import { DemoBanner, LanguageSwitch } from "./Shell.tsx";

export function Login({ onSignedIn }: { onSignedIn: (me: Me) => void }) {
  const { t } = useTranslation();
  const textOf = useProblemText();
  const [login, setLogin] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);

  const [demo, setDemo] = useState(false);

  useEffect(() => {
    // Whether nothing here is real is no reason to keep anybody from signing in.
    isDemo().then(setDemo, () => undefined);
  }, []);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setError(null);
    try {
      onSignedIn(await signIn(login.trim(), password));
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };

  const until = error instanceof Problem ? error.until : null;
  return (
    <div className="shell">
      {demo && <DemoBanner />}
      <main className="login grow">
        <form className="card" onSubmit={submit}>
          <div className="row">
            <h1 className="grow">{t("shell.name")}</h1>
            <LanguageSwitch />
          </div>
          <p className="muted">{t("login.subtitle")}</p>
          <label htmlFor="login-user">{t("login.user")}</label>
          <Input
            id="login-user"
            data-testid="login-user"
            size="large"
            autoComplete="username"
            autoFocus
            value={login}
            onChange={(event) => setLogin(event.target.value)}
          />
          <label htmlFor="login-password">{t("login.password")}</label>
          <Input.Password
            id="login-password"
            data-testid="login-password"
            size="large"
            autoComplete="current-password"
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
          {error !== null && (
            <Alert
              data-testid={`error-${error instanceof Problem ? error.code : "page.failed"}`}
              style={{ marginTop: 14 }}
              type="error"
              showIcon
              title={textOf(error)}
              description={until ? t("login.locked_until", { at: dateTime(until) }) : undefined}
            />
          )}
          <Button
            data-testid="login-submit"
            style={{ marginTop: 20 }}
            type="primary"
            htmlType="submit"
            size="large"
            block
            loading={busy}
            disabled={login.trim() === "" || password === ""}
          >
            {t("login.submit")}
          </Button>
        </form>
      </main>
    </div>
  );
}
