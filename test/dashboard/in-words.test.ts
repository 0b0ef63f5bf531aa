import { ERRORS } from "../../services/api/src/http/errors";
import { fieldOf, inWords, ruleInWords } from "../../services/dashboard/src/in-words";

it("says what a person can do, not what a program got", () => {
	const { title, hint } = inWords({ code: "diverged", message: "loss is nan" });
	expect(`${title} ${hint}`).not.toMatch(/diverged|nan/);
	expect(hint).toContain("learning rate");
});

it("leaves a sentence that is about the person's own file as it is", () => {
	const message = "ratings.csv has no user column that is recognised";
	expect(inWords({ code: "missing_column", message })).toEqual({ title: message });
});

/** The service's own sentence names the file, the line and what to do. */
const OF_FILES = [
	"bad_dataset",
	"ambiguous_column",
	"no_header",
	"no_times",
	"unsupported_format",
	"bad_zip",
	"bad_zstd",
	"bad_parquet",
	"bad_gzip",
	"bad_rows",
	"empty_file",
	"line_too_long",
	"missing_column",
	"missing_file",
	"not_utf8",
	"too_large",
	"truncated_gzip",
	"unclosed_quote",
];
/** No page asks for anything that is answered so. */
const OF_PROGRAMS = [
	"method_not_allowed",
	"idempotency_in_progress",
	"idempotency_mismatch",
	"unsupported_media_type",
	"range_not_satisfiable",
	"headers_too_large",
	"bad_archive",
];

it("has words for every code of the service but those that need none", () => {
	const message = "what the service says";
	const without = Object.keys(ERRORS).filter((code) => inWords({ code, message }).title === message);
	expect(without.sort()).toEqual([...OF_FILES, ...OF_PROGRAMS].sort());
});

it("keeps what only the service knows, as a sentence", () => {
	const hintOf = (code: string, message: string) => inWords({ code, message }).hint;
	expect(hintOf("conflict", "The run is FAILED already.")).toBe("The run is FAILED already.");
	expect(hintOf("dataset_too_small", "no user is left")).toMatch(/^no user is left\. Lower/);
	expect(hintOf("dataset_too_small", "No user is left.")).toMatch(/^No user is left\. Lower/);
	expect(inWords({ code: "invalid_request", message: "/n must be at most 5." }).namesFields).toBe(true);
	expect(inWords({ code: "invalid_request", message: "/params/id must be a uuid." }).title).toBe("It is not here");
});

it.each([
	["/models/0/params/k", "model 1, k"],
	["/rule/columns/user", "column of the user"],
	["/rule/split/ratios", "split, train, valid, test"],
	["/protocol/cutoffs/1", "protocol, cut-offs 2"],
	["/name", "name"],
])("calls %p %p", (pointer, words) => expect(fieldOf(pointer)).toBe(words));

it("names the models that can, where one cannot answer for users who are held out", () => {
	const message = "bpr cannot be measured on the users that the split holds out; these models can: ease, valid.";
	expect(inWords({ code: "fold_in_unsupported", message }).hint).toBe(message);
});

it.each([
	[
		"a.csv: no user column is recognised among x, y; name it in the rule, columns.user",
		"a.csv: no user column is recognised among x, y. Press or name the column of the users",
	],
	[
		"a.csv: no title and no tags column is recognised among x; name one in the rule, columns.items.title or columns.tags",
		"a.csv: no title and no tags column is recognised among x. Press or name the column of the titles or tags",
	],
	[
		"sales.csv: a feed, where the rule gives no `at` for rows without one, needs times, and no column of them is recognised among a, b; name it in the rule, columns.timestamp",
		"sales.csv: a feed needs the time of each row, and no column of them is recognised among a, b. Press or name the column of the times",
	],
	[
		"give the same file once more, as one of items, and name its columns in the rule, columns.items.item and columns.items.title",
		"give the same file once more, as one of items, and name its columns",
	],
	[
		'Say which column is which by position, counted from 1: rule={"columns": {"user": 1, "item": 2}}; or add a header',
		"Say which column is which by position, counted from 1; or add a header",
	],
	[
		"1 of 9 rows of train cannot be read; mend them or ask for skipBadRows",
		"1 of 9 rows of train cannot be read; mend them or have such rows left out",
	],
	["all 9 rows are rated below minRating", "all 9 rows are rated below the least rating"],
	["all taken as likes unless minRating is given", "all taken as likes unless a least rating is given"],
	["kCore cannot be combined with given parts", "k-core cannot be combined with given parts"],
	["sales.csv is an Excel file: save it as CSV", "sales.csv is an Excel file: save it as CSV"],
])("says %p without the syntax of the rule", (message, words) => {
	expect(ruleInWords(message)).toBe(words);
	expect(inWords({ code: "missing_column", message }).title).toBe(words);
});
