/** An elastic network interface. */
export interface Eni {
  readonly id: string;
  readonly account: string;
  readonly region: string;
  readonly vpcId: string;
  readonly requesterManaged: boolean;
  readonly type: string;
  readonly description: string;
  /** Null: a branch interface of an awsvpc task hangs on a trunk, not on the machine. */
  readonly ec2InstanceId: string | null;
  groups: string[];
}

export interface Rule {
  /** "-1": all. */
  readonly protocol: string;
  readonly fromPort: number | null;
  readonly toPort: number | null;
  readonly cidr: string;
}

export interface Group {
  readonly id: string;
  readonly account: string;
  readonly region: string;
  readonly vpcId: string;
  readonly name: string;
  readonly inbound: readonly Rule[];
  readonly outbound: readonly Rule[];
}

export const ALL: Rule = { protocol: "-1", fromPort: null, toPort: null, cidr: "0.0.0.0/0" };
export const HTTPS: Rule = { protocol: "tcp", fromPort: 443, toPort: 443, cidr: "0.0.0.0/0" };

export const opens = ({ protocol, fromPort, toPort }: Rule, port: number): boolean =>
  protocol === "-1" || (protocol === "tcp" && (fromPort ?? 0) <= port && port <= (toPort ?? 65_535));
