import type { Preview, PreviewedColumn, PreviewedFile } from "@valence/client";
import {
	type Dropped,
	dialectSentence,
	dropped,
	feedImportProblem,
	feedPreview,
	importProblem,
	problemText,
	roleToSend,
	ruleWith,
	withColumn,
	withFiles,
	withoutFiles,
} from "../../services/dashboard/src/import-wizard";

const column = (name: string, role: PreviewedColumn["role"]) => ({ name, role, why: "", form: null });
const dialect: PreviewedFile["dialect"] = {
	format: "csv",
	compression: "",
	encoding: "utf-8",
	separator: ",",
	quote: '"',
	header: true,
	firstLine: 2,
};
const file: PreviewedFile = {
	file: "sales.csv",
	name: "sales.csv",
	role: "interactions",
	dialect,
	columns: [column("customer", "user"), column("sku", null), column("x", null), column("x", null)],
	rows: [],
};
const PROBLEM = { code: "", file: "sales.csv", line: 0, column: "", message: "" };
const preview = (files: PreviewedFile[], problems: Preview["problems"] = []): Preview => ({
	files,
	problems,
	warnings: [],
});
const files = dropped([new File(["a"], "sales.csv"), new File(["a"], "sales.item.gz")]);

it("tells what a file holds by what somebody says, by its beginning, or by its name", () => {
	const [sales, titles] = files as [(typeof files)[0], (typeof files)[0]];
	expect(files.map((one) => roleToSend(one, undefined))).toEqual(["interactions", "items"]);
	expect(roleToSend(sales, preview([{ ...file, role: "items" }]))).toBe("items");
	expect(roleToSend({ ...sales, role: "test" }, preview([{ ...file, role: "items" }]))).toBe("test");
	// Of an archive of several tables, names say what they are.
	expect(roleToSend(titles, preview([file, file].map((one) => ({ ...one, file: "sales.item.gz" }))))).toBe("items");
});

it("holds nothing back for what the beginning of a file does not show", () => {
	const [archive] = dropped([new File(["a"], "ml-latest.zip")]) as [(typeof files)[0]];
	const warnings = [{ ...PROBLEM, code: "not_shown", file: "ml-latest.zip" }];
	const titles: PreviewedFile = {
		...file,
		file: "ml-latest.zip",
		name: "ml-latest.zip: movies.csv",
		role: "items",
		columns: [column("movieId", "item"), column("title", "title")],
	};
	for (const seen of [
		{ ...preview([]), warnings },
		{ ...preview([titles]), warnings },
	]) {
		expect(roleToSend(archive, seen)).toBe("interactions");
		expect(importProblem([archive], seen)).toBeNull();
	}
	expect(importProblem([archive], preview([titles]))).toContain("items only");
	const odd = { ...titles, columns: [column("x", null)] };
	const leftOut = { ...PROBLEM, code: "left_out", file: odd.name };
	expect(importProblem([archive], { ...preview([odd]), warnings: [...warnings, leftOut] })).toBeNull();
});

it("keeps the last of the files of one name, and says which were replaced", () => {
	const [first, second, other] = ["a", "bb", "ccc"].map(
		(text, at) => new File([text], at < 2 ? "ratings.csv" : "other.csv"),
	) as [File, File, File];
	const kept = (taken: ReturnType<typeof withFiles>) => taken.files.map(({ file }) => [file.name, file.size]);
	const together = withFiles([], [first, second, other]);
	expect([kept(together), together.replaced]).toEqual([
		[
			["ratings.csv", 2],
			["other.csv", 3],
		],
		["ratings.csv"],
	]);
	const later = withFiles(together.files, [first]);
	expect([kept(later), later.replaced]).toEqual([
		[
			["other.csv", 3],
			["ratings.csv", 1],
		],
		["ratings.csv"],
	]);
	expect(withFiles(dropped([first]), [other]).replaced).toEqual([]);
});

it("takes a pressed column for its role, by name where it has one of its own and else by place", () => {
	const one = withColumn({}, file, 1, "item");
	expect(one).toEqual({ "sales.csv": { item: "sku" } });
	expect(withColumn(one, file, 2, "rating")).toEqual({ "sales.csv": { item: "sku", rating: 3 } });
	expect(withColumn({}, { ...file, dialect: { ...dialect, header: false } }, 0, "user")).toEqual({
		"sales.csv": { user: 1 },
	});
});

it("gives a role to one column and a column one role, and takes back what was said", () => {
	const one = withColumn({}, file, 1, "item");
	expect(withColumn(one, file, 0, "item")).toEqual({ "sales.csv": { item: "customer" } });
	expect(withColumn(one, file, 1, "user")).toEqual({ "sales.csv": { user: "sku" } });
	expect(withColumn(one, file, 1, null)).toEqual({});
	// Taken for something else meanwhile, it is the same file.
	expect(withColumn(one, { ...file, role: "items" }, 1, "title")).toEqual({ "sales.csv": { title: "sku" } });
});

it("says it of that file alone, though another has the same role, and of each table of an archive", () => {
	const one = withColumn({}, file, 1, "item");
	const archived = { ...file, file: "shop.zip", name: "shop.zip: sales.csv" };
	const both = withColumn(one, archived, 0, "item");
	expect(both).toEqual({ "sales.csv": { item: "sku" }, "shop.zip: sales.csv": { item: "customer" } });
	expect(withColumn(both, file, 1, null)).toEqual({ "shop.zip: sales.csv": { item: "customer" } });
	const odd = withColumn({}, { ...file, name: "__proto__" }, 1, "item");
	expect(JSON.stringify(ruleWith({}, odd))).toBe('{"columns":{"files":{"__proto__":{"item":"sku"}}}}');
});

it("forgets what was said of a file in whose place another has come", () => {
	const said = { "shop.zip": { item: 1 }, "shop.zip: a.csv": { item: 2 }, "shop.zip2": { item: 3 } };
	expect(withoutFiles(said, ["shop.zip", "other.csv"])).toEqual({ "shop.zip2": { item: 3 } });
	expect(withoutFiles(said, [])).toEqual(said);
});

it("says in the rule what holds for one file beside what holds for all", () => {
	const choices = { "titles.csv": { title: "name" } };
	expect(ruleWith({ kCore: 5 }, {})).toEqual({ kCore: 5 });
	expect(ruleWith({ columns: { user: "u" }, kCore: 5 }, choices)).toEqual({
		columns: { user: "u", files: { "titles.csv": { title: "name" } } },
		kCore: 5,
	});
});

it("asks a feed's file for a time unless one is given, and takes items alone", () => {
	const untimed = { ...file, columns: [column("a", "user"), column("b", "item")] };
	const [sales] = dropped([new File(["a,b"], "sales.csv")]);
	expect(feedImportProblem([sales as Dropped], preview([untimed]), false)).toBe(
		"Press the column of sales.csv that holds the times, or give a time of rows without one.",
	);
	expect(feedImportProblem([sales as Dropped], preview([untimed]), true)).toBeNull();
	expect(feedImportProblem([sales as Dropped], preview([file]), true)).toContain("holds the items");
	const titles: PreviewedFile = { ...file, role: "items", columns: [column("b", "item")] };
	expect(feedImportProblem([sales as Dropped], preview([titles]), false)).toBeNull();
});

it("says why nothing can be imported yet", () => {
	expect(importProblem([], undefined)).toContain("Drop a file");
	expect(importProblem(files.slice(1), undefined)).toContain("interactions is missing");
	expect(importProblem(files, undefined)).toBeNull();
	expect(importProblem(files, preview([file]))).toBe("Press the column of sales.csv that holds the items.");
	const whole = { ...file, columns: [column("a", "user"), column("b", "item")] };
	expect(importProblem(files, preview([whole]))).toBeNull();
	// A bad row is no reason: it may be skipped, and the import says more.
	expect(importProblem(files, preview([whole], [{ ...PROBLEM, line: 3, message: "the id is empty" }]))).toBeNull();
	const problem = { ...PROBLEM, message: "sales.csv is an Excel file: save it as CSV" };
	expect(importProblem(files, preview([], [problem]))).toBe("sales.csv is an Excel file: save it as CSV");
});

it("says how a file is written where that is not the usual", () => {
	expect(dialectSentence(dialect)).toBe("CSV, separated by commas");
	expect(
		dialectSentence({ ...dialect, separator: ";", encoding: "windows-1252", compression: "gzip", header: false }),
	).toBe("CSV, separated by semicolons, windows-1252, gzip, without a header");
	expect(dialectSentence({ ...dialect, separator: "\t" })).toBe("TSV");
	expect(dialectSentence({ ...dialect, format: "json-lines", compression: "zip" })).toBe("JSON lines, zip");
	expect(dialectSentence({ ...dialect, format: "parquet", encoding: "" })).toBe("parquet");
});

it("says of a feed's files nothing about a limit of ratings that a feed does not have", () => {
	const warnings = ["ratings_all_taken", "encoding"].map((code) => ({ ...PROBLEM, code }));
	expect(feedPreview({ ...preview([]), warnings }).warnings.map(({ code }) => code)).toEqual(["encoding"]);
});

it("names the file and the line of a problem", () => {
	expect(problemText({ file: "a.csv", line: 3, message: "the id is empty" })).toBe("a.csv, line 3: the id is empty");
	expect(problemText({ file: "a.csv", line: 0, message: "not UTF-8" })).toBe("a.csv: not UTF-8");
	expect(problemText({ file: "a.csv", line: 0, message: "all taken unless minRating is given" })).toBe(
		"a.csv: all taken unless a least rating is given",
	);
	expect(problemText({ file: "a.pdf", line: 0, message: "a.pdf is a PDF document" })).toBe("a.pdf is a PDF document");
});
