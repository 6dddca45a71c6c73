// The second person approves: the list of what goes, why, and the number of files typed in by hand,
// so that nothing is destroyed by a slip of the mouse.

import { useQuery } from "@tanstack/react-query";
import { Input, InputNumber, Modal, Table } from "antd";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { useWords } from "../../i18n/index.ts";
import { bytes } from "../../lib/bytes.ts";
import { get, id } from "../../lib/http.ts";
import { dateTime } from "../../lib/time.ts";
import type { RetentionItem, RetentionRequest, RetentionRequestDetail } from "../../lib/types.ts";
import { Loading } from "../../ui/Loading.tsx";
import { Failed } from "../../ui/problem.tsx";
import { useFocusBack } from "../../ui/useFocusBack.ts";
import { asked, bodyWords } from "./words.ts";

export interface Approval {
  approve: true;
  reason: string;
  files: number | null;
}

export function Approve(props: {
  row: RetentionRequest;
  pending: boolean;
  error: unknown;
  onDone: (approval: Approval) => void;
  onClose: () => void;
}) {
  const { row } = props;
  useFocusBack();
  const { t } = useTranslation();
  const words = useWords();
  const [reason, setReason] = useState("");
  const [typed, setTyped] = useState<number | null>(null);
  const [whyField, countField] = [useId(), useId()];
  const destroys = row.kind !== "policy";
  const list = useQuery({
    queryKey: ["/retention/requests", row.id],
    queryFn: () => get<RetentionRequestDetail>(`/retention/requests/${id(row.id)}`),
    enabled: destroys,
  });
  const { files, cases } = asked(row);
  const counted = !destroys || (list.data?.items.length === files && typed === files);
  return (
    <Modal
      open
      width={destroys ? 900 : 520}
      // List, number, reason and buttons fit a screen of 720 pixels together.
      style={destroys ? { top: 32 } : undefined}
      title={t(destroys ? "retention.approve_title" : "retention.approve")}
      okText={t("retention.approve")}
      cancelText={t("evidence.cancel")}
      okButtonProps={{
        danger: destroys,
        disabled: !counted || reason.trim() === "",
        loading: props.pending,
      }}
      onOk={() => props.onDone({ approve: true, reason: reason.trim(), files: typed })}
      onCancel={props.onClose}
    >
      <p data-testid="approve-says">
        <b>{t(`retention.kind.${row.kind}`)}</b> · {bodyWords(row, t, words)}
      </p>
      {row.asked_because && (
        <p className="muted">
          {t("retention.because", { who: row.asked_by, why: row.asked_because })}
        </p>
      )}
      {destroys && (
        <>
          <p className="for-good">{t("retention.for_good", { count: files, n: files, cases })}</p>
          {list.error ? <Failed error={list.error} onRetry={() => void list.refetch()} /> : null}
          {list.data ? <List items={list.data.items} isEnd={row.kind === "contract_end"} /> : null}
          {list.isPending ? <Loading /> : null}
          <label htmlFor={countField}>{t("retention.type_count")}</label>
          <InputNumber
            id={countField}
            data-testid="approve-count"
            style={{ display: "block", width: 160, margin: "4px 0 10px" }}
            min={0}
            precision={0}
            controls={false}
            keyboard={false}
            changeOnWheel={false}
            value={typed}
            onChange={setTyped}
          />
        </>
      )}
      <label htmlFor={whyField}>{t("evidence.reason")}</label>
      <Input.TextArea
        id={whyField}
        data-testid="reason"
        rows={2}
        maxLength={500}
        value={reason}
        onChange={(event) => setReason(event.target.value)}
      />
      {props.error ? <Failed error={props.error} /> : null}
    </Modal>
  );
}

/** What goes, as the list of the request has it. */
function List({ items, isEnd }: { items: RetentionItem[]; isEnd: boolean }) {
  const { t } = useTranslation();
  const words = useWords();
  return (
    <div data-testid="approve-list">
      <Table<RetentionItem>
        size="small"
        rowKey={(row) => row.file}
        pagination={{ pageSize: 8, hideOnSinglePage: true, showSizeChanger: false }}
        dataSource={items}
        columns={[
          {
            title: t("evidence.file"),
            render: (_v, row) => (
              <>
                {words("evidence.kind", row.kind)} <span className="mono">{row.file}</span>
              </>
            ),
          },
          {
            title: t("evidence.case"),
            render: (_v, row) => (
              <>
                {row.case_number} <span className="muted small">{row.task_number}</span>
              </>
            ),
          },
          {
            title: t("retention.reason"),
            render: (_v, row) =>
              isEnd
                ? t("retention.due_end")
                : t("retention.due_since", { due: dateTime(row.due_at) }),
          },
          {
            title: t("retention.size"),
            width: 100,
            align: "right",
            render: (_v, row) => bytes(row.bytes),
          },
        ]}
      />
    </div>
  );
}
