// `npm test`: the tests of test/*.test.ts, which need no browser, compiled by esbuild and run by node:test.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const sources = (await readdir(join(here, "test"))).filter((f) => f.endsWith(".test.ts"));
const out = await mkdtemp(join(here, "node_modules/.test-"));
await build({
  absWorkingDir: here,
  entryPoints: sources.map((f) => `test/${f}`),
  outdir: out,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node18",
  sourcemap: "inline",
  logLevel: "warning",
});
const tests = run({ files: sources.map((f) => join(out, f.replace(/\.ts$/, ".mjs"))) });
tests.on("test:fail", () => {
  process.exitCode = 1;
});
tests.compose(spec).pipe(process.stdout);
await new Promise((resolve) => tests.on("end", resolve));
await rm(out, { recursive: true });
