/** The calls of a fake, noted, and going wrong when the test says so. */
export abstract class Answers<Method extends string> {
  readonly calls: Method[] = [];
  readonly #faults: { readonly method: Method; readonly error: Error; readonly after: boolean }[] = [];

  /** The next call of `method` throws `error`, and nothing happens. */
  fail(method: Method, error: Error): void {
    this.#faults.push({ method, error, after: false });
  }

  /** The next call of `method` happens, and its answer is lost. */
  lose(method: Method, error: Error = new Error(`the answer of ${method} was lost`)): void {
    this.#faults.push({ method, error, after: true });
  }

  protected answer<T>(method: Method, answer: () => T): Promise<T> {
    this.calls.push(method);
    const planned = this.#faults.findIndex((fault) => fault.method === method);
    const [fault] = planned === -1 ? [] : this.#faults.splice(planned, 1);
    if (fault === undefined) return Promise.resolve().then(answer);
    return fault.after
      ? Promise.resolve()
          .then(answer)
          .then(() => Promise.reject(fault.error))
      : Promise.reject(fault.error);
  }
}
