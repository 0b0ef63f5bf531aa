// What an export is told of a feed: a line a person, each item once at the last time it was met, oldest first, whenever its row came.
import type { FastifyInstance } from "fastify";
import { stageSince } from "../../../services/api/src/feeds/since.js";
import { startApi, type TestApi } from "../../support/api.js";

let api: TestApi;
beforeAll(async () => {
	api = await startApi();
});
afterAll(() => api.close());

const AT = Date.parse("2026-11-01T12:00:00.123Z");

test("rows are staged with their times, by their times", async () => {
	await api.call("PUT", "/feeds/shop");
	const send = (...rows: [user: string, item: string, after: number][]) =>
		api.call(
			"POST",
			"/feeds/shop/interactions",
			rows.map(([user, item, after]) => ({ user, item, at: AT + after })),
		);
	await send(["u1", "a", 5], ["u1", "b", 6], ["u1", "a", 7], ["u2", "c", 1]);
	await send(["u1", "from before", -86_400_000]);
	const { id: feed } = await api.app.prisma.feed.findUniqueOrThrow({ where: { name: "shop" } });
	async function staged(users: string[]): Promise<unknown[]> {
		const chunks: Uint8Array[] = [];
		const uploadFile = async (bytes: AsyncIterable<Uint8Array>) => {
			for await (const some of bytes) chunks.push(some);
			return { uploadKey: "", sha256: "" };
		};
		const app = { patient: api.app.patient, trainer: { uploadFile } } as unknown as FastifyInstance;
		await stageSince(app, { feed, since: 0, upTo: 1_000_000 }, users, new AbortController().signal, () => undefined);
		const lines = Buffer.concat(chunks).toString().trim().split("\n");
		return lines.map((line) => JSON.parse(line));
	}
	const u1 = { user: "u1", items: ["from before", "b", "a"], at: [AT - 86_400_000, AT + 6, AT + 7] };
	expect(await staged([])).toEqual([u1, { user: "u2", items: ["c"], at: [AT + 1] }]);
	expect(await staged(["u1", "nobody"])).toEqual([u1]);
});
