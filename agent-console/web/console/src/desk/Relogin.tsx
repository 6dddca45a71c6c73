// The session is over: the agent signs in again on top of the desk, and nothing under it is
// lost, least of all a call.

import { Alert, Button, Input, Modal } from "antd";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { signInAgain } from "../lib/session.ts";
import type { Me } from "../lib/types.ts";
import { useProblemText } from "../ui/problem.tsx";

interface ReloginProps {
  me: Me;
  /** A call is on the line. */
  live: boolean;
  open: boolean;
  onSignedIn: () => void;
}

export function Relogin({ me, live, open, onSignedIn }: ReloginProps) {
  const { t } = useTranslation();
  const textOf = useProblemText();
  const [login, setLogin] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy || login.trim() === "" || password === "") return;
    setBusy(true);
    setError(null);
    try {
      await signInAgain(me, login.trim(), password);
      setPassword("");
      onSignedIn();
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };

  return (
    <Modal
      open={open}
      closable={false}
      destroyOnHidden
      footer={null}
      title={t("relogin.title")}
      mask={{ closable: false }}
    >
      <form className="relogin" data-testid="relogin" onSubmit={submit}>
        <p>{t(live ? "relogin.why" : "relogin.why_idle")}</p>
        <p>{t("relogin.as", { name: me.user.name, no: me.user.staff_no })}</p>
        <label htmlFor="relogin-user">{t("login.user")}</label>
        <Input
          id="relogin-user"
          data-testid="relogin-user"
          size="large"
          autoFocus
          autoComplete="username"
          value={login}
          onChange={(event) => setLogin(event.target.value)}
        />
        <label htmlFor="relogin-password">{t("login.password")}</label>
        <Input.Password
          id="relogin-password"
          data-testid="relogin-password"
          size="large"
          autoComplete="current-password"
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
        {error !== null && <Alert type="error" showIcon title={textOf(error)} />}
        <Button
          data-testid="relogin-submit"
          type="primary"
          htmlType="submit"
          size="large"
          block
          loading={busy}
          disabled={login.trim() === "" || password === ""}
        >
          {t("relogin.submit")}
        </Button>
      </form>
    </Modal>
  );
}
