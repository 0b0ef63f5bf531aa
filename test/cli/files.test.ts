// Which files are meant by what is typed, and what the dataset is called.
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { filesOf, nameOf, TABLE } from "../../services/cli/src/file-roles.js";
import { ruleOf } from "../../services/cli/src/rule-options.js";

it("takes of a folder what may hold a table, which of it the service says, and names the dataset after it", () => {
	const folder = join(mkdtempSync(join(tmpdir(), "valence-files-")), "shop");
	mkdirSync(folder);
	expect(() => filesOf([folder])).toThrow("holds no table");
	const tables = ["all.zst", "items.csv.gz", "more.tab", "shop.test.csv", "shop.train.pq"];
	for (const name of [...tables, "notes.md", ".hidden.csv", "cover.png"]) writeFileSync(join(folder, name), "");
	const files = filesOf([folder]);
	expect(files).toEqual(tables.map((name) => ({ path: join(folder, name), role: "file" })));
	expect(nameOf([folder], files)).toBe("shop");
	const one = join(folder, "shop.train.pq");
	expect(nameOf([one], filesOf([one]))).toBe("shop");
	const items = { path: join(folder, "items.csv.gz"), role: "items" } as const;
	expect(nameOf([items.path, one], [items, { path: one, role: "interactions" }])).toBe("shop");
	expect(() => filesOf([join(folder, "gone.csv")])).toThrow("gone.csv is not there");
});

it("takes of a folder what is taken of an archive", () => {
	const archive = readFileSync("services/trainer-py/trainer/data/importing/archive.py", "utf8");
	const taken = /_TABLE = re\.compile\(\s*r"\(\?i\)(.+)"\s*\)/.exec(archive)?.[1];
	expect(TABLE).toEqual(new RegExp(taken as string, "i"));
});

it.each([
	[{}, undefined],
	[{ seed: 7 }, { kind: "ratio", seed: 7 }],
	[{ split: "leave_last" }, { kind: "leave_last" }],
	[{ quantiles: [0.5, 0.75] }, { kind: "temporal", quantiles: [0.5, 0.75] }],
	[{ cuts: ["2026-01-01", "2026-02-01"] }, { kind: "temporal", at: ["2026-01-01", "2026-02-01"] }],
	[
		{ split: "strong", ratios: [0.6, 0.2, 0.2] },
		{ kind: "strong", ratios: [0.6, 0.2, 0.2] },
	],
] as const)("asks with %j for the split %j", (options, split) => {
	const none = { columns: undefined, "min-rating": undefined, "k-core": undefined, ratios: undefined, seed: undefined };
	const times = { split: undefined, quantiles: undefined, cuts: undefined, since: "2026-01-01", until: undefined };
	const rule = ruleOf({ ...none, ...times, ...(structuredClone(options) as Partial<Parameters<typeof ruleOf>[0]>) });
	expect(rule).toEqual({ ...(split && { split }), since: "2026-01-01" });
});
