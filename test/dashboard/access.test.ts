import {
	isAdmin,
	LIFETIMES,
	limitOf,
	outcomeOf,
	pageOf,
	requestOf,
	SCOPES,
} from "../../services/dashboard/src/access.js";

test("what is asked for with a new key: only what was chosen", () => {
	const wanted = { name: " shop ", scope: "serve" as const, days: "0", limit: "" };
	expect(requestOf(wanted, 0)).toEqual({ name: "shop", scope: "serve" });
	expect(requestOf({ ...wanted, days: "30", limit: 0 }, 0)).toEqual({
		...{ name: "shop", scope: "serve", rateLimit: 0 },
		expiresAt: "1970-01-31T00:00:00.000Z",
	});
	for (const { value } of LIFETIMES) expect(Number(value)).toBeGreaterThanOrEqual(0);
	expect(SCOPES.map(({ value }) => value)).toEqual(["serve", "data", "train", "admin"]);
});

test("limits in words", () => {
	expect([null, 0, 6_000].map((rateLimit) => limitOf({ rateLimit }))).toEqual(["as for all", "none", "6,000 a minute"]);
});

test("only who may is shown what admins see, and who is not known yet", () => {
	const system = {
		version: null,
		queue: "redis",
		authentication: true,
		device: null,
		torchVersion: null,
		recommenders: [],
		disk: null,
	};
	const inUse = (scope: "serve" | "admin") => ({ ...system, key: { name: "key 1", scope, expiresAt: null } });
	expect([undefined, { ...system, key: null }, inUse("admin"), inUse("serve")].map(isAdmin)).toEqual([
		...[true, true, true, false],
	]);
});

test("how a change ended", () => {
	expect([null, 200, 204, 400, 403, 409, 503].map((status) => outcomeOf(status).said)).toEqual([
		...["unknown", "done", "done", "refused (400)", "not allowed", "refused (409)", "failed (503)"],
	]);
});

test("what was changed leads to its page, where there is one", () => {
	expect(pageOf("/experiments/1a")).toBe("/experiments/1a");
	expect(pageOf("/feeds/shop/users/:id")).toBe("/feeds/shop");
	expect(pageOf("/deployments/default/rollback")).toBe("/deployments");
	expect([
		pageOf("/users/:id/steering"),
		pageOf("/datasets"),
		pageOf("/deployments/:name"),
		pageOf("/system/orphans"),
	]).toEqual([...[null, null, null, null]]);
});
