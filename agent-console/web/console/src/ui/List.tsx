// One list for all areas: a dense table, pages by cursor, empty and error drawn.

import { useInfiniteQuery } from "@tanstack/react-query";
import { Button, Table, type TableColumnsType } from "antd";
import { useTranslation } from "react-i18next";
import { get } from "../lib/http.ts";
import type { Page } from "../lib/types.ts";
import { Failed } from "./problem.tsx";

interface ListProps<T> {
  /** Path below the interface's root, with its query but without a cursor. */
  path: string;
  rowKey: (row: T) => string;
  columns: TableColumnsType<T>;
  empty: string;
  testId?: string;
  /** Fetched again this often, milliseconds; not at all when absent. */
  every?: number;
}

export function List<T extends object>(props: ListProps<T>) {
  const { t } = useTranslation();
  const query = useInfiniteQuery({
    queryKey: ["list", props.path],
    queryFn: ({ pageParam }) => get<Page<T>>(withCursor(props.path, pageParam)),
    initialPageParam: "",
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval: props.every,
  });
  if (query.error && !query.data) {
    return <Failed error={query.error} onRetry={() => void query.refetch()} />;
  }
  const rows = query.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <div className="card list">
      <Table<T>
        size="middle"
        rowKey={props.rowKey}
        columns={props.columns}
        dataSource={rows}
        pagination={false}
        loading={query.isPending}
        onRow={() => ({ "data-testid": props.testId }) as object}
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

function withCursor(path: string, cursor: string): string {
  if (!cursor) return path;
  return `${path}${path.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(cursor)}`;
}
