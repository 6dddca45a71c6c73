// The frame around every screen: what this is, where you are, who you are; the amber line
// and the watermark where nothing is real.

import { Button } from "antd";
import type { MouseEvent, ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { setLanguage } from "../i18n/index.ts";
import { go, usePath } from "../lib/router.ts";
import type { Me } from "../lib/types.ts";
import { areasOf } from "./areas.ts";

interface ShellProps {
  me: Me;
  onSignOut: () => void;
  /** Why signing out has to wait, if it has to. */
  stay?: string;
  /** Stands right after the name: what must be seen first. */
  lead?: ReactNode;
  /** Stands before the person. */
  trail?: ReactNode;
  children: ReactNode;
}

export function Shell({ me, onSignOut, stay, lead, trail, children }: ShellProps) {
  const { t } = useTranslation();
  const path = usePath();
  const areas = areasOf(me);
  return (
    <div className="shell">
      {me.demo && <DemoBanner />}
      <header className="bar">
        <a className="skip" href="#main">
          {t("shell.skip")}
        </a>
        <span className="name">{t("shell.name")}</span>
        {lead}
        {areas.length > 1 && (
          <nav aria-label={t("shell.nav")}>
            {areas.map((area) => (
              <Link
                key={area.path}
                to={area.path}
                current={path === area.path || path.startsWith(`${area.path}/`)}
              >
                {t(area.title)}
              </Link>
            ))}
          </nav>
        )}
        <span className="grow" />
        {trail}
        <LanguageSwitch />
        <span className="clip" title={me.court.name}>
          {me.user.name}{" "}
          <span className="muted">{t("shell.staff_no", { no: me.user.staff_no })}</span>
        </span>
        <Button
          size="small"
          onClick={onSignOut}
          disabled={stay !== undefined}
          title={stay}
          data-testid="logout"
        >
          {t("shell.sign_out")}
        </Button>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
      <main id="main" className="body" tabIndex={0}>
        {children}
      </main>
    </div>
  );
}

/** A link that stays in the page; a new tab still opens the same screen. */
export function Link(props: {
  to: string;
  current?: boolean;
  className?: string;
  testId?: string;
  children: ReactNode;
}) {
  const follow = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    go(props.to);
  };
  return (
    <a
      href={props.to}
      className={props.className}
      data-testid={props.testId}
      aria-current={props.current ? "page" : undefined}
      onClick={follow}
    >
      {props.children}
    </a>
  );
}

export function LanguageSwitch() {
  const { t, i18n } = useTranslation();
  const other = i18n.language === "en" ? "zh-CN" : "en";
  return (
    <Button size="small" type="text" data-testid="lang" onClick={() => setLanguage(other)}>
      <span lang={other}>{t("shell.other_language")}</span>
    </Button>
  );
}

export function DemoBanner() {
  const { t } = useTranslation();
  const word = t("demo.mark");
  const mark = `<svg xmlns="http://www.w3.org/2000/svg" width="260" height="180"><text x="20" y="120" transform="rotate(-24 130 90)" font-family="sans-serif" font-size="18" fill="#1f2733" fill-opacity="0.06">${word}</text></svg>`;
  return (
    <>
      <div className="demo" role="note">
        {t("demo.banner")}
      </div>
      <div
        className="watermark"
        aria-hidden="true"
        style={{ backgroundImage: `url("data:image/svg+xml,${encodeURIComponent(mark)}")` }}
      />
    </>
  );
}
