import { defineConfig } from "vitest/config";

// Real clusters take seconds, and on a busy machine more.
export default defineConfig({ test: { testTimeout: 60_000, hookTimeout: 60_000 } });
