// Every route of the app with a key of each scope and with none.
import { startApi, type TestApi } from "../support/api.js";
import { bearer, FIRST, makeKey, SCOPES, type Scope } from "../support/keys.js";
import { routesOf } from "../support/routes.js";

/** Who may ask what, beside admin. Not taken from the routes: it is what they are held to. */
const EXPECTED: [scopes: Scope[], routes: string[]][] = [
	[
		["serve", "data", "train"],
		[
			"GET /models",
			"GET /metric-definitions",
			"GET /metrics",
			"GET /system",
			"GET /deployments",
			"GET /deployments/{name}",
		],
	],
	[["serve"], ["PUT /users/{id}/steering", "DELETE /users/{id}/steering"]],
	[
		["serve", "train"],
		[
			"GET /users",
			"GET /users/{id}",
			"GET /users/{id}/interests",
			"GET /users/{id}/history",
			"GET /users/{id}/steering",
			"GET /users/{id}/recommendations",
			"POST /users/{id}/recommendations",
			"POST /recommendations",
			"POST /recommendations/batch",
			"GET /items",
			"GET /items/{id}",
			"GET /items/{id}/similar",
		],
	],
	[
		["data", "train"],
		[
			"GET /datasets",
			"GET /datasets/{id}",
			"GET /datasets/{id}/leaderboard",
			"GET /feeds",
			"GET /feeds/{name}",
			"GET /feeds/{name}/days",
			"GET /system/disk",
		],
	],
	[
		["data"],
		[
			"POST /datasets",
			"POST /datasets/preview",
			"POST /datasets/sample",
			"DELETE /datasets/{id}",
			"POST /datasets/{id}/cancel",
			"POST /datasets/{id}/imports",
			"PUT /feeds/{name}",
			"DELETE /feeds/{name}",
			"POST /feeds/{name}/interactions",
			"POST /feeds/{name}/interactions/remove",
			"GET /feeds/{name}/interactions",
			"PUT /feeds/{name}/items",
			"GET /feeds/{name}/items",
			"GET /feeds/{name}/users",
			"GET /feeds/{name}/users/{id}",
			"DELETE /feeds/{name}/users/{id}",
			"POST /feeds/{name}/snapshots",
			"POST /feeds/{name}/imports",
			"GET /feeds/{name}/imports",
			"GET /feed-imports/{id}",
			"POST /feed-imports/{id}/cancel",
		],
	],
	[
		["train"],
		[
			"GET /experiments",
			"POST /experiments",
			"POST /experiments/estimate",
			"GET /experiments/{id}",
			"DELETE /experiments/{id}",
			"POST /experiments/{id}/cancel",
			"GET /experiments/{id}/keep",
			"PUT /experiments/{id}/keep",
			"GET /searches/{id}",
			"GET /searches/{id}/importance",
			"POST /searches/{id}/confirm",
			"GET /runs/{id}",
			"GET /runs/{id}/metrics",
			"GET /runs/{id}/users",
			"GET /runs/{id}/users/file",
			"GET /runs/{id}/users/{user}/interests",
			"GET /runs/{id}/events",
			"GET /events",
			"POST /runs/{id}/cancel",
			"POST /runs/{id}/refit",
			"GET /runs/{id}/evaluations",
			"POST /runs/{id}/evaluations",
			"GET /evaluations/{id}",
			"GET /evaluations/{id}/users",
			"GET /evaluations/{id}/users/file",
			"POST /evaluations/{id}/cancel",
			"GET /comparisons",
			"POST /comparisons",
			"GET /comparisons/{id}",
			"DELETE /comparisons/{id}",
			"POST /comparisons/{id}/cancel",
			"GET /checkpoints",
			"PUT /deployments/{name}",
			"DELETE /deployments/{name}",
			"PUT /deployments/{name}/feed",
			"PUT /deployments/{name}/fallback",
			"GET /deployments/{name}/hidden",
			"PUT /deployments/{name}/hidden",
			"GET /deployments/{name}/history",
			"GET /deployments/{name}/outcomes",
			"GET /deployments/{name}/serving",
			"POST /deployments/{name}/rollback",
			"GET /deployments/{name}/refresh",
			"PUT /deployments/{name}/refresh",
			"DELETE /deployments/{name}/refresh",
			"GET /deployments/{name}/refreshes",
			"POST /deployments/{name}/refreshes",
			"GET /refreshes/{id}",
			"POST /refreshes/{id}/cancel",
			"POST /deployments/{name}/exports",
			"GET /exports",
			"GET /exports/{id}",
			"DELETE /exports/{id}",
			"POST /exports/{id}/cancel",
			"GET /exports/{id}/file",
			"GET /machines",
			"GET /machines/{name}",
			"POST /machines/{name}/drain",
			"POST /machines/{name}/resume",
		],
	],
	[
		[],
		[
			"GET /keys",
			"POST /keys",
			"GET /keys/{id}",
			"DELETE /keys/{id}",
			"GET /audit",
			"GET /audit/file",
			"DELETE /system/orphans",
		],
	],
];
const OPEN = ["GET /healthz", "GET /readyz"];

let api: TestApi;
const keys = new Map<Scope, string>();
beforeAll(async () => {
	api = await startApi({ API_KEYS: FIRST });
	for (const scope of SCOPES) keys.set(scope, (await makeKey(api, `a-${scope}`, scope)).key);
});
afterAll(() => api.close());

const named = () => routesOf(api.app).map(({ method, path, url }) => ({ name: `${method} ${path}`, method, url }));
const takenBy = new Map(EXPECTED.flatMap(([scopes, routes]) => routes.map((name) => [name, scopes] as const)));

test("the table has every route once", () => {
	const all = [...OPEN, ...EXPECTED.flatMap(([, routes]) => routes)];
	expect(all.sort()).toEqual(
		named()
			.map(({ name }) => name)
			.sort(),
	);
});

test("without a key, or with one that is none, only what is open answers", async () => {
	const unknown = `valence_00000000_${"A".repeat(43)}`;
	for (const { name, method, url } of named()) {
		for (const headers of [{}, bearer(unknown), bearer("of no form that is made here")]) {
			const { status } = await api.call(method, url, undefined, headers);
			expect([name, status === 401]).toEqual([name, !OPEN.includes(name)]);
		}
	}
});

test.each(SCOPES)(
	"a key of scope %s gets what it is for, and of all else a 403 that says what is needed",
	async (scope) => {
		const counted = { open: 0, refused: 0 };
		for (const { name, method, url } of named()) {
			const { status, body, headers } = await api.call(method, url, undefined, bearer(keys.get(scope) as string));
			const scopes = takenBy.get(name);
			const isTaken = scope === "admin" || scopes === undefined || scopes.includes(scope);
			expect([name, status === 401]).toEqual([name, false]);
			expect([name, status === 403]).toEqual([name, !isTaken]);
			counted[isTaken ? "open" : "refused"]++;
			if (isTaken || scopes === undefined) continue;
			const needed = [...SCOPES].filter((one) => one === "admin" || scopes.includes(one));
			expect([name, body.code]).toEqual([name, "insufficient_scope"]);
			for (const one of needed) expect(body.detail.split(";")[0]).toContain(one);
			expect(headers["www-authenticate"]).toBe(`Bearer error="insufficient_scope", scope="${needed.join(" ")}"`);
		}
		expect(counted.open).toBeGreaterThan(10);
		expect(counted.refused > 0).toBe(scope !== "admin");
	},
);

test("HEAD takes what GET takes", async () => {
	const head = async (url: string, scope: Scope) =>
		(await api.call("HEAD", url, undefined, bearer(keys.get(scope) as string))).status;
	expect([await head("/keys", "serve"), await head("/keys", "admin")]).toEqual([403, 200]);
	expect((await api.call("HEAD", "/datasets")).status).toBe(401);
});

test("a path that is not there is 404 for any key and 401 for none", async () => {
	expect((await api.call("GET", "/nowhere", undefined, bearer(keys.get("serve") as string))).status).toBe(404);
	expect((await api.call("GET", "/nowhere")).status).toBe(401);
});
