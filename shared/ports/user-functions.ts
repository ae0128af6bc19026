/** Lambda functions of the user. Adapters translate errors to PipelineError (`aws_*`); an invocation that takes too long is `timed_out`. */
export interface UserFunctions {
  /**
   * Invoke, RequestResponse, once: no retry of ours. function-error: the function itself failed (`X-Amz-Function-Error`), `error` is its
   * errorType and errorMessage, cut and printable. https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
   */
  invoke(
    functionArn: string,
    payload: string,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<{ readonly kind: "answered"; readonly body: string } | { readonly kind: "function-error"; readonly error: string }>;
}
