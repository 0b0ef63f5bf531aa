import { form, type Reply, startApi, type TestApi } from "../../support/api.js";

let api: TestApi;
beforeAll(async () => {
	api = await startApi();
});
afterAll(() => api.close());

async function preview(...parts: Parameters<typeof form>): Promise<Reply> {
	const [payload, headers] = await form(...parts);
	return api.call("POST", "/datasets/preview", payload, headers);
}

test("hands the first 64 KiB of each file on and shows what the trainer makes of them; nothing is stored", async () => {
	const files64 = Object.fromEntries(Array.from({ length: 64 }, (_, index) => [`${index}.zip: é/b.csv`, { user: 2 }]));
	const rule = { columns: { user: 1, items: { item: "sku", title: 3 }, files: files64 }, minRating: 4 };
	const big = "u,i\n".repeat(50_000);
	const { status, body } = await preview(
		["rule", JSON.stringify(rule)],
		["interactions", "user,x\na,1\n", "../a.csv"],
		["file", big, "big.csv"],
	);
	expect(status).toBe(200);
	const { files, ruleJson } = api.trainer.previewed ?? { files: [], ruleJson: "" };
	expect(files.map(({ role, displayName, isWhole }) => [role, displayName, isWhole])).toEqual([
		["interactions", "a.csv", true],
		["", "big.csv", false],
	]);
	expect(files.map(({ head }) => head.toString())).toEqual(["user,x\na,1\n", big.slice(0, 65_536)]);
	expect(JSON.parse(ruleJson)).toEqual(rule);
	expect(body.files[0]).toEqual({
		file: "a.csv",
		name: "a.csv",
		role: "interactions",
		dialect: {
			format: "csv",
			compression: "",
			encoding: "utf-8",
			separator: ",",
			quote: '"',
			header: true,
			firstLine: 2,
		},
		columns: [
			{ name: "user", role: "user", why: "'user' is a usual name", form: null },
			{ name: "x", role: "timestamp", why: "", form: "seconds" },
		],
		rows: [["11", ""]],
	});
	expect(body.problems).toEqual([
		{ code: "empty_id", file: "a.csv", line: 3, column: "user", message: "the id is empty" },
	]);
	expect(body.warnings).toEqual([]);
	expect(api.trainer.uploads.size).toBe(0);
	expect(await api.app.prisma.dataset.count()).toBe(0);
});

test("hands on the end of a file beside its beginning", async () => {
	const { status } = await preview(
		["interactions", `PK\u0003\u0004${"x".repeat(100_000)}`, "a.zip"],
		["tailOffset", "934464"],
		["tail", "the end", "a.zip"],
		["items", "a", "b.csv"],
	);
	expect(status).toBe(200);
	const sent = (api.trainer.previewed?.files ?? []).map(({ head, isWhole, tail, tailOffset }) => [
		head.length,
		isWhole,
		tail.toString(),
		tailOffset,
	]);
	expect(sent).toEqual([
		[65_536, false, "the end", 934_464],
		[1, true, "", 0],
	]);
});

const ONE: [string, string, string] = ["file", "a", "a.zip"];
test.each([
	[[["tailOffset", "1"], ["tail", "z", "a"], ONE], "/tail", "not_allowed"],
	[[ONE, ["tail", "z", "a"]], "/tail", "not_allowed"],
	[[ONE, ["tailOffset", "1"]], "/tail", "missing_field"],
	[[ONE, ["tailOffset", "1"], ["tail", "z", "a"], ["tailOffset", "1"], ["tail", "z", "a"]], "/tail", "not_allowed"],
	[[ONE, ["tailOffset", "1.5"], ["tail", "z", "a"]], "/tailOffset", "out_of_range"],
	[[ONE, ["tailOffset", "1099511627777"], ["tail", "z", "a"]], "/tailOffset", "out_of_range"],
	[[ONE, ["tailOffset", "1"], ["tail", "z".repeat(65_537), "a"]], "/tail", "out_of_range"],
	[Array.from({ length: 21 }, () => ONE), "/file", "not_allowed"],
	[[["rule", "{}"]], "/file", "missing_field"],
	[[["name", "x"]], "/name", "unknown_field"],
	[[["thing", "a", "a.csv"]], "/thing", "unknown_field"],
	[[["rule", '{"columns": {"user": 0}}']], "/rule/columns/user", "out_of_range"],
	[[["rule", '{"columns": {"user": 1.5}}']], "/rule/columns/user", "wrong_type"],
	[[["rule", '{"columns": {"items": {"sku": "x"}}}']], "/rule/columns/items/sku", "unknown_field"],
	[[["rule", '{"columns": {"files": {"a.csv": {"sku": 1}}}}']], "/rule/columns/files/a.csv/sku", "unknown_field"],
	[[["rule", '{"columns": {"files": {"a\\tb": {}}}}']], "/rule/columns/files/a\tb", "bad_format"],
] as [Parameters<typeof form>, string, string][])("refuses %j at %s", async (parts, pointer, code) => {
	const { status, body } = await preview(...parts);
	expect([status, body.code]).toEqual([400, "invalid_request"]);
	expect(body.errors).toEqual([expect.objectContaining({ pointer, code })]);
});

test.each([
	[[["items", "a", "a.csv"]], "missing_field", "/interactions are missing: files are either interactions"],
	[[["train", "a", "a.csv"]], "missing_field", "/test is missing"],
	[
		[
			["rule", '{"split": {"kind": "given"}}'],
			["file", "a", "a.csv"],
		],
		"not_allowed",
		"/rule/split/kind must be ratio",
	],
	[
		[
			["rule", '{"split": {"kind": "ratio", "ratios": [0.5, 0.1, 0.1]}}'],
			["interactions", "a", "a.csv"],
		],
		"out_of_range",
		"/rule/split/ratios are train, valid, test",
	],
] as [Parameters<typeof form>, string, string][])(
	"tells of %j together what an import would refuse",
	async (parts, code, message) => {
		const { status, body } = await preview(...parts);
		expect(status).toBe(200);
		expect(body.problems.slice(1)).toEqual([
			{ code, file: "", line: 0, column: "", message: expect.stringContaining(message) },
		]);
	},
);

test("tells it of the files that an import takes alone", async () => {
	api.trainer.needless = "tags.dat";
	const { body } = await preview(["train", "a", "a.csv"], ["file", "b", "tags.dat"]);
	expect(body.warnings).toEqual([expect.objectContaining({ code: "not_needed", file: "tags.dat" })]);
	expect(body.problems.slice(1)).toEqual([expect.objectContaining({ message: expect.stringContaining("/test is") })]);
});

describe("an archive", () => {
	afterEach(() => {
		api.trainer.packed = { name: "", roles: [], isWhole: true };
	});
	const told = async (kind: string | null, role: string) => {
		const rule: [string, string][] = kind ? [["rule", JSON.stringify({ split: { kind } })]] : [];
		const { body } = await preview(...rule, [role, "PK", "packed.zip"]);
		return body.problems.slice(1).map(({ message }: { message: string }) => message);
	};
	test.each(["file", "interactions"])("of parts, sent as %s, is what files of parts are", async (role) => {
		api.trainer.packed = { name: "packed.zip", roles: ["train", "test", "items"], isWhole: true };
		expect([await told(null, role), await told("given", role)]).toEqual([[], []]);
		expect(await told("ratio", role)).toEqual(["/rule/split/kind must be given for these files."]);
	});
	test.each(["file", "interactions"])("that is not all shown, sent as %s, lacks nothing", async (role) => {
		for (const roles of [["train"], ["items"], []]) {
			api.trainer.packed = { name: "packed.zip", roles, isWhole: false };
			expect([await told(null, role), await told("given", role), await told("ratio", role)]).toEqual([[], [], []]);
		}
		api.trainer.packed = { name: "packed.zip", roles: ["interactions", "items"], isWhole: false };
		expect(await told("given", role)).toEqual([expect.stringContaining("/rule/split/kind must be ratio")]);
	});
});

test("takes multipart bodies only", async () => {
	const { status } = await api.call("POST", "/datasets/preview", Buffer.from("{}"), {
		"content-type": "application/json",
	});
	expect(status).toBe(415);
});
