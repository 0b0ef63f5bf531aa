// Commands against the api with a fake trainer and recommender: what they find, print, refuse, and hand to programs.
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startApi, type TestApi } from "../support/api.js";
import { commandLine } from "../support/command-line.js";
import { until } from "../support/processes.js";

const KEY = "a-key-of-at-least-24-characters";
let api: TestApi;
let url: string;
let cli: ReturnType<typeof commandLine>;
let runs: string[];
let dataset: string;
const valence = (...args: string[]) => cli.valence(args, { VALENCE_URL: url, VALENCE_API_KEY: KEY });
const short = (id = "") => id.slice(0, 8);

beforeAll(async () => {
	api = await startApi({ API_KEYS: KEY });
	url = await api.app.listen({ port: 0, host: "127.0.0.1" });
	cli = commandLine();
	dataset = await api.dataset();
	({ runs } = await api.experiment(["SUCCEEDED", "SUCCEEDED", "FAILED", "QUEUED"], { dataset }));
});
afterAll(() => api?.close());

describe("the key", () => {
	it("is asked for, and one that is wrong is told", async () => {
		const without = await cli.valence(["runs"], { VALENCE_URL: url });
		expect([without.status, without.stderr]).toEqual([3, expect.stringContaining("wants an API key")]);
		const wrong = await cli.valence(["login", url, "wrong"]);
		expect([wrong.status, wrong.stderr]).toEqual([3, expect.stringContaining("does not take the key given")]);
		const [refusal = ""] = (await cli.valence(["login", url, "wrong", "--json"])).stderr.split("\n");
		expect(JSON.parse(refusal)).toMatchObject({ status: 401, code: "unauthorized" });
	});
	it("is kept by login, used from then on, and forgotten", async () => {
		const login = await cli.valence(["login", url, KEY, "--name", "shop", "--json"]);
		expect(login).toMatchObject({ status: 0, stderr: "" });
		expect(JSON.parse(login.stdout)).toEqual({
			name: "shop",
			url,
			version: expect.any(String),
			device: expect.any(String),
		});
		expect((await cli.valence(["datasets", "--json"])).status).toBe(0);
		expect((await cli.valence(["datasets", "--context", "shop"])).stdout).toContain(short(dataset));
		const listed = (await cli.valence(["contexts"])).stdout;
		expect(listed).toMatch(/\* +shop +http.* yes/);
		const items = JSON.parse((await cli.valence(["contexts", "--json"])).stdout);
		expect(items).toEqual({
			items: [
				{ name: "shop", url, hasKey: true, isCurrent: true },
				{ name: "local", url: null, hasKey: false, isCurrent: false },
			],
		});
		expect(listed).not.toContain(KEY);
		await cli.valence(["contexts", "--remove", "shop"]);
		expect((await cli.valence(["datasets", "--context", "shop"])).status).toBe(2);
	});
});

it("gives programs the API's own answers, and nothing else on standard output", async () => {
	const { stdout, stderr, status } = await valence("runs", "--json");
	expect([status, stderr]).toEqual([0, ""]);
	const { items } = JSON.parse(stdout);
	expect(items.map(({ id }: { id: string }) => id).sort()).toEqual([...runs].sort());
	const { body } = await api.call("GET", `/runs/${runs[0]}`, undefined, { authorization: `Bearer ${KEY}` });
	expect(JSON.parse((await valence("runs", runs[0] as string, "--json")).stdout)).toEqual(body);
	const refused = await valence("recommend", "u1", "--json");
	expect([refused.status, refused.stdout]).toEqual([3, ""]);
	expect(JSON.parse(refused.stderr.split("\n")[0] as string)).toMatchObject({ status: 409, code: "nothing_deployed" });
});

it("looks for the service of this checkout where it would be started", async () => {
	const nobody = await cli.valence(["runs", "--context", "local"], { PORT: "1" });
	expect([nobody.status, nobody.stderr]).toEqual([4, expect.stringContaining("http://127.0.0.1:1 (this checkout)")]);
});

describe("what is at work", () => {
	const stateOf = async (of: string) =>
		(await api.call("GET", of, undefined, { authorization: `Bearer ${KEY}` })).body.state;
	it("goes on after a Ctrl-C, which says so, and ends by cancel", async () => {
		const file = join(cli.folder, "slow.csv");
		writeFileSync(file, "user,item\na,b\n");
		const child = cli.begin(["import", file, "--name", "slow"], { VALENCE_URL: url, VALENCE_API_KEY: KEY });
		let said = "";
		child.stdout.on("data", (chunk) => {
			said += chunk;
		});
		const { id } = await until("the import waits", () => api.app.prisma.dataset.findFirst({ where: { name: "slow" } }));
		await until("its upload is told", () => said.includes("Upload"));
		await sleep(1_000); // it asks again and again by now
		child.kill("SIGINT");
		expect((await once(child, "exit"))[0]).toBe(130);
		expect(said).toContain("The service goes on; valence datasets shows how far it is");
		expect(await stateOf(`/datasets/${id}`)).toBe("QUEUED");
		const ended = await valence("cancel", "slow");
		expect([ended.status, ended.stdout]).toEqual([0, expect.stringContaining(`import slow ${short(id)} ends`)]);
		expect(await stateOf(`/datasets/${id}`)).toBe("CANCELLED");
	});
	it("is a run or a whole experiment, too; what is not is told", async () => {
		const { id, runs: open } = await api.experiment(["QUEUED", "QUEUED"], { dataset });
		const one = await valence("cancel", short(open[0]));
		expect([one.status, one.stdout]).toEqual([0, expect.stringContaining(`run valid ${short(open[0])} ends`)]);
		expect(await stateOf(`/runs/${open[0]}`)).toBe("CANCELLED");
		expect((await valence("cancel", short(id))).stdout).toContain(`experiment an experiment ${short(id)} ends`);
		expect(await stateOf(`/runs/${open[1]}`)).toBe("CANCELLED");
		const nothing = await valence("cancel", "nothing-of-that-name");
		expect([nothing.status, nothing.stderr]).toEqual([2, expect.stringContaining("nothing that is at work is called")]);
		await api.call("DELETE", `/experiments/${id}`, undefined, { authorization: `Bearer ${KEY}` });
	});
});

it("lists runs with what they came to", async () => {
	const { stdout } = await valence("runs");
	expect(stdout).toMatch(new RegExp(`${short(runs[1])} +valid +2 +dataset .{4} +succeeded +2 \\(best 2\\) +0\\.2100`));
	expect(stdout).toMatch(new RegExp(`${short(runs[2])} .* failed`));
	expect((await valence("runs", "--model", "popularity")).stdout).toContain("Nothing has been trained yet");
	expect((await valence("runs", short(runs[2]))).stdout).toContain("failed: the loss is not finite");
});

it("compares what differs by its seed alone as one line", async () => {
	const { stdout } = await valence("compare");
	// Two of the four seeds are in; one has failed, and one is still to come.
	expect(stdout).toMatch(/valid +0\.2050 ± 0\.0071 +2 of 4/);
	expect((await valence("compare", "--on", short(dataset))).stdout).toBe(stdout);
	const both = await valence("compare", "latest", "--on", short(dataset));
	expect([both.status, both.stderr]).toEqual([2, expect.stringContaining("a dataset, not both")]);
});

it("finds things by short names, and says what there is when it does not", async () => {
	const said = async (...args: string[]) => {
		const { status, stdout, stderr } = await valence(...args);
		return [status, stdout + stderr] as const;
	};
	expect(await said("runs", "best")).toEqual([0, expect.stringContaining(runs[1] as string)]);
	expect(await said("runs", (runs[0] as string).slice(0, 13))).toEqual([0, expect.stringContaining(runs[0] as string)]);
	expect(await said("runs", "nope")).toEqual([2, expect.stringContaining("there is no run nope")]);
	expect(await said("runs", "valid")).toEqual([0, expect.stringContaining("valid seed")]);
	expect(await said("train", "valid", "--on", "nope")).toEqual([
		2,
		expect.stringContaining("there is no dataset nope; there are dataset "),
	]);
	expect(await said("train", "vlid")).toEqual([
		2,
		expect.stringContaining("there is no model vlid; there are valid, popularity"),
	]);
	// By its title, however that is written.
	expect(await said("train", "VALID", "--on", "nope")).toEqual([
		2,
		expect.stringContaining("there is no dataset nope"),
	]);
	expect(await said("train", "valid", "--set", "z=1")).toEqual([
		2,
		expect.stringContaining("valid has no field z; it has k, tau, attention"),
	]);
	expect(await said("train", "valid", "--set", "k=abc")).toEqual([
		2,
		expect.stringContaining("--set k takes a whole number, not abc"),
	]);
	expect(await said("train", "valid", "--grid", "tau=0.1,x")).toEqual([
		2,
		expect.stringContaining("--grid tau takes a number, not x"),
	]);
	expect(await said("train", "valid", "--set", "k=99")).toEqual([3, expect.stringContaining("k")]);
	expect(await said("models", "valid")).toEqual([0, expect.stringMatching(/k +4 +from 1 to 64 +Number of interests/)]);
});

it("trains on the newest dataset what is set, for the models that have the field", async () => {
	const { status, stdout } = await valence(
		...["train", "valid", "popularity", "--set", "k=8", "--grid", "tau=0.1,0.2", "--seeds", "1,3-4", "--json"],
	);
	expect(status).toBe(0);
	const { spec, dataset: on, runs: made } = JSON.parse(stdout);
	expect(spec).toMatchObject({
		models: [{ model: "valid", params: { k: 8 }, grid: { tau: [0.1, 0.2] } }, { model: "popularity" }],
		seeds: [1, 3, 4],
	});
	expect(on.id).toBe(dataset);
	expect(made.filter(({ model }: { model: string }) => model === "valid")).toHaveLength(6);
});

it("sends a file to a feed, says what was refused, and lists feeds", async () => {
	const file = join(cli.folder, "today.ndjson");
	const rows = [
		{ user: "u1", item: "i1", at: 1_700_000_000 },
		{ user: "u1", item: "i1", at: 1_700_000_000 },
		{ user: "u2" },
	];
	writeFileSync(file, rows.map((row) => JSON.stringify(row)).join("\n"));
	const pushed = await valence("feed", "push", "shop", file);
	expect([pushed.status, pushed.stdout]).toEqual([
		1,
		expect.stringContaining("shop: 1 new, 1 known before, 1 refused\n  line 3: item is missing"),
	]);
	writeFileSync(file, JSON.stringify(rows[0]));
	const again = await valence("feed", "push", "shop", file, "--json");
	expect([again.status, JSON.parse(again.stdout)]).toEqual([
		0,
		{ added: 0, known: 1, refused: 0, erased: 0, problems: [] },
	]);
	expect((await valence("feeds")).stdout).toMatch(/shop +1 +1 +1 /);
	expect((await valence("feed", "snapshot", "nowhere")).status).toBe(3);
	expect(JSON.parse((await valence("feed", "list", "--json")).stdout).items[0].name).toBe("shop");
	const wrong = [
		["push", "shop"],
		["snapshot", "shop", file],
		["push", "shop", `${file}.gone`],
		["pull", "shop"],
	];
	for (const words of wrong) expect([words, (await valence("feed", ...words)).status]).toEqual([words, 2]);
});

it("sends what a pipe brings, and begins nothing for what holds nothing or is refused", async () => {
	const env = { VALENCE_URL: url, VALENCE_API_KEY: KEY };
	const lines = Array.from(
		{ length: 5_000 },
		(_, row) => `${JSON.stringify({ user: `u${row}`, item: "i1", at: 1 })}\n`,
	);
	const piped = await cli.valence(["feed", "push", "piped", "-", "--json"], env, lines.join(""));
	expect([piped.status, piped.stderr, piped.stdout]).toEqual([0, "", expect.stringContaining('"added": 5000')]);
	const more = await cli.valence(["feed", "push", "piped", "/dev/stdin"], env, lines.join(""));
	expect([more.status, more.stdout]).toEqual([0, expect.stringContaining("0 new, 5,000 known before")]);

	const [empty, table] = [join(cli.folder, "empty.csv"), join(cli.folder, "today.csv")];
	writeFileSync(empty, "");
	writeFileSync(table, "user,item\nu1,i1\n");
	const wrong: [string[], number, string][] = [
		[["push", "none", "-"], 1, "standard input is empty: nothing was sent"],
		[["push", "none", empty], 1, "empty.csv is empty: nothing was sent"],
		[["push", "none", cli.folder], 2, "is a folder; one file is sent at a time"],
		[["push", "none", table], 3, "line 1 is not JSON. Tables go in by valence feed import none FILE."],
		[["import", "none", "/dev/stdin"], 2, "/dev/stdin is a pipe or a device; save it as a file first"],
		[["import", "none", table, "--items", cli.folder], 2, "is a folder, where a file is needed"],
		[["import", "none", table, "--at", "someday"], 3, "at"],
	];
	for (const [words, status, said] of wrong) {
		const ended = await valence("feed", ...words);
		expect([words, ended.status, ended.stderr]).toEqual([words, status, expect.stringContaining(said)]);
	}
	const failing = valence("feed", "import", "none", table);
	const feed = { name: "none" };
	const id = await until(
		"it is queued",
		async () => (await api.app.prisma.feedImport.findFirst({ where: { feed } }))?.id,
	);
	await api.app.prisma.job.update({ where: { id }, data: { state: "FAILED", finishedAt: new Date() } });
	expect(await failing).toMatchObject({ status: 1, stderr: expect.stringContaining("the import failed") });
	expect((await valence("feed", "show", "none")).status).toBe(3);
});

it("makes a feed, says what is in it and can be had, erases a person, and deletes it once that is confirmed", async () => {
	const file = join(cli.folder, "rows.ndjson");
	writeFileSync(file, ["u1", "u2"].map((user) => JSON.stringify({ user, item: "i1", at: 1_700_000_000 })).join("\n"));
	expect((await valence("feed", "make", "mine")).status).toBe(0);
	await valence("feed", "push", "mine", file);
	const shown = (await valence("feed", "show", "mine")).stdout;
	expect(shown).toMatch(/interactions +2[\s\S]*served as +nothing[\s\S]*2023-11-14 +2/);
	const out = await valence("feed", "items", "mine", "i1", "i9", "--no-available", "--json");
	expect(JSON.parse(out.stdout)).toEqual({ added: 1, known: 1 });
	expect((await valence("feed", "items", "mine", "--no-available")).stdout).toMatch(/i9[\s\S]*i1 /);
	expect((await valence("feed", "items", "mine", "i1")).stdout).toMatch(/i1 +i1 +– +no/);
	expect((await valence("feed", "items", "mine", "--available")).stdout).toContain("There is no such item");
	const asked = await valence("feed", "erase", "mine", "u1");
	expect([asked.status, asked.stderr]).toEqual([2, expect.stringMatching(/Erase u1 .* --yes/)]);
	expect((await valence("feed", "erase", "mine", "u1", "--yes")).stdout).toContain("u1 is erased, with 1 interaction");
	expect((await valence("feed", "remove", "mine")).status).toBe(2);
	expect((await valence("feed", "remove", "mine", "-y")).status).toBe(0);
	expect((await valence("feed", "show", "mine")).status).toBe(3);
});

it("sends tables to a feed and waits until they are there", async () => {
	const [orders, items] = [join(cli.folder, "train.csv"), join(cli.folder, "products.csv")];
	writeFileSync(orders, "user,item\nu1,i1\n");
	writeFileSync(items, "item,title\ni1,One\n");
	const importing = valence(
		...[
			"feed",
			"import",
			"tables",
			orders,
			"--items",
			items,
			"--columns",
			"train.csv:user=1",
			"--at",
			"2026-01-01",
			"--skip-bad-rows",
		],
	);
	const id = await until("it is queued", async () => (await api.app.prisma.feedImport.findFirst())?.id);
	const problems = [{ code: "empty_id", file: "train.csv", line: 3, column: "user", message: "the id is empty" }];
	const merged = { code: "merged", file: "t.zip", line: 0, column: "", message: "read as one table" };
	const told = { problems: [...problems, merged], problemsTotal: 2 };
	const counts = { added: 1_200, known: 34, bad: 1, erased: 2, items: 5, ...told };
	await api.app.prisma.feedImport.update({ where: { id }, data: counts });
	await api.app.prisma.job.update({ where: { id }, data: { state: "SUCCEEDED" } });
	const { stdout, status } = await importing;
	expect(status).toBe(0);
	expect(stdout).toContain(
		"tables: 1,200 new, 34 known before, 1 left out, 2 of people erased since left out, 5 rows of items\n  train.csv:3: the id is empty\n  ! t.zip: read as one table",
	);
	const { rule, files } = await api.app.prisma.feedImport.findUniqueOrThrow({ where: { id } });
	expect(rule).toEqual({ columns: { files: { "train.csv": { user: 1 } } }, at: "2026-01-01", skipBadRows: true });
	expect((files as { role: string }[]).map(({ role }) => role)).toEqual(["interactions", "items"]);
	for (const words of [
		["import", "tables"],
		["import", "tables", `${orders}.gone`],
		["push", "tables", orders, "--at", "2026"],
	])
		expect([words, (await valence("feed", ...words)).status]).toEqual([words, 2]);
});

describe("what is deployed", () => {
	it("is replaced by another model only when that is said", async () => {
		const first = await valence("deploy", "best", "--json");
		expect([first.status, JSON.parse(first.stdout).checkpoint.runId]).toEqual([0, runs[1]]);
		expect((await valence("deploy", short(runs[0]))).status).toBe(0); // the same model on the same dataset
		const other = await api.experiment(["SUCCEEDED"], { dataset, model: "popularity" });
		const asked = await valence("deploy", short(other.runs[0]));
		expect([asked.status, asked.stderr]).toEqual([
			2,
			expect.stringMatching(/default serves valid on dataset .* replace it by popularity on .* --yes/),
		]);
		expect((await valence("deploy", short(other.runs[0]), "--yes")).status).toBe(0);
		expect((await valence("deploy", short(runs[1]), "--yes")).status).toBe(0);
		expect((await valence("deploy", "latest", "--as", "trial")).status).toBe(0);
	});
	it("takes a feed, keeps it, and gives it back; refuses one that is not there", async () => {
		const deploy = async (...more: string[]) => {
			const { status, stdout, stderr } = await valence("deploy", short(runs[1]), "--yes", ...more);
			return [status, stdout + stderr] as const;
		};
		const served = async () =>
			JSON.parse((await valence("deploy", short(runs[1]), "--yes", "--json")).stdout).feed as string | null;
		expect(await deploy("--feed", "shop")).toEqual([0, expect.stringContaining("with what people do in shop")]);
		expect(await served()).toBe("shop");
		const other = await valence("deploy", "popularity");
		expect([other.status, other.stderr]).toEqual([
			2,
			expect.stringMatching(/with the feed shop, which stays \(with --no-feed .*\); replace it by popularity/),
		]);
		const unasked = (await valence("deploy", "popularity", "--yes")).stdout;
		expect(unasked).toMatch(
			/valid on .* with the feed shop, which stays \(with --no-feed [\s\S]*in shop since its dataset/,
		);
		expect(await served()).toBe("shop");
		expect((await valence("feed", "show", "shop")).stdout).toMatch(/served as +default/);
		expect((await valence("feed", "remove", "shop", "--yes")).status).toBe(3);
		expect(await deploy("--feed", "nowhere")).toEqual([3, expect.stringContaining("There is no feed")]);
		const fresh = await valence("recommend", "u1", "--fresh", "2");
		expect([fresh.status, fresh.stdout]).toEqual([0, expect.stringContaining("No new item: ")]);
		expect((await deploy("--no-feed"))[0]).toBe(0);
		expect(await served()).toBe(null);
		const of = { name: "shop", at: new Date().toISOString(), rows: 1, upTo: 1 };
		await api.app.prisma.dataset.update({ where: { id: dataset }, data: { feed: of } });
		expect((await deploy())[1]).toMatch(/a snapshot of shop;\n.*--feed shop/);
	});
	it("answers for users, for somebody new, and about items; who is not there is told who is", async () => {
		const { stdout } = await valence("recommend", "u1", "-n", "2");
		expect(stdout).toContain("   1. First <img onerror=alert(1)>  interest 2 (75 %)  item/1\n");
		const answer = JSON.parse((await valence("recommend", "u1", "-n", "2", "--json")).stdout);
		expect(answer).toMatchObject({ user: "u1", items: [{ id: "item/1" }, { id: "Ü 2", title: null }] });
		const fold = await valence("recommend", "--items", "seen,zzz");
		expect([fold.status, fold.stdout]).toEqual([0, expect.stringContaining("Not known here: never heard of")]);
		const nobody = await valence("recommend", "nobody");
		expect([nobody.status, nobody.stderr]).toEqual([3, expect.stringMatching(/there is no user nobody .* there are /)]);
		const forPrograms = await valence("recommend", "nobody", "--json");
		expect(JSON.parse(forPrograms.stderr.split("\n")[0] as string)).toMatchObject({
			status: 404,
			code: "unknown_user",
		});
		expect((await valence("similar", "a")).status).toBe(0);
	});
});

describe("a refit", () => {
	let refit: string;
	it("is begun once, found by its id, and followed to its end", async () => {
		const begun = await valence("refit", "best", "--json");
		refit = JSON.parse(begun.stdout).id;
		expect([begun.status, JSON.parse(begun.stdout)]).toEqual([0, expect.objectContaining({ vouchedBy: runs[1] })]);
		expect((await valence("runs", short(runs[1]))).stdout).toMatch(new RegExp(`refit +${short(refit)}, queued`));
		const watching = valence("refit", short(runs[1]), "--watch");
		const { prisma } = api.app;
		await prisma.run.update({ where: { id: refit }, data: { epoch: 1, bestEpoch: 1, trainSeconds: 1 } });
		const key = `runs/${refit}/epoch-00001`;
		const stored = { runId: refit, epoch: 1, key, sha256: "b".repeat(64), bytes: 10, isBest: true, isLast: true };
		await prisma.checkpoint.create({ data: stored });
		await prisma.job.update({ where: { id: refit }, data: { state: "SUCCEEDED", finishedAt: new Date() } });
		const { status, stdout } = await watching;
		expect([status, stdout]).toEqual([0, expect.stringContaining(`valence deploy ${short(refit)}`)]);
		expect((await valence("runs", short(refit))).stdout).toMatch(new RegExp(`refit of +${short(runs[1])}`));
		expect((await valence("runs")).stdout).not.toContain(short(refit)); // it is in no table
		expect(JSON.parse((await valence("runs", "latest", "--json")).stdout).id).not.toBe(refit);
	});
	it("is what deploy --refit serves; without it, what the checkpoint leaves out is said", async () => {
		const split = await valence("deploy", short(runs[1]), "--as", "whole");
		expect(split.stdout).toContain(
			"nothing of 9 interactions of validation and test, nor of 2 items that only they have",
		);
		expect(split.stdout).toContain(`valence deploy ${short(runs[1])} --refit`);
		api.recommender.leftOut = { interactions: 0, items: 0 };
		const whole = await valence("deploy", short(runs[1]), "--as", "whole", "--refit");
		expect([whole.status, whole.stdout]).toEqual([0, expect.not.stringContaining("nothing of")]);
		const { checkpoint } = JSON.parse((await valence("deploy", short(refit), "--as", "whole", "--json")).stdout);
		expect(checkpoint).toMatchObject({ runId: refit, vouchedBy: runs[1] });
	});
	it("that comes to nothing is told, and what cannot be refit is refused", async () => {
		const other = await api.experiment(["SUCCEEDED", "FAILED"], { dataset });
		expect((await valence("refit", other.runs[1] as string)).status).toBe(3);
		// Nobody trains here: whatever refit is begun fails a moment later.
		const open = { state: "QUEUED" as const, run: { refitOfId: other.runs[0] as string } };
		const failing = setInterval(() => {
			const data = { state: "FAILED" as const, finishedAt: new Date() };
			api.app.prisma.job.updateMany({ where: open, data }).catch(() => undefined);
		}, 300);
		const watched = await valence("refit", other.runs[0] as string, "--watch").finally(() => clearInterval(failing));
		expect(watched).toMatchObject({
			status: 1,
			stderr: expect.stringContaining("the refit came to nothing (failed)"),
		});
	});
	it("of the best is asked for when it is launched", async () => {
		const { stdout } = await valence("train", "valid", "--set", "k=9", "--refit", "--json");
		expect(JSON.parse(stdout)).toMatchObject({ refit: true, spec: { refit: true } });
	});
});

it("names the file whose import cannot begin, and the place of what is wrong", async () => {
	const file = join(cli.folder, "items.csv");
	writeFileSync(file, "item,title\n1,a\n");
	const { status, stderr } = await valence("import", "--items", file);
	expect([status, stderr]).toEqual([3, expect.stringContaining("/interactions are missing")]);
});

it("sends the columns that are typed: of all files, of a part, and of one file or table of an archive", async () => {
	const files = ["2023.orders.csv", "shop.zip", "a, b.csv"].map((name) => join(cli.folder, name));
	for (const file of files) writeFileSync(file, "a,b\n1,2\n");
	const typed = [
		"rating=stars",
		"items.title=name",
		"2023.orders.csv:user=customer",
		"2023.orders.csv:item=3",
		"shop.zip: a.b: clicks.csv:item=p.q",
	];
	// As CSV quotes, and said twice.
	const more = '"a, b.csv:item"="sku, or ""id: x""",tags="1"';
	const columns = ["--columns", typed.join(","), "--columns", more];
	const { status, stdout, stderr } = await valence("import", ...files, "--preview", ...columns);
	// The one problem that the trainer here finds in any file.
	expect([status, stderr, stdout]).toEqual([1, "", expect.stringContaining("the id is empty")]);
	expect(JSON.parse(api.trainer.previewed?.ruleJson ?? "")).toEqual({
		columns: {
			rating: "stars",
			tags: "1",
			items: { title: "name" },
			files: {
				"a, b.csv": { item: 'sku, or "id: x"' },
				"2023.orders.csv": { user: "customer", item: 3 },
				"shop.zip: a.b: clicks.csv": { item: "p.q" },
			},
		},
	});
});

it("names a dataset by its id where others have its name, and says that what is there keeps its name", async () => {
	const { prisma } = api.app;
	const [file, others] = [join(cli.folder, "orders.csv"), await Promise.all([api.dataset(), api.dataset()])];
	writeFileSync(file, "user,item\nu1,i9\n");
	await prisma.dataset.updateMany({ where: { id: { in: others } }, data: { name: "orders" } });
	const ambiguous = await valence("deploy", "best", "--on", "orders");
	expect([ambiguous.status, ambiguous.stderr]).toEqual([
		2,
		expect.stringContaining("several datasets are called orders: "),
	]);
	for (const id of others) expect(ambiguous.stderr).toContain(short(id));
	const importing = valence("import", file, "--json");
	const id = await until(
		"it is queued",
		async () => (await prisma.dataset.findFirst({ where: { name: "orders", id: { notIn: others } } }))?.id,
	);
	await prisma.job.update({ where: { id }, data: { state: "SUCCEEDED", finishedAt: new Date() } });
	await prisma.dataset.update({ where: { id }, data: { artifactKey: `datasets/${id}`, splitDigest: id } });
	expect((await importing).status).toBe(0);
	const again = await valence("import", file, "--name", "again");
	expect(again.stdout).toContain("It keeps this name; --name again changes nothing");
	expect(again.stdout).toContain(`--on ${short(id)}\n`);
	await prisma.job.deleteMany({ where: { id: { in: [...others, id as string] } } });
});

it("imports the service's own sample, as the page does", async () => {
	const begun = await api.call("POST", "/datasets/sample", undefined, { authorization: `Bearer ${KEY}` });
	const { id } = begun.body;
	await api.app.prisma.job.update({ where: { id }, data: { state: "SUCCEEDED", finishedAt: new Date() } });
	await api.app.prisma.dataset.update({ where: { id }, data: { artifactKey: `datasets/${id}`, splitDigest: id } });
	const asked = await valence("import", "--sample", "--json");
	expect([asked.status, asked.stderr, JSON.parse(asked.stdout)]).toMatchObject([0, "", { id, name: "sample" }]);
	expect((await valence("import", "--sample")).stdout).toMatch(/sample [0-9a-f]{8} is here already\n/);
	expect(api.trainer.samples).toBe(1);
});

it("reproduces the paper on the service that is named, as every other command speaks to it", async () => {
	const paper = async (args: string[], env: Record<string, string> = {}) => {
		const asked = await cli.valence(["paper", "table2", "--dataset", "sample", "--models", "ease", ...args], env);
		return [asked.status, asked.stderr];
	};
	// It got as far as the catalogue, which wants the key.
	const reached = [1, expect.stringContaining("the service does not know ease; it knows valid, popularity")];
	expect(await paper([], { VALENCE_URL: url, VALENCE_API_KEY: KEY })).toEqual(reached);
	expect(await paper(["--url", url, "--key", KEY])).toEqual(reached);
	expect(await paper(["--url", url], { VALENCE_API_KEY: KEY })).toEqual(reached);
	await cli.valence(["login", url, KEY, "--name", "lab"]);
	expect(await paper([])).toEqual(reached);
	await cli.valence(["contexts", "--use", "local"]);
	expect(await paper(["--context", "lab"])).toEqual(reached);
	const refused = await paper(["--url", url, "--key", "wrong"], { VALENCE_API_KEY: KEY });
	expect(refused).toEqual([3, expect.stringContaining(`The service at ${url} (--url) does not take the key given.`)]);
	expect(await paper(["--context", "gone"])).toEqual([2, expect.stringContaining("there is no context gone")]);
	await cli.valence(["contexts", "--remove", "lab"]);
	expect(existsSync(join(cli.folder, "home"))).toBe(false); // none of its own was started
});

it("takes users to export from a file, and leaves a file that is there alone", async () => {
	const out = join(cli.folder, "lists.csv");
	writeFileSync(out, "mine");
	expect(await valence("export", out)).toMatchObject({
		status: 2,
		stderr: expect.stringContaining("--force replaces it"),
	});
	expect(readFileSync(out, "utf8")).toBe("mine");
	writeFileSync(join(cli.folder, "none.txt"), "\n\n");
	expect((await valence("export", "x.csv", "--users", join(cli.folder, "none.txt"))).stderr).toContain("holds no id");
});

it("names the models that can be trained where users are held out, and says how they are measured", async () => {
	const strong = await api.dataset();
	await api.app.prisma.dataset.update({
		where: { id: strong },
		data: { name: "held", rule: { split: { kind: "strong" } } },
	});
	const refused = await valence("train", "popularity", "--on", "held");
	expect([refused.status, refused.stderr]).toEqual([3, expect.stringContaining("These models can: valid.")]);
	const { status, stdout } = await valence("train", "valid", "--on", "held");
	expect([status, stdout]).toEqual([0, expect.stringContaining("measured on users held out of the training")]);
	expect((await valence("train", "valid", "--on", short(dataset))).stdout).not.toContain("held out");
});

describe("compare", () => {
	const means = [0.3, 0.2];
	const metrics = ["recall@20", "recall@50", "ndcg@20", "ndcg@50"];
	const result = {
		...{ users: 100, family: 4, draws: 10_000, intervalMethod: "bca", seconds: 1, overlaps: [] },
		means: metrics.flatMap((metric) =>
			means.map((mean, group) => ({ group, metric, mean, interval: null, seeds: 1, seedDeviation: null })),
		),
		differences: metrics.map((metric) => ({
			...{ group: 0, baseline: 1, metric, difference: 0.1, relative: 0.5, usersInterval: { low: 0.05, high: 0.15 } },
			...{ seedsInterval: null, t: 3, pT: 0.01, pRandomisation: 0.001, pRandomisationHolm: 0.004, pTHolm: 0.01 },
			...{ effect: 0.4, won: 60, tied: 10, lost: 30, pSeeds: null, seedsTest: null, detectable: [], histogram: [] },
			...{ wonMost: [], lostMost: [] },
		})),
	};
	let on: string;
	let tested: Record<string, string>;
	beforeAll(async () => {
		on = await api.dataset();
		tested = {};
		for (const [place, model] of ["valid", "popularity"].entries()) {
			const [id] = (await api.experiment(["SUCCEEDED"], { dataset: on, model })).runs as [string];
			await api.app.prisma.run.update({ where: { id }, data: { configHash: model } });
			const value = means[place] as number;
			await api.app.prisma.metric.create({ data: { runId: id, split: "test", name: "recall@20", epoch: 2, value } });
			tested[model] = id;
		}
	});

	it("says what is missing where nothing can be tested, and prints means", async () => {
		const { status, stdout } = await valence("compare", "--on", short(on));
		expect(status).toBe(0);
		expect(stdout).toMatch(/valid +0\.3000/);
		expect(stdout).toContain("Nothing is tested: 2 of 2 runs have nothing to be compared by (valid ");
		expect(stdout).toContain("an earlier version tested it");
		expect((await valence("compare", "--on", short(on), "--plain")).stdout).not.toContain("tested");
		const asked = await valence("compare", "--on", short(on), "--format", "csv");
		expect([asked.status, asked.stdout, asked.stderr]).toEqual([1, "", expect.stringContaining("nothing is tested")]);
	});

	it("tests the differences once, tells them, and hands them to documents and programs", async () => {
		for (const id of Object.values(tested)) {
			const values = { valuesKey: `values/${id}`, valuesSha256: "f", valuesBytes: 1n, valuesUsers: 100 };
			await api.app.prisma.run.update({ where: { id }, data: values });
		}
		const body = { groups: Object.entries(tested).map(([name, id]) => ({ name, runs: [id] })), metrics };
		const key = { authorization: `Bearer ${KEY}` };
		const { id } = (await api.call("POST", "/comparisons", body, key)).body;
		await api.app.prisma.comparison.update({ where: { id }, data: { result } });
		await api.app.prisma.job.update({ where: { id }, data: { state: "SUCCEEDED", finishedAt: new Date() } });

		const { stdout, status } = await valence("compare", "--on", short(on));
		expect(status).toBe(0);
		expect(stdout).toMatch(/valid +0\.3000 +† +\S/);
		expect(stdout).toContain(
			"In these runs valid is above popularity in Recall@20, but other seeds may turn it round: 50.0 % (25.0 to 75.0); about 60",
		);
		expect(stdout).toContain("One seed (valid):");
		const named = [tested.popularity, tested.valid].map(short);
		const both = JSON.parse((await valence("compare", ...named, "--json")).stdout);
		expect(both).toMatchObject({ id, result: { users: 100 } });
		expect((await valence("compare", "--on", short(on), "--format", "latex")).stdout).toContain(
			"valid & \\textbf{0.3000}$^{\\dagger}$",
		);
		expect(await api.app.prisma.comparison.count({ where: { datasetId: on } })).toBe(1);
	});

	it("refuses a baseline that is not compared, a metric that is not measured, and names that are nothing", async () => {
		const unmeasured = await valence("compare", "--on", short(on), "--metrics", "recall@7");
		expect([unmeasured.status, unmeasured.stderr]).toEqual([
			...[2, expect.stringContaining("--metrics recall@7 is none of recall@20, recall@50, ndcg@20, ndcg@50")],
		]);
		const strange = await valence("compare", "--on", short(on), "--baseline", "ease");
		expect([strange.status, strange.stderr]).toEqual([
			...[2, expect.stringContaining("--baseline ease is none of what is compared; there are valid (")],
		]);
		const nothing = await valence("compare", "nope");
		expect([nothing.status, nothing.stderr]).toEqual([
			...[2, expect.stringContaining("there is no experiment nope, and there is no run nope")],
		]);
	});
});
