/**
 * Whether an event pattern of EventBridge matches an event, for the operators that our rules use; any other throws. All fields of a pattern
 * must match, any one of the values of a field suffices, and of an array in the event any one element does.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
export function matches(pattern: unknown, event: unknown): boolean {
  if (!isObject(pattern)) throw new Error("a pattern is an object, its leaves are arrays");
  return Object.entries(pattern).every(([key, wanted]) => {
    // Of an array of objects, one has to fit as a whole: EventBridge keeps elements together.
    const holders = Array.isArray(event) ? event : [event];
    return holders.some((holder) => {
      const value = isObject(holder) ? holder[key] : undefined;
      if (!Array.isArray(wanted)) return value !== undefined && value !== null && matches(wanted, value);
      if (wanted.length === 0) throw new Error(`the field ${key} lists no values`);
      const values = Array.isArray(value) ? value : [value];
      return wanted.some((test) => values.some((one) => holds(test, one)));
    });
  });
}

function holds(test: unknown, value: unknown): boolean {
  if (!isObject(test)) return test === value;
  const [[operator, operand] = ["", null], ...more] = Object.entries(test);
  if (more.length > 0) throw new Error("one operator stands in one object");
  if (operator === "anything-but" && Array.isArray(operand)) return value !== undefined && !operand.includes(value);
  if (typeof operand !== "string") throw new Error(`the operand of ${operator} is not known here`);
  if (typeof value !== "string") return false;
  switch (operator) {
    case "prefix":
      return value.startsWith(operand);
    case "suffix":
      return value.endsWith(operand);
    case "wildcard":
      if (operand.includes("**") || operand.includes("\\"))
        throw new Error("EventBridge refuses two wildcards in a row, and escapes are not known here");
      return new RegExp(
        `^${operand
          .split("*")
          .map((text) => text.replaceAll(/[.+?^${}()|[\]\\/]/g, "\\$&"))
          .join(".*")}$`,
        "s",
      ).test(value);
    default:
      throw new Error(`the operator ${operator} is not known here`);
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
