// Builds the front end into ../assets/dist: hashed files, and manifest.json, which tells the server their names.
//
//   node build.mjs            one build; fails when the first load grows beyond its budget
//   node build.mjs --watch    keeps building while files change
//
// manifest.json:
//   { "files":   { "app.js": "app-4F2A91XQ.js", … },   name in a template -> file in this directory
//     "preload": [ "source-sans-….woff2", … ],         fonts that every page needs at once
//     "size":    { "js": 1234, "css": 1234 } }         bytes of the first load of a lesson, gzipped

import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, context } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const out = resolve(here, "../assets/dist");
const budget = 200_000; // bytes, gzipped, of JavaScript and CSS before a lesson can be used

// Adding a panel is adding one file below src/panels/: this module imports whatever is there.
export const panels = {
  name: "panels",
  setup(b) {
    b.onResolve({ filter: /^panels$/ }, () => ({ path: "panels", namespace: "panels" }));
    b.onLoad({ filter: /.*/, namespace: "panels" }, async () => {
      const dir = join(here, "src/panels");
      const files = (await readdir(dir)).filter((f) => f.endsWith(".ts")).sort();
      const imports = files.map((f, i) => `import p${i} from "./${f}";`).join("\n");
      return {
        contents: `${imports}\nexport const panels = [${files.map((_, i) => `p${i}`).join(", ")}];`,
        resolveDir: dir,
        watchDirs: [dir],
      };
    });
  },
};

const common = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  metafile: true,
  outdir: out,
  entryNames: "[name]-[hash]",
  chunkNames: "chunk-[hash]",
  assetNames: "[name]-[hash]",
  target: ["es2022"],
  legalComments: "none", // they are in licences.txt
  loader: { ".woff2": "file", ".svg": "copy" },
  plugins: [panels],
  logLevel: "warning",
};

// The theme must be set before the first pixel, so it is a classic script and shares nothing with the modules.
const builds = [
  { ...common, entryPoints: ["src/app.ts"], format: "esm", splitting: true }, // what is imported later is a file of its own
  { ...common, entryPoints: ["src/page.ts", "src/starting.ts"], format: "esm" },
  { ...common, entryPoints: ["src/theme-first.ts"], format: "iife" },
  { ...common, entryPoints: ["styles/site.css", "styles/mark.svg"] },
];

async function finish(results) {
  const outputs = Object.assign({}, ...results.map((r) => r.metafile.outputs));
  const name = (path) => relative(out, resolve(here, path));
  const files = {};
  const preload = [];
  for (const [path, o] of Object.entries(outputs)) {
    if (o.entryPoint && !o.entryPoint.startsWith("node_modules"))
      files[basename(o.entryPoint).replace(/\.ts$/, ".js")] = name(path);
    if (/(source-sans-3-latin-wght-normal|ibm-plex-mono-latin-400-normal)-[^/]*\.woff2$/.test(path))
      preload.push(name(path));
  }

  const gzipped = async (paths) => {
    let n = 0;
    for (const p of paths) n += gzipSync(await readFile(resolve(here, p)), { level: 9 }).length;
    return n;
  };
  const firstLoad = new Set();
  const follow = (path) => {
    if (firstLoad.has(path)) return;
    firstLoad.add(path);
    for (const i of outputs[path].imports) if (i.kind === "import-statement") follow(i.path);
  };
  for (const [path, o] of Object.entries(outputs))
    if (/app\.ts$|theme-first\.ts$/.test(o.entryPoint ?? "")) follow(path);
  const css = Object.keys(outputs).filter((p) => p.endsWith(".css"));
  const size = { js: await gzipped(firstLoad), css: await gzipped(css) };

  await writeLicences(outputs);
  files["licences.txt"] = "licences.txt";
  await writeFile(join(out, "manifest.json"), `${JSON.stringify({ files, preload, size }, null, 2)}\n`);

  const kept = new Set([...Object.keys(outputs).map(name), "manifest.json", "licences.txt", ".gitkeep"]);
  for (const f of await readdir(out)) if (!kept.has(f)) await rm(join(out, f), { recursive: true });

  const total = size.js + size.css;
  const kB = (n) => (n / 1000).toFixed(1);
  console.log(
    `first load ${kB(total)} kB gzipped (${kB(size.js)} JavaScript, ${kB(size.css)} CSS; at most ${kB(budget)})`,
  );
  if (total > budget) throw new Error(`the first load is ${kB(total - budget)} kB over its budget`);
}

// writeLicences collects the licences of everything that ends up in the output, as those licences ask for.
async function writeLicences(outputs) {
  const packages = new Set();
  for (const o of Object.values(outputs)) {
    for (const input of Object.keys(o.inputs)) {
      const m = input.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)\//);
      if (m) packages.add(m[1]);
    }
  }
  let text = "Glassbox's pages are built with these packages.\n";
  for (const p of [...packages].sort()) {
    const dir = join(here, "node_modules", p);
    const { version, license } = JSON.parse(await readFile(join(dir, "package.json"), "utf8"));
    const file = (await readdir(dir)).find((f) => /^licen[cs]e/i.test(f));
    text += `\n${"=".repeat(80)}\n${p} ${version} (${license})\n\n`;
    text += file ? await readFile(join(dir, file), "utf8") : `${license}\n`;
  }
  await writeFile(join(out, "licences.txt"), text);
}

await mkdir(out, { recursive: true });
if (process.argv.includes("--watch")) {
  const results = [];
  for (const [i, b] of builds.entries()) {
    const told = {
      name: "told",
      setup: (p) =>
        p.onEnd(async (r) => {
          if (r.errors.length > 0) return;
          results[i] = r;
          if (results.filter(Boolean).length === builds.length)
            await finish(results).catch((e) => console.error(e.message));
        }),
    };
    await (await context({ ...b, plugins: [...b.plugins, told] })).watch();
  }
} else {
  try {
    await finish(await Promise.all(builds.map((b) => build(b))));
  } catch (e) {
    if (!e.errors) console.error(`build: ${e.message}`);
    process.exit(1);
  }
}
