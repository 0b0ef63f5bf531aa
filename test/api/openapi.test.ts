import { readFileSync } from "node:fs";
import { startApi, type TestApi } from "../support/api.js";
import { type Route, routesOf } from "../support/routes.js";

let api: TestApi;
let routes: Route[];
beforeAll(async () => {
	api = await startApi();
	routes = routesOf(api.app);
});
afterAll(() => api.close());

const EXPECTED = [
	"POST /feeds/{name}/interactions",
	"POST /feeds/{name}/imports",
	"GET /feeds/{name}/imports",
	"GET /feed-imports/{id}",
	"POST /feed-imports/{id}/cancel",
	"POST /feeds/{name}/interactions/remove",
	"POST /feeds/{name}/snapshots",
	"PUT /feeds/{name}",
	"PUT /feeds/{name}/items",
	"GET /feeds",
	"GET /feeds/{name}",
	"GET /feeds/{name}/days",
	"GET /feeds/{name}/interactions",
	"GET /feeds/{name}/items",
	"GET /feeds/{name}/users",
	"GET /feeds/{name}/users/{id}",
	"DELETE /feeds/{name}",
	"DELETE /feeds/{name}/users/{id}",
	"GET /datasets",
	"POST /datasets",
	"POST /datasets/preview",
	"POST /datasets/sample",
	"GET /datasets/{id}",
	"DELETE /datasets/{id}",
	"POST /datasets/{id}/cancel",
	"POST /datasets/{id}/imports",
	"GET /models",
	"GET /experiments",
	"POST /experiments",
	"POST /experiments/estimate",
	"GET /experiments/{id}",
	"DELETE /experiments/{id}",
	"POST /experiments/{id}/cancel",
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
	"GET /datasets/{id}/leaderboard",
	"GET /checkpoints",
	"GET /deployments",
	"GET /deployments/{name}",
	"PUT /deployments/{name}",
	"DELETE /deployments/{name}",
	"PUT /deployments/{name}/feed",
	"GET /deployments/{name}/history",
	"POST /deployments/{name}/exports",
	"GET /exports",
	"GET /exports/{id}",
	"DELETE /exports/{id}",
	"POST /exports/{id}/cancel",
	"GET /exports/{id}/file",
	"GET /users/{id}/recommendations",
	"GET /users/{id}",
	"GET /users/{id}/interests",
	"POST /users/{id}/recommendations",
	"GET /users",
	"GET /users/{id}/history",
	"GET /users/{id}/steering",
	"PUT /users/{id}/steering",
	"DELETE /users/{id}/steering",
	"GET /items",
	"GET /items/{id}",
	"POST /recommendations",
	"POST /recommendations/batch",
	"GET /deployments/{name}/hidden",
	"PUT /deployments/{name}/hidden",
	"PUT /deployments/{name}/fallback",
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
	"GET /items/{id}/similar",
	"GET /experiments/{id}/keep",
	"PUT /experiments/{id}/keep",
	"GET /system/disk",
	"DELETE /system/orphans",
	"GET /healthz",
	"GET /readyz",
	"GET /metric-definitions",
	"GET /metrics",
	"GET /system",
	"GET /keys",
	"POST /keys",
	"GET /keys/{id}",
	"GET /machines",
	"GET /machines/{name}",
	"POST /machines/{name}/drain",
	"POST /machines/{name}/resume",
	"DELETE /keys/{id}",
	"GET /audit",
	"GET /audit/file",
];

interface Response {
	content?: Record<string, { schema: { $ref?: string } }>;
}
const COMPONENT = /^#\/components\/schemas\/([A-Z]\w+)$/;
const componentOf = ({ $ref }: { $ref: string }) =>
	JSON.parse(JSON.stringify(api.app.swagger())).components.schemas[COMPONENT.exec($ref)?.[1] ?? ""];

test("holds every route and no other", () => {
	expect(routes.map(({ method, path }) => `${method} ${path}`).sort()).toEqual([...EXPECTED].sort());
});

test("describes each: summary, tag, parameters, body, answers, problems", () => {
	for (const { method, path, operation } of routes) {
		const of = `${method} ${path}`;
		expect([of, operation.summary]).toEqual([of, expect.stringMatching(/^\S.{5,}/)]);
		expect([of, operation.tags]).toEqual([of, [expect.any(String)]]);
		for (const { name, in: place, description } of operation.parameters ?? []) {
			if (place !== "path") expect([of, name, description]).toEqual([of, name, expect.stringMatching(/^\S.{4,}/)]);
		}
		const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
		const inPath = (operation.parameters ?? []).filter((one: { in: string }) => one.in === "path");
		expect([of, inPath.map((one: { name: string }) => one.name)]).toEqual([of, named]);
		expect([of, Object.keys(operation.responses).some((status) => status.startsWith("2"))]).toEqual([of, true]);
		const takesBody =
			["POST", "PUT"].includes(method) && !/\/(cancel|refit|sample|drain|resume|feeds\/\{name\})$/.test(path);
		expect([of, operation.requestBody !== undefined]).toEqual([of, takesBody]);
		if (path === "/healthz" || path === "/readyz") continue;
		expect([of, Object.keys(operation.responses["4XX"].content)]).toEqual([of, ["application/problem+json"]]);
	}
});

test("says of each which keys it takes", () => {
	const open = routes.filter(({ operation }) => operation.security?.length === 0);
	expect(open.map(({ path }) => path).sort()).toEqual(["/healthz", "/readyz"]);
	for (const { method, path, operation } of routes) {
		if (operation.security) continue;
		const of = `${method} ${path}`;
		expect([of, operation["x-scopes"]]).toEqual([of, expect.arrayContaining(["admin"])]);
	}
	expect(routes.find(({ path }) => path === "/checkpoints")?.operation["x-scopes"]).toEqual(["train", "admin"]);
});

test("every operation has a name of its own, and answers a component, a list of them, or nothing", () => {
	const names = routes.map(({ operation }) => operation.operationId);
	expect(names).toEqual(names.map(() => expect.stringMatching(/^[a-z][A-Za-z]+$/)));
	expect(new Set(names).size).toBe(names.length);
	for (const { method, path, operation } of routes) {
		for (const [status, { content = {} }] of Object.entries<Response>(operation.responses)) {
			for (const [type, { schema }] of Object.entries(content)) {
				if (!["application/json", "application/problem+json", "text/event-stream"].includes(type)) continue;
				const of = `${method} ${path} ${status}`;
				expect([of, schema.$ref]).toEqual([of, expect.stringMatching(COMPONENT)]);
			}
		}
	}
});

test("the file that clients are generated from is what is served; `npm run openapi` writes it", () => {
	expect(JSON.parse(readFileSync("clients/openapi.json", "utf8"))).toEqual(
		JSON.parse(JSON.stringify(api.app.swagger())),
	);
});

test("what has a default need not be sent", () => {
	const post = routes.find(({ method, path }) => method === "POST" && path === "/experiments")?.operation;
	const schema = componentOf(post.requestBody.content["application/json"].schema);
	expect(schema.required).toEqual(["dataset", "models"]);
	expect(schema.additionalProperties).toBe(false);
	const list = routes.find(({ method, path }) => method === "GET" && path === "/experiments")?.operation;
	const limit = list.parameters.find((one: { name: string }) => one.name === "limit");
	expect(limit).toMatchObject({ in: "query", required: false, schema: { minimum: 1, maximum: 200, default: 50 } });
});

test("uploads are described as a form", () => {
	const post = routes.find(({ method, path }) => method === "POST" && path === "/datasets")?.operation;
	const schema = componentOf(post.requestBody.content["multipart/form-data"].schema);
	expect(schema.required).toEqual(["name"]);
	expect(schema.properties.interactions).toMatchObject({ type: "string", format: "binary" });
});

test("is served, beside its page and the page of error codes", async () => {
	const { status, body } = await api.call("GET", "/openapi.json");
	expect([status, body.openapi, body.info.title]).toEqual([200, "3.1.0", "Valence"]);
	const page = await api.app.inject({ url: "/docs" });
	expect(page.statusCode).toBe(200);
	const problem = (await api.call("GET", "/nowhere")).body;
	const codes = await api.app.inject({ url: problem.type.split("#")[0] });
	expect(codes.body).toContain(`<a id="${problem.type.split("#")[1]}">`);
});
