import { ERRORS } from "../../services/api/src/http/errors";
import { fieldOf, inWords } from "../../services/dashboard/src/in-words";

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
