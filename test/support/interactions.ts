// A dataset with something to learn in it, imported through the api.
import type { FastifyInstance } from "fastify";
import { isFinal } from "../../services/api/src/plugins/jobs.js";
import { until } from "./processes.js";

const USERS = 2_000;
const ITEMS = 1_000;
const TOPICS = 12;
const PER_USER = 20;

/** Every user takes most items from a topic or two; the same bytes every time. */
export function interactions(): string {
	let state = 1;
	const below = (limit: number) => {
		state = (state * 48_271) % 2_147_483_647;
		return state % limit;
	};
	const lines = ["user_id:token\titem_id:token"];
	for (let user = 0; user < USERS; user++) {
		const topics = [below(TOPICS), below(TOPICS)];
		const items = new Set<number>();
		while (items.size < PER_USER) {
			const item = below(ITEMS);
			if (topics.includes(item % TOPICS) || below(100) === 0) items.add(item);
		}
		for (const item of items) lines.push(`u${user}\ti${item}`);
	}
	return lines.join("\n");
}

export const untilReached = (trainer: FastifyInstance["trainer"]) =>
	until("the trainer answers", () =>
		trainer.reach().then(
			() => true,
			() => false,
		),
	);

/** Uploads the dataset and returns its id once it is imported. */
export async function importInteractions(app: FastifyInstance): Promise<string> {
	const form = new FormData();
	form.set("name", "a topic or two a user");
	form.append("interactions", new Blob([interactions()]), "topics.inter");
	const body = new Response(form);
	await untilReached(app.trainer);
	const reply = await app.inject({
		method: "POST",
		url: "/datasets",
		payload: Buffer.from(await body.arrayBuffer()),
		headers: { "content-type": body.headers.get("content-type") as string },
	});
	if (reply.statusCode !== 202) throw new Error(`no dataset: ${reply.body}`);
	const { id } = reply.json();
	await until("the import's end", async () => {
		const job = await app.prisma.job.findUniqueOrThrow({ where: { id } });
		if (isFinal(job.state) && job.state !== "SUCCEEDED") throw new Error(`the import failed: ${job.errorMessage}`);
		return job.state === "SUCCEEDED";
	});
	return id;
}
