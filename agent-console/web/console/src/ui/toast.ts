// What is good to know and goes away by itself. It lies over the left column, where nothing
// is pressed in a call.

import { notification } from "antd";

export function toast(title: string, description?: string | null): void {
  notification.info({ title, description, placement: "bottomLeft", style: { width: 286 } });
}
