// Desk phones: telephones of the house that a call can be handed on to, and where each is
// registered now.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Button, Popconfirm, Table } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { id, post, put, remove } from "../../lib/http.ts";
import { shortTime } from "../../lib/time.ts";
import type { PhoneRow, PhoneSecret, Phones as PhonesPage } from "../../lib/types.ts";
import { Failed } from "../../ui/problem.tsx";
import { PHONES, TELEPHONY } from "./forms.ts";
import { PhoneDrawer } from "./PhoneDrawer.tsx";
import { PhonePassword } from "./PhonePassword.tsx";
import { isWeb } from "./words.ts";

export function Phones({ page }: { page: PhonesPage }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [edited, setEdited] = useState<PhoneRow | "new" | null>(null);
  const [secret, setSecret] = useState<PhoneSecret | null>(null);
  const onSuccess = () => queries.invalidateQueries({ queryKey: TELEPHONY });
  const toggle = useMutation({
    mutationFn: (row: PhoneRow) => put(`${PHONES}/${id(row.id)}/state`, { active: !row.active }),
    onSuccess,
  });
  const renew = useMutation({
    mutationFn: (row: PhoneRow) => post<PhoneSecret>(`${PHONES}/${id(row.id)}/password`),
    onSuccess: async (made) => {
      setSecret(made);
      await onSuccess();
    },
  });
  const drop = useMutation({
    mutationFn: (row: PhoneRow) => remove(`${PHONES}/${id(row.id)}`),
    onSuccess,
  });
  const error = toggle.error ?? renew.error ?? drop.error;
  const sure = (row: PhoneRow, what: "off" | "renew" | "remove") => ({
    title: t(`phones.${what}_sure`, { name: row.name }),
    okText: t(`phones.${what}`),
    cancelText: t("lines.cancel"),
  });
  return (
    <section className="card list" aria-label={t("phones.title")}>
      <div className="phones-head">
        <h2>{t("phones.title")}</h2>
        <span className="grow" />
        <Button
          size="small"
          data-testid="add-phone"
          disabled={!page.realm}
          onClick={() => setEdited("new")}
        >
          {t("phones.add")}
        </Button>
      </div>
      {error && <Failed error={error} />}
      <Table<PhoneRow>
        size="middle"
        rowKey={(row) => row.id}
        pagination={false}
        dataSource={page.items}
        onRow={() => ({ "data-testid": "phone-row" }) as object}
        locale={{
          emptyText: (
            <p className="none">{t(page.realm ? "phones.none" : "phones.not_configured")}</p>
          ),
        }}
        columns={[
          {
            title: t("phones.extension"),
            width: 110,
            render: (_v, row) => <b className="mono">{row.extension}</b>,
          },
          {
            title: t("lines.field.name"),
            render: (_v, row) => (
              <>
                {row.name}
                {row.owner_name && <div className="muted small">{row.owner_name}</div>}
              </>
            ),
          },
          { title: t("users.state"), width: 150, render: (_v, row) => <Standing row={row} /> },
          { title: t("phones.devices"), render: (_v, row) => <Devices row={row} /> },
          {
            title: t("lines.actions"),
            width: 320,
            render: (_v, row) => (
              <div className="row">
                <Button size="small" onClick={() => setEdited(row)}>
                  {t("lines.edit")}
                </Button>
                <Popconfirm {...sure(row, "renew")} onConfirm={() => renew.mutate(row)}>
                  <Button size="small">{t("phones.renew")}</Button>
                </Popconfirm>
                {row.active ? (
                  <Popconfirm {...sure(row, "off")} onConfirm={() => toggle.mutate(row)}>
                    <Button size="small">{t("phones.off")}</Button>
                  </Popconfirm>
                ) : (
                  <Button size="small" onClick={() => toggle.mutate(row)}>
                    {t("phones.on")}
                  </Button>
                )}
                <Popconfirm {...sure(row, "remove")} onConfirm={() => drop.mutate(row)}>
                  <Button size="small">{t("phones.remove")}</Button>
                </Popconfirm>
              </div>
            ),
          },
        ]}
      />
      {edited && (
        <PhoneDrawer
          row={edited === "new" ? null : edited}
          onClose={() => setEdited(null)}
          onMade={setSecret}
        />
      )}
      {secret && (
        <PhonePassword
          secret={secret}
          realm={page.realm ?? ""}
          ways={page.ways}
          onClose={() => setSecret(null)}
        />
      )}
    </section>
  );
}

function Standing({ row }: { row: PhoneRow }) {
  const { t } = useTranslation();
  const [colour, word] = !row.active
    ? ["", "off"]
    : !row.password_valid
      ? ["red", "password_old"]
      : row.devices.length > 0
        ? ["green", "registered"]
        : ["amber", "unregistered"];
  return <span className={`tag ${colour}`}>{t(`phones.state.${word}`)}</span>;
}

function Devices({ row }: { row: PhoneRow }) {
  const { t } = useTranslation();
  if (row.devices.length === 0) return "—";
  return row.devices.map((device) => (
    <div key={`${device.protocol} ${device.address}`}>
      {device.agent || t("phones.unnamed")}
      <div className="muted small mono">
        {device.protocol} {device.address} · {t("phones.since", { at: shortTime(device.since) })}
      </div>
      {isWeb(device) && <div className="muted small">{t("phones.wss")}</div>}
    </div>
  ));
}
