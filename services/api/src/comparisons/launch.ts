// From a request to the row of a comparison and its job.
import { randomUUID } from "node:crypto";
import type { Static } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import type { Prisma } from "../generated/prisma/client.js";
import { ApiError } from "../http/errors.js";
import type { Protocol } from "../http/schemas.js";
import type { Answer, Remember } from "../plugins/idempotency.js";
import { violatesForeignKey } from "../plugins/prisma.js";
import { type Effort, effortsOf } from "../searches/effort.js";
import { comparisonQuery, comparisonView } from "../views/comparison.js";
import { protocolOf } from "../views/measures.js";
import { askedGroups, drawsOf, type NewComparison, refusal } from "./asking.js";
import type { StoredGroup } from "./compared-group.js";
import { type Group, groupsOf } from "./members.js";

const MOST_NAME = 200;
/** The trainer refuses more. */
const MOST_TESTS = 1_000;

export async function compare(app: FastifyInstance, request: NewComparison, remember: Remember): Promise<Answer> {
	const { prisma } = app;
	const groups = await groupsOf(prisma, askedGroups(request));
	const { dataset, experiment } = groups[0].members[0].run;
	const protocol = protocolOf(experiment);
	const metrics = await columns(app, protocol, request.metrics);
	const baseline = placeOf(request.baseline, groups);
	const tests = testsOf(groups.length, baseline, metrics.length);
	const id = randomUUID();
	const store = prisma.$transaction(async (tx) => {
		await app.jobs.create(tx, [id], "comparison");
		const hashes = groups.map(({ members: [{ run }] }) => run.configHash);
		const effortOf = await effortsOf(tx, [dataset.id], hashes);
		await tx.comparison.create({
			data: {
				id,
				name: request.name ?? nameOf(groups, dataset.name),
				datasetId: dataset.id,
				protocol,
				metrics,
				groups: groups.map((group, index) =>
					stored(group, effortOf(dataset.id, hashes[index] as string)),
				) as unknown as Prisma.InputJsonArray,
				baseline,
				draws: drawsOf(request, tests),
				seed: request.seed,
			},
		});
		await tx.comparisonRun.createMany({
			data: groups.flatMap(({ members }) =>
				members.map(({ run, values }) => ({
					comparisonId: id,
					runId: run.id,
					values: values as unknown as Prisma.InputJsonObject,
				})),
			),
		});
		const row = await tx.comparison.findUniqueOrThrow({ ...comparisonQuery, where: { id } });
		const made = {
			status: 202,
			location: `/comparisons/${id}`,
			body: { ...comparisonView(row, effortOf), result: null },
		};
		await remember(tx, made);
		return made;
	});
	const answer = await store.catch((error) => {
		if (violatesForeignKey(error)) throw new ApiError("conflict", "One of the runs has just been deleted.");
		throw error;
	});
	await app.queue
		.add({ kind: "comparison", id, lease: 0 })
		.catch((err) => app.log.warn({ err }, "waits for the reconciler"));
	return answer;
}

/** Those asked for, or all that are means over users. Throws invalid_request. */
async function columns(
	app: FastifyInstance,
	{ metrics, cutoffs }: Static<typeof Protocol>,
	asked: string[] | undefined,
): Promise<string[]> {
	const known = await app.catalogue.metrics();
	const measured = known.filter(({ name }) => metrics.includes(name));
	const atCutoffs = (ofUser: boolean) =>
		measured.filter((one) => one.ofUser === ofUser).flatMap(({ name }) => cutoffs.map((cutoff) => `${name}@${cutoff}`));
	const [able, ofLists] = [atCutoffs(true), atCutoffs(false)];
	const there = able.join(", ") || "none";
	const problems = (asked ?? []).flatMap((name, index) => {
		if (able.includes(name)) return [];
		const why = ofLists.includes(name)
			? "is of all lists together: it has no values of single users"
			: "is not measured under this protocol";
		return [{ pointer: `/metrics/${index}`, code: "not_allowed", message: `${why}; there are ${there}` }];
	});
	if (problems.length > 0) throw refusal("invalid_request", problems);
	if (able.length === 0) {
		const message = `measures nothing of single users: ${metrics.join(", ")}`;
		throw refusal("not_comparable", [{ pointer: "/runs", code: "not_comparable", message }]);
	}
	return asked ?? able;
}

const stored = ({ members, ...group }: Group, effort: Static<typeof Effort>): StoredGroup => ({
	...group,
	effort,
	runs: members.map(({ run }) => ({ id: run.id, seed: run.seed })),
});

function placeOf(baseline: string | undefined, groups: Group[]): number | null {
	const id = baseline?.toLowerCase();
	return id === undefined ? null : groups.findIndex(({ members }) => members.some(({ run }) => run.id === id));
}

/** Throws invalid_request where there are too many. */
function testsOf(groups: number, baseline: number | null, metrics: number): number {
	const pairs = baseline === null ? (groups * (groups - 1)) / 2 : groups - 1;
	const tests = pairs * metrics;
	if (tests <= MOST_TESTS) return tests;
	const [pointer, code, way] =
		baseline === null ? ["/baseline", "missing_field", "must be given"] : ["/metrics", "out_of_range", "must be fewer"];
	const message = `${way}: ${pairs} pairs times ${metrics} metrics are ${tests} tests; at most ${MOST_TESTS} are allowed`;
	throw refusal("invalid_request", [{ pointer, code, message }]);
}

const nameOf = (groups: Group[], dataset: string) =>
	`${groups.map(({ name }) => name).join(", ")} on ${dataset}`.slice(0, MOST_NAME);
