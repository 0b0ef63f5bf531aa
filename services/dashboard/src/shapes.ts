// What the service answers, as docs/api.md has it.
export type State = "QUEUED" | "RUNNING" | "SUCCEEDED" | "FAILED" | "CANCELLED";
interface Failure {
	code: string;
	message: string;
}
interface Named {
	id: string;
	name: string;
}
export interface Bin {
	low: number;
	high: number;
	count: number;
}
export interface Statistics {
	users: number;
	items: number;
	interactions: number;
	train: number;
	valid: number;
	test: number;
	density: number;
	duplicatesMerged: number;
	rowsSkipped: number;
	belowThreshold: number;
	coldDropped: number;
	titledItems: number;
	userDegrees: Bin[];
	itemDegrees: Bin[];
}
export interface Dataset extends Named {
	digest: string;
	rule: Record<string, unknown>;
	state: State;
	error: Failure | null;
	progress: { stage: string; fraction: number; rowsRead: number } | null;
	statistics: Statistics | null;
	problemsTotal: number;
	problems: { code: string; file: string; line: number; column: string; message: string }[];
	createdAt: string;
}
export interface FieldSchema {
	type?: string;
	enum?: string[];
	default?: unknown;
	description?: string;
	minimum?: number;
	maximum?: number;
	exclusiveMinimum?: number;
	exclusiveMaximum?: number;
}
export interface Model {
	name: string;
	title: string;
	paper: string;
	paperUrl: string;
	family: string;
	summary: string;
	capabilities: string[];
	configSchema: { properties?: Record<string, FieldSchema> };
}
export interface Run {
	id: string;
	experimentId: string;
	model: string;
	seed: number;
	config: Record<string, unknown>;
	configHash: string;
	state: State;
	epoch: number;
	maxEpochs: number | null;
	progress: number;
	secondsLeft: number | null;
	bestEpoch: number | null;
	bestValue: number | null;
	error: Failure | null;
	startedAt: string | null;
	trainSeconds: number | null;
	metrics: Record<string, number | null>;
}
export interface Protocol {
	maskTest: string;
	cutoffs: number[];
	hash: string;
}
export interface Checkpoint {
	id: string;
	runId: string;
	model: string;
	epoch: number;
	bytes: number;
	isBest: boolean;
	isLast: boolean;
	createdAt: string;
	experiment: Named;
	dataset: Named;
}
export interface RunDetail extends Run {
	dataset: Named;
	protocol: Protocol;
	device: string | null;
	torchVersion: string | null;
	codeVersion: string | null;
	parameters: number | null;
	parametersSha256: string | null;
	peakMemoryBytes: number | null;
	stopReason: string | null;
	crashes: number;
	cancelRequested: boolean;
	checkpoints: Checkpoint[];
	log: { at: string; level: string; message: string }[];
}
export interface Group {
	model: string;
	config: Record<string, unknown>;
	configHash: string;
	seeds: number[];
	metrics: Record<string, { mean: number | null; deviation: number | null; n: number }>;
}
export interface Experiment extends Named {
	dataset: Named;
	state: State;
	createdAt: string;
	protocol: Protocol;
	runCounts: Record<string, number>;
	progress: number;
	models: string[];
	best: { runId: string; model: string; metric: string; value: number } | null;
	runs?: Run[];
	groups?: Group[];
}
export interface Series {
	split: string;
	name: string;
	points: { epoch: number; value: number | null }[];
}
export interface Deployment {
	name: string;
	checkpoint: Checkpoint;
	deployedAt: string;
	capabilities: string[];
	history: { checkpointId: string; runId: string; model: string; deployedAt: string }[];
}
export interface Ranked {
	id: string;
	title: string | null;
	score: number;
	interestShares: number[];
	because: { id: string }[];
}
interface Answered {
	id: string;
	runId: string;
	model: string;
	epoch: number;
}
export interface Recommendations {
	items: Ranked[];
	checkpoint: Answered;
	interests: number;
	unknownItems?: string[];
}
export interface UserInterests {
	interests: {
		index: number;
		weight: number;
		topItems: { id: string; title: string | null; score: number }[];
		formedBy: { id: string; title: string | null }[];
	}[];
	history: { id: string; title: string | null; interestShares: number[] }[];
	historyTotal: number;
}
export interface Similar {
	items: { id: string; title: string | null; score: number }[];
	checkpoint: Answered;
}
export interface Evaluation {
	id: string;
	checkpointId: string;
	split: string;
	protocol: Protocol;
	state: State;
	error: Failure | null;
	metrics: Record<string, number | null> | null;
	users: number | null;
	seconds: number | null;
}
export interface System {
	version: string;
	queue: string;
	authentication: boolean;
	device: string;
	torchVersion: string;
}
export interface Page<T> {
	items: T[];
	nextCursor: string | null;
}
