const only = (layer, allowed) => ({
  name: `${layer}-points-inwards`,
  severity: "error",
  comment: `shared/${layer} may import only: ${[layer, ...allowed].join(", ")}. Move the shared type inwards, or go through a port.`,
  from: { path: `^shared/${layer}/` },
  to: { path: "^(shared|functions|infra|packaging|cli|lab|test|scripts)/", pathNot: `^shared/(${[layer, ...allowed].join("|")})/` },
});

export default {
  options: {
    // Without it imports of types alone are not seen.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(\\.build|\\.serverless|\\.esbuild|\\.lab)/" },
  },
  forbidden: [
    only("domain", []),
    only("policy", ["domain"]),
    only("ledger", ["domain", "ports"]),
    only("notify", ["domain"]),
    only("ports", ["domain"]),
    only("audit", ["domain", "ledger", "ports"]),
    only("report", ["audit", "domain", "ledger", "notify", "ports"]),
    only("wire", ["domain"]),
    only("playbooks", ["domain", "policy", "ports"]),
    only("adapters", ["domain", "policy", "ports", "wire", "pipeline", "playbooks"]),
    only("pipeline", ["audit", "report", "domain", "policy", "ledger", "notify", "playbooks", "ports", "wire"]),
    {
      name: "composition-in-live-files-only",
      severity: "error",
      comment: "Only the adapters' live-*.ts files compose the pipeline; another adapter implements a port and nothing else.",
      from: { path: "^shared/adapters/", pathNot: "^shared/adapters/live-[a-z-]+\\.ts$" },
      to: { path: "^shared/(pipeline|playbooks)/" },
    },
    {
      name: "sdk-in-adapters-only",
      severity: "error",
      comment: "Put it behind a port.",
      from: { path: "^(shared|functions)/", pathNot: "^shared/adapters/" },
      to: { path: "^node_modules/(@aws-sdk|@kubernetes|@aws-lambda-powertools/(logger|metrics))/" },
    },
    {
      name: "product-knows-no-lab",
      severity: "error",
      comment: "What is deployed never imports the lab, the tests, the scripts or the packager.",
      from: { path: "^(shared|functions)/" },
      to: { path: "^(lab|test|scripts|packaging|infra)/" },
    },
    {
      name: "lab-and-packaging-know-no-tests",
      severity: "error",
      comment: "Move what both need out of test/.",
      from: { path: "^(lab|packaging|infra)/" },
      to: { path: "^test/" },
    },
    { name: "no-cycles", severity: "error", comment: "Break the circle: move the common part inwards.", from: {}, to: { circular: true } },
  ],
};
