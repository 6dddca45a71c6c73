// Who gets the call: colleagues and desk phones, searched by name or number, with what each is
// doing. Arrows choose, Enter asks first.

import { useQuery } from "@tanstack/react-query";
import { Button, Input, Modal } from "antd";
import { type KeyboardEvent, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { get } from "../lib/http.ts";
import type { HandOver, TransferTargets } from "../lib/types.ts";
import { Failed } from "../ui/problem.tsx";
import { found, step, type Target } from "./targets.ts";

/** Who is free changes while one looks. */
const LOOK_AGAIN_MS = 2_000;

interface TransferPanelProps {
  open: boolean;
  onChoose: (mode: HandOver["mode"], to: { kind: HandOver["kind"]; id: string }) => void;
  onClose: () => void;
}

export function TransferPanel({ open, onChoose, onClose }: TransferPanelProps) {
  const { t } = useTranslation();
  const [words, setWords] = useState("");
  const [chosen, setChosen] = useState<string | null>(null);
  const targets = useQuery({
    queryKey: ["transfer-targets"],
    queryFn: () => get<TransferTargets>("/desk/transfer-targets"),
    enabled: open,
    refetchInterval: LOOK_AGAIN_MS,
    staleTime: 0,
  });
  useEffect(() => {
    if (!open) return;
    setWords("");
    setChosen(null);
  }, [open]);

  const list = targets.data ? found(targets.data, words) : [];
  const free = (id: string | null) => list.find((target) => target.id === id && target.free);
  // Who became busy meanwhile is chosen no longer.
  const target = free(chosen) ?? list.find((each) => each.free);
  const choose = (mode: HandOver["mode"]) => {
    if (target) onChoose(mode, { kind: target.kind, id: target.id });
  };
  const keys = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      setChosen(step(list, target?.id ?? null, event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter") {
      event.preventDefault();
      choose("attended");
    }
  };
  return (
    <Modal
      open={open}
      onCancel={onClose}
      destroyOnHidden
      width={480}
      title={t("transfer.to")}
      footer={
        <div className="transfer-do">
          <Button
            data-testid="transfer-three-way"
            disabled={!target}
            onClick={() => choose("three_way")}
          >
            {t("transfer.three_way")}
          </Button>
          <Button data-testid="transfer-blind" disabled={!target} onClick={() => choose("blind")}>
            {t("transfer.blind")}
          </Button>
          <Button
            type="primary"
            data-testid="transfer-attended"
            disabled={!target}
            onClick={() => choose("attended")}
          >
            {t("transfer.attended")} <kbd>↵</kbd>
          </Button>
        </div>
      }
    >
      <p className="muted small">{t("transfer.hint")}</p>
      <Input
        autoFocus
        allowClear
        data-testid="transfer-search"
        aria-label={t("transfer.search")}
        placeholder={t("transfer.search")}
        value={words}
        onChange={(event) => setWords(event.target.value)}
        onKeyDown={keys}
      />
      {targets.error && <Failed error={targets.error} onRetry={() => void targets.refetch()} />}
      {targets.data && list.length === 0 && (
        <p className="muted" data-testid="transfer-nobody">
          {t("transfer.nobody")}
        </p>
      )}
      <ul className="targets">
        {list.map((each) => (
          <li key={`${each.kind} ${each.id}`}>
            <Row target={each} chosen={each.id === target?.id} onChoose={setChosen} />
          </li>
        ))}
      </ul>
    </Modal>
  );
}

interface RowProps {
  target: Target;
  chosen: boolean;
  onChoose: (id: string) => void;
}

function Row({ target, chosen, onChoose }: RowProps) {
  const { t } = useTranslation();
  return (
    <button
      type="button"
      className={chosen ? "target chosen" : "target"}
      data-testid={`target-${target.number}`}
      disabled={!target.free}
      aria-pressed={chosen}
      onClick={() => onChoose(target.id)}
    >
      <span className="grow">
        {target.name} <span className="mono muted">{target.number}</span>
      </span>
      <span className="muted small">{t(`transfer.kind.${target.kind}`)}</span>
      <span className={target.free ? "tag green" : "tag"}>
        {t(`transfer.state.${target.state}`)}
      </span>
    </button>
  );
}
