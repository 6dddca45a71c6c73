// What a fault in a screen looks like: said, with a way on. After an upgrade of the server a
// screen that was not yet loaded is gone under its old name; loading the page anew helps.

import { Component, type ReactNode } from "react";
import { Problem } from "../lib/http.ts";
import { Failed } from "./problem.tsx";

interface BoundaryState {
  failed: boolean;
}

export class Boundary extends Component<{ children: ReactNode }, BoundaryState> {
  override state: BoundaryState = { failed: false };

  static getDerivedStateFromError(): BoundaryState {
    return { failed: true };
  }

  override render() {
    if (!this.state.failed) return this.props.children;
    return (
      <div className="page">
        <Failed
          error={new Problem(0, { code: "page.failed" })}
          onRetry={() => window.location.reload()}
        />
      </div>
    );
  }
}
