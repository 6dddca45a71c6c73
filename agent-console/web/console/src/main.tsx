// Starts the console: languages, look, data layer, and the screen of the address.

import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { ConfigProvider } from "antd";
import en from "antd/locale/en_US";
import zh from "antd/locale/zh_CN";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { useTranslation } from "react-i18next";
import "antd/dist/reset.css";
import "./ui/look.css";
import { App } from "./App.tsx";
import { startLanguages } from "./i18n/index.ts";
import { Problem } from "./lib/http.ts";
import { themeOf } from "./ui/theme.ts";

startLanguages();

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // What the server refused stays refused; only a broken line is tried again.
      retry: (count, error) => count < 2 && error instanceof Problem && error.status === 0,
    },
  },
});

function Root() {
  const { i18n } = useTranslation();
  return (
    <ConfigProvider
      locale={i18n.language === "en" ? en : zh}
      theme={themeOf(i18n.language)}
      button={{ autoInsertSpace: false }}
    >
      <QueryClientProvider client={queries}>
        <App onForget={() => queries.clear()} />
      </QueryClientProvider>
    </ConfigProvider>
  );
}

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <Root />
    </StrictMode>,
  );
}
