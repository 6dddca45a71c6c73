// Trunks, numbers and the changes that wait for a second person: how the court's calls leave;
// and the desk phones that a call can be handed on to.

import { useQuery } from "@tanstack/react-query";
import { Button } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { get } from "../../lib/http.ts";
import type {
  NumberRow,
  Phones as PhonesPage,
  TelephonyChange,
  TrunkRow,
} from "../../lib/types.ts";
import { Loading } from "../../ui/Loading.tsx";
import { Failed } from "../../ui/problem.tsx";
import { Causes } from "./Causes.tsx";
import { Changes } from "./Changes.tsx";
import {
  CHANGES,
  NUMBERS,
  newNumber,
  newTrunk,
  numberForm,
  PHONES,
  TELEPHONY,
  TRUNKS,
  trunkForm,
} from "./forms.ts";
import { Ladder } from "./Ladder.tsx";
import "./lines.css";
import { NumberDrawer } from "./NumberDrawer.tsx";
import { Numbers } from "./Numbers.tsx";
import { Phones } from "./Phones.tsx";
import { TrunkDrawer } from "./TrunkDrawer.tsx";
import { Trunks } from "./Trunks.tsx";

/** What stands open beside the lists. */
type Open =
  | { what: "trunk"; row: TrunkRow | null }
  | { what: "number"; row: NumberRow | null }
  | { what: "causes"; row: TrunkRow }
  | null;

const EVERY_MS = 10_000;

export default function Lines() {
  const { t } = useTranslation();
  const [open, setOpen] = useState<Open>(null);
  const trunks = useLive<TrunkRow>(TRUNKS);
  const numbers = useLive<NumberRow>(NUMBERS);
  const changes = useLive<TelephonyChange>(CHANGES);
  const phones = useQuery({
    queryKey: [...TELEPHONY, PHONES],
    queryFn: () => get<PhonesPage>(PHONES),
    refetchInterval: EVERY_MS,
  });
  const error = trunks.error ?? numbers.error ?? changes.error ?? phones.error;
  if (error) {
    return (
      <div className="page">
        <Failed
          error={error}
          onRetry={() => {
            for (const query of [trunks, numbers, changes, phones]) void query.refetch();
          }}
        />
      </div>
    );
  }
  if (!trunks.data || !numbers.data || !changes.data || !phones.data) return <Loading />;
  const close = () => setOpen(null);
  return (
    <div className="page lines">
      <div className="head">
        <h1>{t("area.lines")}</h1>
        <span className="grow" />
        <Button data-testid="add-trunk" onClick={() => setOpen({ what: "trunk", row: null })}>
          {t("lines.add_trunk")}
        </Button>
        <Button
          data-testid="add-number"
          disabled={trunks.data.length === 0}
          title={trunks.data.length === 0 ? t("lines.trunk_first") : undefined}
          onClick={() => setOpen({ what: "number", row: null })}
        >
          {t("lines.add_number")}
        </Button>
      </div>
      <Changes changes={changes.data} trunks={trunks.data} numbers={numbers.data} />
      <Trunks
        rows={trunks.data}
        onEdit={(row) => setOpen({ what: "trunk", row })}
        onCauses={(row) => setOpen({ what: "causes", row })}
      />
      <Numbers
        rows={numbers.data}
        trunks={trunks.data}
        onEdit={(row) => setOpen({ what: "number", row })}
      />
      <Phones page={phones.data} />
      <Ladder trunks={trunks.data} />
      {open?.what === "trunk" && (
        <TrunkDrawer
          row={open.row}
          begin={open.row ? trunkForm(open.row) : newTrunk()}
          onClose={close}
        />
      )}
      {open?.what === "number" && (
        <NumberDrawer
          row={open.row}
          trunks={trunks.data}
          begin={open.row ? numberForm(open.row) : newNumber(trunks.data.map((trunk) => trunk.id))}
          onClose={close}
        />
      )}
      {open?.what === "causes" && <Causes trunk={open.row} onClose={close} />}
    </div>
  );
}

function useLive<Row>(path: string) {
  return useQuery({
    queryKey: [...TELEPHONY, path],
    queryFn: () => get<{ items: Row[] }>(path).then((page) => page.items),
    refetchInterval: EVERY_MS,
  });
}
