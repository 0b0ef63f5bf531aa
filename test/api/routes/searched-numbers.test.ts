// What is shown of trials where numbers are compared: in the leaderboard, in comparisons, among the runs of an experiment.
import { startApi, type TestApi } from "../../support/api.js";
import { type Ended, searchedOn, succeed } from "../../support/searched.js";

let api: TestApi;
let dataset: string;
beforeAll(async () => {
	api = await startApi();
});
beforeEach(async () => {
	dataset = await api.dataset();
});
afterAll(() => api.close());

const OVER: Ended[] = [
	["SUCCEEDED", 0.2],
	["SUCCEEDED", 0.9, "pruned"],
	["FAILED", 0.8],
	["SUCCEEDED", 0.3],
	["SUCCEEDED", 0.25],
	["SUCCEEDED", 0.3],
];
const groups = async () => {
	const { body } = await api.call("GET", `/datasets/${dataset}/leaderboard`);
	const shown = body.groups.map((group: { runs: { id: string }[]; effort: object | null }) => ({
		runs: group.runs.map(({ id }) => id).sort(),
		effort: group.effort,
	}));
	expect(body.protocols).toMatchObject([{ groups: shown.length }]);
	return shown;
};

test("of a search the leaderboard has the best complete trial by validation alone, whatever the others' tests say", async () => {
	const { runs } = await searchedOn(api, dataset, OVER);
	// A better test is no reason to be shown.
	await api.app.prisma.metric.create({
		data: { runId: runs[0] as string, split: "test", name: "recall@20", epoch: 2, value: 0.99 },
	});
	const other = await searchedOn(api, dataset, [
		["SUCCEEDED", null],
		["RUNNING", 0.5],
		["SUCCEEDED", 0.1],
		["FAILED", 0.4],
	]);
	await searchedOn(api, dataset, [["FAILED", 0.4]]);
	expect(await groups()).toEqual(
		expect.arrayContaining([
			{ runs: [runs[3]], effort: { trials: 6 } },
			// The same configuration as another trial of the first search, which is not shown.
			{ runs: [other.runs[2]], effort: { trials: 6 } },
		]),
	);
	expect(await groups()).toHaveLength(2);
});

test("once the winner was trained with fresh seeds, the seed that chose it is not among them", async () => {
	const { id, runs } = await searchedOn(api, dataset, OVER);
	const { body } = await api.call("POST", `/searches/${id}/confirm`, { refit: false });
	const fresh: string[] = body.experiment.runs.map((run: { id: string }) => run.id);
	expect(await groups()).toEqual([{ runs: [runs[3]], effort: { trials: 6 } }]);
	await succeed(api, fresh.slice(0, 2));
	expect(await groups()).toEqual([{ runs: fresh.slice(0, 2).sort(), effort: { trials: 6 } }]);
	await succeed(api, fresh);
	expect(await groups()).toEqual([{ runs: fresh.toSorted(), effort: { trials: 6 } }]);
});

test("the effort stays with what confirmed the winner when the search is deleted", async () => {
	const { id, experiment } = await searchedOn(api, dataset, [...OVER, ["CANCELLED", null]]);
	const { body } = await api.call("POST", `/searches/${id}/confirm`, { refit: false });
	const fresh: string[] = body.experiment.runs.map((run: { id: string }) => run.id);
	await succeed(api, fresh);
	const before = await groups();
	expect(before).toMatchObject([{ effort: { trials: 7 } }]);
	expect((await api.call("DELETE", `/experiments/${experiment}`)).status).toBe(204);
	expect(await groups()).toEqual(before);
});

test("a comparison that was asked for while a search goes on says at last what that took, also once it is deleted", async () => {
	const { id, experiment, runs } = await searchedOn(api, dataset, [
		["SUCCEEDED", 0.3],
		["SUCCEEDED", 0.2],
		["QUEUED", null],
	]);
	const values = (run: string) => ({
		valuesKey: `values/${run}`,
		valuesSha256: "f".repeat(64),
		valuesBytes: 9n,
		valuesUsers: 5,
	});
	for (const run of runs) await api.app.prisma.run.update({ where: { id: run }, data: values(run) });
	const { status, body: made } = await api.call("POST", "/comparisons", { runs: runs.slice(0, 2) });
	expect(status).toBe(202);
	const efforts = async () => {
		const [one, all] = await Promise.all([
			api.call("GET", `/comparisons/${made.id}`),
			api.call("GET", `/comparisons?dataset=${dataset}`),
		]);
		const told = [one.body, all.body.items[0]].map(({ groups }) =>
			groups.map(({ effort }: { effort: object }) => effort),
		);
		expect(told[1]).toEqual(told[0]);
		return told[0];
	};
	expect(await efforts()).toEqual([{ trials: 2 }, { trials: 2 }]);
	await api.app.prisma.run.update({ where: { id: runs[2] as string }, data: { chosen: { tau: 0.4, k: 4 } } });
	await succeed(api, [runs[2] as string]);
	expect(await efforts()).toEqual([{ trials: 3 }, { trials: 3 }]);
	await api.app.prisma.job.update({ where: { id: made.id }, data: { state: "CANCELLED", finishedAt: new Date() } });
	await api.call("POST", `/searches/${id}/confirm`, { refit: false });
	expect((await api.call("DELETE", `/experiments/${experiment}`)).status).toBe(204);
	// Of the winner what confirmed it tells; of the other what was known at launch.
	expect(await efforts()).toEqual([{ trials: 3 }, { trials: 2 }]);
});

test.each<[string, Ended, Ended, number]>([
	["the tested one", ["FAILED", 0.1], ["SUCCEEDED", 0.3], 1],
	["one that was not pruned", ["SUCCEEDED", 0.1, "pruned"], ["SUCCEEDED", 0.3], 1],
	["one that may yet be tested", ["CANCELLED", 0.1], ["RUNNING", 0.3], 1],
	["the first of two that were tested", ["SUCCEEDED", 0.1], ["SUCCEEDED", 0.3], 0],
	["the first of two that never will be", ["FAILED", 0.1], ["SUCCEEDED", 0.3, "pruned"], 0],
])("of trials with one configuration %s counts", async (_, first, second, counts) => {
	const { experiment, runs } = await searchedOn(api, dataset, [first, second]);
	const twin = await api.app.prisma.run.findUniqueOrThrow({ where: { id: runs[0] as string } });
	const { config, configHash, chosen } = twin as { config: object; configHash: string; chosen: object };
	await api.app.prisma.run.update({ where: { id: runs[1] as string }, data: { config, configHash, chosen } });
	const { body } = await api.call("GET", `/experiments/${experiment}`);
	const [state, value] = [first, second][counts] as Ended;
	expect(body.groups).toMatchObject([
		{
			...{ seeds: [1], seedsIn: state === "SUCCEEDED" ? 1 : 0, seedsOpen: state === "RUNNING" ? 1 : 0 },
			metrics: { "valid.recall@20": { mean: value, n: 1 } },
		},
	]);
});

test("a pruned trial is in no comparison and no refit, and has no users of a test", async () => {
	const { runs } = await searchedOn(api, dataset, OVER);
	const compared = await api.call("POST", "/comparisons", { runs: [runs[0], runs[1]] });
	expect(compared.body.errors).toMatchObject([{ pointer: "/runs/1", code: "not_comparable" }]);
	expect((await api.call("POST", `/runs/${runs[1]}/refit`)).status).toBe(409);
	for (const path of ["users", "users/u1/interests"]) {
		const { status, body } = await api.call("GET", `/runs/${runs[1]}/${path}`);
		expect([status, body.detail]).toEqual([409, "The run is a trial that was pruned; it was not tested."]);
	}
});
