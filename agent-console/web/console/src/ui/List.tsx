// One list for all areas: a dense table, pages by cursor, empty and error drawn.

import { useInfiniteQuery } from "@tanstack/react-query";
import { Button, Table, type TableColumnsType } from "antd";
import type { MouseEvent } from "react";
import { useTranslation } from "react-i18next";
import { get } from "../lib/http.ts";
import { go } from "../lib/router.ts";
import type { Page } from "../lib/types.ts";
import { Failed } from "./problem.tsx";

interface ListProps<T> {
  /** Path below the interface's root, with its query but without a cursor. */
  path: string;
  rowKey: (row: T) => string;
  columns: TableColumnsType<T>;
  empty: string;
  testId?: string;
  /** Where a click on the row leads; the row's link says the same to a keyboard. */
  to?: (row: T) => string;
  /** Closer rows, where many small facts stand in one. */
  dense?: boolean;
  /** Fetched again this often, milliseconds; not at all when absent. */
  every?: number;
}

export function List<T extends object>(props: ListProps<T>) {
  const { t } = useTranslation();
  const query = useInfiniteQuery({
    queryKey: ["list", props.path],
    queryFn: ({ pageParam }) => get<Page<T>>(withCursor(props.path, pageParam)),
    initialPageParam: "",
    getNextPageParam: (last) => last.next_cursor?.toString(),
    refetchInterval: props.every,
  });
  if (query.error && !query.data) {
    return <Failed error={query.error} onRetry={() => void query.refetch()} />;
  }
  const rows = query.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <div className="card list">
      <Table<T>
        size={props.dense ? "small" : "middle"}
        rowKey={props.rowKey}
        columns={props.columns}
        dataSource={rows}
        pagination={false}
        loading={query.isPending}
        onRow={(row) => rowProps(props.testId, props.to?.(row))}
        locale={{ emptyText: <p className="none">{props.empty}</p> }}
      />
      <div className="row more">
        <span className="muted grow">{t("list.count", { n: rows.length })}</span>
        {query.hasNextPage && (
          <Button loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {t("list.more")}
          </Button>
        )}
      </div>
    </div>
  );
}

/** What a row of a table carries: its hook, and a way in by mouse. */
export function rowProps(testId: string | undefined, to: string | undefined): object {
  if (!to) return { "data-testid": testId };
  return {
    "data-testid": testId,
    style: { cursor: "pointer" },
    onClick: (event: MouseEvent<HTMLElement>) => {
      // The link in the row handles itself, and a marked text is no click.
      if ((event.target as Element).closest("a") || window.getSelection()?.toString()) return;
      go(to);
    },
  };
}

function withCursor(path: string, cursor: string): string {
  if (!cursor) return path;
  return `${path}${path.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(cursor)}`;
}
