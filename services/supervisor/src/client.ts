// The HTTP API as the commands here use it.
export interface Problem {
	detail: string;
}

/** The API has answered with an error. */
export class Refused extends Error {
	constructor(
		message: string,
		readonly status: number,
	) {
		super(message);
	}
}

export class Client {
	constructor(
		private readonly url: string,
		private readonly key?: string,
	) {}

	async call<T>(method: string, path: string, body?: object | FormData): Promise<T> {
		const isForm = body instanceof FormData;
		const headers: Record<string, string> = {
			...(this.key && { authorization: `Bearer ${this.key}` }),
			...(body && !isForm && { "content-type": "application/json" }),
		};
		const response = await fetch(`${this.url}${path}`, {
			method,
			headers,
			...(body && { body: isForm ? body : JSON.stringify(body) }),
		});
		const answer = response.status === 204 ? null : await response.json();
		if (!response.ok) {
			throw new Refused(`${method} ${path}: ${(answer as Problem).detail ?? response.status}`, response.status);
		}
		return answer as T;
	}

	get = <T>(path: string) => this.call<T>("GET", path);
	post = <T>(path: string, body: object | FormData) => this.call<T>("POST", path, body);
	put = <T>(path: string, body: object) => this.call<T>("PUT", path, body);
}

export interface Model {
	name: string;
	title: string;
	capabilities: string[];
	configSchema: { properties?: Record<string, { default?: unknown }> };
}
export interface System {
	device: string;
	torchVersion: string;
	version: string;
}
export interface Dataset {
	id: string;
	name: string;
	state: string;
	splitDigest: string | null;
	error: { code: string; message: string } | null;
	statistics: { users: number; items: number; interactions: number; density: number } | null;
	problems: { file: string; line: number; message: string }[];
}
export interface Run {
	id: string;
	model: string;
	seed: number;
	state: string;
	epoch: number;
	maxEpochs: number | null;
	progress: number;
	secondsLeft: number | null;
	bestEpoch: number | null;
	bestValue: number | null;
	error: { code: string; message: string } | null;
	config: Record<string, unknown>;
	trainSeconds: number | null;
	finishedAt: string | null;
	metrics: Record<string, number | null>;
	checkpoints?: { id: string; isBest: boolean }[];
}
/** What only GET /runs/:id tells. */
export interface WholeRun extends Run {
	/** How often a worker took it up; more than once after an interruption. */
	lease: number;
	device: string | null;
	torchVersion: string | null;
	codeVersion: string | null;
	parameters: number | null;
	peakMemoryBytes: number | null;
}
export interface Protocol {
	maskTest: string;
	cutoffs: number[];
	hash: string;
}
export interface Experiment {
	id: string;
	name: string;
	state: string;
	runs: Run[];
	models: string[];
	protocol: Protocol;
}
export interface Page<T> {
	items: T[];
	nextCursor: string | null;
}
export interface Series {
	series: { split: string; name: string; points: { epoch: number; value: number | null }[] }[];
}
export interface Recommendations {
	items: { id: string; title: string | null; score: number; interestShares: number[] }[];
	interests: number;
}
export interface Interests {
	interests: { index: number; weight: number; topItems: { title: string | null; id: string }[] }[];
	history: { id: string; title: string | null }[];
	historyTotal: number;
}
