// Renewing a deployment from the command line, and going back: what is sent, what is said, and the exit statuses.
import { startApi, type TestApi } from "../support/api.js";
import { commandLine } from "../support/command-line.js";
import { until } from "../support/processes.js";

const KEY = "a-key-of-at-least-24-characters";
let api: TestApi;
let cli: ReturnType<typeof commandLine>;
let url: string;
let checkpoints: string[];
const valence = (...args: string[]) => cli.valence(args, { VALENCE_URL: url, VALENCE_API_KEY: KEY });
const headers = { authorization: `Bearer ${KEY}` };
const specOf = async (...args: string[]) => {
	const { status, stdout, stderr } = await valence("refresh", "set", ...args, "--json");
	expect([status, stderr]).toEqual([0, ""]);
	return JSON.parse(stdout).spec;
};

beforeAll(async () => {
	api = await startApi({ API_KEYS: KEY });
	url = await api.app.listen({ port: 0, host: "127.0.0.1" });
	cli = commandLine();
	for (const name of ["shop", "other"]) await api.call("PUT", `/feeds/${name}`, undefined, headers);
	const { runs } = await api.experiment(["SUCCEEDED", "SUCCEEDED"]);
	checkpoints = [];
	for (const run of runs) {
		const checkpoint = await api.checkpoint(run);
		checkpoints.push(checkpoint);
		await api.call("PUT", "/deployments/default", { checkpoint }, headers);
	}
});
afterAll(() => api?.close());

describe("the rule", () => {
	it("begins as what is deployed, and keeps what is not said", async () => {
		const without = await valence("refresh", "set");
		expect([without.status, without.stderr]).toEqual([2, expect.stringContaining("--feed")]);
		const first = await specOf("--feed", "shop", "--every", "12h", "--tolerance", "0.05");
		const { body: run } = await api.call("GET", `/runs/${(await served()).checkpoint.runId}`, undefined, headers);
		expect(first).toMatchObject({
			...{ feed: "shop", model: run.model, params: run.config, seeds: [run.seed], every: "12h" },
			...{ gate: { metric: "recall@20", tolerance: 0.05, margin: 0 }, rule: { split: { kind: "temporal" } } },
		});
		const next = await specOf(
			"--seeds",
			"1-3",
			"--set",
			"k=9",
			"--metric",
			"ndcg@50",
			"--min-new",
			"10",
			"--keep",
			"5",
		);
		expect(next).toEqual({
			...first,
			...{ seeds: [1, 2, 3], params: { ...first.params, k: 9 }, minNew: 10, keep: { refreshes: 5 } },
			gate: { ...first.gate, metric: "ndcg@50" },
		});
		const nightly = await specOf("--cron", "0 3 * * *", "--timezone", "Europe/Berlin", "--no-refit");
		expect(nightly).toMatchObject({ cron: "0 3 * * *", timezone: "Europe/Berlin", refit: false, minNew: 10 });
		expect(nightly).not.toHaveProperty("every");
		const rule = { split: { kind: "temporal", quantiles: [0.5, 0.75] }, kCore: 2 };
		expect(await specOf("--quantiles", "0.5,0.75", "--k-core", "2")).toMatchObject({ rule, cron: "0 3 * * *" });
		expect(await specOf("--every", "6h", "--min-new", "0")).not.toHaveProperty("cron");
	});
	it("is of a deployment that is not there yet, too; what is wrong is refused and named", async () => {
		const set = await valence("refresh", "set", "trial", "--feed", "shop", "--model", "valid", "--paused");
		expect([set.status, set.stdout]).toEqual([0, expect.stringMatching(/every 6h, once 1 are new; paused/)]);
		expect(await specOf("early", "--feed", "shop", "--model", "valid", "--k-core", "2")).toMatchObject({
			rule: { kCore: 2, split: { kind: "temporal" } },
		});
		expect((await valence("refresh", "set", "trial", "--seeds", "1", "--seeds", "2")).status).toBe(2);
		expect((await valence("refresh", "set", "trial", "--set", "zzz=1")).status).toBe(2);
		expect((await valence("refresh", "set", "trial", "--tolerance", "much")).status).toBe(2);
		const refused = await valence("refresh", "set", "trial", "--every", "1s");
		expect([refused.status, refused.stderr]).toEqual([3, expect.stringContaining("/every")]);
	});
	it("names machines and processes, which another model does not take over, and lets go of them", async () => {
		const set = (...args: string[]) => specOf("parallel", ...args);
		const first = await set("--feed", "shop", "--model", "valid", "--class", "gpu", "--processes", "2");
		expect(first).toMatchObject({ class: "gpu", processes: 2 });
		expect((await valence("refresh", "show", "parallel")).stdout).toMatch(/machines\s+of class gpu, 2 processes a run/);
		expect(await set("--min-new", "5")).toEqual({ ...first, minNew: 5 });
		expect(await set("--class", "any", "--processes", "1")).toEqual({
			...first,
			class: undefined,
			processes: undefined,
			minNew: 5,
		});
		expect((await valence("refresh", "set", "parallel", "--processes", "99")).status).toBe(2);
	});
	it("is shown, paused, resumed and removed", async () => {
		expect((await valence("refresh", "show")).stdout).toMatch(/NDCG@50: at most 5 % below what is deployed/);
		expect((await valence("refresh", "pause")).status).toBe(0);
		expect(JSON.parse((await valence("refresh", "show", "--json")).stdout).spec.paused).toBe(true);
		expect(JSON.parse((await valence("refresh", "resume", "--json")).stdout).spec.paused).toBe(false);
		expect((await valence("refresh", "remove", "trial")).status).toBe(2);
		expect((await valence("refresh", "remove", "trial", "--yes")).status).toBe(0);
		expect((await valence("refresh", "show", "trial")).status).toBe(3);
	});
});

const VERDICT = {
	metric: "recall@20",
	candidate: { value: 0.2, runId: "00000000-0000-4000-8000-000000000001", seeds: [] },
	popularity: { value: 0.1, runId: "00000000-0000-4000-8000-000000000002" },
	deployed: null,
	needs: { deployed: null, popularity: 0.1 },
	passed: true,
	reason: "Passed: it is good.",
};
const open = () => api.app.prisma.refresh.findFirst({ where: { job: { state: { in: ["QUEUED", "RUNNING"] } } } });

/** Refreshes and watches; a worker would do what is done here. */
async function watched(step: "compare" | "switch", outcome: "switched" | "refused" | null, ...more: string[]) {
	const ended = valence("refresh", "now", "--watch", ...more);
	const id = await until("a refresh is open", async () => (await open())?.id);
	const { prisma } = api.app;
	await prisma.refresh.update({ where: { id }, data: { step, outcome, ...(outcome && { verdict: VERDICT }) } });
	const failed = { state: "FAILED" as const, errorCode: "worker_lost", errorMessage: "it went away" };
	const data = { finishedAt: new Date(), ...(outcome ? { state: "SUCCEEDED" as const } : failed) };
	await prisma.job.update({ where: { id }, data });
	return ended;
}

it("refreshes now: 0 where it has switched, 5 where the gate refuses, 1 where it fails", async () => {
	const switched = await watched("switch", "switched");
	expect([switched.status, switched.stdout]).toEqual([
		0,
		expect.stringMatching(/the candidate +0\.2000[\s\S]*✓ Passed: it is good/),
	]);
	const refused = await watched("compare", "refused", "--json", "--force");
	expect([refused.status, JSON.parse(refused.stdout).outcome]).toEqual([5, "refused"]);
	const failed = await watched("compare", null, "--force");
	expect([failed.status, failed.stdout]).toEqual([1, expect.stringContaining("it went away")]);
	const list = await valence("refresh", "list");
	expect(list.stdout).toMatch(/failed[\s\S]*refused[\s\S]*switched/);
	expect(JSON.parse((await valence("refresh", "list", "--json")).stdout).items).toHaveLength(3);
	expect((await valence("refresh", "list", "nowhere")).stdout).toContain("There is none of nowhere yet");
});

it("begins without waiting, and refuses a second beside it", async () => {
	expect((await valence("refresh", "now", "--force")).status).toBe(0);
	const second = await valence("refresh", "now", "--force");
	expect([second.status, second.stderr]).toEqual([3, expect.stringContaining("is open")]);
});

const served = async () => (await api.call("GET", "/deployments/default", undefined, headers)).body;

it("goes back to what was served before, or to the one named, with the reason", async () => {
	const [first = "", second = ""] = checkpoints;
	const back = await valence("rollback", "--reason", "complaints");
	expect([back.status, back.stdout]).toEqual([0, expect.stringContaining("valence refresh pause default")]);
	const now = await served();
	expect([now.checkpoint.id, now.history[0]]).toEqual([
		first,
		expect.objectContaining({ cause: "rollback", reason: "complaints", by: "key 1" }),
	]);
	const unknown = await valence("rollback", "--to", "zzz");
	expect([unknown.status, unknown.stderr]).toEqual([2, expect.stringContaining(second.slice(0, 8))]);
	expect((await valence("rollback", "--to", second)).status).toBe(0);
	expect((await served()).checkpoint.id).toBe(second);
	expect((await valence("rollback", "nowhere")).status).toBe(3);
});

it("offers what can be done, deployments, and what can be gone back to", async () => {
	const offered = (...words: string[]) =>
		until(`something is offered for ${words.join(" ")}`, async () => {
			const env = { VALENCE_URL: url, VALENCE_API_KEY: KEY, SHELL: "/bin/bash" };
			const names = (await cli.valence(["--complete", "valence", ...words], env)).stdout.split("\n").filter(Boolean);
			return names.length > 0 && names;
		});
	expect(await offered("refresh", "re")).toEqual(expect.arrayContaining(["resume", "remove"]));
	expect(await offered("refresh", "now", "")).toEqual(["default"]);
	expect(await offered("refresh", "set", "--feed", "s")).toEqual(["shop"]);
	expect(await offered("rollback", "")).toEqual(["default"]);
	expect(await offered("rollback", "--to", "")).toEqual([(checkpoints[0] as string).slice(0, 8)]);
});
