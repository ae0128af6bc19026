import { existsSync, readFileSync } from "node:fs";

const FOLDER = new URL("../../../shared/corpus/", import.meta.url);

/** Real input is kept beside the repository and not in it: without the folder its tests say so; with a part of it they fail. */
export const corpusIsHere = existsSync(FOLDER);
export const SKIPPED = "../shared/corpus is not beside this checkout: the same shapes are tested with our own fixtures";

export const corpusLines = (name: string): readonly string[] =>
  readFileSync(new URL(name, FOLDER), "utf8")
    .split("\n")
    .filter((line) => line !== "");

/** Files in which each line is one JSON string. */
export const corpusStrings = (name: string): readonly string[] => corpusLines(name).map((line) => JSON.parse(line) as string);

export interface RawLine {
  readonly n: number;
  readonly kind: "alert" | "text" | "padded";
  readonly line: string;
}

export const rawLines = (): readonly RawLine[] => corpusLines("shipped/raw.jsonl").map((line) => JSON.parse(line) as RawLine);

export const SET_UPS = [
  "seed-eks-docker",
  "seed-eks-containerd",
  "kubernetes-plain",
  "kubernetes-flat",
  "kubernetes-log-key",
  "kubernetes-filter-merge-key",
  "kubernetes-filter-merge",
  "ecs-firelens-plain",
  "ecs-firelens-flat",
  "ecs-firelens-parse-json",
] as const;
