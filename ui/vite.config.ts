import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const master = process.env.KYC_URL ?? "http://127.0.0.1:7070";

// What every page needs comes as one file: a browser asks for six at a time, and thirty small ones kept it waiting.
const EVERY_PAGES =
  /\/src\/(api|app|format|live|parts|theme|tone)\/|\/src\/paths|\/node_modules\/(lucide-react|@tanstack\/(react-query|query-core)|react-router)\//;

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@": new URL("./src", import.meta.url).pathname } },
  server: { proxy: { "/api": master } },
  build: {
    outDir: "../src/kyc/master/dashboard",
    emptyOutDir: true,
    assetsInlineLimit: 0, // the master's content policy allows no data: scripts, and fonts are kept by the browser
    chunkSizeWarningLimit: 600,
    rollupOptions: { output: { manualChunks: (id) => (EVERY_PAGES.test(id) ? "shell" : undefined) } },
  },
  test: { include: ["src/**/*.test.{ts,tsx}"] },
});
