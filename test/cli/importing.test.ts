// What an import sends, and what a refused one says.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
	type Client,
	type Dataset,
	type Preview,
	type PreviewedFile,
	previewForm,
	roleIn,
	ruleFor,
} from "@valence/client";
import { formOf, problemsOf, settled, untilImported } from "../../services/cli/src/importing.js";

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

describe("of files of which nobody has said what they hold", () => {
	const table = (file: string, role: PreviewedFile["role"], compression = ""): PreviewedFile => {
		const dialect = {
			format: "csv",
			compression,
			encoding: "utf-8",
			separator: ",",
			quote: "",
			header: true,
			firstLine: 2,
		};
		return { file, name: file, role, dialect: dialect as PreviewedFile["dialect"], columns: [], rows: [] };
	};
	const warning = (code: string, file: string) => ({ code, file, line: 0, column: "", message: "left out: say what" });
	const seen: Preview = {
		files: [
			table("ratings.dat", "interactions"),
			table("artists.dat", "items"),
			table("one.zip", "items", "zip"),
			table("ml.zip", "interactions", "zip"),
			table("ml.zip", "items", "zip"),
			table("long.zip", "items", "gzip+tar"),
			table("test.parquet", "test"),
		],
		problems: [],
		warnings: [
			warning("not_needed", "tags.dat"),
			warning("not_shown", "long.zip"),
			warning("not_shown", "test.parquet"),
			warning("left_out", "ml.zip"),
		],
	};

	it.each([
		["ratings.dat", "interactions"],
		["artists.dat", "items"],
		["tags.dat", null],
		["test.parquet", "test"],
		["one.zip", "items"],
		// Its tables say themselves what they are, also those that are not shown.
		["ml.zip", "interactions"],
		["long.zip", "interactions"],
		["unreadable.csv", "interactions"],
	])("%s is sent as %s", (name, role) => {
		expect(roleIn(seen, name)).toBe(role);
	});

	it("each is sent as the service sees it, what it does without is not sent, and what was said stays", async () => {
		const folder = mkdtempSync(join(tmpdir(), "valence-files-"));
		const path = (name: string) => join(folder, name);
		for (const { file } of [...seen.files, { file: "tags.dat" }]) writeFileSync(path(file), "");
		const asked: string[] = [];
		const post = async (_: string, { body }: { body: FormData }) => {
			asked.push(...body.keys());
			return seen;
		};
		const files = [
			{ path: path("artists.dat"), role: "file" },
			{ path: path("tags.dat"), role: "file" },
			{ path: path("ratings.dat"), role: "train" },
		] as const;
		expect((await settled({ post } as unknown as Client, {}, [...files])).files).toEqual([
			{ path: path("artists.dat"), role: "items" },
			{ path: path("ratings.dat"), role: "train" },
		]);
		expect(asked).toEqual(["file", "file", "train"]);
	});

	it.each([
		["an archive of parts", [table("parts.zip", "train", "zip"), table("parts.zip", "test", "zip")], {}, "given"],
		["parts with titles", [table("a", "train"), table("a", "test"), table("a", "items")], { kCore: 2 }, "given"],
		["what somebody has said", [table("a", "train"), table("a", "test")], { split: { kind: "ratio" } }, "ratio"],
		["interactions", [table("a", "interactions"), table("a", "items")], {}, undefined],
		["titles alone", [table("a", "items")], {}, undefined],
	] as const)("the split of %s", (_, files, rule, kind) => {
		const fitting = ruleFor(rule, { files: [...files], problems: [], warnings: [] });
		expect(fitting).toEqual(kind ? { ...rule, split: { kind } } : rule);
	});

	it("more than the service takes at once are refused before anything is sent", async () => {
		const files = Array.from({ length: 21 }, (_, nth) => ({ path: `${nth}.csv`, role: "file" as const }));
		await expect(settled({} as Client, {}, files)).rejects.toThrow(/^21 files are too many: .* pack them as a zip/);
	});
});

it.each([
	["a.csv", 1, "a.csv: no user column", "  a.csv:1: no user column"],
	["a.csv", 3, "the id is empty", "  a.csv:3: the id is empty"],
	["a.csv", 0, "not UTF-8", "  a.csv: not UTF-8"],
	["a.pdf", 0, "a.pdf is a PDF document", "  a.pdf is a PDF document"],
	["", 0, "/test is missing: parts are train and test", "  test is missing: parts are train and test"],
])("names the place of what is wrong with %j, line %d, once", (file, line, message, told) => {
	expect(problemsOf({ problems: [{ file, line, message }], problemsTotal: 1 })).toEqual([told]);
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
