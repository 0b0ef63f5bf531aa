import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { form, type Reply, startApi, type TestApi } from "../../support/api.js";
import { passADay } from "../../support/clock.js";
import { refusal } from "../../support/grpc-server.js";
import { until } from "../../support/processes.js";

const ROWS = "user,item\na,1\nb,2\n";
let api: TestApi;
beforeAll(async () => {
	api = await startApi({ MAX_UPLOAD_BYTES: "16000000" });
});
afterAll(() => api.close());
afterEach(() => {
	api.trainer.refuseUploads = null;
	api.trainer.resume();
});

type Parts = Parameters<typeof form>;
async function upload(...parts: Parts): Promise<Reply> {
	const [payload, headers] = await form(...parts);
	return api.call("POST", "/datasets", payload, headers);
}
/** Staged files that no dataset names: there must never be any after a request. */
async function strays(): Promise<string[]> {
	const rows = await api.app.prisma.dataset.findMany({ select: { files: true } });
	const named = new Set(rows.flatMap((row) => (row.files as { uploadKey: string }[]).map((file) => file.uploadKey)));
	return [...api.trainer.uploads.keys()].filter((key) => !named.has(key));
}

test("streams the parts to the trainer and queues the import", async () => {
	const rule = { columns: { user: "user", item: "item", tags: "genre" }, minRating: 4, kCore: 2, skipBadRows: true };
	const { status, headers, body } = await upload(
		["name", "Bücher"],
		["rule", JSON.stringify(rule)],
		["interactions", ROWS, "a.csv"],
		["interactions", "user,item\nc,3\n", "../../b.csv"],
		["items", "item,title,genre\n1,<b>,x|y\n", "items.csv"],
		["items", "item,title\n3,three\n", "more.csv"],
	);
	expect(status).toBe(202);
	expect(headers.location).toBe(`/datasets/${body.id}`);
	expect(body).toMatchObject({
		name: "Bücher",
		state: "QUEUED",
		error: null,
		statistics: null,
		splitDigest: null,
		problems: [],
		rule: { ...rule, split: { kind: "ratio", ratios: [0.8, 0.1, 0.1], seed: 42 } },
	});
	expect(body.digest).toMatch(/^[0-9a-f]{64}$/);
	expect(body.files.map((file: { role: string; bytes: number }) => [file.role, file.bytes])).toEqual([
		["interactions", 18],
		["interactions", 14],
		["items", 27],
		["items", 19],
	]);
	expect(await api.app.queue.knows({ kind: "import", id: body.id, lease: 0 })).toBe(true);
	expect((await api.call("GET", `/datasets/${body.id}`)).body).toEqual(body);
});

test("the same bytes and rule answer 200 with the dataset there is, and leave no second copy", async () => {
	const first = await upload(["name", "one"], ["train", ROWS, "t.inter"], ["test", "x", "s.inter"]);
	expect(first.body.rule).toEqual({ split: { kind: "given" } });
	const again = await upload(
		["name", "two"],
		["rule", '{"split": {"kind": "given"}}'],
		["test", "x", "s2"],
		["train", ROWS, "t2"],
	);
	expect([again.status, again.body.id, again.headers.location]).toEqual([
		200,
		first.body.id,
		`/datasets/${first.body.id}`,
	]);
	const other = await upload(
		["name", "one"],
		["rule", '{"minRating": 3}'],
		["train", ROWS, "t.inter"],
		["test", "x", "s.inter"],
	);
	expect([other.status, other.body.id === first.body.id]).toEqual([202, false]);
	expect(await strays()).toEqual([]);
});

test.each([
	[{ kind: "leave_last" }, { kind: "leave_last" }],
	[{ kind: "temporal" }, { kind: "temporal", quantiles: [0.8, 0.9] }],
	[{ kind: "temporal", at: ["2026-01-01", "2026-02-01T12:00:00+02:00"] }, null],
	[{ kind: "strong" }, { kind: "strong", ratios: [0.8, 0.1, 0.1], seed: 42 }],
])("a rule with the split %j is written out with it", async (split, whole) => {
	const rule = { since: "2026-01-01", until: "2026-03-01T00:00:00Z", split };
	const rows: Parts[number] = ["interactions", `${ROWS}${JSON.stringify(split)}`, "a.csv"];
	const { status, body } = await upload(["name", "timed"], ["rule", JSON.stringify(rule)], rows);
	expect([status, body.rule]).toEqual([202, { ...rule, split: whole ?? split }]);
	const given = await upload(
		["name", "n"],
		["rule", JSON.stringify({ split })],
		["train", "a", "t"],
		["test", "b", "s"],
	);
	expect([given.status, given.body.errors[0].message]).toEqual([400, "must be given for these files"]);
});

test("an archive may hold the parts of a given split; a plain file does not", async () => {
	const rule: Parts[number] = ["rule", JSON.stringify({ split: { kind: "given" } })];
	const packed = await upload(["name", "packed"], rule, ["interactions", "PK parts", "parts.tar.gz"]);
	expect([packed.status, packed.body.rule]).toEqual([202, { split: { kind: "given" } }]);
	const plain = await upload(["name", "plain"], rule, ["interactions", "a,b", "parts.csv"]);
	expect([plain.status, plain.body.errors[0].message]).toEqual([
		400,
		"must be ratio, leave_last, temporal or strong for these files",
	]);
	await api.call("POST", `/datasets/${packed.body.id}/cancel`);
	const again = await api.call("POST", `/datasets/${packed.body.id}/imports`, { rule: { split: { kind: "given" } } });
	expect([again.status, again.body.rule]).toEqual([202, { split: { kind: "given" } }]);
});

test("names of files tell datasets apart where the rule goes by them, and only there", async () => {
	const named = (columns: object, ...names: [string, string]) =>
		upload(
			["name", "named"],
			["rule", JSON.stringify({ columns })],
			["interactions", "who,what\nn,1\n", names[0]],
			["interactions", "what,who\n2,n\n", names[1]],
		);
	const first = { "a.csv": { user: 1, item: 2 }, "b.csv": { user: 2, item: 1 } };
	const second = { "b.csv": { item: 1, user: 2 }, "a.csv": { item: 2, user: 1 } };
	const one = await named({ files: first }, "a.csv", "b.csv");
	expect([one.status, one.body.rule.columns]).toEqual([202, { files: first }]);
	const same = await named({ files: second }, "a.csv", "b.csv");
	expect([same.status, same.body.id]).toEqual([200, one.body.id]);
	// Each file is read by what is said of the other.
	const swapped = await named({ files: first }, "b.csv", "a.csv");
	expect([swapped.status, swapped.body.digest === one.body.digest]).toEqual([202, false]);
	const other = await named({ files: { ...first, "b.csv": { user: 2, item: 2 } } }, "a.csv", "b.csv");
	expect([other.status, other.body.digest === one.body.digest]).toEqual([202, false]);
	const general = await named({ user: 1, item: 2 }, "a.csv", "b.csv");
	const renamed = await named({ user: 1, item: 2 }, "b.csv", "c.csv");
	expect([general.status, renamed.status, renamed.body.id]).toEqual([202, 200, general.body.id]);
	expect(await strays()).toEqual([]);
});

test("equal uploads at the same time make one dataset", async () => {
	const replies = await Promise.all(
		Array.from({ length: 8 }, () => upload(["name", "race"], ["interactions", "user,item\nr,1\n", "r.csv"])),
	);
	expect(replies.map((reply) => reply.status).sort()).toEqual([200, 200, 200, 200, 200, 200, 200, 202]);
	expect(new Set(replies.map((reply) => reply.body.id)).size).toBe(1);
	expect(await strays()).toEqual([]);
});

test("a failed import makes room for the same bytes, and its staged files go", async () => {
	const first = await upload(["name", "fails"], ["interactions", "user,item\nf,1\n", "f.csv"]);
	await api.app.prisma.job.update({
		where: { id: first.body.id },
		data: { state: "FAILED", errorCode: "not_utf8", finishedAt: new Date() },
	});
	const again = await upload(["name", "fails"], ["interactions", "user,item\nf,1\n", "f.csv"]);
	expect([again.status, again.body.state]).toEqual([202, "QUEUED"]);
	expect((await api.call("GET", `/datasets/${first.body.id}`)).status).toBe(404);
	expect(await strays()).toEqual([]);
});

test.each(["SUCCEEDED", "FAILED", "CANCELLED"] as const)(
	"a dataset once imported, now %s and not whole, is imported again under its id; its experiments stay",
	async (state) => {
		const { prisma } = api.app;
		const parts: Parts = [
			["name", "lost"],
			["interactions", `user,item\n${state},1\n`, "l.csv"],
		];
		const { id, files } = (await upload(...parts)).body;
		const artifactKey = `datasets/${id}`;
		await prisma.job.update({ where: { id }, data: { state: "SUCCEEDED", lease: 1, finishedAt: new Date() } });
		await prisma.dataset.update({ where: { id }, data: { artifactKey, splitDigest: "s" } });
		const experiment = await api.experiment(["SUCCEEDED"], { dataset: id });
		expect((await upload(...parts)).status).toBe(200);
		api.trainer.damaged.add(artifactKey);
		await prisma.job.update({ where: { id }, data: { state, crashes: 1, cancelRequestedAt: new Date() } });
		const replies = await Promise.all([upload(...parts), upload(...parts)]);
		expect(replies.map((reply) => reply.status).sort()).toEqual([200, 202]);
		expect(replies.map((reply) => reply.body.id)).toEqual([id, id]);
		expect(await prisma.job.findUnique({ where: { id } })).toMatchObject({
			state: "QUEUED",
			crashes: 0,
			cancelRequestedAt: null,
			finishedAt: null,
		});
		expect(await api.app.queue.knows({ kind: "import", id, lease: 1 })).toBe(true);
		expect((await api.call("GET", `/datasets/${id}`)).body.files).toEqual(files);
		expect(await strays()).toEqual([]);
		expect((await api.call("GET", `/experiments/${experiment.id}`)).body.dataset.id).toBe(id);
	},
);

test("an import is cancelled once", async () => {
	const { id } = (await upload(["name", "c"], ["interactions", "user,item\nc,9\n", "c.csv"])).body;
	const { status, body } = await api.call("POST", `/datasets/${id}/cancel`);
	expect([status, body.state]).toEqual([202, "CANCELLED"]);
	expect((await api.call("POST", `/datasets/${id}/cancel`)).body.code).toBe("conflict");
	expect((await api.call("POST", `/datasets/${randomUUID()}/cancel`)).status).toBe(404);
});

describe("DELETE /datasets/:id", () => {
	const parts = (value: string): Parts => [
		["name", "d"],
		["interactions", `user,item\n${value},1\n`, "d.csv"],
	];
	async function imported(value: string): Promise<{ id: string; artifactKey: string }> {
		const { id } = (await upload(...parts(value))).body;
		const artifactKey = `datasets/${id}`;
		await api.app.prisma.job.update({ where: { id }, data: { state: "SUCCEEDED", finishedAt: new Date() } });
		await api.app.prisma.dataset.update({ where: { id }, data: { artifactKey, splitDigest: "s" } });
		return { id, artifactKey };
	}

	test("takes rows, staged files and what the import made; the same bytes can come again", async () => {
		const { id, artifactKey } = await imported("gone");
		expect((await api.call("DELETE", `/datasets/${id}`)).status).toBe(204);
		expect(api.trainer.deleted).toContain(artifactKey);
		expect(await strays()).toEqual([]);
		expect(await api.app.prisma.job.findUnique({ where: { id } })).toBeNull();
		expect((await api.call("DELETE", `/datasets/${id}`)).status).toBe(404);
		expect((await upload(...parts("gone"))).status).toBe(202);
	});

	test("a failed one goes, too", async () => {
		const { id } = (await upload(...parts("failed"))).body;
		await api.app.prisma.job.update({ where: { id }, data: { state: "FAILED", finishedAt: new Date() } });
		expect((await api.call("DELETE", `/datasets/${id}`)).status).toBe(204);
		expect(await strays()).toEqual([]);
	});

	test("refuses while it is imported or an experiment is on it", async () => {
		const open = (await upload(...parts("open"))).body;
		const first = await api.call("DELETE", `/datasets/${open.id}`);
		expect([first.status, first.body.detail]).toEqual([409, "Its import is QUEUED; cancel it first."]);
		const { id } = await imported("used");
		const experiment = await api.experiment(["SUCCEEDED"], { dataset: id });
		const second = await api.call("DELETE", `/datasets/${id}`);
		expect([second.status, second.body.detail]).toEqual([
			409,
			'1 experiment is on it: "an experiment". Delete that first, or ask for withExperiments=true.',
		]);
		expect((await api.call("DELETE", `/experiments/${experiment.id}`)).status).toBe(204);
		expect((await api.call("DELETE", `/datasets/${id}`)).status).toBe(204);
	});

	test("an experiment whose rows are being written keeps its dataset", async () => {
		const { id } = await imported("held");
		let commit = () => {};
		const told = new Promise<void>((resolve) => {
			commit = resolve;
		});
		const launched = api.app.prisma.$transaction(async (tx) => {
			const spec = { maskTest: "train", cutoffs: [20], protocolHash: "h", spec: {} };
			await tx.experiment.create({ data: { id: randomUUID(), name: "held", datasetId: id, ...spec } });
			await told;
		});
		await sleep(200);
		const deleted = api.call("DELETE", `/datasets/${id}`);
		await sleep(500);
		commit();
		await launched;
		const { status, body } = await deleted;
		expect([status, body.detail]).toEqual([409, expect.stringContaining('1 experiment is on it: "held".')]);
		expect((await api.call("GET", `/datasets/${id}`)).status).toBe(200);
	});

	test("names the first five experiments that are on it, and how many more", async () => {
		const { id } = await imported("many");
		for (let n = 0; n < 7; n++) {
			const experiment = await api.experiment(["SUCCEEDED"], { dataset: id });
			await api.app.prisma.experiment.update({ where: { id: experiment.id }, data: { name: `number ${n}` } });
		}
		expect((await api.call("DELETE", `/datasets/${id}`)).body.detail).toBe(
			'7 experiments are on it: "number 6", "number 5", "number 4", "number 3", "number 2" and 2 more. ' +
				"Delete those first, or ask for withExperiments=true.",
		);
	});

	describe("with its experiments", () => {
		const remove = (id: string) => api.call("DELETE", `/datasets/${id}?withExperiments=true`);

		test("takes all of them, with their runs, at once", async () => {
			const { id, artifactKey } = await imported("all");
			const one = await api.experiment(["SUCCEEDED", "FAILED"], { dataset: id });
			const two = await api.experiment(["CANCELLED"], { dataset: id });
			expect((await remove(id)).status).toBe(204);
			const runs = [...one.runs, ...two.runs];
			expect(api.trainer.deleted).toEqual(expect.arrayContaining([artifactKey, ...runs.map((run) => `runs/${run}`)]));
			expect(await api.app.prisma.job.count({ where: { id: { in: [id, ...runs] } } })).toBe(0);
			expect((await api.call("GET", `/experiments/${one.id}`)).status).toBe(404);
			expect((await remove(id)).status).toBe(404);
		});

		test("is refused whole while one is open or served; what holds it back is named", async () => {
			const { id } = await imported("some");
			const done = await api.experiment(["SUCCEEDED"], { dataset: id });
			const open = await api.experiment(["RUNNING"], { dataset: id });
			for (const [experiment, name] of [
				[done, "done"],
				[open, "open"],
			] as const)
				await api.app.prisma.experiment.update({ where: { id: experiment.id }, data: { name } });
			const checkpoint = await api.checkpoint(done.runs[0] as string);
			await api.call("PUT", "/deployments/mine", { checkpoint });
			const first = await remove(id);
			expect([first.status, first.body.detail]).toEqual([
				409,
				'1 run or evaluation of "open" is not final; cancel the experiment first.',
			]);
			await api.app.prisma.job.update({ where: { id: open.runs[0] as string }, data: { state: "CANCELLED" } });
			const second = await remove(id);
			expect([second.status, second.body.detail]).toEqual([
				409,
				expect.stringContaining('What "done" has trained is served as "mine"'),
			]);
			expect((await api.call("GET", `/experiments/${open.id}`)).status).toBe(200);
			await api.call("DELETE", "/deployments/mine");
			expect((await remove(id)).status).toBe(204);
			const [entry] = (await api.call("GET", "/deployments/mine/history")).body.items;
			expect(entry).toMatchObject({ checkpointId: null, experiment: "done", removed: true });
		});

		test("a launch or a deploy at the same moment is whole, or refused", async () => {
			for (let round = 0; round < 6; round += 1) {
				const { id } = await imported(`at once ${round}`);
				const { runs } = await api.experiment(["SUCCEEDED"], { dataset: id });
				const checkpoint = await api.checkpoint(runs[0] as string);
				const [launched, deployed, deleted] = await Promise.all([
					api.call("POST", "/experiments", { dataset: id, models: [{ model: "popularity" }] }),
					api.call("PUT", "/deployments/at-once", { checkpoint }),
					remove(id),
				]);
				expect([204, 409]).toContain(deleted.status);
				const isGone = deleted.status === 204;
				expect(isGone ? [422] : [202, 422]).toContain(launched.status);
				expect(isGone ? [404, 409] : [200]).toContain(deployed.status);
				expect((await api.call("GET", `/datasets/${id}`)).status).toBe(isGone ? 404 : 200);
				await api.call("DELETE", "/deployments/at-once");
			}
		});
	});

	test("an experiment launched at the same moment is whole, or refused", async () => {
		for (let round = 0; round < 8; round += 1) {
			const { id } = await imported(`race ${round}`);
			const [launched, deleted] = await Promise.all([
				api.call("POST", "/experiments", { dataset: id, models: [{ model: "popularity" }] }),
				api.call("DELETE", `/datasets/${id}`),
			]);
			const outcome = [launched.status, deleted.status];
			expect([
				[202, 409],
				[422, 204],
			]).toContainEqual(outcome);
		}
	});
});

describe("POST /datasets/:id/imports", () => {
	const fails = async (id: string, state: "FAILED" | "CANCELLED" = "FAILED") => {
		const finishedAt = new Date();
		await api.app.prisma.job.update({ where: { id }, data: { state, lease: 1, crashes: 2, finishedAt } });
		const problems = [{ code: "empty_id", file: "a.csv", line: 3, column: "user", message: "the id is empty" }];
		await api.app.prisma.dataset.update({ where: { id }, data: { problems } });
	};
	const upload1 = async (rows: string, rule = "{}") =>
		(await upload(["name", rows], ["rule", rule], ["interactions", `user,item\n${rows},1\n`, "a.csv"])).body;
	const again = (id: string, rule: object, more: object = {}, headers?: Record<string, string>) =>
		api.call("POST", `/datasets/${id}/imports`, { rule, ...more }, headers);

	test.each(["FAILED", "CANCELLED"] as const)("%s: the same id and files with the new rule", async (state) => {
		const first = await upload1(`again ${state}`);
		await fails(first.id, state);
		const { status, headers, body } = await again(first.id, { skipBadRows: true }, { name: "mended" });
		expect([status, headers.location]).toEqual([202, `/datasets/${first.id}`]);
		expect(body).toMatchObject({
			id: first.id,
			name: "mended",
			state: "QUEUED",
			error: null,
			problems: [],
			files: first.files,
			rule: { skipBadRows: true, split: { kind: "ratio" } },
		});
		expect(body.digest).not.toBe(first.digest);
		// As if the bytes had been uploaded with that rule.
		const same = await upload(
			["name", "x"],
			["rule", '{"skipBadRows": true}'],
			["interactions", `user,item\nagain ${state},1\n`, "a"],
		);
		expect([same.status, same.body.id]).toEqual([200, first.id]);
		expect(await api.app.prisma.job.findUnique({ where: { id: first.id } })).toMatchObject({ crashes: 0, lease: 1 });
		expect(await api.app.queue.knows({ kind: "import", id: first.id, lease: 1 })).toBe(true);
		expect(await strays()).toEqual([]);
	});

	test("with the same rule it is tried once more", async () => {
		const first = await upload1("same rule");
		await fails(first.id);
		const { status, body } = await again(first.id, {});
		expect([status, body.id, body.digest, body.name]).toEqual([202, first.id, first.digest, "same rule"]);
	});

	test("it is of when the first byte of its files came, whenever they are imported again", async () => {
		const { prisma, trainer } = api.app;
		await api.call("PUT", "/feeds/people");
		const erase = async (user: string) => {
			await api.call("DELETE", `/feeds/people/users/${user}`);
			return (await prisma.feedErasure.findFirstOrThrow({ orderBy: { seq: "desc" } })).seq;
		};
		const before = await erase("before");
		const { uploadFile } = trainer;
		let during = 0n;
		trainer.uploadFile = async (bytes) => {
			during = await erase("during");
			return uploadFile(bytes);
		};
		const { id } = await upload1("erased meanwhile").finally(() => (trainer.uploadFile = uploadFile));
		const sent = async () => (await prisma.dataset.findUniqueOrThrow({ where: { id } })).since;
		const since = await sent();
		expect([before < since, since < during]).toEqual([true, true]);
		await fails(id);
		expect([(await again(id, { skipBadRows: true })).status, await sent()]).toEqual([202, since]);
		await fails(id);
		// The same bytes, sent anew: whoever sends them knows of who was erased.
		const anew = await upload(
			["name", "anew"],
			["rule", '{"skipBadRows": true}'],
			["interactions", "user,item\nerased meanwhile,1\n", "a.csv"],
		);
		const later = await prisma.dataset.findUniqueOrThrow({ where: { id: anew.body.id } });
		expect(later.since > during).toBe(true);
	});

	test("files that took a day to send are refused and gone", async () => {
		const { trainer } = api.app;
		const { uploadFile } = trainer;
		let tomorrow = () => {};
		trainer.uploadFile = async (bytes) => {
			tomorrow = passADay();
			return uploadFile(bytes);
		};
		const late = await upload1("too late").finally(() => tomorrow());
		trainer.uploadFile = uploadFile;
		expect([late.status, late.code]).toEqual([408, "sent_too_long"]);
		expect(await strays()).toEqual([]);
	});

	test("a rule under which the bytes are here already answers with that dataset", async () => {
		const here = await upload1("twin", '{"kCore": 2}');
		const failed = await upload1("twin");
		await fails(failed.id);
		const { status, headers, body } = await again(failed.id, { kCore: 2 });
		expect([status, body.id, headers.location]).toEqual([200, here.id, `/datasets/${here.id}`]);
		expect((await api.call("GET", `/datasets/${failed.id}`)).body.state).toBe("FAILED");
	});

	test("one that is lost is imported again from these files; a failed one makes room", async () => {
		const { prisma } = api.app;
		const lost = await upload1("lost twin", '{"kCore": 2}');
		await prisma.job.update({ where: { id: lost.id }, data: { state: "SUCCEEDED", finishedAt: new Date() } });
		await prisma.dataset.update({ where: { id: lost.id }, data: { artifactKey: `datasets/${lost.id}` } });
		api.trainer.damaged.add(`datasets/${lost.id}`);
		const failed = await upload1("lost twin");
		await fails(failed.id);
		const heir = await again(failed.id, { kCore: 2 });
		expect([heir.status, heir.body.id, heir.body.state]).toEqual([202, lost.id, "QUEUED"]);
		expect((await api.call("GET", `/datasets/${failed.id}`)).status).toBe(404);
		const [one, two] = [await upload1("two failed"), await upload1("two failed", '{"kCore": 2}')];
		await fails(one.id);
		await fails(two.id);
		const moved = await again(one.id, { kCore: 2 });
		expect([moved.status, moved.body.id, moved.body.digest]).toEqual([202, one.id, two.digest]);
		expect((await api.call("GET", `/datasets/${two.id}`)).status).toBe(404);
		expect(await strays()).toEqual([]);
	});

	test("is refused while it is under way, once it has succeeded, when its files are gone, and for what is not there", async () => {
		const open = await upload1("open import");
		expect((await again(open.id, {})).body.detail).toBe("Its import is QUEUED; cancel it first.");
		const done = await api.dataset();
		const refused = await again(done, {});
		expect([refused.status, refused.body.detail]).toEqual([
			409,
			"It has been imported, and its files are not kept; upload them with another rule.",
		]);
		const bare = await upload1("bare");
		await fails(bare.id);
		for (const key of api.trainer.uploads.keys())
			if (!(await isNamedElsewhere(key, bare.id))) api.trainer.uploads.delete(key);
		const gone = await again(bare.id, { skipBadRows: true });
		expect([gone.status, gone.body.detail]).toEqual([
			409,
			"Its uploaded files are no longer there; upload them again.",
		]);
		expect((await api.call("GET", `/datasets/${bare.id}`)).body.state).toBe("FAILED");
		expect((await again(randomUUID(), {})).status).toBe(404);
	});
	async function isNamedElsewhere(key: string, id: string): Promise<boolean> {
		const row = await api.app.prisma.dataset.findUniqueOrThrow({ where: { id } });
		return !(row.files as { uploadKey: string }[]).some((one) => one.uploadKey === key);
	}

	test("what was imported once and could not be imported again keeps its rule", async () => {
		const { id } = await upload1("kept rule");
		await fails(id);
		await api.app.prisma.dataset.update({ where: { id }, data: { artifactKey: "datasets/kept" } });
		expect((await again(id, { kCore: 2 })).body.detail).toMatch(/^It was imported once/);
		expect((await again(id, {})).status).toBe(202);
	});

	test("a rule that does not fit the files is refused, with its place, and nothing changes", async () => {
		const { id } = await upload1("unfit");
		await fails(id);
		for (const [rule, pointer] of [
			[{ split: { kind: "given" } }, "/rule/split/kind"],
			[{ split: { kind: "ratio", ratios: [0.5, 0.1, 0.1] } }, "/rule/split/ratios"],
			[{ split: { kind: "strong", ratios: [0, 0.5, 0.5] } }, "/rule/split/ratios"],
			[{ split: { kind: "leave_last", seed: 1 } }, "/rule/split/seed"],
			[{ split: { kind: "ratio", quantiles: [0.8, 0.9] } }, "/rule/split/quantiles"],
			[{ split: { kind: "temporal", ratios: [0.8, 0.1, 0.1] } }, "/rule/split/ratios"],
			[{ split: { kind: "temporal", quantiles: [0.9, 0.8] } }, "/rule/split/quantiles"],
			[{ split: { kind: "temporal", at: ["2026-01-02", "2026-01-01"] } }, "/rule/split/at"],
			[{ split: { kind: "temporal", at: ["2026-01-01", "2026-01-02"], quantiles: [0.8, 0.9] } }, "/rule/split/at"],
			[{ since: "2026-01-01", until: "2026-01-01T00:00:00Z" }, "/rule/until"],
		] as const) {
			const { status, body } = await again(id, rule);
			expect([status, body.errors[0].pointer]).toEqual([400, pointer]);
		}
		expect((await api.call("GET", `/datasets/${id}`)).body).toMatchObject({ state: "FAILED", problemsTotal: 1 });
	});

	test("an Idempotency-Key gives the first answer again", async () => {
		const { id } = await upload1("key");
		await fails(id);
		const key = { "idempotency-key": "again" };
		const first = await again(id, { kCore: 2 }, {}, key);
		const second = await again(id, { kCore: 2 }, {}, key);
		expect([first.status, second.status, second.headers["idempotent-replayed"]]).toEqual([202, 202, "true"]);
		expect(second.body).toEqual(first.body);
		expect((await again(id, { kCore: 3 }, {}, key)).body.code).toBe("idempotency_mismatch");
	});

	test("many at once, or beside an upload or a delete: one import, no stray file, no 5xx", async () => {
		for (let round = 0; round < 5; round++) {
			const { id } = await upload1(`crowd ${round}`);
			await fails(id);
			const replies = await Promise.all([
				again(id, { kCore: 2 }),
				again(id, { kCore: 2 }),
				again(id, { kCore: 3 }),
				upload(["name", "x"], ["rule", '{"kCore": 2}'], ["interactions", `user,item\ncrowd ${round},1\n`, "a"]),
				api.call("DELETE", `/datasets/${id}`),
			]);
			for (const { status } of replies) expect([200, 202, 204, 404, 409]).toContain(status);
			expect(await strays()).toEqual([]);
		}
	});
});

test("lists hide failed and cancelled imports that made nothing, until they are asked for", async () => {
	const states = ["SUCCEEDED", "QUEUED", "FAILED", "CANCELLED", "FAILED"] as const;
	const ids: string[] = [];
	for (const state of states) ids.push(await api.dataset(state));
	// Imported once: experiments may be on it.
	await api.app.prisma.dataset.update({ where: { id: ids[4] as string }, data: { artifactKey: "datasets/once" } });
	const shown = async (query: string) => {
		const { items } = (await api.call("GET", `/datasets?limit=200${query}`)).body;
		return states.map((_, index) => items.some((item: { id: string }) => item.id === ids[index]));
	};
	expect(await shown("")).toEqual([true, true, false, false, true]);
	expect(await shown("&failed=false")).toEqual([true, true, false, false, true]);
	expect(await shown("&failed=true")).toEqual([true, true, true, true, true]);
	expect(await shown("&state=FAILED")).toEqual([false, false, true, false, true]);
	expect(await shown("&state=CANCELLED")).toEqual([false, false, false, true, false]);
	const first = (await api.call("GET", "/datasets?limit=1")).body;
	const rest = (await api.call("GET", `/datasets?limit=200&cursor=${first.nextCursor}`)).body;
	expect(rest.items.map((item: { id: string }) => item.id)).not.toContain(ids[2]);
});

const file = ["interactions", ROWS, "a.csv"] as Parts[number];
const withRule = (rule: string): Parts => [["name", "x"], ["rule", rule], file];
const withFiles = (files: unknown) => withRule(JSON.stringify({ columns: { files } }));
test.each<[string, string, Parts]>([
	["no name", "/name", [file]],
	["an empty name", "/name", [["name", ""], file]],
	["a long name", "/name", [["name", "n".repeat(201)], file]],
	["a NUL in the name", "/name", [["name", "a\u0000b"], file]],
	["two names", "/name", [["name", "a"], ["name", "b"], file]],
	["two rules", "/rule", [["name", "a"], ["rule", "{}"], ["rule", "{}"], file]],
	["an unknown field", "/nmae", [["nmae", "a"], file]],
	[
		"an unknown file",
		"/data",
		[
			["name", "a"],
			["data", ROWS, "a.csv"],
		],
	],
	["a rule that is no JSON", "/rule", withRule("{")],
	["a rule that is no object", "/rule", withRule("[]")],
	["an unknown rule", "/rule/minratin", withRule('{"minratin": 3}')],
	["an unknown column", "/rule/columns/users", withRule('{"columns": {"users": "u"}}')],
	["an unknown column of a file", "/rule/columns/files/a.csv/users", withFiles({ "a.csv": { users: "u" } })],
	["a file without a name", "/rule/columns/files/", withFiles({ "": { user: "u" } })],
	["a NUL in the name of a file", "/rule/columns/files/a\u0000", withFiles({ "a\u0000": { user: "u" } })],
	["a long name of a file", `/rule/columns/files/${"x".repeat(513)}`, withFiles({ ["x".repeat(513)]: {} })],
	["a list of files", "/rule/columns/files", withFiles([])],
	["a prototype in the rule", "/rule/__proto__", withRule('{"__proto__": {"kCore": 2}}')],
	["a number as text", "/rule/kCore", withRule('{"kCore": "5"}')],
	["a number that is none", "/rule/minRating", withRule('{"minRating": 1e999}')],
	[
		"ratios that do not sum to 1",
		"/rule/split/ratios",
		withRule('{"split": {"kind": "ratio", "ratios": [0.8, 0.1, 0.2]}}'),
	],
	["no part for the test", "/rule/split/ratios", withRule('{"split": {"kind": "ratio", "ratios": [0.9, 0.1, 0]}}')],
	["a given split without parts", "/rule/split/kind", withRule('{"split": {"kind": "given"}}')],
	[
		"a ratio split of parts",
		"/rule/split/kind",
		[
			["name", "a"],
			["rule", '{"split": {"kind": "ratio"}}'],
			["train", "a", "a"],
			["test", "b", "b"],
		],
	],
	[
		"a seed for parts",
		"/rule/split/seed",
		[
			["name", "a"],
			["rule", '{"split": {"kind": "given", "seed": 1}}'],
			["train", "a", "a"],
			["test", "b", "b"],
		],
	],
	[
		"a core of given parts",
		"/rule/kCore",
		[
			["name", "a"],
			["rule", '{"kCore": 2}'],
			["train", "a", "a"],
			["test", "b", "b"],
		],
	],
	["no file at all", "/interactions", [["name", "a"]]],
	[
		"only titles",
		"/interactions",
		[
			["name", "a"],
			["items", "a", "a"],
		],
	],
	["interactions beside parts", "/interactions", [["name", "a"], file, ["train", "a", "a"], ["test", "b", "b"]]],
	[
		"no test part",
		"/test",
		[
			["name", "a"],
			["train", "a", "a"],
			["valid", "b", "b"],
		],
	],
	[
		"no train part",
		"/train",
		[
			["name", "a"],
			["test", "a", "a"],
		],
	],
])("refuses %s, naming %s, and keeps nothing", async (_, pointer, parts) => {
	const before = await api.app.prisma.dataset.count();
	const { status, body } = await upload(...parts);
	expect([status, body.code, body.errors?.[0]?.pointer]).toEqual([400, "invalid_request", pointer]);
	expect(await api.app.prisma.dataset.count()).toBe(before);
	expect(await strays()).toEqual([]);
});

test("a rule may say that it is JSON", async () => {
	const boundary = "b0undary";
	const part = (head: string, text: string) =>
		`--${boundary}\r\nContent-Disposition: form-data; ${head}\r\n\r\n${text}\r\n`;
	const payload =
		part('name="name"', "typed") +
		part('name="rule"\r\nContent-Type: application/json', '{"kCore": 3}') +
		part('name="interactions"; filename="a.csv"', ROWS) +
		`--${boundary}--\r\n`;
	const { status, body } = await api.call("POST", "/datasets", payload, {
		"content-type": `multipart/form-data; boundary=${boundary}`,
	});
	expect([status, body.rule?.kCore]).toEqual([202, 3]);
});

test("a file over the limit is refused and leaves nothing", async () => {
	const { status, body } = await upload(
		["name", "big"],
		["interactions", ROWS, "a"],
		["items", new Uint8Array(16_000_001), "b"],
	);
	expect([status, body.code]).toEqual([413, "body_too_large"]);
	expect(await strays()).toEqual([]);
});

test("too many files or fields are refused", async () => {
	const files = Array.from({ length: 21 }, (_, i) => ["interactions", `${i}`, `${i}`] as Parts[number]);
	expect((await upload(["name", "many"], ...files)).status).toBe(413);
	const fields = Array.from({ length: 12 }, () => ["name", "n"] as Parts[number]);
	expect((await upload(...fields)).status).toBeGreaterThanOrEqual(400);
	expect(await strays()).toEqual([]);
});

test("takes nothing but multipart", async () => {
	for (const [payload, type] of [
		["{}", "application/json"],
		["a,b", "text/csv"],
		["a,b", "text/plain"],
	]) {
		const { status, body } = await api.call("POST", "/datasets", payload, { "content-type": type as string });
		expect([status, body.code]).toEqual([415, "unsupported_media_type"]);
	}
	const broken = await api.call("POST", "/datasets", "--x\r\nnonsense", {
		"content-type": "multipart/form-data; boundary=x",
	});
	expect([broken.status, broken.body.code]).toEqual([400, "invalid_request"]);
});

test("what the trainer refuses is answered with its code", async () => {
	api.trainer.refuseUploads = refusal("RESOURCE_EXHAUSTED", "storage_full", "/secret/path is full");
	const full = await upload(["name", "full"], ["interactions", ROWS, "a.csv"]);
	expect([full.status, full.body.code]).toEqual([507, "storage_full"]);
	expect(JSON.stringify(full.body)).not.toContain("secret");
	api.trainer.refuseUploads = refusal("UNAVAILABLE", "busy", "8 uploads are under way");
	const busy = await upload(["name", "busy"], ["interactions", ROWS, "a.csv"]);
	expect([busy.status, busy.body.code, busy.headers["retry-after"]]).toEqual([503, "busy", "2"]);
	api.trainer.refuseUploads = refusal("UNAVAILABLE", "", "");
	const away = await upload(["name", "away"], ["interactions", ROWS, "a.csv"]);
	expect([away.status, away.body.code, away.headers["retry-after"]]).toEqual([503, "unavailable", "2"]);
});

test("the list pages and filters by state", async () => {
	const ids = [await api.dataset("RUNNING"), await api.dataset("RUNNING"), await api.dataset("RUNNING")].reverse();
	const first = (await api.call("GET", "/datasets?state=RUNNING&limit=2")).body;
	const second = (await api.call("GET", `/datasets?state=RUNNING&limit=2&cursor=${first.nextCursor}`)).body;
	expect([...first.items, ...second.items].map((item: { id: string }) => item.id)).toEqual(ids);
	expect(second.nextCursor).toBeNull();
});

test("shows progress, statistics and problems as the worker left them", async () => {
	const id = await api.dataset("RUNNING");
	const progress = { stage: "parsing", fraction: 0.5, rowsRead: 10 };
	await api.app.prisma.jobEvent.create({ data: { jobId: id, seq: 2, type: "progress", data: progress } });
	expect((await api.call("GET", `/datasets/${id}`)).body.progress).toEqual(progress);
	const bins = [{ low: 1, high: 1, count: 3 }];
	const counts = {
		users: 1,
		items: 2,
		interactions: 3,
		train: 1,
		valid: 1,
		test: 1,
		density: 0.5,
		duplicatesMerged: 0,
		rowsSkipped: 0,
	};
	const statistics = {
		...counts,
		belowThreshold: 0,
		coldDropped: 0,
		titledItems: 2,
		userDegrees: bins,
		itemDegrees: bins,
		problemsTotal: 7,
	};
	const problems = [{ code: "empty_id", file: "a.csv", line: 3, column: "user", message: "the id is empty" }];
	await api.app.prisma.dataset.update({ where: { id }, data: { statistics, problems } });
	await api.app.prisma.job.update({ where: { id }, data: { state: "SUCCEEDED" } });
	expect((await api.call("GET", `/datasets/${id}`)).body).toMatchObject({
		progress: null,
		statistics: { ...counts, taggedItems: 0, tags: 0, outsideWindow: 0, outsideCore: 0, foldIn: 0, times: null },
		problems,
		problemsTotal: 7,
		warnings: [],
	});
	// The trainer counts what it says of a whole file, and not what it says of the rule.
	const [problem] = problems;
	const warnings = ["encoding", "ratings_all_taken"].map((code) => ({ ...problem, code, line: 0 }));
	await api.app.prisma.dataset.update({ where: { id }, data: { problems: [...problems, ...warnings] } });
	const told = { problems, problemsTotal: 6, warnings };
	expect((await api.call("GET", `/datasets/${id}`)).body).toMatchObject({ ...told, statistics: { problemsTotal: 6 } });
	const clean = { statistics: { ...statistics, problemsTotal: 0 }, problems: warnings.slice(1) };
	await api.app.prisma.dataset.update({ where: { id }, data: clean });
	expect((await api.call("GET", `/datasets/${id}`)).body).toMatchObject({ problems: [], problemsTotal: 0 });
	const times = { fromMs: 0, toMs: 1_767_225_600_500, form: "seconds", unknown: 2, cutsMs: [1000] };
	await api.app.prisma.dataset.update({ where: { id }, data: { statistics: { ...statistics, times, foldIn: 3 } } });
	expect((await api.call("GET", `/datasets/${id}`)).body.statistics).toMatchObject({
		foldIn: 3,
		times: {
			from: "1970-01-01T00:00:00.000Z",
			to: "2026-01-01T00:00:00.500Z",
			form: "seconds",
			unknown: 2,
			cuts: ["1970-01-01T00:00:01.000Z"],
		},
	});
});

describe("over a socket", () => {
	let port: number;
	beforeAll(async () => {
		port = Number(new URL(await api.app.listen({ port: 0, host: "127.0.0.1" })).port);
	});
	const open = () => {
		const socket = connect(port, "127.0.0.1");
		socket.on("error", () => undefined);
		const head = [
			"POST /datasets HTTP/1.1",
			"Host: localhost",
			"Content-Type: multipart/form-data; boundary=b",
			"Content-Length: 15900000",
		];
		socket.write(`${head.join("\r\n")}\r\n\r\n--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nx\r\n`);
		socket.write(`--b\r\nContent-Disposition: form-data; name="interactions"; filename="a"\r\n\r\n`);
		return socket;
	};

	test("a client that goes away mid-file leaves nothing", async () => {
		const before = api.trainer.received;
		const socket = open();
		socket.write(Buffer.alloc(1_000_000, 97));
		while (api.trainer.received === before) await sleep(10);
		socket.destroy();
		await until("nothing staged is left", async () => (await strays()).length === 0, 20);
		expect((await api.call("GET", "/healthz")).status).toBe(200);
	});

	test("a trainer that does not read holds the client back: nothing is buffered whole", async () => {
		api.trainer.pause();
		const socket = open();
		for (let i = 0; i < 240; i++) socket.write(Buffer.alloc(64 * 1024, 97));
		// Until nothing more is read: sockets and HTTP/2 windows are full.
		for (let before = -1; before !== Math.max(...bytesRead()); await sleep(500)) before = Math.max(...bytesRead());
		// Sockets and HTTP/2 windows hold some megabytes themselves; what counts is that reading stops.
		expect(Math.max(...bytesRead())).toBeGreaterThan(100_000);
		expect(Math.max(...bytesRead())).toBeLessThan(6_000_000);
		socket.destroy();
		api.trainer.resume();
		await until("nothing staged is left", async () => (await strays()).length === 0, 20);
	});

	const bytesRead = () => {
		const handles = (
			process as unknown as { _getActiveHandles(): { bytesRead?: number; localPort?: number }[] }
		)._getActiveHandles();
		return handles.filter((handle) => handle.localPort === port).map((handle) => handle.bytesRead ?? 0);
	};
});
