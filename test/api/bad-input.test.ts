// Whatever is wrong with a request, over all routes: a 4xx with problem details that name the field, never a 5xx.
import fc from "fast-check";
import { FORMS } from "../../services/api/src/http/validation.js";
import { type Reply, startApi, type TestApi } from "../support/api.js";
import { AN_ID, type Route, routesOf } from "../support/routes.js";

let api: TestApi;
let routes: Route[];
beforeAll(async () => {
	api = await startApi();
	routes = routesOf(api.app);
	const run = (await api.experiment(["SUCCEEDED"])).runs[0] as string;
	await api.call("PUT", "/deployments/default", { checkpoint: await api.checkpoint(run) });
	await api.call("PUT", "/feeds/default");
	await api.call("POST", "/feeds/default/interactions", [{ user: "u", item: "i" }]);
});
afterAll(() => api.close());

function expectProblem(of: string, reply: Reply, status: number, pointer?: string): void {
	const { type, title, detail, instance, code } = reply.body;
	const pointers = reply.body.errors?.map((error: { pointer: string }) => error.pointer);
	expect({ of, status: reply.status, pointers }).toEqual({ of, status, pointers: pointer ? [pointer] : pointers });
	expect(reply.headers["content-type"]).toBe("application/problem+json; charset=utf-8");
	expect(type).toBe(`/errors#${code}`);
	expect(instance).toMatch(/^urn:uuid:[0-9a-f-]{36}$/);
	expect([title, detail].every((text) => typeof text === "string" && text.length > 5)).toBe(true);
}
const inPart = (route: Route, part: string) =>
	(route.operation.parameters ?? []).filter((one: { in: string }) => one.in === part);
/** A query of the route with what it cannot do without beside it. */
const withRequired = (route: Route, query: string) =>
	[
		query,
		...inPart(route, "query")
			.filter(({ name, required }: { name: string; required?: boolean }) => required && !query.startsWith(`${name}=`))
			.map(({ name }: { name: string }) => `${name}=${AN_ID}`),
	].join("&");

test("numbers, flags, choices and ids in queries: out of range, of another kind, empty, twice", async () => {
	let checked = 0;
	for (const route of routes) {
		for (const { name, schema } of inPart(route, "query")) {
			const { type, minimum, maximum, format, pattern } = schema;
			const bad = ["%00"];
			if (type === "integer")
				bad.push(
					`${minimum - 1}`,
					`${maximum + 1}`,
					"abc",
					"1.5",
					"1e2",
					"0x10",
					"%205",
					"%2B5",
					"NaN",
					"99999999999999999999",
					"",
				);
			else if (type === "boolean") bad.push("1", "yes", "TRUE", "null", "");
			else if (schema.enum || format === "uuid" || (pattern && !(format in FORMS))) bad.push("x_x", "");
			else if (name === "cursor") bad.push("abc", "%F0%9F%98%80", "x".repeat(201), "");
			else if (type === "array") bad.push("", `a&${name}=`, `a&${name}=%00`);
			else if (schema.anyOf) bad.push("x");
			// Lists are what is repeated.
			if (type !== "array") bad.push(`${schema.default ?? AN_ID}&${name}=${schema.default ?? AN_ID}`);
			for (const value of bad) {
				const query = withRequired(route, `${name}=${value}`);
				const body = VALID[key(route)];
				const reply = await send({ ...route, url: `${route.url}?${query}` }, body && JSON.stringify(body));
				const pointers = new Set(
					reply.body.errors?.map(({ pointer }: { pointer: string }) =>
						type === "array" ? pointer.replace(/\/\d+$/, "") : pointer,
					),
				);
				expect({ of: `${route.method} ${route.url}?${query}`, status: reply.status, pointers }).toEqual({
					of: expect.anything(),
					status: 400,
					pointers: new Set([`/query/${name}`]),
				});
				checked++;
			}
		}
	}
	expect(checked).toBeGreaterThan(100);
});

test("ids in paths", async () => {
	for (const { method, path } of routes) {
		if (!path.includes("{")) continue;
		const own = /^\/(users|items)/.test(path);
		const name = path.includes("{name}") ? "name" : "id";
		const bad = [
			"%00",
			"a%00b",
			"%0a",
			"%7f",
			"%ED%A0%80",
			"%",
			"%zz",
			"é".repeat(257),
			"x".repeat(513),
			"x".repeat(9_000),
		];
		if (!own) bad.push("x_y", "undefined!", "..%2f..%2fetc");
		for (const value of bad) {
			const reply = await api.call(method, path.replace(/\{\w+\}/, value));
			const raw = /%ED|%$|%zz|x{2000}/.test(value);
			expectProblem(`${method} ${path} ${value.slice(0, 50)}`, reply, 400, raw ? undefined : `/params/${name}`);
		}
	}
});

const METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] as const;
test("methods that a path does not have", async () => {
	const methods = new Map<string, Set<string>>();
	for (const { method, url } of routes) methods.set(url, (methods.get(url) ?? new Set()).add(method));
	// /datasets/preview is also /datasets/{id} with an id that is none.
	const isAnId = (method: string, url: string) =>
		routes.some(
			(other) => other.method === method && url === other.path.replace(/\{id\}$/, url.split("/").at(-1) ?? ""),
		);
	for (const [url, taken] of methods) {
		for (const method of METHODS) {
			if (taken.has(method)) continue;
			if (isAnId(method, url)) {
				expectProblem(`${method} ${url}`, await api.call(method, url), 400, "/params/id");
				continue;
			}
			const reply = await api.call(method, url);
			expectProblem(`${method} ${url}`, reply, 405);
			const allow = String(reply.headers.allow)
				.split(", ")
				.filter((one) => one !== "HEAD");
			expect(new Set(allow)).toEqual(new Set([...taken, ...METHODS.filter((one) => isAnId(one, url))]));
		}
	}
	for (const url of ["/nowhere", "/runs", "/%F0%9F%98%80"]) expectProblem(url, await api.call("GET", url), 404);
});

const STEERED = {
	n: 5,
	excludeSeen: true,
	exclude: ["c"],
	candidates: ["a"],
	filter: { anyTag: ["t"], allTags: ["t"], noTag: ["t"] },
	fallback: "none",
	fresh: 2,
	steer: [{ interest: 0, weight: 2 }],
	only: 0,
	without: ["a"],
	with: ["b"],
	calibrate: 0.5,
	shelves: true,
	preview: true,
	deployment: "default",
	checkpoint: AN_ID,
};
const { excludeSeen, ...OF_GUESTS } = STEERED;
const EXPERIMENT = {
	name: "n",
	dataset: AN_ID,
	models: [{ model: "valid", params: { k: 2 }, grid: { tau: [0.1, 0.2] } }],
	seeds: [1, 2],
	protocol: { maskTest: "train", cutoffs: [20], metrics: ["recall"] },
	keep: { checkpoints: "best", runs: 3 },
};
const VALID: Record<string, object> = {
	"POST /experiments": EXPERIMENT,
	"POST /experiments/estimate": EXPERIMENT,
	"PUT /experiments/{id}/keep": { checkpoints: "best", runs: 3 },
	"POST /searches/{id}/confirm": { seeds: [2, 3], refit: false },
	"POST /datasets/{id}/imports": {
		rule: {
			columns: { user: "u", files: { "a.csv": { item: 2 } } },
			split: { kind: "ratio", ratios: [0.8, 0.1, 0.1], seed: 1 },
			kCore: 2,
		},
		name: "n",
	},
	"POST /runs/{id}/evaluations": {
		checkpoint: AN_ID,
		dataset: AN_ID,
		split: "test",
		maskTest: "train",
		cutoffs: [20, 50],
		metrics: ["recall"],
	},
	"POST /comparisons": {
		name: "n",
		groups: [{ name: "a", runs: [AN_ID] }, { runs: ["00000000-0000-4000-8000-000000000001"] }],
		baseline: AN_ID,
		metrics: ["recall@20"],
		draws: 1_000,
		seed: 1,
	},
	"PUT /deployments/{name}": { checkpoint: AN_ID, fallback: "popular", feed: "f", reason: "r" },
	"POST /deployments/{name}/rollback": { to: AN_ID, reason: "r" },
	"PUT /deployments/{name}/refresh": {
		feed: "default",
		model: "valid",
		params: { k: 2 },
		seeds: [1, 2],
		rule: { minRating: 1, split: { kind: "temporal", quantiles: [0.8, 0.9] } },
		every: "6h",
		minNew: 5,
		gate: { metric: "recall@20", tolerance: 0.1, margin: 0.1 },
		refit: true,
		keep: { refreshes: 2 },
		paused: true,
	},
	"POST /deployments/{name}/refreshes": { force: true },
	"PUT /deployments/{name}/fallback": { fallback: "popular" },
	"PUT /deployments/{name}/feed": { feed: "f" },
	"PUT /deployments/{name}/hidden": { items: ["a"] },
	"POST /users/{id}/recommendations": STEERED,
	"POST /recommendations/batch": {
		users: ["u1", "u2"],
		n: 5,
		exclude: ["c"],
		filter: { anyTag: ["t"] },
		fallback: "none",
		fresh: 2,
	},
	"PUT /users/{id}/steering": { steer: [{ interest: 0, weight: 2 }], until: null },
	"POST /recommendations": { ...OF_GUESTS, items: ["a", "b"] },
	"POST /deployments/{name}/exports": { n: 5, format: "csv", explain: true, users: ["a", "b"] },
	"PUT /feeds/{name}/items": { items: [{ item: "i", title: "t", tags: ["a"], available: false }, { item: "j" }] },
	"POST /feeds/{name}/interactions/remove": {
		interactions: [{ id: "e" }, { user: "u", item: "i", at: 1_700_000_000 }],
	},
	"POST /keys": { name: "shop", scope: "serve" },
	"POST /feeds/{name}/snapshots": { rule: { minRating: 1, split: { kind: "ratio", seed: 1 } }, name: "n" },
};
const jsonOf = ({ operation }: Route) => operation.requestBody?.content["application/json"];
/** But for arrays, of which each row is looked at by itself: routes/feeds.test.ts. */
const withJson = () => routes.filter((route) => jsonOf(route) && jsonOf(route).schema.type !== "array");
const key = ({ method, path }: Route) => `${method} ${path}`;
const send = ({ method, url }: Pick<Route, "method" | "url">, payload?: string, type = "application/json") =>
	api.call(method, url, payload, payload === undefined ? {} : { "content-type": type });

test("unknown query parameters", async () => {
	for (const route of routes) {
		const body = VALID[key(route)];
		const reply = await send(
			{ ...route, url: `${route.url}?${withRequired(route, "zzz=1")}` },
			body && JSON.stringify(body),
		);
		expectProblem(key(route), reply, 400, "/query/zzz");
	}
});

test("every route with a JSON body is covered here", () => {
	expect(withJson().map(key).sort()).toEqual(Object.keys(VALID).sort());
});

test("bodies that are no JSON object, too large, of another type, or of no type", async () => {
	for (const route of withJson()) {
		const of = key(route);
		for (const body of ["null", "[]", "1", '"x"', "true"])
			expectProblem(`${of} ${body}`, await send(route, body), 400, "/");
		for (const body of ["", "{", '{"a":1}{', "{'a':1}", "\u0000", "NaN"])
			expectProblem(`${of} ${body}`, await send(route, body), 400);
		expectProblem(of, await api.call(route.method, route.url), 400, "/");
		for (const poison of ['{"__proto__": {"n": 1}}', '{"constructor": {"prototype": {"n": 1}}}']) {
			expectProblem(`${of} ${poison}`, await send(route, poison), 400);
		}
		const most = of === "POST /deployments/{name}/exports" ? 64 : 4; // it takes the ids of many users
		const large = JSON.stringify({ ...VALID[of], name: "x".repeat(most * 2 ** 20) });
		expectProblem(of, await send(route, large), 413);
		for (const type of [
			"text/plain",
			"application/x-www-form-urlencoded",
			"application/xml",
			"multipart/form-data; boundary=x",
			"nonsense",
		]) {
			expectProblem(`${of} ${type}`, await send(route, "{}", type), 415);
		}
		expectProblem(of, await send(route, JSON.stringify({ ...VALID[of], zzz: 1 })), 400, "/zzz");
		expectProblem(of, await send(route, JSON.stringify({ ...VALID[of], "a/b~c": 1 })), 400, "/a~1b~0c");
	}
});

test("routes that take no body refuse one", async () => {
	for (const route of routes.filter(({ path, method }) => method === "DELETE" || path.endsWith("/cancel"))) {
		expectProblem(key(route), await send(route, '{"force": true}'), 400);
		// One that is not there: the deployment that other tests need is.
		const url = route.url.replace("default", "no-such-name");
		const reply = await send({ ...route, url }, "{}");
		// The one that names nothing by an id finds nothing to do.
		if (route.path === "/system/orphans") expect([reply.status, reply.body]).toEqual([200, { keys: 0, bytes: 0 }]);
		else expectProblem(key(route), reply, 404);
	}
});

type Bad = [field: string, value: unknown, pointer: string];
const manyFiles = (count: number) =>
	Object.fromEntries(Array.from({ length: count }, (_, index) => [`${index}.csv`, { user: 1 }]));
const FIELDS: Record<string, Bad[]> = {
	"POST /experiments": [
		["name", "", "/name"],
		["name", "x".repeat(201), "/name"],
		["name", "a\u0000b", "/name"],
		["name", "\ud800", "/name"],
		["name", null, "/name"],
		["dataset", "x", "/dataset"],
		["dataset", 1, "/dataset"],
		["dataset", undefined, "/dataset"],
		["models", [], "/models"],
		["models", {}, "/models"],
		["models", undefined, "/models"],
		["models", [{}], "/models/0/model"],
		["models", [{ model: "valid", epochs: 3 }], "/models/0/epochs"],
		["models", [{ model: 5 }], "/models/0/model"],
		["models", [{ model: "valid", params: [] }], "/models/0/params"],
		["models", [{ model: "valid", params: { k: "\u0000" } }], "/models/0/params/k"],
		["models", [{ model: "valid", grid: { k: 4 } }], "/models/0/grid/k"],
		["models", [{ model: "valid", grid: { k: [] } }], "/models/0/grid/k"],
		["models", [{ model: "valid", grid: { k: [4, 4] } }], "/models/0/grid/k"],
		["models", Array(51).fill({ model: "valid" }), "/models"],
		["seeds", [], "/seeds"],
		["seeds", [1, 1], "/seeds"],
		["seeds", ["1"], "/seeds/0"],
		["seeds", [-1], "/seeds/0"],
		["seeds", [1.5], "/seeds/0"],
		["seeds", [2 ** 31], "/seeds/0"],
		["protocol", { maskTest: "valid" }, "/protocol/maskTest"],
		["protocol", { cutoffs: [] }, "/protocol/cutoffs"],
		["protocol", { cutoffs: [0] }, "/protocol/cutoffs/0"],
		["protocol", { cutoffs: [1001] }, "/protocol/cutoffs/0"],
		["protocol", { cutoffs: [20, 20] }, "/protocol/cutoffs"],
		["protocol", { metrics: [] }, "/protocol/metrics"],
		["protocol", { metrics: ["recall", "recall"] }, "/protocol/metrics"],
		["protocol", { metrics: [20] }, "/protocol/metrics/0"],
		["protocol", { metrics: [""] }, "/protocol/metrics/0"],
		["keep", "best", "/keep"],
		["keep", { checkpoints: "all" }, "/keep/checkpoints"],
		["keep", { runs: 0 }, "/keep/runs"],
		["refit", "yes", "/refit"],
		["keep", { runs: 1001 }, "/keep/runs"],
		["keep", { runs: null }, "/keep/runs"],
		["keep", { days: 1 }, "/keep/days"],
	],
	"POST /searches/{id}/confirm": [
		["seeds", [], "/seeds"],
		["seeds", [2, 2], "/seeds"],
		["seeds", [-1], "/seeds/0"],
		["refit", "yes", "/refit"],
	],
	"PUT /experiments/{id}/keep": [
		["checkpoints", undefined, "/checkpoints"],
		["checkpoints", "last", "/checkpoints"],
		["runs", 0, "/runs"],
		["runs", 1001, "/runs"],
		["runs", 1.5, "/runs"],
		["runs", "3", "/runs"],
	],
	"POST /datasets/{id}/imports": [
		["rule", undefined, "/rule"],
		["rule", "{}", "/rule"],
		["rule", { minratin: 3 }, "/rule/minratin"],
		["rule", { kCore: "5" }, "/rule/kCore"],
		["rule", { columns: { users: "u" } }, "/rule/columns/users"],
		["rule", { split: { kind: "random" } }, "/rule/split/kind"],
		["rule", { split: { kind: "temporal", quantiles: [0.8] } }, "/rule/split/quantiles"],
		["rule", { split: { kind: "temporal", quantiles: [0.8, 1] } }, "/rule/split/quantiles/1"],
		["rule", { split: { kind: "temporal", at: ["2026-01-01", "soon"] } }, "/rule/split/at/1"],
		["rule", { since: 1767225600 }, "/rule/since"],
		["rule", { since: "2026-02-30" }, "/rule/since"],
		["rule", { since: "2026-01-01T24:00Z" }, "/rule/since"],
		["rule", { since: "0000-01-01" }, "/rule/since"],
		["rule", { until: "2026-01-01T12:00" }, "/rule/until"],
		["rule", { columns: { user: "a\u0000" } }, "/rule/columns/user"],
		["rule", { columns: { files: [] } }, "/rule/columns/files"],
		["rule", { columns: { files: null } }, "/rule/columns/files"],
		["rule", { columns: { files: { "a.csv": "user" } } }, "/rule/columns/files/a.csv"],
		["rule", { columns: { files: { "a.csv": { users: "u" } } } }, "/rule/columns/files/a.csv/users"],
		["rule", { columns: { files: { "a.csv": { files: {} } } } }, "/rule/columns/files/a.csv/files"],
		["rule", { columns: { files: { "a.zip: b/~c": { user: 0 } } } }, "/rule/columns/files/a.zip: b~1~0c/user"],
		["rule", { columns: { files: { "a.csv": { tags: "x".repeat(201) } } } }, "/rule/columns/files/a.csv/tags"],
		["rule", { columns: { files: { "": {} } } }, "/rule/columns/files/"],
		["rule", { columns: { files: { "a/\nb": {} } } }, "/rule/columns/files/a~1\nb"],
		["rule", { columns: { files: { "a\u0000": {} } } }, "/rule/columns/files/a\u0000"],
		["rule", { columns: { files: { ["é".repeat(257)]: {} } } }, `/rule/columns/files/${"é".repeat(257)}`],
		["rule", { columns: { files: manyFiles(65) } }, "/rule/columns/files"],
		["name", "", "/name"],
		["name", "x".repeat(201), "/name"],
		["name", null, "/name"],
	],
	"POST /runs/{id}/evaluations": [
		["checkpoint", "x", "/checkpoint"],
		["dataset", "x", "/dataset"],
		["split", "train", "/split"],
		["maskTest", "none", "/maskTest"],
		["cutoffs", ["20"], "/cutoffs/0"],
		["cutoffs", 20, "/cutoffs"],
		["metrics", "recall", "/metrics"],
		["metrics", [], "/metrics"],
	],
	"POST /comparisons": [
		["name", "", "/name"],
		["runs", [AN_ID], "/runs"],
		["runs", ["x", AN_ID], "/runs/0"],
		["groups", [{ runs: [AN_ID] }], "/groups"],
		["groups", [{ runs: [AN_ID] }, { runs: [] }], "/groups/1/runs"],
		["groups", [{ runs: [AN_ID] }, {}], "/groups/1/runs"],
		["baseline", "x", "/baseline"],
		["metrics", [], "/metrics"],
		["metrics", ["recall@20", "recall@20"], "/metrics"],
		["draws", 999, "/draws"],
		["draws", 100_001, "/draws"],
		["seed", -1, "/seed"],
		["seed", 1.5, "/seed"],
	],
	"PUT /deployments/{name}": [
		["checkpoint", "x", "/checkpoint"],
		["checkpoint", "", "/checkpoint"],
		["checkpoint", undefined, "/checkpoint"],
		["feed", "", "/feed"],
		["feed", "A b", "/feed"],
		["feed", 1, "/feed"],
		["feed", ["f"], "/feed"],
		["reason", 1, "/reason"],
		["reason", "x".repeat(501), "/reason"],
	],
	"POST /deployments/{name}/rollback": [
		["to", "x", "/to"],
		["to", 1, "/to"],
		["to", null, "/to"],
		["reason", "", "/reason"],
		["reason", 1, "/reason"],
		["reason", null, "/reason"],
		["reason", "a\u0000", "/reason"],
		["reason", "x".repeat(501), "/reason"],
	],
	"POST /deployments/{name}/refreshes": [
		["force", "true", "/force"],
		["force", "yes", "/force"],
		["force", 1, "/force"],
		["force", null, "/force"],
		["force", [true], "/force"],
	],
	"PUT /deployments/{name}/fallback": [
		["fallback", undefined, "/fallback"],
		["fallback", "some", "/fallback"],
	],
	"PUT /deployments/{name}/feed": [
		["feed", undefined, "/feed"],
		["feed", "", "/feed"],
		["feed", "A feed", "/feed"],
		["feed", "x".repeat(65), "/feed"],
		["feed", 7, "/feed"],
	],
	"PUT /deployments/{name}/hidden": [
		["items", undefined, "/items"],
		["items", [""], "/items/0"],
		["items", Array(10_001).fill("a"), "/items"],
	],
	"PUT /users/{id}/steering": [
		["steer", undefined, "/steer"],
		["steer", [], "/steer"],
		["steer", [{ interest: 0, weight: 5 }], "/steer/0/weight"],
		["until", "tomorrow", "/until"],
		["until", "2027-01-01T00:00:00", "/until"],
		["until", "2027-13-01T00:00:00Z", "/until"],
		["until", "2030-02-31T00:00:00Z", "/until"],
		["until", 1, "/until"],
	],
	"POST /users/{id}/recommendations": [
		["steer", [{ interest: 0, weight: 4.1 }], "/steer/0/weight"],
		["steer", [{ interest: 0, weight: -1 }], "/steer/0/weight"],
		["steer", [{ interest: -1, weight: 1 }], "/steer/0/interest"],
		["steer", [{ interest: 0 }], "/steer/0/weight"],
		["only", 0.5, "/only"],
		["calibrate", 1.5, "/calibrate"],
		["calibrate", "1", "/calibrate"],
		["candidates", [], "/candidates"],
		["filter", { tags: ["a"] }, "/filter/tags"],
		["filter", { anyTag: "a" }, "/filter/anyTag"],
		["filter", { noTag: ["x".repeat(101)] }, "/filter/noTag/0"],
		["without", "a", "/without"],
		["with", [1], "/with/0"],
		["shelves", 1, "/shelves"],
		["preview", "yes", "/preview"],
		["fallback", "maybe", "/fallback"],
		["fresh", 21, "/fresh"],
		["fresh", -1, "/fresh"],
		["fresh", 0.5, "/fresh"],
		["fresh", "2", "/fresh"],
		["fresh", null, "/fresh"],
	],
	"POST /recommendations/batch": [
		["fresh", 21, "/fresh"],
		["users", undefined, "/users"],
		["users", [], "/users"],
		["users", Array(1_001).fill("a"), "/users"],
		["users", ["u1", ""], "/users/1"],
		["steer", [], "/steer"],
		["filter", { anyTag: [1] }, "/filter/anyTag/0"],
	],
	"POST /deployments/{name}/exports": [
		["n", 0, "/n"],
		["n", 1001, "/n"],
		["n", "5", "/n"],
		["n", null, "/n"],
		["format", undefined, "/format"],
		["format", "xml", "/format"],
		["format", null, "/format"],
		["explain", 1, "/explain"],
		["explain", "true", "/explain"],
		["users", "some", "/users"],
		["users", "", "/users"],
		["users", null, "/users"],
		["users", 5, "/users"],
		["users", {}, "/users"],
		["users", [], "/users"],
		["users", ["a", "a"], "/users"],
		["users", [""], "/users/0"],
		["users", ["a", 1], "/users/1"],
		["users", ["a", "b\u0000"], "/users/1"],
		["users", ["\ud800"], "/users/0"],
		["users", ["x".repeat(513)], "/users/0"],
		["users", Array.from({ length: 100_001 }, (_, index) => `${index}`), "/users"],
	],
	"PUT /feeds/{name}/items": [
		["items", undefined, "/items"],
		["items", [], "/items"],
		["items", [{}], "/items/0/item"],
		["items", [{ item: "" }], "/items/0/item"],
		["items", [{ item: 1 }], "/items/0/item"],
		["items", [{ item: "i", title: "" }], "/items/0/title"],
		["items", [{ item: "i", title: 5 }], "/items/0/title"],
		["items", [{ item: "i", title: "x".repeat(301) }], "/items/0/title"],
		["items", [{ item: "i", tags: "a" }], "/items/0/tags"],
		["items", [{ item: "i", tags: [""] }], "/items/0/tags/0"],
		["items", [{ item: "i", tags: ["a", "x".repeat(101)] }], "/items/0/tags/1"],
		["items", [{ item: "i", tags: [1] }], "/items/0/tags/0"],
		["items", [{ item: "i", tags: Array(101).fill("a") }], "/items/0/tags"],
		["items", [{ item: "i", available: "no" }], "/items/0/available"],
		["items", [{ item: "i", available: null }], "/items/0/available"],
		["items", [{ item: "i", price: 1 }], "/items/0/price"],
		["items", [{ item: "i" }, { item: "i" }], "/items/1/item"],
		["items", Array(10_001).fill({ item: "i" }), "/items"],
	],
	"POST /feeds/{name}/interactions/remove": [
		["interactions", undefined, "/interactions"],
		["interactions", [], "/interactions"],
		["interactions", [{}], "/interactions/0"],
		["interactions", [{ id: "" }], "/interactions/0/id"],
		["interactions", [{ id: 1 }], "/interactions/0/id"],
		["interactions", [{ id: "é".repeat(257) }], "/interactions/0/id"],
		["interactions", [{ user: "", item: "i" }], "/interactions/0/user"],
		["interactions", [{ user: 1, item: "i" }], "/interactions/0/user"],
		["interactions", [{ user: "u\u0000", item: "i" }], "/interactions/0/user"],
		["interactions", [{ user: "x".repeat(513), item: "i" }], "/interactions/0/user"],
		["interactions", [{ id: "e" }, { user: "u", item: "" }], "/interactions/1/item"],
		["interactions", [{ user: "u", item: ["i"] }], "/interactions/0/item"],
		["interactions", [{ user: "u", item: "\ud800" }], "/interactions/0/item"],
		["interactions", [{ user: "u", item: "x".repeat(513) }], "/interactions/0/item"],
		["interactions", [{ user: "u", item: "i", at: true }], "/interactions/0/at"],
		["interactions", ["e"], "/interactions/0"],
		["interactions", { id: "e" }, "/interactions"],
		["interactions", [{ id: "e" }, { user: "u" }], "/interactions/1"],
		["interactions", [{ id: "e", user: "u" }], "/interactions/0"],
		["interactions", [{ user: "u", item: "i", at: "now" }], "/interactions/0/at"],
		["interactions", [{ user: "u", item: "i", at: -1 }], "/interactions/0/at"],
		["interactions", [{ user: "u", item: "i", at: "1969-01-01T00:00:00Z" }], "/interactions/0/at"],
		["interactions", [{ user: "u", item: "i", value: 1 }], "/interactions/0/value"],
		["interactions", Array(1_001).fill({ id: "e" }), "/interactions"],
	],
	"POST /keys": [
		["name", "1", "/name"],
		["name", "a\u0000b", "/name"],
		["scope", "root", "/scope"],
		["scope", ["serve"], "/scope"],
		["expiresAt", "2020-01-01T00:00:00Z", "/expiresAt"],
		["rateLimit", 1.5, "/rateLimit"],
		["rateLimit", 1_000_001, "/rateLimit"],
	],
	"POST /feeds/{name}/snapshots": [
		["rule", "{}", "/rule"],
		["rule", { minrating: 1 }, "/rule/minrating"],
		["rule", { kCore: 0 }, "/rule/kCore"],
		["rule", { kCore: 1001 }, "/rule/kCore"],
		["rule", { minRating: "4" }, "/rule/minRating"],
		["rule", { minRating: null }, "/rule/minRating"],
		["rule", { skipBadRows: 1 }, "/rule/skipBadRows"],
		["rule", { skipBadRows: "true" }, "/rule/skipBadRows"],
		["rule", { since: 1767225600 }, "/rule/since"],
		["rule", { since: "2026-01-01T12:00:00" }, "/rule/since"],
		["rule", { until: true }, "/rule/until"],
		["rule", { until: "2026-02-30" }, "/rule/until"],
		["rule", { since: "2026-02-01", until: "2026-02-01" }, "/rule/until"],
		["rule", { columns: { user: "u" } }, "/rule/columns"],
		["rule", { split: "temporal" }, "/rule/split"],
		["rule", { split: {} }, "/rule/split/kind"],
		["rule", { split: { kind: "given" } }, "/rule/split/kind"],
		["rule", { split: { kind: "ratio", ratios: [0.5, 0.1, 0.1] } }, "/rule/split/ratios"],
		["rule", { split: { kind: "ratio", seed: -1 } }, "/rule/split/seed"],
		["rule", { split: { kind: "ratio", seed: 2 ** 31 } }, "/rule/split/seed"],
		["rule", { split: { kind: "strong", seed: 1.5 } }, "/rule/split/seed"],
		["rule", { split: { kind: "ratio", seed: "1" } }, "/rule/split/seed"],
		["rule", { split: { kind: "leave_last", seed: 1 } }, "/rule/split/seed"],
		["rule", { split: { kind: "temporal", quantiles: 0.8 } }, "/rule/split/quantiles"],
		["rule", { split: { kind: "temporal", quantiles: [0.8] } }, "/rule/split/quantiles"],
		["rule", { split: { kind: "temporal", quantiles: [0.8, "0.9"] } }, "/rule/split/quantiles/1"],
		["rule", { split: { kind: "temporal", quantiles: [0, 0.9] } }, "/rule/split/quantiles/0"],
		["rule", { split: { kind: "temporal", quantiles: [0.9, 0.8] } }, "/rule/split/quantiles"],
		["rule", { split: { kind: "ratio", quantiles: [0.8, 0.9] } }, "/rule/split/quantiles"],
		["rule", { split: { kind: "temporal", at: "2026-01-01" } }, "/rule/split/at"],
		["rule", { split: { kind: "temporal", at: ["2026-01-01"] } }, "/rule/split/at"],
		["rule", { split: { kind: "temporal", at: [1767225600, "2026-02-01"] } }, "/rule/split/at/0"],
		["rule", { split: { kind: "temporal", at: ["2026-02-01", "2026-01-01"] } }, "/rule/split/at"],
		[
			"rule",
			{ split: { kind: "temporal", at: ["2026-01-01", "2026-02-01"], quantiles: [0.8, 0.9] } },
			"/rule/split/at",
		],
		["name", 5, "/name"],
		["name", null, "/name"],
		["name", "", "/name"],
		["name", "x".repeat(201), "/name"],
	],
	"POST /recommendations": [
		["items", [], "/items"],
		["items", undefined, "/items"],
		["items", [1], "/items/0"],
		["items", [""], "/items/0"],
		["items", ["a", "b\u0000"], "/items/1"],
		["items", ["x".repeat(513)], "/items/0"],
		["items", ["é".repeat(257)], "/items/0"],
		["items", ["\udc00"], "/items/0"],
		["items", Array(10_001).fill("a"), "/items"],
		["n", 0, "/n"],
		["n", 1001, "/n"],
		["n", "5", "/n"],
		["n", 1.5, "/n"],
		["n", null, "/n"],
		["n", true, "/n"],
		["exclude", "a", "/exclude"],
		["exclude", [null], "/exclude/0"],
		["deployment", "A", "/deployment"],
		["checkpoint", "", "/checkpoint"],
	],
};
test.each(Object.entries(FIELDS))("%s names each wrong field", async (of, table) => {
	const route = routes.find((one) => key(one) === of) as Route;
	for (const [field, value, pointer] of table) {
		const body = JSON.stringify({ ...VALID[of], [field]: value });
		expectProblem(`${of} ${body.slice(0, 100)}`, await send(route, body), 400, pointer);
	}
});

// Whatever comes: answered, and never by a 5xx.
const anything = fc.jsonValue({ maxDepth: 3 });
/** A valid body with one of its places replaced by something else. */
const mutated = (valid: object) =>
	fc
		.tuple(
			fc.constantFrom(...placesOf(valid)),
			fc.oneof(anything, fc.constantFrom("\u0000", "\ud800", 1e308, -0, 2 ** 53, "__proto__")),
		)
		.map(([place, value]) => {
			const copy = structuredClone(valid) as Record<string, unknown>;
			const last = place.at(-1) as string;
			const parent = place
				.slice(0, -1)
				.reduce<Record<string, unknown>>((at, name) => at[name] as Record<string, unknown>, copy);
			parent[last] = value;
			return copy;
		});
function placesOf(value: unknown, at: string[] = []): string[][] {
	if (value === null || typeof value !== "object") return [at];
	return Object.entries(value)
		.flatMap(([name, field]) => [[...at, name], ...placesOf(field, [...at, name])])
		.filter((place) => place.length > 0);
}
const isAnswered = (reply: Reply) => {
	expect(reply.status).toBeLessThan(500);
	if (reply.status >= 400) expect(String(reply.headers["content-type"])).toContain("application/problem+json");
	return true;
};

test.each(Object.keys(VALID))("%s answers whatever it is sent", async (of) => {
	const route = routes.find((one) => key(one) === of) as Route;
	const bodies = fc.oneof(anything, mutated(VALID[of] as object));
	await fc.assert(
		fc.asyncProperty(bodies, async (body) => isAnswered(await send(route, JSON.stringify(body)))),
		{ numRuns: 60 },
	);
});

test("every path and query is answered", async () => {
	const text = fc.oneof(
		fc.string({ unit: "binary", maxLength: 20 }),
		fc.constantFrom("", "0", "true", AN_ID, "default"),
	);
	const names = [
		...new Set(routes.flatMap((route) => inPart(route, "query").map((one: { name: string }) => one.name))),
	];
	const query = fc.array(fc.tuple(fc.oneof(fc.constantFrom(...(names as string[])), text), text), { maxLength: 3 });
	const encode = (value: string) => encodeURIComponent(value.toWellFormed());
	await fc.assert(
		fc.asyncProperty(
			fc.constantFrom(...routes.filter(({ path }) => !/events|readyz/.test(path))),
			text,
			query,
			async (route, id, pairs) => {
				const search = pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join("&");
				const path = route.path.replace(/\{\w+\}/, encode(id));
				return isAnswered(await api.call(route.method, `${path}?${search}`));
			},
		),
		{ numRuns: 300 },
	);
}, 60_000);
