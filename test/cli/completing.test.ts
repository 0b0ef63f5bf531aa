// What Tab offers: names that a live service knows, and none where it is too slow or its names could steer a terminal.
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { startApi, type TestApi } from "../support/api.js";
import { commandLine } from "../support/command-line.js";
import { until } from "../support/processes.js";

const KEY = "a-key-of-at-least-24-characters";
const { valence } = commandLine();
let api: TestApi;
let service: { VALENCE_URL: string; VALENCE_API_KEY: string };
let dataset: string;
let experiment: string;
let runs: string[];
const short = (id = "") => id.slice(0, 8);

beforeAll(async () => {
	api = await startApi({ API_KEYS: KEY });
	service = { VALENCE_URL: await api.app.listen({ port: 0, host: "127.0.0.1" }), VALENCE_API_KEY: KEY };
	dataset = await api.dataset();
	await rename(dataset, "my: shop");
	({ id: experiment, runs } = await api.experiment(["SUCCEEDED", "FAILED"], { dataset }));
	const headers = { authorization: `Bearer ${KEY}` };
	await api.call("PUT", "/feeds/shop", undefined, headers);
	for (const name of ["default", "trial"])
		await api.call("PUT", `/deployments/${name}`, { checkpoint: await api.checkpoint(runs[0] as string) }, headers);
});
afterAll(() => api?.close());

const rename = (id: string, name: string) => api.app.prisma.dataset.update({ where: { id }, data: { name } });

/** What the script of a shell is given for a line whose last word is being typed. */
async function offered(words: string[], env: Record<string, string> = service): Promise<string[]> {
	const { status, stdout, stderr } = await valence(["--complete", "valence", ...words], { SHELL: "/bin/bash", ...env });
	expect([status, stderr]).toEqual([0, ""]);
	return stdout.split("\n").filter(Boolean);
}
/** Who presses Tab on a busy machine presses it again. */
const offeredSoon = (...words: string[]) =>
	until(`something is offered for ${words.join(" ")}`, async () => {
		const names = await offered(words);
		return names.length > 0 && names;
	});

it("offers datasets, models and their fields where a command takes one", async () => {
	expect(await offeredSoon("train", "valid", "--on", "")).toEqual(["latest", "my: shop"]);
	expect(await offeredSoon("runs", "--on", "my")).toEqual(["my: shop"]);
	expect(await offeredSoon("train", "valid", "po")).toEqual(["popularity"]);
	expect(await offeredSoon("runs", "--model", "")).toEqual(["valid", "popularity"]);
	expect(await offeredSoon("train", "valid", "--grid", "t")).toEqual(["tau="]);
	expect(await offeredSoon("train", "valid", "--search", "5", "--space", "t")).toEqual(["tau="]);
});

it("offers runs, experiments and deployments", async () => {
	expect(await offeredSoon("deploy", "")).toEqual(["best", "latest", ...runs.map(short)]);
	expect(await offeredSoon("runs", short(runs[1]))).toEqual([short(runs[1])]);
	expect(await offeredSoon("compare", "")).toEqual(["latest", short(experiment)]);
	expect(await offeredSoon("search", "")).toEqual(["latest", short(experiment)]);
	expect((await offeredSoon("recommend", "u1", "--deployment", "")).sort()).toEqual(["default", "trial"]);
	expect(await offeredSoon("export", "--deployment", "t")).toEqual(["trial"]);
	expect(await offeredSoon("deploy", "best", "--as", "d")).toEqual(["default"]);
});

it("offers what can be done with a feed, and feeds", async () => {
	expect(await offeredSoon("feed", "s")).toEqual(expect.arrayContaining(["show", "snapshot"]));
	expect(await offeredSoon("feed", "push", "")).toEqual(["shop"]);
	expect(await offeredSoon("deploy", "best", "--feed", "sh")).toEqual(["shop"]);
});

it("asks the context of the line, with its key", async () => {
	expect((await valence(["login", service.VALENCE_URL, KEY, "--name", "shop"])).status).toBe(0);
	await valence(["contexts", "--use", "local"]);
	const nowhere = { VALENCE_URL: "http://127.0.0.1:9" };
	const asked = () => offered(["deploy", "--context", "shop", "--as", ""], nowhere);
	await until("the context's service is asked", async () => (await asked()).includes("trial"));
	expect(await offered(["deploy", "--as", ""], nowhere)).toEqual([]);
	expect(await offered(["runs", "--context", ""], nowhere)).toEqual(["shop"]);
	expect(await offered(["runs", "--on", ""], { ...service, VALENCE_API_KEY: "wrong" })).toEqual([]);
});

it("offers a colon as zsh wants it, and no name that could steer a terminal", async () => {
	const zsh = { ...service, SHELL: "/usr/bin/zsh" };
	await until("zsh is offered it", async () => (await offered(["runs", "--on", "my"], zsh)).includes("my\\: shop"));
	await rename(await api.dataset(), "my\u001b]0;x");
	await rename(await api.dataset(), "my twin");
	expect(await offeredSoon("runs", "--on", "my")).toEqual(["my twin", "my: shop"]);
});

it("does not keep who presses Tab waiting for a service that does not answer", async () => {
	const silent = createServer().listen(0, "127.0.0.1");
	await once(silent, "listening");
	const { port } = silent.address() as AddressInfo;
	const began = Date.now();
	expect(await offered(["runs", "--on", ""], { VALENCE_URL: `http://127.0.0.1:${port}` })).toEqual([]);
	expect(Date.now() - began).toBeLessThan(10_000);
	silent.close();
});
