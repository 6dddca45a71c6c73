// What a carrier's causes mean on one trunk: rows in order, the first that fits counts, the
// house's own rules come after them.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Button, Drawer, InputNumber, message, Select } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { get, id, put } from "../../lib/http.ts";
import { dateTime } from "../../lib/time.ts";
import type { CauseRule, CauseTables, TrunkRow } from "../../lib/types.ts";
import { Loading } from "../../ui/Loading.tsx";
import { Failed } from "../../ui/problem.tsx";
import { useFocusBack } from "../../ui/useFocusBack.ts";
import { TELEPHONY, TRUNKS } from "./forms.ts";
import { Foot } from "./TrunkDrawer.tsx";

const CODES = ["C02", "C03", "C04", "C05", "C06", "C07", "C08", "C09", "C10", "C11", "C13"];

export function Causes({ trunk, onClose }: { trunk: TrunkRow; onClose: () => void }) {
  useFocusBack();
  const path = `${TRUNKS}/${id(trunk.id)}/causes`;
  const query = useQuery({
    queryKey: [...TELEPHONY, path],
    queryFn: () => get<CauseTables>(path),
  });
  if (query.error) return <Failed error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data) return <Loading />;
  return <Table trunk={trunk} path={path} tables={query.data} onClose={onClose} />;
}

function Table(props: { trunk: TrunkRow; path: string; tables: CauseTables; onClose: () => void }) {
  const { trunk, path, tables, onClose } = props;
  const { t } = useTranslation();
  const queries = useQueryClient();
  const newest = tables.items[0];
  const [rules, setRules] = useState<CauseRule[]>(newest?.rules ?? []);
  const ask = useMutation({
    mutationFn: () => put(path, { version: newest?.version ?? 0, valid_from: null, rules }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: TELEPHONY });
      void message.success(t("lines.asked_done"));
      onClose();
    },
  });
  const change = (at: number, part: Partial<CauseRule>) =>
    setRules(rules.map((rule, index) => (index === at ? { ...rule, ...part } : rule)));
  const number = (at: number, field: "status" | "q850" | "rang_from_s" | "rang_until_s") => (
    <InputNumber
      size="small"
      min={0}
      aria-label={t(`lines.cause.${field}`)}
      value={rules[at]?.[field] ?? null}
      onChange={(value) => change(at, { [field]: value })}
    />
  );
  return (
    <Drawer
      open
      size={720}
      title={t("lines.causes_of", { name: trunk.name })}
      onClose={onClose}
      footer={<Foot busy={ask.isPending} onCancel={onClose} onAsk={() => ask.mutate()} />}
    >
      <p className="muted">
        {t("lines.causes_why", {
          house: t("lines.house_version", { n: tables.house.replace(/^house v/, "") }),
        })}
      </p>
      <table className="causes">
        <thead>
          <tr>
            {["status", "q850", "rang_from_s", "rang_until_s", "code"].map((field) => (
              <th key={field} scope="col">
                {t(`lines.cause.${field}`)}
              </th>
            ))}
            <th scope="col">
              <span className="unseen">{t("lines.actions")}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rules.map((rule, at) => (
            // Rows have no names of their own: their order is what they are.
            // biome-ignore lint/suspicious/noArrayIndexKey: a row is its place
            <tr key={at}>
              <td>{number(at, "status")}</td>
              <td>{number(at, "q850")}</td>
              <td>{number(at, "rang_from_s")}</td>
              <td>{number(at, "rang_until_s")}</td>
              <td>
                <Select
                  size="small"
                  aria-label={t("lines.cause.code")}
                  value={rule.code}
                  options={CODES.map((code) => ({ value: code, label: code }))}
                  onChange={(code) => change(at, { code })}
                />
              </td>
              <td>
                <Button
                  size="small"
                  onClick={() => setRules(rules.filter((_rule, index) => index !== at))}
                >
                  {t("lines.remove")}
                </Button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {rules.length === 0 && <p className="none">{t("lines.causes_none")}</p>}
      <Button
        onClick={() =>
          setRules([
            ...rules,
            { status: 480, q850: null, rang_from_s: null, rang_until_s: null, code: "C04" },
          ])
        }
      >
        {t("lines.add_rule")}
      </Button>
      {ask.error && <Failed error={ask.error} />}
      {tables.items.length > 0 && (
        <ol className="muted small versions">
          {tables.items.map((version) => (
            <li key={version.version}>
              {t("lines.cause_version", {
                no: version.version,
                at: dateTime(version.valid_from),
                name: version.changed_by_name,
              })}
            </li>
          ))}
        </ol>
      )}
    </Drawer>
  );
}
