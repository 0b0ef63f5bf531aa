import type { FieldProblem, ProblemDetails } from "./generated/openapi.js";

/** An answer that is a problem (RFC 9457), or none at all: then `status` is 0 and `code` is `unavailable`. */
export class Problem extends Error {
	override readonly name = "Problem";

	constructor(
		readonly status: number,
		/** One of docs/errors.md. */
		readonly code: string,
		/** What is wrong, in words; the message too. */
		readonly detail: string,
		/** The places of the request that are meant. */
		readonly errors: readonly FieldProblem[] = [],
		/** Of this one answer, as the service's log has it. */
		readonly instance?: string,
		options?: ErrorOptions,
	) {
		super(detail, options);
	}

	static async of(response: Response): Promise<Problem> {
		return Problem.from(response.status, await response.text());
	}

	/** Of an answer's status and text. */
	static from(status: number, text: string): Problem {
		try {
			const { code, detail, errors, instance } = JSON.parse(text) as Partial<ProblemDetails>;
			if (typeof code === "string") return new Problem(status, code, detail ?? code, errors, instance);
		} catch {
			// Of a proxy in between.
		}
		return new Problem(status, "internal", `The service answered ${status}.`);
	}
}
