// Imports staged files into a feed. Each batch of rows is committed together with how far it came, so that none is written twice; the
// trainer reads no faster than they are written.
import type { FastifyInstance } from "fastify";
import fp from "fastify-plugin";
import type { StoredFile } from "../datasets/dataset-store.js";
import { describe, type Said } from "../feeds/describing.js";
import { type Interaction, latestOf } from "../feeds/interaction.js";
import { discardSentFiles } from "../feeds/sent-files.js";
import { announceRows, type Stored, store } from "../feeds/storing.js";
import type {
	ImportProblem,
	InteractionRows,
	ItemRow,
	ReadRowsRequest,
	RowsChecked,
} from "../generated/proto/trainer/v1/trainer.js";
import { RemoteError } from "../grpc.js";
import { appendEvent, type Claim, guard, guarded } from "../plugins/jobs.js";
import type { Transaction } from "../plugins/prisma.js";
import { perform } from "./ownership.js";

const CONCURRENCY = 2;
/** Items come by fifties; each writing of them is read by every process that serves the feed. */
const ITEMS_AT_ONCE = 1_000;
const MOST_PROBLEMS = 100;
/** Watchers see progress about this often; a stage is always told. */
const PROGRESS_MS = 1_000;
/** Of the whole, what reading the files a first time takes: writing rows is slower by far. */
const CHECKING = 0.1;
/** A feed may be held by whoever takes much away. */
const LONGEST_WRITE_MS = 60_000;

export default fp(
	async (app) => {
		app.queue.work("feed_import", CONCURRENCY, async (id, shutdown) => {
			await perform(app, id, shutdown, (claim, signal, heard) => new FeedImporting(app, claim).run(signal, heard));
			await discardSentFiles(app).catch((err) => app.log.warn({ err }, "what was sent to a feed waits for the sweep"));
		});
	},
	{ name: "import-into-feed", dependencies: ["queue", "jobs", "trainer", "removals", "feeds", "machine"] },
);

/** One attempt. */
class FeedImporting {
	private feed = "";
	private since = 0n;
	/** Rows that are stored, by this attempt and those before it. */
	private done = 0;
	private total = 0;
	/** That are not written yet. */
	private items: ItemRow[] = [];
	private readonly problems: ImportProblem[] = [];
	private badRows = 0;
	private problemsTotal = 0;
	private stage = "";
	private told = 0;

	constructor(
		private readonly app: FastifyInstance,
		private readonly claim: Claim,
	) {}

	async run(signal: AbortSignal, heard: () => void): Promise<void> {
		const request = await this.request();
		try {
			for await (const { event } of this.app.trainer.readRows(request, signal)) {
				heard();
				if (event?.$case === "problem") this.note(event.value);
				// Signs of life while rows are skipped are of the reading before.
				if (event?.$case === "progress" && this.stage !== "writing") {
					const { stage, rowsRead, fraction, problems } = event.value;
					this.problemsTotal = Math.max(this.problemsTotal, problems);
					await this.tell({ stage, rowsRead, fraction: fraction * CHECKING });
				}
				if (event?.$case === "checked") await this.onChecked(event.value);
				if (event?.$case === "interactions") {
					await this.writeItems();
					await this.write(event.value.users.length, added(event.value, this.since));
				}
				if (event?.$case === "items") {
					this.items.push(...event.value.rows);
					if (this.items.length >= ITEMS_AT_ONCE) await this.writeItems();
				}
				heard(); // what was written took its time
			}
			await this.writeItems();
		} catch (error) {
			await this.keepProblems();
			throw error;
		}
		if (this.stage === "" || this.done < this.total)
			throw new RemoteError("trainer_crashed", "the rows ended before the last one");
		await this.app.persist(() => guarded(this.app, this.claim, (tx) => this.app.jobs.end(tx, this.claim, "SUCCEEDED")));
	}

	private async request(): Promise<ReadRowsRequest> {
		const where = { id: this.claim.id };
		const include = { feed: { select: { name: true } } };
		const row = await this.app.persist(() => this.app.prisma.feedImport.findUniqueOrThrow({ where, include }));
		this.feed = row.feed.name;
		this.since = row.since;
		this.done = Number(row.rowsDone);
		const files = row.files as unknown as StoredFile[];
		return {
			importId: row.id,
			files: files.map(({ role, uploadKey, displayName, sha256 }) => ({ role, uploadKey, displayName, sha256 })),
			ruleJson: JSON.stringify(row.rule),
			latestMs: latestOf(row.createdAt).getTime(),
			skip: this.done,
		};
	}

	/** What is said of a whole file must not be lost behind the rows. */
	private note(problem: ImportProblem): void {
		if (problem.line === 0 || ++this.badRows <= MOST_PROBLEMS) this.problems.push(problem);
	}

	private async keepProblems(): Promise<void> {
		if (this.problems.length === 0) return;
		await this.app.persist(() => guarded(this.app, this.claim, (tx) => this.update(tx, this.said())));
	}

	private said() {
		return {
			problems: this.problems as object[],
			problemsTotal: Math.max(this.problemsTotal, this.problems.length),
		};
	}

	private async update(tx: Transaction, data: object): Promise<void> {
		await tx.feedImport.update({ where: { id: this.claim.id }, data });
	}

	private async onChecked({ interactions, items, bad, problems }: RowsChecked): Promise<void> {
		this.total = interactions + items;
		this.problemsTotal = problems;
		await this.app.persist(() =>
			guarded(this.app, this.claim, (tx) => this.update(tx, { rowsTotal: this.total, bad, ...this.said() })),
		);
		await this.tell(this.written());
	}

	private written() {
		const share = this.total === 0 ? 1 : this.done / this.total;
		return { stage: "writing", rowsRead: this.done, fraction: CHECKING + (1 - CHECKING) * share };
	}

	private async tell(progress: { stage: string; rowsRead: number; fraction: number }): Promise<void> {
		if (progress.stage === this.stage && Date.now() - this.told < PROGRESS_MS) return;
		this.stage = progress.stage;
		this.told = Date.now();
		await this.app.persist(() =>
			guarded(this.app, this.claim, (tx) => appendEvent(tx, this.claim.id, "progress", progress)),
		);
	}

	private async writeItems(): Promise<void> {
		const rows = this.items;
		this.items = [];
		if (rows.length > 0) await this.write(rows.length, described(rows));
	}

	/** In one transaction the rows and how far that is; the feed's row is held before the job's. */
	private async write(rows: number, work: Work): Promise<void> {
		const until = this.done + rows;
		await this.app.persist(() =>
			this.app.feeds.hold(
				this.feed,
				async (tx, feed) => {
					await guard(tx, this.claim);
					const { rowsDone } = await tx.feedImport.findUniqueOrThrow({ where: { id: this.claim.id } });
					if (Number(rowsDone) >= until) return; // the answer to its commit was lost
					const counts = await work(tx, this.feed, feed);
					await this.update(tx, { rowsDone: until, ...counts });
					await this.app.jobs.gotFurther(tx, this.claim);
				},
				LONGEST_WRITE_MS,
			),
		);
		this.done = until;
		await this.tell(this.written());
	}
}

/** Writes rows and says what that adds to the counts. */
type Work = (tx: Transaction, name: string, feed: number) => Promise<Record<string, { increment: number }>>;

function added({ users, items, atMs, values }: InteractionRows, since: bigint): Work {
	const rows = users.map((user, index): Interaction => {
		const value = values[index] as number;
		const at = new Date(atMs[index] as number);
		return {
			user,
			item: items[index] as string,
			at,
			value: Number.isNaN(value) ? null : value,
			id: null,
			recommendationId: null,
		};
	});
	return async (tx, _, feed) => {
		const [{ added, erased }] = (await store(tx, feed, [{ interactions: rows, since }])) as [Stored];
		await announceRows(tx, feed);
		return {
			added: { increment: added },
			known: { increment: rows.length - added - erased },
			erased: { increment: erased },
		};
	};
}

function described(rows: ItemRow[]): Work {
	const said = new Map<string, Said>();
	// Of rows with the same id the last that says something.
	for (const { item, title, tags } of rows) {
		said.set(item, { ...said.get(item), item, ...(title !== "" && { title }), ...(tags.length > 0 && { tags }) });
	}
	return async (tx, name, feed) => {
		await describe(tx, name, feed, [...said.values()]);
		return { items: { increment: rows.length } };
	};
}
