import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runToEnd } from "../children.ts";
import { once } from "../once.ts";
import { cacheRoot } from "../paths.ts";

/** The emulator's own Python, with exactly the pinned packages. Installed once, apart from the user's. Returns its bin folder. */
export async function emulatorVenv(tell: (line: string) => void = () => {}): Promise<string> {
  const requirements = join(import.meta.dirname, "requirements.txt");
  const version = (await runToEnd("python3", ["--version"])).trim();
  const key = createHash("sha256").update(readFileSync(requirements)).update(version).digest("hex").slice(0, 16);
  const path = join(cacheRoot(), `emulator-${key}`);
  await once(path, async (into) => {
    tell("installing the local AWS (ministack) ...");
    await runToEnd("python3", ["-m", "venv", "--copies", into]);
    // Called as modules later: the scripts in bin/ name the folder of the build, which is renamed.
    await runToEnd(join(into, "bin", "python"), [
      "-m",
      "pip",
      "install",
      "--quiet",
      "--no-deps",
      "--disable-pip-version-check",
      "-r",
      requirements,
    ]);
  });
  return join(path, "bin");
}
