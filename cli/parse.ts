import { InvalidArgumentError } from "commander";
import { MOST_MUTE_S } from "#shared/wire/operate.ts";
import { durationMs, instantMs } from "./time.ts";

/** Readers of arguments: each says what is wrong and what is right. Wrong usage ends with exit code 2, and nobody is asked. */

export function webUrl(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new InvalidArgumentError('it is no URL of a function: give one such as "https://abc.lambda-url.eu-west-1.on.aws/".');
  return text;
}

export function hexId(text: string): string {
  if (!/^[0-9a-f]{16}$/.test(text))
    throw new InvalidArgumentError('it has not 16 hex digits: "incidents list" and each message show them.');
  return text;
}

export function since(text: string): number {
  const ms = instantMs(text, Date.now(), "before");
  if (ms === null) throw new InvalidArgumentError('it is no time: give "2d", "6h", or "2026-11-28T20:00Z".');
  return ms;
}

export function until(text: string): number {
  const ms = instantMs(text, Date.now(), "after");
  if (ms === null || ms <= Date.now()) throw new InvalidArgumentError('it is no time to come: give "4h", or "2026-11-29T08:00Z".');
  return ms;
}

export function muteSeconds(text: string): number {
  const ms = durationMs(text);
  if (ms === null || ms < 60_000 || ms > MOST_MUTE_S * 1_000)
    throw new InvalidArgumentError(
      'it is no time from 1m to 30d: give "30m", "4h" or "7d". What is to be silent for longer is a rule of the policy.',
    );
  return Math.floor(ms / 1_000);
}

export function rows(text: string): number {
  if (!/^\d{1,4}$/.test(text) || Number(text) < 1 || Number(text) > 1_000)
    throw new InvalidArgumentError("it is no number from 1 to 1000.");
  return Number(text);
}

export function reason(text: string): string {
  if (text.trim() === "" || text.length > 300) throw new InvalidArgumentError("it is empty, or longer than 300 characters.");
  return text;
}
