// `npm run bench`: measures what only a browser can, and prints it as Go's benchmarks do.
import { availableParallelism } from "node:os";
import { launch } from "./browser.mjs";
import { firstPrompt, median } from "./first-prompt.mjs";
import { start } from "./lab.mjs";

const visits = 10;
const lab = await start();
const browser = await launch();
const took = [];
for (let n = 0; n < visits; n++) took.push(await firstPrompt(browser, `${lab.url}/lessons/control-groups`));
await browser.close();
await lab.stop();
const prompts = took.map((t) => t.prompt);
const ratio = median(took.map((t) => t.prompt / t.loaded));
console.log("pkg: web/e2e");
console.log(
  `BenchmarkFirstPrompt-${availableParallelism()}\t${visits}\t${Math.round(Math.min(...prompts))} min-ms\t` +
    `${Math.round(median(prompts))} p50-ms\t${ratio.toFixed(2)} times-loaded`,
);
