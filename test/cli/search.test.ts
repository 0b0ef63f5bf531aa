// Searches from the command line: what is typed becomes a request, and what came of it becomes tables and the way to confirm it.
import { dimensionSentence, type Model } from "@valence/client";
import { requestsOf } from "../../services/cli/src/model-requests.js";
import { dimensionOf } from "../../services/cli/src/search-space.js";
import { startApi, type TestApi } from "../support/api.js";
import { commandLine } from "../support/command-line.js";

jest.setTimeout(90_000);
let api: TestApi;
let url: string;
let cli: ReturnType<typeof commandLine>;
const valence = (...args: string[]) => cli.valence(args, { VALENCE_URL: url });
const short = (id = "") => id.slice(0, 8);

beforeAll(async () => {
	api = await startApi();
	url = await api.app.listen({ port: 0, host: "127.0.0.1" });
	cli = commandLine();
	await api.dataset();
});
afterAll(() => api?.close());

describe("--space", () => {
	it.each([
		["0.05..0.5", "number", { low: 0.05, high: 0.5 }, "0.05 to 0.5"],
		["1e-3..1e-1:log", "number", { low: 0.001, high: 0.1, log: true }, "0.001 to 0.1, log"],
		["-1..1:step=0.5", "number", { low: -1, high: 1, step: 0.5 }, "-1 to 1 by 0.5"],
		["2..8", "integer", { low: 2, high: 8 }, "2 to 8"],
		["2,4, 8", "integer", { values: [2, 4, 8] }, "2, 4, 8"],
		["code,off", "string", { values: ["code", "off"] }, "code, off"],
		["true,false", "boolean", { values: [true, false] }, "true, false"],
	])("reads %s of a %s", (text, type, dimension, said) => {
		expect(dimensionOf("f", text, type)).toEqual(dimension);
		expect(dimensionSentence(dimension)).toBe(said);
	});
	it.each([
		["0.5..0.05", "number", "ends above where it begins"],
		["0..1:log", "number", "above 0 where it is log"],
		["1..4:step=0", "integer", "a step above 0"],
		["1..4:step=0.5", "integer", "a whole number"],
		["1..4:often", "integer", "takes LOW..HIGH"],
		["1..", "integer", "takes a number"],
		["1.5..4", "integer", "a whole number"],
		["a..b", "string", "not a range"],
		["4", "integer", "two or more"],
		["4,4", "integer", "none twice"],
		["4,x", "integer", "a whole number"],
	])("refuses %s of a %s", (text, type, reason) => {
		expect(() => dimensionOf("f", text, type)).toThrow(reason);
	});
});

it("asks for as many processes of each model", () => {
	const known = [{ name: "valid", title: "VALID", configSchema: { properties: {} } } as unknown as Model];
	expect(requestsOf(["valid"], known, { processes: 2 })).toEqual([{ model: "valid", processes: 2 }]);
});

it("searches the models that have a field of the space, and trains the others once", () => {
	const model = (name: string, properties: object) =>
		({ name, title: name.toUpperCase(), configSchema: { properties } }) as unknown as Model;
	const known = [model("valid", { k: { type: "integer" }, tau: { type: "number" } }), model("popularity", {})];
	const search = { trials: 5, space: ["tau=0.1..1"], prune: "halving" as const };
	expect(requestsOf(["valid", "popularity"], known, { set: ["k=4"], search })).toEqual([
		{
			model: "valid",
			params: { k: 4 },
			search: { trials: 5, space: { tau: { low: 0.1, high: 1 } }, prune: "halving" },
		},
		{ model: "popularity" },
	]);
	expect(() => requestsOf(["valid"], known, { set: ["tau=1"], search })).toThrow("--set tau");
	expect(() => requestsOf(["valid"], known, { grid: ["k=1,2"], search })).toThrow("a search chooses its own values");
	expect(() => requestsOf(["popularity"], known, { search })).toThrow("popularity has no field tau");
});

it("says what goes with what before anything is begun", async () => {
	const said = async (...args: string[]) => {
		const { status, stderr } = await valence("train", "valid", ...args);
		return [status, stderr];
	};
	expect(await said("--search", "3")).toEqual([2, expect.stringContaining("--search goes with --space")]);
	expect(await said("--space", "k=2,4")).toEqual([2, expect.stringContaining("--space goes with --search")]);
	expect(await said("--prune", "halving")).toEqual([2, expect.stringContaining("--prune goes with --search")]);
	expect(await said("--search", "many", "--space", "k=2,4")).toEqual([
		2,
		expect.stringContaining("--search takes a whole number from 1 to 1000, not many"),
	]);
	expect(await said("--search", "3", "--space", "k=2,4")).toEqual([3, expect.stringContaining("/search/trials")]);
});

test("a search is begun, shown with its trials, and its winner confirmed", async () => {
	const nothing = await valence("search");
	expect([nothing.status, nothing.stderr]).toEqual([1, expect.stringContaining("nothing was searched lately")]);
	const begun = await valence(
		...["train", "valid", "--search", "5", "--space", "tau=0.05..0.5:log", "--space", "k=2,4,8"],
		...["--strategy", "random", "--search-seed", "7", "--name", "looking", "--json"],
	);
	const experiment = JSON.parse(begun.stdout);
	expect(experiment.searches).toMatchObject([
		{
			trials: 5,
			strategy: "random",
			seed: 7,
			space: { tau: { low: 0.05, high: 0.5, log: true }, k: { values: [2, 4, 8] } },
		},
	]);
	const ids: string[] = experiment.runs.map(({ id }: { id: string }) => id);
	expect((await valence("search")).stdout).toContain("No trial has begun yet.");
	expect((await valence("runs", ids[0] as string)).stdout).toContain("chosen once its turn has come");

	await ended(ids[0], "SUCCEEDED", 0.2);
	await ended(ids[1], "SUCCEEDED", 0.9, "pruned");
	await ended(ids[2], "SUCCEEDED", 0.3);
	await ended(ids[3], "FAILED", null);
	const open = (await valence("search", "looking")).stdout;
	expect(open).toMatch(/search +5 trials, each by itself\n/);
	expect(open).toMatch(/space .*tau 0\.05 to 0\.5, log/);
	expect(open).toMatch(/trials +2 complete, 1 pruned, 1 failed, 1 waiting/);
	expect(open).toMatch(/\n +1 +pruned +0\.9000 +0\.2000 /);
	expect(open).toMatch(/\n +2 +complete +0\.3000 +0\.3000 /);
	expect(open).toMatch(/\n +3 +failed +– +0\.3000 /);
	expect(open).toContain("told from 10 complete trials on; there are 2. The 1 that was pruned cannot be weighed");
	expect(open).toContain("Trial 2 is the best so far: ");
	const early = await valence("search", "--confirm");
	expect([early.status, early.stderr]).toEqual([3, expect.stringContaining("not final")]);

	await ended(ids[4], "SUCCEEDED", 0.25);
	api.trainer.searching.weights = [
		{ field: "tau", share: 0.75 },
		{ field: "k", share: 0.25 },
	];
	const over = (await valence("search")).stdout;
	expect(over).toMatch(/tau +█{24} 75 %\n +k +█{8} 25 %/);
	expect(over).toContain(`valence search ${short(experiment.id)} --confirm`);

	const listed = (await valence("runs")).stdout;
	expect(listed).toMatch(new RegExp(`${short(ids[2])} +valid +1 +2 `));
	expect(listed).not.toContain(short(ids[1]));
	expect(listed).toContain("4 more trials of searches");
	expect((await valence("runs", "--trials")).stdout).toMatch(new RegExp(`${short(ids[1])} +valid +1 +1 .* pruned `));
	// Nothing that was pruned is the best, whatever its validation says.
	expect((await valence("runs", "best")).stdout).toContain(ids[2] as string);

	const made = await valence("search", "looking", "--confirm", "--seeds", "5,6");
	expect([made.status, made.stdout]).toEqual([0, expect.stringContaining("looking: the winner, fresh seeds")]);
	expect(made.stdout).toContain("2 runs of trial 2");
	expect(made.stdout).toContain("Refit");
	expect((await valence("search", "looking")).stdout).toContain("shows what its fresh seeds came to");
});

test("of a model that is searched twice one search is named by its id", async () => {
	const dataset = (await api.call("GET", "/datasets")).body.items[0].id;
	const search = { trials: 1, strategy: "random", space: { k: { values: [2, 4] } } };
	const models = [
		{ model: "valid", search },
		{ model: "valid", params: { tau: 0.2 }, search: { ...search, seed: 2 } },
	];
	const { status, body } = await api.call("POST", "/experiments", { name: "twice", dataset, models });
	expect(status).toBe(202);
	for (const [place, { id }] of body.runs.entries()) await ended(id, "SUCCEEDED", 0.2 + place / 10);
	const [one, two] = body.searches.map(({ id }: { id: string }) => id) as [string, string];

	const both = await valence("search", "twice", "--confirm", "--model", "valid");
	const named = `it searches valid (${short(one)}), valid (${short(two)}); name one with --model or --id`;
	expect([both.status, both.stderr]).toEqual([2, expect.stringContaining(named)]);
	const none = await valence("search", "twice", "--id", "nothing");
	expect([none.status, none.stderr]).toEqual([2, expect.stringContaining("twice has no such search; it searches")]);

	const shown = (await valence("search", "twice", "--id", short(two))).stdout;
	expect(shown).toContain(`valence search ${short(body.id)} --id ${short(two)} --confirm`);
	expect(shown).toMatch(new RegExp(`id +${two}`));
	expect(shown).not.toContain(one);
	const made = await valence("search", "twice", "--confirm", "--id", short(two).toUpperCase(), "--no-refit", "--json");
	expect(JSON.parse(made.stdout).experiment.runs[0].config).toMatchObject({ k: 2, tau: 0.1 });
	const confirmed = async (id: string) => (await api.call("GET", `/searches/${id}`)).body.confirmedBy;
	expect([await confirmed(one), await confirmed(two)]).toEqual([
		null,
		expect.objectContaining({ name: expect.any(String) }),
	]);
});

/** A trial as a worker leaves it. */
async function ended(id = "", state: "SUCCEEDED" | "FAILED", bestValue: number | null, stopReason = "max_epochs") {
	const { prisma } = api.app;
	const { trial } = await prisma.run.findUniqueOrThrow({ where: { id } });
	const chosen = { tau: 0.1 + (trial ?? 0) / 100, k: 2 };
	await prisma.job.update({ where: { id }, data: { state, finishedAt: new Date() } });
	const data = { chosen, config: chosen, configHash: `trial ${trial}`, bestValue, stopReason };
	await prisma.run.update({ where: { id }, data: { ...data, epoch: 2, bestEpoch: 2, trainSeconds: 3 } });
}
