// A dialogue that is there only while it is open takes the focus with it when it goes: whoever opened it by
// keyboard would begin again at the top of the page.

import { useEffect, useState } from "react";

/** What had the focus when this was opened has it again once it is gone. */
export function useFocusBack(): void {
  const [opener] = useState(() => document.activeElement);
  useEffect(
    () => () => {
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    },
    [opener],
  );
}
