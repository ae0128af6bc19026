#!/usr/bin/env node
// The package's bin: `npx falco-responder <verb>`. It goes the way of `npm run responder`, which sees to the right Node.
process.argv.splice(2, 0, "responder");
await import("../scripts/run.mjs");
