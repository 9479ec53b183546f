// Starts a lab for a test. GLASSBOX_BIN is the program (default ../bin/glassbox).
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));

/** start runs the lab on a free port, with a state of its own, and waits for the address that it prints. */
export async function start(...options) {
  const data = await mkdtemp(join(tmpdir(), "glassbox-e2e-"));
  const program = process.env.GLASSBOX_BIN ?? join(here, "../../bin/glassbox");
  const lab = spawn(program, ["serve", "--addr", "127.0.0.1:0", "--data", data, ...options], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  const ended = new Promise((_, reject) => {
    lab.on("error", reject);
    lab.on("exit", (code) => reject(new Error(`the lab ended with status ${code}:\n${said}`)));
  });
  ended.catch(() => {});
  const address = new Promise((resolve) => {
    for (const stream of [lab.stdout, lab.stderr]) {
      stream.on("data", (bytes) => {
        said += bytes;
        const found = /Glassbox is at (http:\/\/\S+?)\/?\s/.exec(said);
        if (found) resolve(found[1]);
      });
    }
  });
  const url = await Promise.race([address, ended]);
  return {
    url,
    async stop() {
      const gone = new Promise((resolve) => lab.once("exit", resolve));
      lab.kill("SIGTERM");
      await gone;
      await rm(data, { recursive: true, force: true });
    },
  };
}
