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
	"GET /datasets",
	"POST /datasets",
	"GET /datasets/{id}",
	"DELETE /datasets/{id}",
	"POST /datasets/{id}/cancel",
	"GET /models",
	"GET /experiments",
	"POST /experiments",
	"GET /experiments/{id}",
	"DELETE /experiments/{id}",
	"POST /experiments/{id}/cancel",
	"GET /runs/{id}",
	"GET /runs/{id}/metrics",
	"GET /runs/{id}/events",
	"POST /runs/{id}/cancel",
	"GET /runs/{id}/evaluations",
	"POST /runs/{id}/evaluations",
	"GET /evaluations/{id}",
	"POST /evaluations/{id}/cancel",
	"GET /checkpoints",
	"GET /deployments",
	"GET /deployments/{name}",
	"PUT /deployments/{name}",
	"GET /users/{id}/recommendations",
	"GET /users/{id}/interests",
	"POST /recommendations",
	"GET /items/{id}/similar",
	"GET /healthz",
	"GET /readyz",
	"GET /metrics",
	"GET /system",
];

test("holds every route and no other", () => {
	expect(routes.map(({ method, path }) => `${method} ${path}`).sort()).toEqual([...EXPECTED].sort());
});

test("describes each: summary, tag, parameters, body, answers, problems", () => {
	for (const { method, path, operation } of routes) {
		const of = `${method} ${path}`;
		expect([of, operation.summary]).toEqual([of, expect.stringMatching(/^\S.{5,}/)]);
		expect([of, operation.tags]).toEqual([of, [expect.any(String)]]);
		const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
		const inPath = (operation.parameters ?? []).filter((one: { in: string }) => one.in === "path");
		expect([of, inPath.map((one: { name: string }) => one.name)]).toEqual([of, named]);
		expect([of, Object.keys(operation.responses).some((status) => status.startsWith("2"))]).toEqual([of, true]);
		const takesBody = ["POST", "PUT"].includes(method) && !path.endsWith("/cancel");
		expect([of, operation.requestBody !== undefined]).toEqual([of, takesBody]);
		if (path === "/healthz" || path === "/readyz") continue;
		expect([of, Object.keys(operation.responses["4XX"].content)]).toEqual([of, ["application/problem+json"]]);
	}
});

test("what has a default need not be sent", () => {
	const post = routes.find(({ method, path }) => method === "POST" && path === "/experiments")?.operation;
	const schema = post.requestBody.content["application/json"].schema;
	expect(schema.required).toEqual(["dataset", "models"]);
	expect(schema.additionalProperties).toBe(false);
	const list = routes.find(({ method, path }) => method === "GET" && path === "/experiments")?.operation;
	const limit = list.parameters.find((one: { name: string }) => one.name === "limit");
	expect(limit).toMatchObject({ in: "query", required: false, schema: { minimum: 1, maximum: 200, default: 50 } });
});

test("uploads are described as a form", () => {
	const post = routes.find(({ method, path }) => method === "POST" && path === "/datasets")?.operation;
	const schema = post.requestBody.content["multipart/form-data"].schema;
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
