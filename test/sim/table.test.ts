import { tableSuite } from "../contracts/table.suite.ts";
import { ModelTable } from "./model/table.ts";

tableSuite("as the simulation models it", () => new ModelTable(() => Date.now()));
