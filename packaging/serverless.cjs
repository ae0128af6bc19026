"use strict";
// The door from serverless.yml (by infra/serverless.cjs) to the packager, which is TypeScript and needs a Node that runs it as it is.

/**
 * Validates and compiles falco-responder.yml (or $FALCO_RESPONDER_CONFIG) and its policy into .build/compiled.
 * @param {{ stage: string, account?: () => Promise<string> }} options
 * @returns {Promise<import("../infra/plan.ts").DeployPlan>} rejects with every problem, one a line
 */
module.exports.deployPlan = async (options) => {
  if (!process.features.typescript) {
    throw new Error(
      `packaging runs TypeScript sources and needs Node 24 (this is ${process.version}): run it with node_modules/node-linux-*/bin first on PATH`,
    );
  }
  const { deployPlan } = await import("./compile.ts");
  return deployPlan(options);
};
