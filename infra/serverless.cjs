"use strict";
// What serverless.yml takes from falco-responder.yml. Reading it validates and compiles the user's files: an invalid one stops the deploy.

const path = require("node:path");
const { lock } = require("./lock.cjs");

/** @type {Promise<unknown> | undefined} */
let read;

async function plan({ resolveVariable }) {
  const stage = await resolveVariable("sls:stage");
  read ??= lock(path.join(__dirname, "..", ".build"))
    .then(() => require("../packaging/serverless.cjs").deployPlan({ stage }))
    .catch(plainly);
  return read;
}

/** What the user must mend is a list of places in the user's files: our stack trace below it would only hide it. */
function plainly(error) {
  if (error.message.startsWith("the configuration is invalid")) error.stack = error.message;
  throw error;
}

/** The generated part of the template: own log groups, roles, subscription filters, alarms. */
module.exports.resources = async (variables) => {
  const { template } = await import("./template.ts");
  const respondConcurrency = Number(await variables.resolveVariable("param:respondConcurrency"));
  const chatopsConcurrency = Number(await variables.resolveVariable("param:chatopsConcurrency"));
  return template(await plan(variables), { respondConcurrency, chatopsConcurrency });
};

/** The function that takes Slack's requests; null: no Slack app is configured, and there is none. */
module.exports.chatops = async (variables) => {
  const { registry } = await plan(variables);
  if (registry.slackApp === undefined) return null;
  const { chatops } = await import("./chatops.ts");
  return chatops(await variables.resolveVariable("param:slackReplyOrigin"));
};

/** Values that serverless.yml and infra/cloudformation/*.yml use as they are. */
module.exports.settings = async (variables) => {
  const { registry, deploy } = await plan(variables);
  return { region: registry.region, ...deploy };
};
