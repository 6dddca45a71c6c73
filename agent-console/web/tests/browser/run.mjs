// Runs the TypeScript of the driver on Node 20 through Vite's own loader.
import { runnerImport } from "vite";

await runnerImport(new URL("./drive.ts", import.meta.url).pathname, {
  configFile: false,
  root: new URL("../..", import.meta.url).pathname,
  logLevel: "warn",
});
