/** What stands before the line in front of us: a container runtime's header (CRI) or syslog's. */
export type Header =
  | { readonly kind: "cri"; readonly stream: "stdout" | "stderr"; readonly partial: boolean; readonly rest: string }
  | { readonly kind: "syslog"; readonly rest: string };

/** https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md */
const CRI = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d) (stdout|stderr) ([FP])(?::[A-Z]+)* /;
/** RFC 3164 and its ISO-time relatives (journald, Falcosidekick), from the program falco. */
const SYSLOG =
  /^(?:<\d{1,3}>)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) [^\s:]{1,255} falco(?:\[\d{1,10}\])?: /i;
/** https://www.rfc-editor.org/rfc/rfc5424#section-6 */
const RFC_5424 = /^<\d{1,3}>1 \S{1,64} \S{1,255} falco \S{1,128} \S{1,32} (?:-|\[[^\]]{0,1024}\]) \uFEFF?/i;

/** The header that `text` begins with, and the whole rest behind it; null when it begins with none. */
export function readHeader(text: string): Header | null {
  const cri = CRI.exec(text);
  if (cri !== null) {
    return { kind: "cri", stream: cri[1] === "stderr" ? "stderr" : "stdout", partial: cri[2] === "P", rest: text.slice(cri[0].length) };
  }
  const syslog = SYSLOG.exec(text) ?? RFC_5424.exec(text);
  return syslog === null ? null : { kind: "syslog", rest: text.slice(syslog[0].length) };
}
