// Whoever opened a dialogue by keyboard goes on where he was once it is closed.
import { act, useState } from "react";
import { expect, test } from "vitest";
import { Reason } from "../../console/src/admin/evidence/Reason.tsx";
import { find, pages, show } from "./mounted.tsx";

pages();

function Page({ gone = false }: { gone?: boolean }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      {!(gone && open) && (
        <button type="button" data-testid="opener" onClick={() => setOpen(true)}>
          x
        </button>
      )}
      {open && (
        <Reason
          title="x"
          help="x"
          confirm="x"
          pending={false}
          error={null}
          onDone={() => undefined}
          onClose={() => setOpen(false)}
        />
      )}
    </>
  );
}

async function openedAndLeft(page: React.ReactNode) {
  await show(page);
  const opener = find("opener") as HTMLElement;
  opener.focus();
  await act(async () => opener.click());
  (find("reason") as HTMLElement).focus();
  expect(document.activeElement).toBe(find("reason"));
  const close = document.querySelector<HTMLElement>(".ant-modal-close");
  await act(async () => close?.click());
  expect(find("reason")).toBeNull();
}

test("a dialogue that is closed gives the focus back to what opened it", async () => {
  await openedAndLeft(<Page />);
  expect(document.activeElement).toBe(find("opener"));
});

test("an opener that is gone meanwhile is not looked for", async () => {
  await openedAndLeft(<Page gone />);
  expect(document.activeElement?.isConnected).toBe(true);
});
