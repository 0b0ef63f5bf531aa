// What holds while deployments, memory, datasets and the recommender change under those who ask.
import { setTimeout as sleep } from "node:timers/promises";
import { RemoteError } from "../../../services/api/src/grpc.js";
import { startApi, type TestApi } from "../../support/api.js";
import { WORLD } from "../../support/fake-recommender.js";
import { refusal } from "../../support/grpc-server.js";
import { until } from "../../support/processes.js";

let api: TestApi;
afterEach(() => api.close());
async function fresh(environment: Record<string, string> = {}): Promise<void> {
	api = await startApi(environment);
}
const made = async (dataset?: string) =>
	api.checkpoint((await api.experiment(["SUCCEEDED"], { dataset })).runs[0] as string);
const deploy = (name: string, checkpoint: string) => api.call("PUT", `/deployments/${name}`, { checkpoint });
const warm = (name = "default") =>
	until("warm", async () => (await api.call("GET", `/deployments/${name}/serving`)).body.lists.warm, 10);
/** In the place of calls to the recommender. */
const instead = (calls: object) => Object.assign(api.app.recommender, calls);
const away = () =>
	Promise.reject(new RemoteError("unavailable", "14 UNAVAILABLE: connect ECONNREFUSED 10.0.0.7:50052"));
const steer = [{ interest: 0, weight: 2 }];

test("hidden change does not read the catalogue again", async () => {
	await fresh();
	const id = await made();
	await deploy("default", id);
	await warm();
	// two other datasets looked at
	for (let i = 0; i < 2; i++) await api.call("GET", `/users/u1/recommendations?checkpoint=${await made()}`);
	const before = api.recommender.requests.catalogue.length;
	await api.call("PUT", "/deployments/default/hidden", { items: ["a"] });
	expect(api.recommender.requests.catalogue.length).toBe(before);
});
test("hidden change with recommender away", async () => {
	await fresh();
	await deploy("default", await made());
	await warm();
	for (let i = 0; i < 2; i++) await api.call("GET", `/users/u1/recommendations?checkpoint=${await made()}`);
	instead({ readCatalogue: away });
	expect((await api.call("PUT", "/deployments/default/hidden", { items: ["a"] })).status).toBe(200);
	expect((await api.call("GET", "/users/u1/recommendations")).status).toBe(200);
});
test("bodies bounded over names of one checkpoint", async () => {
	await fresh({ LISTS_MEMORY: "1MiB" });
	const id = await made();
	for (const name of ["a", "b", "c", "d"]) await deploy(name, id);
	const all = await Promise.all(api.app.deployments.all().map((one) => api.app.serving.of(one)));
	const total =
		new Set(all.map((one) => one.lists)).size * (all[0]?.lists.status.budget ?? 0) +
		all.reduce((sum, one) => sum + one.bodies.maxSize, 0);
	expect(total).toBeLessThanOrEqual(2 ** 20);
});
test("n beyond depth does not make the list again each time", async () => {
	await fresh({ LISTS_DEPTH: "2" });
	await deploy("default", await made());
	await warm();
	const before = api.recommender.requests.lists.length;
	for (let i = 0; i < 5; i++) {
		await api.call("GET", "/users/u1/recommendations?n=3");
		await sleep(50);
	}
	expect(api.recommender.requests.lists.length - before).toBe(0);
});
test("batch: those with a list are answered though another's cannot be made", async () => {
	await fresh();
	api.recommender.warms = false;
	await deploy("default", await made());
	await api.call("POST", "/recommendations/batch", { users: ["u1", "u2"] });
	instead({
		rankLists: away,
		recommend: () => Promise.reject(new RemoteError("unavailable", "connect 10.0.0.7:50052")),
	});
	const { status, body } = await api.call("POST", "/recommendations/batch", { users: ["u1", "u2", "u3", "somebody"] });
	expect([status, body.users?.[0].answeredBy]).toEqual([200, "list"]);
	expect(body.users[2]).toEqual({
		user: "u3",
		error: { code: "unavailable", message: expect.not.stringContaining("10.0.0.7") },
	});
});
test("what went wrong inside is not told in a batch", async () => {
	await fresh();
	api.recommender.warms = false;
	await deploy("default", await made());
	api.recommender.refuse = refusal("INTERNAL", "internal", "Traceback: /home/secret.py", "x");
	const { status, body } = await api.call("POST", "/recommendations/batch", { users: ["u1"] });
	expect([status, body.users[0].error.code]).toEqual([200, "internal"]);
	expect(JSON.stringify(body)).not.toContain("secret");
});
test("a batch knows the interests without lists", async () => {
	await fresh({ LISTS_MEMORY: "0" });
	await deploy("default", await made());
	const { body } = await api.call("POST", "/recommendations/batch", { users: ["u1", "u2"] });
	expect(body.interests).toBe(2);
});
test("kept steering of one who is unknown now, fallback=popular", async () => {
	await fresh();
	const first = await api.experiment(["SUCCEEDED"]);
	const second = await api.experiment(["SUCCEEDED"]);
	api.recommender.world = (key) => (key.includes(second.runs[0] as string) ? { ...WORLD, users: ["u9"] } : WORLD);
	await deploy("default", await api.checkpoint(first.runs[0] as string));
	await api.call("PUT", "/users/u1/steering", { steer });
	await deploy("default", await api.checkpoint(second.runs[0] as string));
	// the real recommender does not know u1 there
	instead({ describeInterests: () => Promise.reject(new RemoteError("unknown_user", "no such user", "user")) });
	expect((await api.call("GET", "/users/u2/recommendations?fallback=popular")).body.answeredBy).toBe("popular");
	const { status, body } = await api.call("GET", "/users/u1/recommendations?fallback=popular");
	expect([status, body.answeredBy]).toEqual([200, "popular"]);
});
test("a reading that began earlier does not bring back what was undone, nor what was before", async () => {
	await fresh();
	await deploy("default", await made());
	for (const user of ["u1", "u2"]) await api.call("PUT", `/users/${user}/steering`, { steer });
	const own = api.app.prisma.steering;
	const findMany = own.findMany.bind(own);
	let release = () => {};
	const gate = new Promise<void>((resolve) => {
		release = resolve;
	});
	let read = false;
	const slowly = async (...given: Parameters<typeof findMany>) => {
		const rows = await findMany(...given);
		read = true;
		await gate;
		return rows;
	};
	const steering = new Proxy(own, {
		get: (target, name) => (name === "findMany" ? slowly : Reflect.get(target, name)),
	});
	Object.defineProperty(api.app.prisma, "steering", { value: steering, configurable: true });
	await api.call("PUT", "/deployments/default/fallback", { fallback: "popular" });
	await until("read", () => read, 5);
	expect((await api.call("DELETE", "/users/u1/steering")).status).toBe(204);
	await api.call("PUT", "/users/u2/steering", { steer: [{ interest: 0, weight: 3 }] });
	await sleep(500);
	release();
	await sleep(500);
	const first = (await api.call("GET", "/users/u1/steering")).status;
	const second = (await api.call("GET", "/users/u2/steering")).body.steer?.[0].weight;
	expect([first, second]).toEqual([404, 3]);
});
test("another name does not throw away the lists of the first", async () => {
	await fresh();
	await deploy("default", await made());
	await warm();
	api.recommender.warms = false;
	await deploy("other", await made());
	expect((await api.call("GET", "/users/u1/recommendations?n=1")).body.answeredBy).toBe("list");
});
test("a batch under way outlives a deployment under another name", async () => {
	await fresh();
	api.recommender.warms = false;
	await deploy("default", await made());
	const other = await made();
	const own = api.app.recommender.rankLists;
	instead({
		async rankLists(...[request, ...more]: Parameters<typeof own>) {
			if (request.rows.length > 0) await sleep(1_000);
			return own(request, ...more);
		},
	});
	const batch = api.call("POST", "/recommendations/batch", { users: ["u1", "u2"] });
	await sleep(100);
	expect((await deploy("other", other)).status).toBe(200);
	const { status } = await batch;
	expect(status).toBe(200);
});
test("a batch is counted by tier", async () => {
	await fresh();
	await deploy("default", await made());
	await warm();
	const { headers } = await api.call("POST", "/recommendations/batch", { users: ["u1", "u2"] });
	const { body } = await api.call("GET", "/metrics");
	expect([
		!!headers["server-timing"],
		String(body).includes('valence_recommendation_seconds_count{tier="list"'),
	]).toEqual([true, true]);
});
test("a 304 has the headers of the 200", async () => {
	await fresh();
	await deploy("default", await made());
	await warm();
	const first = await api.call("GET", "/users/u1/recommendations");
	const again = await api.call("GET", "/users/u1/recommendations", undefined, {
		"if-none-match": String(first.headers.etag),
	});
	expect([again.status, again.headers["cache-control"]]).toEqual([304, first.headers["cache-control"]]);
});
test("what was dropped is not named after its dataset was deleted", async () => {
	await fresh();
	const old = await api.dataset();
	const first = await made(old);
	const { runs } = await api.experiment(["SUCCEEDED"]);
	const items = [{ id: "only here", title: "", tags: [], popularity: 1 }, ...WORLD.items];
	api.recommender.world = (key) => (key.includes(runs[0] as string) ? WORLD : { ...WORLD, items });
	api.recommender.history = (key) =>
		key.includes(runs[0] as string) ? [] : [{ id: "only here", title: "", interestShares: [1, 0] }];
	await deploy("default", first);
	await api.call("PUT", "/users/u1/steering", { steer });
	await deploy("default", await api.checkpoint(runs[0] as string));
	expect(JSON.stringify((await api.call("GET", "/users/u1/recommendations")).body)).toContain("only here");
	expect((await api.call("DELETE", `/datasets/${old}?withExperiments=true`)).status).toBe(204);
	expect(JSON.stringify((await api.call("GET", "/users/u1/steering")).body)).not.toContain("only here");
	expect(JSON.stringify((await api.call("GET", "/users/u1/recommendations")).body)).not.toContain("only here");
});
test("tags are compared as the recommender compares them", async () => {
	await fresh();
	api.recommender.world = () => ({ ...WORLD, tags: ["Straße", "Round"] });
	await deploy("default", await made());
	await warm();
	const { body } = await api.call("GET", "/users/u1/recommendations?anyTag=STRASSE");
	expect(body.unknownTags).toEqual([]);
});

test("a known person's what-if is refused, not answered by popularity", async () => {
	await fresh();
	await api.call("PUT", "/deployments/default", { checkpoint: await made(), fallback: "popular" });
	api.recommender.refuse = refusal("FAILED_PRECONDITION", "fold_in_unsupported", "with needs fold_in", "with");
	const { status, body } = await api.call("POST", "/users/u1/recommendations", { with: ["a"] });
	expect([status, body.answeredBy]).toEqual([422, undefined]);
});

test("an item is found by its own title", async () => {
	await fresh();
	const items = [{ id: "i1", title: "Spider-Man (2002)", tags: [], popularity: 1 }];
	api.recommender.world = () => ({ ...WORLD, items });
	await deploy("default", await made());
	for (const q of ["spider man 2002", "Spider-Man (2002)", "2002 spíder"])
		expect([q, (await api.call("GET", `/items?q=${encodeURIComponent(q)}`)).body.total]).toEqual([q, 1]);
});

test("hidden items are not named by what is similar either", async () => {
	await fresh();
	await deploy("default", await made());
	await api.call("PUT", "/deployments/default/hidden", { items: ["b"] });
	expect((await api.call("GET", "/items/a/similar")).body.items).toEqual([]);
});

test("a lost announcement of steering is made up for, and what is over is deleted", async () => {
	await fresh({ TIMING_SCALE: "100" });
	await deploy("default", await made());
	await api.call("PUT", "/users/u1/steering", { steer });
	await api.app.prisma.steering.deleteMany(); // as if its announcement were lost
	await until("it is noticed", async () => (await api.call("GET", "/users/u1/steering")).status === 404, 10);
	const soon = new Date(Date.now() + 500).toISOString();
	expect((await api.call("PUT", "/users/u1/steering", { steer, until: soon })).status).toBe(200);
	await until("it is deleted", async () => (await api.app.prisma.steering.count()) === 0, 10);
});
