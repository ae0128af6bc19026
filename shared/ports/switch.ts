/** What the switch's parameter in SSM says. Only exactly `run` lets anything happen: `because` says why not, for people. */
export type ParameterSays = { readonly says: "run" } | { readonly says: "pause"; readonly because: string };

/** The half of the kill switch that plain AWS means set without a deploy and without the ledger. */
export interface SwitchParameter {
  /** At most 5 s old. Never throws because of AWS: what cannot be read, or is not known, is a pause. */
  read(signal: AbortSignal): Promise<ParameterSays>;
}
