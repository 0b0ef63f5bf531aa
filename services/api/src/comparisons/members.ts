// The runs of a comparison: found, refused where they do not compare, and put into groups of the same configuration.
import { wrong } from "../datasets/import-rule.js";
import { type Configured, differingFields, labelsOf, settingsOf } from "../experiments/labels.js";
import { valuesOf } from "../experiments/user-values.js";
import type { Prisma, PrismaClient } from "../generated/prisma/client.js";
import type { UserValuesRef } from "../generated/proto/trainer/v1/measures.js";
import type { Problem } from "../http/errors.js";
import { isFinal } from "../plugins/jobs.js";
import { PRUNED } from "../searches/trial-state.js";
import { type AskedGroup, MOST_GROUPS, refusal } from "./asking.js";
import type { StoredGroup } from "./compared-group.js";

const QUERY = {
	include: {
		job: { select: { state: true } },
		dataset: { select: { id: true, name: true, splitDigest: true } },
		experiment: { select: { maskTest: true, cutoffs: true, metrics: true, protocolHash: true } },
		// Of runs that were tested before values of users were kept.
		evaluations: {
			where: { split: "test", datasetId: null, valuesKey: { not: null } },
			orderBy: { job: { createdAt: "desc" } },
		},
	},
} as const satisfies Prisma.RunDefaultArgs;
type Row = Prisma.RunGetPayload<typeof QUERY>;

export interface Member {
	run: Row;
	values: UserValuesRef;
	/** Where it stands in the request. */
	pointer: string;
}
export type Members = [Member, ...Member[]];
export interface Group extends Omit<StoredGroup, "runs"> {
	members: Members;
}

/** Throws unknown_run, conflict, not_comparable, protocols_differ or not_one_group; invalid_request where there is one group only. */
export async function groupsOf(prisma: PrismaClient, asked: AskedGroup[]): Promise<[Group, ...Group[]]> {
	const all = asked.flatMap(({ runs }) => runs);
	const rows = await prisma.run.findMany({ ...QUERY, where: { id: { in: all.map(({ id }) => id) } } });
	const byId = new Map(rows.map((run) => [run.id, run]));
	const unknown = all.filter(({ id }) => !byId.has(id));
	refuse(
		"unknown_run",
		unknown.map(({ pointer }) => ({ pointer, message: "is not known" })),
	);
	const found = all.map(({ id, pointer }) => ({ run: byId.get(id) as Row, pointer }));
	refuseUnfinished(found);
	const members = withValues(found);
	refuseUnlike(members);
	const byPointer = new Map(members.map((member) => [member.pointer, member]));
	const given = asked.map(({ name, runs }) => ({
		name,
		members: runs.map(({ pointer }) => byPointer.get(pointer)) as Members,
	}));
	const isGrouped = asked.length > 1;
	const groups = isGrouped ? given : byConfiguration(members);
	if (groups.length < 2)
		throw wrong("/runs", "not_allowed", "are all of one configuration: there is nothing to compare");
	if (groups.length > MOST_GROUPS)
		throw wrong("/runs", "out_of_range", `are of ${groups.length} configurations; at most ${MOST_GROUPS} are allowed`);
	refuseMixed(groups);
	return named(groups) as [Group, ...Group[]];
}

type Refusal = "unknown_run" | "conflict" | "not_comparable" | "protocols_differ" | "not_one_group";

function refuse(code: Refusal, problems: Omit<Problem, "code">[]): void {
	if (problems.length > 0)
		throw refusal(
			code,
			problems.map((problem) => ({ ...problem, code })),
		);
}

function refuseUnfinished(found: Omit<Member, "values">[]): void {
	const open = found.filter(({ run }) => !isFinal(run.job.state));
	refuse(
		"conflict",
		open.map(({ pointer, run }) => ({ pointer, message: `is ${run.job.state}; wait for its end` })),
	);
	const refits = found.filter(({ run }) => run.refitOfId !== null);
	refuse(
		"not_comparable",
		refits.map(({ pointer, run }) => ({
			pointer,
			message: `is a refit, which has seen what it would be measured on; run ${run.refitOfId} vouches for it`,
		})),
	);
	const pruned = found.filter(({ run }) => run.stopReason === PRUNED);
	refuse(
		"not_comparable",
		pruned.map(({ pointer }) => ({ pointer, message: "is a trial that was pruned: it was not tested" })),
	);
	const ended = found.filter(({ run }) => run.job.state !== "SUCCEEDED");
	refuse(
		"not_comparable",
		ended.map(({ pointer, run }) => ({ pointer, message: `is ${run.job.state}: it was not tested` })),
	);
}

/** Those of the test, or where an earlier version did it, of an evaluation that measured the same. */
function withValues(found: Omit<Member, "values">[]): Member[] {
	const problems: Omit<Problem, "code">[] = [];
	const members = found.flatMap((one) => {
		const { run, pointer } = one;
		const again = run.evaluations.find(
			({ protocolHash, epoch }) => protocolHash === run.experiment.protocolHash && epoch === run.bestEpoch,
		);
		const values = valuesOf(run) ?? (again && valuesOf(again));
		if (values) return [{ ...one, values }];
		const message =
			run.valuesUsers === 0
				? "has measured nobody: no user has an item in its test part"
				: `has no values of single users: an earlier version tested it. POST /runs/${run.id}/evaluations measures them`;
		problems.push({ pointer, message });
		return [];
	});
	refuse("not_comparable", problems);
	return members;
}

/** Numbers compare only under one protocol, and users by their place in one dataset. */
function refuseUnlike(members: Member[]): void {
	const factsOf = ({ run: { dataset, experiment } }: Member) => ({
		dataset: `${dataset.name} (${dataset.id})`,
		split: dataset.splitDigest ?? "",
		maskTest: experiment.maskTest,
		metrics: experiment.metrics.join(", "),
		cutoffs: experiment.cutoffs.join(", "),
	});
	const [first, ...others] = members as Members;
	const expected = Object.entries(factsOf(first));
	const problems = others.flatMap((member) => {
		const facts: Record<string, string> = factsOf(member);
		return expected
			.filter(([name, value]) => facts[name] !== value)
			.map(([name, value]) => ({
				pointer: member.pointer,
				message: `has ${name} ${facts[name]} where ${first.pointer} has ${value}`,
			}));
	});
	refuse("protocols_differ", problems);
}

interface Unnamed {
	name?: string | undefined;
	members: Members;
}

function byConfiguration(members: Member[]): Unnamed[] {
	const groups = new Map<string, Members>();
	for (const member of members) {
		const { configHash } = member.run;
		groups.set(configHash, [...(groups.get(configHash) ?? []), member] as Members);
	}
	return [...groups.values()].map((group) => ({ members: group }));
}

/** Seeds are a sample of one configuration, and each counts once. */
function refuseMixed(groups: Unnamed[]): void {
	const problems = groups.flatMap(({ members: [first, ...others] }) => {
		const seeds = new Map([[first.run.seed, first.pointer]]);
		return others.flatMap(({ run, pointer }) => {
			if (run.configHash !== first.run.configHash) {
				return [{ pointer, message: `differs from ${first.pointer} in more than the seed: ${unlike(run, first.run)}` }];
			}
			const before = seeds.get(run.seed);
			if (before !== undefined)
				return [{ pointer, message: `has seed ${run.seed}, as ${before} has: the same work twice` }];
			seeds.set(run.seed, pointer);
			return [];
		});
	});
	refuse("not_one_group", problems);
}

function unlike(run: Row, first: Row): string {
	if (run.model !== first.model) return `model ${run.model}, not ${first.model}`;
	const settings: Record<string, unknown>[] = [run, first].map((one) => settingsOf(configuredAs(one)));
	const told = (place: number, field: string) => JSON.stringify(settings[place]?.[field] ?? null);
	return differingFields(settings)
		.map((field) => `${field} ${told(0, field)}, not ${told(1, field)}`)
		.join("; ");
}

function named(groups: Unnamed[]): Group[] {
	const configured = groups.map(({ members }) => configuredAs(members[0].run));
	const labels = labelsOf(configured);
	const taken = new Map<string, number>();
	return groups.map(({ name, members }, index) => {
		const of = configured[index] as (typeof configured)[number];
		const wanted = name ?? [of.model, labels[index]].filter(Boolean).join(" ");
		const times = (taken.get(wanted) ?? 0) + 1;
		taken.set(wanted, times);
		const { processes, ...rest } = of;
		const unique = times > 1 ? `${wanted} (${times})` : wanted;
		return { ...rest, ...(processes > 1 && { processes }), name: unique, members };
	});
}

const configuredAs = ({ model, config, processes }: Row): Configured => ({
	model,
	config: config as Record<string, unknown>,
	processes,
});
