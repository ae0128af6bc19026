import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { realCases } from "../adversarial/kubernetes/cases-real.ts";
import { openPlant, type Plant } from "../adversarial/kubernetes/plant.ts";
import { judgeAll } from "../adversarial/kubernetes/real-stage.ts";
import { readKube } from "./kube-requests.ts";

/** The part of the adversarial suite that needs a real API server: `npm run adversarial -- kubernetes` plays the rest with it. */
const file = process.env["FALCO_RESPONDER_TEST_KUBE"];

describe.skipIf(file === undefined)("with FALCO_RESPONDER_TEST_KUBE naming a control plane", () => {
  let plant: Plant | undefined;
  beforeAll(async () => {
    plant = await openPlant(readKube(file ?? ""));
  });
  afterAll(() => plant?.close());

  test("every case holds, and its twin acts", async () => {
    if (plant === undefined) throw new Error("there is no control plane");
    expect(new Set(realCases.map(({ name }) => name)).size).toBe(realCases.length);
    const judged = await judgeAll(plant, realCases);
    expect(judged.filter(({ refused, acted }) => refused !== null || acted !== null)).toEqual([]);
    expect(judged).toHaveLength(realCases.length);
  });
});
