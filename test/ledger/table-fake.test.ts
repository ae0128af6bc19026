import { tableSuite } from "../contracts/table.suite.ts";
import { FakeTable } from "../fakes/table.ts";

tableSuite("the fake", () => new FakeTable());
