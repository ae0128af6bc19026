/** What AWS answers instead of a result: the error code, the HTTP status and the message, in whatever wire format the service has. */
export class AwsFailure extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/CommonErrors.html */
export const invalidParameter = (message: string): AwsFailure => new AwsFailure("InvalidParameterException", message);

/** A request that AWS takes and this double does not know: said, never pretended. */
export const notModelled = (what: string): AwsFailure => new AwsFailure("NotModelledByTheDouble", `the double does not model ${what}`, 501);
