// From what lies on the disk and what the rows name to who uses how much of it, and what nobody names.

import { valuesKey } from "../experiments/user-values.js";
import type { Artifact } from "../generated/proto/trainer/v1/trainer.js";
import type { Transaction } from "../plugins/prisma.js";
import { exportKey } from "./export-store.js";

const HOUR_MS = 3_600_000;
/** What is being made lies on the disk before its row is committed. */
const YOUNG_MS = HOUR_MS;
/** The first file of a request waits for its last one, however slow the line is. */
export const YOUNG_UPLOAD_MS = 24 * HOUR_MS;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What an artifact belongs to. */
export interface Owner {
	kind: "dataset" | "run" | "export" | "feed import";
	id: string;
}
export interface Found {
	key: string;
	bytes: number;
	changedAt: string;
}
export const PARTS = ["datasets", "runs", "uploads", "exports", "orphans", "removals", "temporary", "unknown"] as const;
export interface Usage {
	/** When the walk began. */
	measuredAt: Date;
	/** Bytes; each artifact counts in one. */
	totals: Record<(typeof PARTS)[number], number>;
	/** Bytes by id. */
	datasets: Map<string, number>;
	runs: Map<string, number>;
	/** What no row names and nobody is making. */
	orphans: Found[];
	/** Half-written: being made, or left by a crash until the trainer starts. */
	temporary: Found[];
	/** Nothing of ours by its name. */
	unknown: Found[];
}

const PART_OF: Record<string, "datasets" | "runs" | "uploads" | "exports"> = {
	dataset: "datasets",
	run: "runs",
	checkpoint: "runs",
	constant: "runs",
	values: "runs",
	upload: "uploads",
	export: "exports",
};

/** `removals`: keys that wait to be deleted. */
export function usageOf(
	artifacts: Artifact[],
	owners: Map<string, Owner>,
	removals: Set<string>,
	measuredAt: Date,
): Usage {
	const usage: Usage = {
		measuredAt,
		totals: Object.fromEntries(PARTS.map((part) => [part, 0])) as Usage["totals"],
		datasets: new Map(),
		runs: new Map(),
		orphans: [],
		temporary: [],
		unknown: [],
	};
	for (const { key, shape, bytes, changedMs } of artifacts) {
		const owner = owners.get(key);
		const part = partOf();
		usage.totals[part] += bytes;
		if (part === "orphans" || part === "temporary" || part === "unknown") {
			usage[part].push({ key, bytes, changedAt: new Date(changedMs).toISOString() });
		} else if (owner && part !== "removals") {
			const sums = { dataset: usage.datasets, run: usage.runs, export: null, "feed import": null }[owner.kind];
			sums?.set(owner.id, (sums.get(owner.id) ?? 0) + bytes);
		}

		function partOf(): keyof Usage["totals"] {
			const known = PART_OF[shape];
			if (!known) return shape === "temporary" ? "temporary" : "unknown";
			if (removals.has(key) || removals.has(key.split("/", 2).join("/"))) return "removals";
			const young = shape === "upload" ? YOUNG_UPLOAD_MS : YOUNG_MS;
			return owner || measuredAt.getTime() - changedMs < young ? known : "orphans";
		}
	}
	return usage;
}

/**
 * Who owns each of these artifacts; what is missing has no owner. A dataset that is being imported, a run and an export that are not
 * final own what they will name, too; a run owns its own folder, not what is in it, but what its checkpoints have in common as long as
 * it has one. Values of an evaluation are of its run.
 */
export async function ownersOf(tx: Transaction, keys: string[]): Promise<Map<string, Owner>> {
	const within = (folder: string) => keys.filter((key) => key.startsWith(`${folder}/`));
	const [datasetKeys, runKeys, uploadKeys] = [within("datasets"), within("runs"), within("uploads")];
	const nameOf = (key: string) => key.split("/")[1] as string;
	// Half-written folders lie there, too.
	const idsOf = (some: string[]) => [...new Set(some.map(nameOf))].filter((name) => UUID.test(name));
	const runIds = idsOf(runKeys);

	const runs = await tx.$queryRaw<{ id: string; is_open: boolean }[]>`
		SELECT r.id, j.state IN ('QUEUED', 'RUNNING') AS is_open FROM runs r JOIN jobs j ON j.id = r.id WHERE r.id = ANY(${runIds}::uuid[])`;
	const checkpoints = await tx.$queryRaw<{ key: string; run_id: string }[]>`
		SELECT key, run_id FROM checkpoints WHERE run_id = ANY(${runIds}::uuid[])`;
	const valuesIds = idsOf(within("values"));
	const measured = await tx.$queryRaw<{ id: string; run_id: string }[]>`
		SELECT m.id, m.run_id FROM (SELECT id, id AS run_id, values_key FROM runs WHERE id = ANY(${valuesIds}::uuid[])
			UNION ALL SELECT id, run_id, values_key FROM evaluations WHERE id = ANY(${valuesIds}::uuid[])) m JOIN jobs j ON j.id = m.id
		WHERE m.values_key IS NOT NULL OR j.state IN ('QUEUED', 'RUNNING')`;
	const datasets = await tx.$queryRaw<{ id: string; key: string }[]>`
		SELECT d.id, coalesce(d.artifact_key, 'datasets/' || d.digest) AS key FROM datasets d JOIN jobs j ON j.id = d.id
		WHERE (d.digest = ANY(${datasetKeys.map(nameOf)}) OR d.artifact_key = ANY(${datasetKeys}))
			AND (d.artifact_key IS NOT NULL OR j.state IN ('QUEUED', 'RUNNING'))`;
	const uploads = await tx.$queryRaw<{ id: string; key: string }[]>`
		SELECT d.id, f->>'uploadKey' AS key FROM datasets d, jsonb_array_elements(d.files) f WHERE f->>'uploadKey' = ANY(${uploadKeys})`;
	const sent = await tx.$queryRaw<{ id: string; key: string }[]>`
		SELECT i.id, f->>'uploadKey' AS key FROM feed_imports i, jsonb_array_elements(i.files) f
		WHERE i.files_kept AND f->>'uploadKey' = ANY(${uploadKeys})`;
	const exports = await tx.$queryRaw<{ id: string }[]>`
		SELECT x.id FROM exports x JOIN jobs j ON j.id = x.id WHERE x.id = ANY(${idsOf(within("exports"))}::uuid[])
			AND (x.artifact_key IS NOT NULL OR j.state IN ('QUEUED', 'RUNNING'))`;

	const isOpen = new Map(runs.map((run) => [run.id, run.is_open]));
	const named = new Set(checkpoints.map(({ key }) => key));
	const hasSome = new Set(checkpoints.map(({ run_id }) => run_id));
	const owners = new Map<string, Owner>();
	for (const { id, key } of [...datasets, ...uploads]) owners.set(key, { kind: "dataset", id });
	for (const { id, key } of sent) owners.set(key, { kind: "feed import", id });
	for (const { id } of exports) owners.set(exportKey(id), { kind: "export", id });
	for (const { id, run_id } of measured) owners.set(valuesKey(id), { kind: "run", id: run_id });
	for (const key of runKeys) {
		const id = nameOf(key);
		const isFolder = key === `runs/${id}` && isOpen.has(id);
		const isCommon = key.startsWith(`runs/${id}/constant-`) && hasSome.has(id);
		if (named.has(key) || isOpen.get(id) || isFolder || isCommon) owners.set(key, { kind: "run", id });
	}
	return owners;
}
