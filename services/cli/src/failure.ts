// How a command ends: the exit statuses, and the errors that lead to them.

export const STATUS = {
	done: 0,
	/** The work was done, or begun, and came to nothing. */
	failed: 1,
	/** The command line is wrong: nothing was begun. */
	usage: 2,
	/** The service has answered with an error. */
	refused: 3,
	/** There is no service at the address. */
	unreachable: 4,
	/** What was trained is not good enough to be served. */
	notGoodEnough: 5,
	interrupted: 130,
} as const;

/** An error whose message is all that a person needs, and the status that the command ends with. */
export class Failure extends Error {
	constructor(
		message: string,
		readonly status: number = STATUS.failed,
		/** Whether the command's help would have told. */
		readonly needsHelp = false,
		/** For programs: what the service said, or {code, ...}. */
		cause?: unknown,
	) {
		super(message, { cause });
	}
}

export const wrongUsage = (message: string) => new Failure(message, STATUS.usage);
