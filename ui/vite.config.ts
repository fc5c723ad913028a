import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const master = process.env.KYC_URL ?? "http://127.0.0.1:7070";

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@": new URL("./src", import.meta.url).pathname } },
  server: { proxy: { "/api": master } },
  build: {
    outDir: "../src/kyc/master/dashboard",
    emptyOutDir: true,
    assetsInlineLimit: 0, // the master's content policy allows no data: scripts, and fonts are kept by the browser
    chunkSizeWarningLimit: 600,
  },
  test: { include: ["src/**/*.test.{ts,tsx}"] },
});
