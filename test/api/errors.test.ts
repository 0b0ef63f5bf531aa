import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ERRORS, errorsPage } from "../../services/api/src/http/errors.js";

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const read = (path: string) => readFileSync(at(path), "utf8");

test("docs/errors.md is the table of codes", () => {
	expect(read("docs/errors.md")).toBe(errorsPage());
});

test("every code that the Python side can send is in the table", () => {
	const names = readdirSync(at("services/trainer-py/trainer"), { recursive: true, encoding: "utf8" });
	const sources = names.filter((name) => name.endsWith(".py") && !name.startsWith("pb/"));
	const codes = sources.flatMap((path) =>
		[...read(`services/trainer-py/trainer/${path}`).matchAll(/^ {4}code = "(\w+)"|\bcode="(\w+)"/gm)].map(
			([, a, b]) => a ?? b,
		),
	);
	expect(codes).toContain("out_of_memory");
	expect(codes).toContain("missing_column");
	expect(Object.keys(ERRORS)).toEqual(expect.arrayContaining(codes));
});

test("a title says what is wrong and an advice what to do, each in one sentence", () => {
	for (const [status, title, advice] of Object.values(ERRORS)) {
		expect(status).toBeGreaterThanOrEqual(400);
		expect(title).toMatch(/^[A-Z][^.|]+$/);
		expect(advice).toMatch(/^[A-Z`][^|]+\.$/);
	}
});
