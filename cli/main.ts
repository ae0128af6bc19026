import tab from "@bomb.sh/tab/commander";
import { programOf } from "./program.ts";

const program = programOf();
tab(program);
await program.parseAsync();
