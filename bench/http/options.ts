// The command line of `npm run bench -- http`, checked before anything starts.
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { RESULTS } from "../../services/supervisor/src/paths.js";
import { NAMES, type SubjectName } from "./results.js";

export interface Options {
	only: SubjectName[];
	/** How long each load counts, and how often all of them are repeated. */
	seconds: number;
	repeats: number;
	/** Clients of the closed loops, requests a second of the open ones. */
	clients: number[];
	rates: number[];
	/** How many of the users there are; null: all. */
	people: number | null;
	/** RecBole files; null: the built-in sample. */
	data: string | null;
	epochs: number;
	/** Of a Valence that has a deployment; null: one is made for the time being. */
	home: string | null;
	/** After which the memory of our api is compared with that after the first hundred thousand; 0: not. */
	requests: number;
	print: boolean;
	out: string;
}

export const LEAST_REQUESTS = 200_000;
const CLIENTS = [1, 8, 32, 128];
const RATES = [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000];
/** Small runs say whether it works, not how fast. */
const QUICK = { seconds: "1", repeats: "1", epochs: "1" };
const QUICK_PEOPLE = 200;

export const USAGE = `npm run bench -- http [options]

One checkpoint and the same requests against Valence, a Map of ready answers behind bare Fastify, FastAPI, BentoML and MLflow.

  --only a,b        of ${NAMES.join(", ")} (all)
  --data DIR        a folder of RecBole files; the built-in sample without it
  --epochs N        that VALID (K 4, R 2) is trained (5)
  --home DIR        what this home has deployed as default, running or not, instead of training
  --seconds N       that each load counts (10)
  --repeats N       of everything; medians are told (3)
  --requests N      also sends our api so many requests and compares its memory (a million for the record)
  --quick           one short repeat of a few loads and users, for trying
  --out FILE        results as JSON (bench/results/http.json; http-trial.json with --quick or on the sample)
  --print           prints the table of that file and measures nothing`;

/** Null when help was asked for. */
export function parseOptions(args: string[]): Options | null {
	const { values } = parseArgs({
		args,
		options: {
			only: { type: "string" },
			data: { type: "string" },
			epochs: { type: "string" },
			home: { type: "string" },
			seconds: { type: "string" },
			repeats: { type: "string" },
			requests: { type: "string", default: "0" },
			quick: { type: "boolean", default: false },
			out: { type: "string" },
			print: { type: "boolean", default: false },
			help: { type: "boolean", short: "h" },
		},
	});
	if (values.help) return null;
	const { quick, print } = values;
	const chosen = { seconds: "10", repeats: "3", epochs: "5", ...(quick && QUICK), ...defined(values) };
	const whole = (name: string, text: string, least: number, most: number) => {
		if (!/^\d{1,9}$/.test(text) || Number(text) < least || Number(text) > most)
			throw new Error(`--${name} takes a whole number from ${least} to ${most}, not ${text}`);
		return Number(text);
	};
	const only = values.only?.split(",") ?? [...NAMES];
	const unknown = only.find((name) => !NAMES.includes(name as SubjectName));
	if (unknown !== undefined) throw new Error(`--only takes some of ${NAMES.join(", ")}, not ${unknown || "nothing"}`);
	if (values.home && values.data)
		throw new Error("--data is imported into a home of its own; it does not go with --home");
	const requests = whole("requests", values.requests, 0, 100_000_000);
	if (requests > 0 && requests < LEAST_REQUESTS) throw new Error(`--requests takes at least ${LEAST_REQUESTS}`);
	const at = (path: string) => resolve(process.env.INIT_CWD ?? ".", path);
	const isTrial = quick || (!values.data && !values.home && !print);
	return {
		only: only as SubjectName[],
		seconds: whole("seconds", chosen.seconds, 1, 3_600),
		repeats: whole("repeats", chosen.repeats, 1, 100),
		clients: quick ? [1, 32] : CLIENTS,
		rates: quick ? [250, 2_000] : RATES,
		people: quick ? QUICK_PEOPLE : null,
		data: values.data ? at(values.data) : null,
		epochs: whole("epochs", chosen.epochs, 1, 10_000),
		home: values.home ? at(values.home) : null,
		requests,
		print,
		out: values.out ? at(values.out) : resolve(RESULTS, isTrial ? "http-trial.json" : "http.json"),
	};
}

const defined = (values: { seconds?: string; repeats?: string; epochs?: string }) =>
	Object.fromEntries(
		(["seconds", "repeats", "epochs"] as const).flatMap((name) => (values[name] ? [[name, values[name]]] : [])),
	) as { seconds?: string; repeats?: string; epochs?: string };
