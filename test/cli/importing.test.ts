// What an import sends, and what a refused one says.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, type Dataset, previewForm } from "@valence/client";
import { formOf, untilImported } from "../../services/cli/src/importing.js";

it("sends fields before files, which are whole", async () => {
	const path = join(mkdtempSync(join(tmpdir(), "valence-files-")), "big.csv");
	writeFileSync(path, "x".repeat(100_000));
	const form = await formOf({ name: "big", rule: { kCore: 5 } }, [{ path, role: "interactions" }]);
	expect([...form.keys()]).toEqual(["name", "rule", "interactions"]);
	expect(form.get("rule")).toBe('{"kCore":5}');
	const file = form.get("interactions") as File;
	expect([file.name, file.size]).toEqual(["big.csv", 100_000]);
});

describe("a preview takes", () => {
	const sent = async (text: string, size: number) => {
		const file = new Blob([text, "x".repeat(size - text.length)]);
		const form = await previewForm({}, [{ role: "file", file, name: "a" }]);
		const sizes = [...form].map(([name, value]) => [name, typeof value === "string" ? value : value.size]);
		return sizes;
	};
	it("the first 64 KiB of a file", async () => {
		expect(await sent("user,item", 200_000)).toEqual([["file", 65_536]]);
	});
	it.each(["PK\u0003\u0004", "PAR1"])("also the last 64 KiB of one that begins with %j", async (magic) => {
		expect(await sent(magic, 200_000)).toEqual([
			["file", 65_536],
			["tailOffset", "134464"],
			["tail", 65_536],
		]);
		expect(await sent(magic, 65_535)).toEqual([["file", 65_535]]);
	});
});

describe("a refused import", () => {
	const said = async (code: string, message: string, rule: Record<string, unknown> = {}) => {
		const refused = { state: "FAILED", error: { code, message }, rule, problems: [], problemsTotal: 0, warnings: [] };
		const error = await untilImported({} as Client, refused as unknown as Dataset).catch((one: Error) => one);
		return (error as Error).message;
	};
	it.each([
		[
			"missing_column",
			"a.csv: no user column is recognised among x, y; name it in the rule, columns.user",
			"a.csv: no user column is recognised among x, y; name it with --columns user=…",
		],
		[
			"missing_column",
			"a.csv: no title and no tags column is recognised among x; name one in the rule, columns.items.title or columns.tags",
			"a.csv: no title and no tags column is recognised among x; name one with --columns items.title=… or with --columns tags=…",
		],
		[
			"no_header",
			'Say which column is which by position, counted from 1: rule={"columns": {"user": 1, "item": 2, "rating": 3}}; or add a header',
			"Say which column is which by position, counted from 1: --columns user=1,item=2,rating=3; or add a header",
		],
		[
			"missing_column",
			"give the same file once more, as one of items, and name its columns in the rule, columns.items.item and columns.items.title",
			"give the same file once more, as one of items, and name its columns with --columns items.item=… and with --columns items.title=…",
		],
		[
			"no_header",
			'give positions: rule={"columns": {"items": {"item": 1, "title": 2}}}',
			"give positions: --columns items.item=1,items.title=2",
		],
		["missing_column", "a.csv: there is no column 5; it has 3", "a.csv: there is no column 5; it has 3"],
		[
			"bad_rows",
			"1 of 9 rows of train cannot be read; mend them or ask for skipBadRows",
			"1 of 9 rows of train cannot be read; mend them or ask for --skip-bad-rows",
		],
		[
			"dataset_too_small",
			"the files hold no interaction: all 9 rows are rated below minRating",
			"the files hold no interaction: all 9 rows are rated below --min-rating",
		],
	])("of %s says once what to do, as it is typed here", async (code, message, told) => {
		expect(await said(code, message)).toBe(`the import failed: ${told}`);
	});
	it("names the limits that left too little, where there are some", async () => {
		const message = "0 users, 0 items and 0 test interactions are left; at least 2, 2 and 1 are needed";
		expect(await said("dataset_too_small", message)).toBe(`the import failed: ${message}`);
		expect(await said("dataset_too_small", message, { kCore: 9 })).toBe(
			`the import failed: ${message}\nLower --k-core or --min-rating, or bring more data.`,
		);
	});
});
