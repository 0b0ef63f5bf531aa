import type { Preview, PreviewedColumn, PreviewedFile } from "@valence/client";
import {
	columnRoles,
	type Dropped,
	dialectSentence,
	dropped,
	feedImportProblem,
	feedPreview,
	filesSentence,
	filesToPreview,
	filesToSend,
	hasOwnRole,
	importProblem,
	leftOut,
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

it("tells what a file holds by what somebody says, or by its beginning", () => {
	const [sales, titles] = files as [(typeof files)[0], (typeof files)[0]];
	expect(roleToSend(sales, preview([{ ...file, role: "items" }]))).toBe("items");
	expect(roleToSend({ ...sales, role: "test" }, preview([{ ...file, role: "items" }]))).toBe("test");
	expect(roleToSend(titles, preview([{ ...file, file: "sales.item.gz", role: "items" }]))).toBe("items");
});

it("sends interactions that hold titles or tags once more, as items, when somebody says so", () => {
	const [sales] = dropped([new File(["a"], "sales.csv")]) as [Dropped];
	const seen = preview([{ ...file, columns: [column("a", "user"), column("b", "item"), column("x", null)] }]);
	expect(columnRoles(file)).toEqual(["user", "item", "rating", "timestamp", "title", "tags"]);
	expect(columnRoles({ ...file, file: "sales.zip" })).not.toContain("title");
	const items: PreviewedFile = { ...file, role: "items" };
	expect([hasOwnRole(file, [file, items]), hasOwnRole(items, [file, items]), hasOwnRole(items, [items])]).toEqual([
		true,
		false,
		true,
	]);
	const members = ["a.csv", "b.csv"].map((name) => ({ ...file, file: "sales.zip", name }));
	expect(members.map((one) => hasOwnRole(one, members))).toEqual([false, false]);
	for (const role of ["title", "tags"]) {
		const choices = withColumn({}, { ...file, columns: [column("called", null)] }, 0, role);
		const sent = ["interactions", "items"].map((one) => ({ file: sales.file, role: one }));
		expect(filesToSend([sales], seen, choices)).toEqual(sent);
		expect(filesToPreview([sales], choices).map((one) => one.role)).toEqual(["file", "items"]);
		expect(filesSentence([sales], seen, choices)).toBe("sales.csv (interactions and items, 0.0 KiB)");
		expect(filesToSend([{ ...sales, role: "items" }], seen, choices)).toEqual(sent.slice(1));
		expect(
			filesToSend([sales], seen, withColumn(choices, { ...file, columns: [column("called", null)] }, 0, null)),
		).toEqual(sent.slice(0, 1));
	}
});

it("sends nothing of a file that an import goes without, unless somebody says what it holds", () => {
	const [sales, tags] = dropped(["sales.csv", "tags.dat"].map((name) => new File(["a"], name))) as [Dropped, Dropped];
	const ready = { ...file, columns: [column("a", "user"), column("b", "item")] };
	const seen = { ...preview([ready]), warnings: [{ ...PROBLEM, code: "not_needed", file: "tags.dat" }] };
	expect(filesToSend([sales, tags], seen, {})).toEqual([{ file: sales.file, role: "interactions" }]);
	expect(filesSentence([sales, tags], seen, {})).toBe(
		"sales.csv (interactions, 0.0 KiB), tags.dat (left out, 0.0 KiB)",
	);
	expect(leftOut(seen)).toEqual(["tags.dat"]);
	expect([importProblem([sales, tags], seen), feedImportProblem([sales, tags], seen, true)]).toEqual([null, null]);
	expect(filesToSend([sales, { ...tags, role: "items" }], seen, {})[1]).toEqual({ file: tags.file, role: "items" });
	const none = { ...seen, files: [], warnings: [{ ...PROBLEM, code: "not_needed", file: "tags.dat" }] };
	expect(importProblem([tags], none)).toContain("left out");
	expect(feedImportProblem([tags], none, true)).toContain("left out");
});

it("holds nothing back for what the beginning of a file does not show", () => {
	const [archive] = dropped([new File(["a"], "ml-latest.zip")]) as [(typeof files)[0]];
	const warnings = [{ ...PROBLEM, code: "not_shown", file: "ml-latest.zip" }];
	const titles: PreviewedFile = {
		...file,
		file: "ml-latest.zip",
		name: "ml-latest.zip: movies.csv",
		dialect: { ...dialect, compression: "zip" },
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
	const titles: PreviewedFile = { ...file, file: "sales.item.gz", role: "items" };
	expect(importProblem(files.slice(1), preview([titles]))).toContain("interactions is missing");
	// One file is interactions; of several a part that is held back might be trained on.
	expect(importProblem(files.slice(1), undefined)).toBeNull();
	expect(importProblem(files, undefined)).toContain("not known");
	expect(feedImportProblem(files, undefined, true)).toContain("not known");
	expect(
		importProblem(
			files.map((one) => ({ ...one, role: "train" })),
			undefined,
		),
	).toBeNull();
	expect(importProblem(files, preview([file]))).toBe("Press the column of sales.csv that holds the items.");
	const whole = { ...file, columns: [column("a", "user"), column("b", "item")] };
	expect(importProblem(files, preview([whole]))).toBeNull();
	// A bad row is no reason: it may be skipped, and the import says more.
	expect(importProblem(files, preview([whole], [{ ...PROBLEM, line: 3, message: "the id is empty" }]))).toBeNull();
	// What the files together are refused for.
	const all = { ...PROBLEM, file: "", message: "/test is missing: parts are train and test, and an optional valid." };
	expect(importProblem(files, preview([whole], [all]))).toBe(
		"Test is missing: parts are train and test, and an optional valid.",
	);
	const kind = { ...all, message: "/rule/split/kind must be given for these files." };
	expect(importProblem(files, preview([whole], [kind]))).toBe("Split, kind must be given for these files.");
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
	expect(problemText({ file: "a.csv", line: 1, message: "a.csv: no user column" })).toBe(
		"a.csv, line 1: no user column",
	);
	expect(problemText({ file: "", line: 0, message: "no interactions" })).toBe("no interactions");
	expect(problemText({ file: "a.csv", line: 0, message: "not UTF-8" })).toBe("a.csv: not UTF-8");
	expect(problemText({ file: "a.csv", line: 0, message: "all taken unless minRating is given" })).toBe(
		"a.csv: all taken unless a least rating is given",
	);
	expect(problemText({ file: "a.pdf", line: 0, message: "a.pdf is a PDF document" })).toBe("a.pdf is a PDF document");
});
