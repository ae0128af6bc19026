import { controlPlanePrograms } from "./control-plane/build.ts";
import { emulatorVenv } from "./emulator/venv.ts";

// Installs and builds what the lab needs, once; `npm test` runs this beside the unit tests.
const tell = (line: string): void => console.error(`[lab] ${line}`);
await emulatorVenv(tell);
if (process.env["FALCO_RESPONDER_KUBECONFIG"]) tell("FALCO_RESPONDER_KUBECONFIG is set: no control plane is built");
else await controlPlanePrograms(tell);
