// Every time limit of the control plane, in milliseconds, with its reason. TIMING_SCALE divides them in tests.
export interface Timings {
	/** A live worker writes this often; also how fast a cancel request reaches it: cancel must free the device within 5 s. */
	heartbeat: number;
	/** Three missed heartbeats and a database restart fit in; then another worker takes the job. */
	leaseExpiry: number;
	/** A machine that has missed three heartbeats has lost its name: whoever comes by that name is it, or its successor. */
	machineSilence: number;
	/** A machine that was not heard of for so long is shown as gone; its work has moved on by then. */
	machineGone: number;
	/** Its row is kept for so long after it was last heard of, and with it that it was to drain: repairs take a while. */
	machineForgotten: number;
	/** How often stale leases are looked for: a killed worker's job moves on within expiry + this, under 30 s. */
	reaperInterval: number;
	/** How often QUEUED jobs are compared with the queue: an emptied Redis is noticed within a minute at most. */
	reconcilerInterval: number;
	/** A freshly queued job may still be on its way into the queue. */
	reconcilerGrace: number;
	/** The trainer speaks every second while it makes progress, and kills a silent child itself after 120 s. */
	trainerSilence: number;
	/** Writers outlive a PostgreSQL restart this long before they give their job up. */
	databaseRetry: number;
	/** A connection on which the database says nothing for so long is given up: longer than it lets a statement take. */
	databaseSilence: number;
	/** A failed import waits this long for another rule: over a night, and no longer, for its files are large and hold people's ids. */
	failedImportKept: number;
	/** Uploads that nothing names are looked for this often, by a walk over all artifacts; they are a day old before they go. */
	uploadSweep: number;
	/** A trainer that is away is asked again this often; what waits for it stays QUEUED. After a crash, twice as long each. */
	trainerRetry: number;
	/** A trainer whose slots are all taken is asked again this often; each time costs two events. */
	trainerBusy: number;
	/** A refresh looks so often whether what it waits for has ended, and asks again so often for what is away. */
	refreshLook: number;
	/** A body of which nothing came for so long is given up: a slow line brings something, a laptop that sleeps does not. */
	bodySilence: number;
	/** Deadline of unary calls to the trainer, uploads excepted. */
	unaryCall: number;
	/** Deadline of a recommendation; people wait for it. */
	recommendCall: number;
	/** Each recommender is asked this often whether it is there: one that hangs is asked last within 3 s. */
	recommenderLook: number;
	/** A host name of recommenders is looked up this often: as long as names of a cluster are kept. */
	recommenderAddresses: number;
	/** Loading and verifying a large checkpoint from disk. */
	warmCall: number;
	/** A walk over all artifacts: 100,000 checkpoints take some seconds, on a cold or distant disk minutes. */
	diskWalk: number;
	/** A request waits this long for the queue, then leaves its jobs to the reconciler. */
	queueAnswer: number;
	/** Its connections, one a kind of job and more, are closed within this, or left to the end of the process. */
	queueClose: number;
	/** What is deployed is read again this often, should an announcement have been lost. */
	deploymentsRefresh: number;
	/** Keys are read again this often, should an announcement have been lost. */
	keysRefresh: number;
	/** The last use of keys is written this often: it is told to the minute. */
	keysUsed: number;
	/** What the audit log counts is written this often. */
	auditCounts: number;
	/** What people do now is read again this often, should an announcement have been lost. */
	liveRefresh: number;
	/** Kept steering is read again this often, and what is over is deleted. */
	steeringSweep: number;
	/** Answers wait this long in memory before they are written together. */
	outcomesWrite: number;
	/** Recorded answers that are too old, or too many, are looked for this often. */
	outcomesSweep: number;
	/** A request that died half-way frees its Idempotency-Key after this long; while it is worked on, its key is renewed at a third of it. */
	abandonedKey: number;
	/** BullMQ's lock; renewed at half of it, so an event loop blocked for 10 s does no harm. */
	queueLock: number;
	/** BullMQ's own check for lost locks. It only redelivers; the claim decides. */
	queueStalled: number;
	/** An orderly end: abort runs, hand jobs back, close. The supervisor kills after 10 s. */
	shutdown: number;
}

const DEFAULTS: Timings = {
	heartbeat: 2_000,
	leaseExpiry: 20_000,
	machineSilence: 6_000,
	machineGone: 60_000,
	machineForgotten: 3_600_000,
	reaperInterval: 5_000,
	reconcilerInterval: 10_000,
	reconcilerGrace: 5_000,
	trainerSilence: 130_000,
	databaseRetry: 60_000,
	databaseSilence: 35_000,
	failedImportKept: 24 * 3_600_000,
	uploadSweep: 3_600_000,
	trainerRetry: 1_000,
	trainerBusy: 5_000,
	refreshLook: 1_000,
	bodySilence: 120_000,
	unaryCall: 10_000,
	recommendCall: 5_000,
	recommenderLook: 1_000,
	recommenderAddresses: 5_000,
	warmCall: 120_000,
	diskWalk: 120_000,
	queueAnswer: 2_000,
	queueClose: 3_000,
	deploymentsRefresh: 5_000,
	keysRefresh: 5_000,
	keysUsed: 60_000,
	auditCounts: 60_000,
	liveRefresh: 3_000,
	steeringSweep: 60_000,
	outcomesWrite: 1_000,
	outcomesSweep: 60_000,
	abandonedKey: 60_000,
	queueLock: 20_000,
	queueStalled: 5_000,
	shutdown: 6_000,
};

/** Calls and the shutdown are never shortened: a slow machine would fail them for no reason. Nor is what people wait with. */
const UNSCALED: ReadonlySet<string> = new Set([
	"queueAnswer",
	"queueClose",
	"unaryCall",
	"recommendCall",
	"warmCall",
	"diskWalk",
	"shutdown",
	"databaseRetry",
	"databaseSilence",
	"failedImportKept",
	"machineForgotten",
]);

export function timings(scale: number): Timings {
	const scaled = Object.entries(DEFAULTS).map(([name, value]) => [name, UNSCALED.has(name) ? value : value / scale]);
	return Object.fromEntries(scaled) as Timings;
}
