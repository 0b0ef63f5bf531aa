// How a job's life appears in answers.
import type { JobState } from "../generated/prisma/client.js";

export interface JobLike {
	state: JobState;
	errorCode: string | null;
	errorMessage: string | null;
}

export const errorOf = (job: JobLike) =>
	job.errorCode === null ? null : { code: job.errorCode, message: job.errorMessage ?? "" };

/** JSON has no NaN. */
export const finite = (value: number | null | undefined) => (Number.isFinite(value) ? (value as number) : null);
