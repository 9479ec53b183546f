// `npm run e2e`: starts the lab and walks through it with a browser. GLASSBOX_BIN is the program (default ../bin/glassbox);
// GLASSBOX_URL is a lab that runs already, and then none is started.
import { join } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { fileURLToPath } from "node:url";
import { start } from "./lab.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const lab = process.env.GLASSBOX_URL ? { url: process.env.GLASSBOX_URL, stop: async () => {} } : await start();
process.env.GLASSBOX_URL = lab.url;
let failed = false;
const named = process.argv.slice(2); // some of the files only
const files = ["resume.test.mjs", "learner.test.mjs", "author.test.mjs"].filter(
  (f) => named.length === 0 || named.some((name) => f.startsWith(name)),
);
const tests = run({ files: files.map((f) => join(here, f)), concurrency: false });
tests.on("test:fail", () => {
  failed = true;
});
tests.compose(spec).pipe(process.stdout);
await new Promise((resolve) => tests.on("end", resolve));
await lab.stop();
process.exitCode = failed ? 1 : 0;
