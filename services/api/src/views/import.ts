// How files on their way in appear, into a dataset or a feed: what was asked, how far it is, and what is wrong in them.
import { type Static, Type } from "@fastify/type-provider-typebox";
import type { StoredFile } from "../datasets/dataset-store.js";
import type { Prisma } from "../generated/prisma/client.js";
import { JobError, Nullable, State } from "../http/schemas.js";
import { errorOf } from "./job.js";

export const ImportProblem = Type.Object(
	{
		code: Type.String(),
		file: Type.String(),
		line: Type.Integer({ description: "From 1; of Parquet and JSON arrays the row. 0: of the whole file." }),
		column: Type.String(),
		message: Type.String(),
	},
	{ title: "ImportProblem" },
);
/** What is wrong in the files of an import, and what is only said of them. */
export const toldFields = {
	problemsTotal: Type.Integer({ description: "How many rows are bad." }),
	problems: Type.Array(ImportProblem, { description: "The first 100 of them." }),
	warnings: Type.Array(ImportProblem, {
		description: "Of whole files (`line` 0), or of the rule: nothing is refused for them.",
	}),
};
const told = Type.Object(toldFields);
type Told = Static<typeof told>;
const ImportedFile = Type.Object(
	{ role: Type.String(), name: Type.String(), bytes: Type.Integer(), sha256: Type.String() },
	{ title: "DatasetFile" },
);
const ImportProgress = Type.Object(
	{ stage: Type.String(), fraction: Type.Number(), rowsRead: Type.Integer() },
	{ title: "ImportProgress" },
);
/** Fields that whatever is imported has. */
export const importFields = {
	rule: Type.Record(Type.String(), Type.Unknown()),
	files: Type.Array(ImportedFile),
	state: State,
	error: JobError,
	progress: Nullable(ImportProgress),
};
const fields = Type.Object(importFields);
type Fields = Static<typeof fields>;

export const importJob = {
	include: { events: { where: { type: "progress" }, orderBy: { seq: "desc" }, take: 1 } },
} as const satisfies Prisma.JobDefaultArgs;

interface Row {
	rule: Prisma.JsonValue;
	files: Prisma.JsonValue;
	job: Prisma.JobGetPayload<typeof importJob>;
}

/** Of the rule, not of the files: the trainer does not count it. */
const OF_THE_RULE = "ratings_all_taken";

/** What the trainer says of whole files it tells, and counts, with the bad rows. */
export function toldView(row: { problems: Prisma.JsonValue; problemsTotal: number }): Told {
	const all = row.problems as Told["problems"];
	const [problems, warnings] = [all.filter(({ line }) => line > 0), all.filter(({ line }) => line === 0)];
	const counted = warnings.filter(({ code }) => code !== OF_THE_RULE);
	return { problemsTotal: Math.max(row.problemsTotal - counted.length, problems.length), problems, warnings };
}

export const importView = ({ rule, files, job }: Row): Fields => ({
	rule: rule as Fields["rule"],
	files: (files as unknown as StoredFile[]).map(({ role, displayName, bytes, sha256 }) => ({
		role,
		name: displayName,
		bytes,
		sha256,
	})),
	state: job.state,
	error: errorOf(job),
	progress: job.state === "RUNNING" ? ((job.events[0]?.data as Fields["progress"]) ?? null) : null,
});
