// How answers are recorded: a fair share of too many, nothing that waits for the database, and what is too old or too many goes.
import { randomUUID } from "node:crypto";
import { Prisma } from "../../../services/api/src/generated/prisma/client.js";
import { student, wilson } from "../../../services/api/src/outcomes/intervals.js";
import { printIn, printOf } from "../../../services/api/src/outcomes/print.js";
import { type Given, Sample } from "../../../services/api/src/outcomes/sample.js";
import type { Deployed } from "../../../services/api/src/plugins/deployments.js";
import { MOST_AT_ONCE } from "../../../services/api/src/plugins/outcomes.js";
import { startApi, type TestApi } from "../../support/api.js";
import { STRANGE } from "../../support/fake-recommender.js";

const HOUR = 3_600_000;
const deployed = (feed: number, name = "default") =>
	({ name, checkpoint: { id: randomUUID() }, feed: { id: feed, name: "shop", since: 0 }, erasures: 0 }) as Deployed;
const given = (id: string, user = "u1", of = deployed(1)): Given => ({
	...{ id, user, deployed: of, feed: of.feed?.id as number },
	...{ tier: "list", at: 5 * HOUR + 1, shown: () => [1] },
});

describe("a sample", () => {
	test("holds all while there is room, and counts all", () => {
		const sample = new Sample(3);
		const of = deployed(1);
		for (const id of ["a", "b", "c"]) sample.add(given(id, "u1", of));
		sample.forget(1, "nobody");
		sample.forget(2, "u1");
		const { answers, counts, left } = sample.take();
		expect([answers.map(({ id }) => id), left]).toEqual([["a", "b", "c"], 0]);
		expect([...counts.values()]).toEqual([{ of, tier: "list", hour: 5 * HOUR, answered: 3 }]);
		sample.putBack(counts);
		sample.add(given("d", "u1", of));
		expect([...sample.take().counts.values()].map(({ answered }) => answered)).toEqual([4]);
	});
	test("of more, each is as likely as any other", () => {
		const found = new Map<string, number>();
		const [rounds, of] = [4_000, deployed(1)];
		for (let round = 0; round < rounds; round++) {
			const sample = new Sample(2);
			for (const id of ["a", "b", "c", "d", "e"]) sample.add(given(id, "u1", of));
			const { answers, left } = sample.take();
			expect([answers.length, left]).toEqual([2, 3]);
			for (const { id } of answers) found.set(id, (found.get(id) ?? 0) + 1);
		}
		// Two in five; six standard deviations of that are 0.046.
		for (const count of found.values()) expect(Math.abs(count / rounds - 0.4)).toBeLessThan(0.047);
		expect(found.size).toBe(5);
	});
});

describe("intervals", () => {
	test("of a share: Wilson's, also at the edges", () => {
		expect(wilson(0, 0)).toBeNull();
		expect(wilson(0, 10)?.low).toBe(0);
		expect(wilson(0, 10)?.high).toBeCloseTo(0.2775, 4);
		expect(wilson(10, 10)).toMatchObject({ high: 1 });
		// Newcombe, 1998, table I: 81 of 263.
		expect(wilson(81, 263)?.low).toBeCloseTo(0.2553, 4);
		expect(wilson(81, 263)?.high).toBeCloseTo(0.3662, 4);
	});
	test("of a mean: Student's t, from three on", () => {
		expect(student(2, 4, 10)).toBeNull();
		const of = (...values: number[]) =>
			student(
				values.length,
				values.reduce((a, b) => a + b),
				values.reduce((a, b) => a + b * b, 0),
			);
		expect(of(4, 4, 4)).toEqual({ low: 4, high: 4 });
		// t.test(1:10) of R.
		expect(of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)?.low).toBeCloseTo(3.3341, 3);
		expect(of(1, 2, 3)?.low).toBeCloseTo(2 - 4.3027 / Math.sqrt(3), 1);
	});
});

describe("in the database", () => {
	let api: TestApi;
	let feed: number;
	beforeAll(async () => {
		api = await startApi({ OUTCOMES_ROWS: "2500", TIMING_SCALE: "1" });
		feed = (await api.app.prisma.feed.create({ data: { name: "shop" } })).id;
	});
	afterAll(() => api.close());
	const counted = async (name: string) => {
		const hours = await api.app.prisma.answerHour.findMany({
			where: { deploymentName: name },
			orderBy: { hour: "asc" },
		});
		const answers = await api.app.prisma.answer.count({ where: { deploymentName: name } });
		return { answers, hours: hours.map(({ answered, recorded }) => [Number(answered), Number(recorded)]) };
	};
	const metric = async (line: string) =>
		Number(
			new RegExp(`^${line.replaceAll(/[{}]/g, "\\$&")} (\\d+)`, "m").exec(await api.app.meters.registry.metrics())?.[1],
		);
	const note = (of: Deployed, count: number) => {
		for (let i = 0; i < count; i++) api.app.outcomes.note(of, "u1", "list", () => [1, -2]);
	};

	test("an item's print is the same in both languages", async () => {
		for (const id of ["a", "Ü 2", ...STRANGE]) {
			const [row] = await api.app.prisma.$queryRaw<
				[{ print: number }]
			>`SELECT ${printIn(Prisma.sql`${id}::text`)} AS print`;
			expect(row.print).toBe(printOf(id));
		}
	});

	test("too many at once: as many as there is room for are written, and all are counted", async () => {
		const of = deployed(feed, "busy");
		note(of, MOST_AT_ONCE + 500);
		await api.app.outcomes.flush();
		expect(await counted("busy")).toEqual({ answers: MOST_AT_ONCE, hours: [[MOST_AT_ONCE + 500, MOST_AT_ONCE]] });
		expect(await metric('valence_answers_unrecorded_total{reason="rate"}')).toBe(500);
	});

	test("the database away: nobody waits, what was answered is gone and is counted", async () => {
		const of = deployed(feed, "away");
		note(of, 3);
		const { prisma } = api.app;
		await prisma.$executeRaw`ALTER TABLE answers RENAME TO answers_away`;
		await api.app.outcomes.flush();
		await prisma.$executeRaw`ALTER TABLE answers_away RENAME TO answers`;
		expect(await metric('valence_answers_unrecorded_total{reason="database"}')).toBe(3);
		// Where nothing could be taken yet, it waits.
		note(of, 2);
		await prisma.$executeRaw`ALTER TABLE feeds RENAME TO feeds_away`;
		await api.app.outcomes.flush();
		await prisma.$executeRaw`ALTER TABLE feeds_away RENAME TO feeds`;
		await api.app.outcomes.flush();
		expect(await counted("away")).toEqual({ answers: 2, hours: [[5, 2]] });
	});

	test("what is too old goes; of too many the oldest, whosever they are", async () => {
		const { prisma } = api.app;
		await prisma.answer.deleteMany();
		await prisma.answerHour.deleteMany();
		const back = (name: string, hours: number) =>
			prisma.$executeRaw`
				WITH moved AS (UPDATE answer_hours SET hour = hour - ${hours} * interval '1 hour' WHERE deployment_name = ${name})
				UPDATE answers SET at = at - ${hours} * interval '1 hour' WHERE deployment_name = ${name}`;
		for (const [name, hours] of [
			["ancient", 31 * 24],
			["old", 50],
			["older", 60],
			["new", 0],
		] as const) {
			note(deployed(feed, name), 1_000);
			await api.app.outcomes.flush();
			await back(name, hours);
		}
		// As where one sweep does not come to the end of them: the hour stays, by which the next one finds them.
		await prisma.$executeRaw`CREATE FUNCTION stays() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`;
		await prisma.$executeRaw`CREATE TRIGGER stays BEFORE DELETE ON answers FOR EACH ROW EXECUTE FUNCTION stays()`;
		await api.app.outcomes.sweep();
		expect(await counted("ancient")).toEqual({ answers: 1_000, hours: [[1_000, 1_000]] });
		await prisma.$executeRaw`DROP FUNCTION stays CASCADE`;
		await api.app.outcomes.sweep();
		expect((await counted("ancient")).answers).toBe(0);
		expect((await counted("ancient")).hours).toEqual([]);
		const [older, old, newest] = [await counted("older"), await counted("old"), await counted("new")];
		expect([old.answers, newest.answers]).toEqual([1_000, 1_000]);
		// Half of that hour, taken as evenly spread; here all came in one moment of it.
		expect([0, 1_000]).toContain(older.answers);
		expect(older.hours).toEqual([[1_000, older.answers]]);
		await prisma.$executeRaw`
			UPDATE answers SET at = date_trunc('hour', at) + number * interval '3.6 seconds' FROM
				(SELECT id, row_number() OVER () - 1 AS number FROM answers WHERE deployment_name = 'old') AS o WHERE o.id = answers.id`;
		await prisma.answer.deleteMany({ where: { deploymentName: "older" } });
		await prisma.answerHour.deleteMany({ where: { deploymentName: "older" } });
		note(deployed(feed, "newer"), 1_000);
		await api.app.outcomes.flush();
		await api.app.outcomes.sweep();
		expect(await counted("old")).toEqual({ answers: 500, hours: [[1_000, 500]] });
		expect(await metric("valence_answers_early_total")).toBe(500 + 1_000 - older.answers);
	});
});

test("off: no ids, no rows, and what was recorded before is still told", async () => {
	const api = await startApi({ OUTCOMES: "off" });
	try {
		const checkpoint = await api.checkpoint((await api.experiment(["SUCCEEDED"])).runs[0] as string);
		await api.call("PUT", "/feeds/shop");
		await api.call("PUT", "/deployments/default", { checkpoint, feed: "shop" });
		expect((await api.call("GET", "/users/u1/recommendations")).body.recommendationId).toBeNull();
		const { status, body } = await api.call("GET", "/deployments/default/outcomes");
		expect([status, body.recording, body.answered]).toEqual([200, "off", 0]);
		expect(await api.app.prisma.answer.count()).toBe(0);
	} finally {
		await api.close();
	}
});
