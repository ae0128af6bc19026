import type { ChannelConfig } from "#shared/domain/registry.ts";
import type { IncidentView } from "#shared/notify/view.ts";
import type { OutgoingMessage, SlackCall } from "#shared/ports/channel.ts";

export interface Forms {
  readonly slack: () => { readonly text: string; readonly blocks: readonly unknown[] };
  readonly sns: () => Omit<Extract<OutgoingMessage, { kind: "sns" }>, "kind" | "topicArn">;
  readonly events: () => Extract<OutgoingMessage, { kind: "bus" }>["events"];
}

/** The message of one channel: the same content in that channel's form. `call`: where a channel has several ways. */
export function messageFor(config: ChannelConfig, forms: Forms, call: SlackCall = { kind: "post" }): OutgoingMessage {
  switch (config.kind) {
    case "sns":
      return { kind: "sns", topicArn: config.topicArn, ...forms.sns() };
    case "slack":
      return { kind: "slack", urlSecret: config.urlSecret, payload: forms.slack() };
    case "slack-bot":
      return { kind: "slack-bot", botTokenSecret: config.botTokenSecret, channelId: config.channelId, call, payload: forms.slack() };
    case "bus":
      return { kind: "bus", busArn: config.busArn, events: forms.events() };
  }
}

/** The incident as a Slack channel may show it: without buttons where its clicks would go to another app than ours. */
export const clickableIn = (view: IncidentView, config: ChannelConfig): IncidentView =>
  "buttons" in config && config.buttons === false ? { ...view, clickable: false } : view;
