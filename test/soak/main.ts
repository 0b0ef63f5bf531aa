// npm run soak -- [--minutes M] [--warm-up M] [--backend embedded|services] [--out FILE]
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { BACKENDS, type Backend, openBattlefield } from "../chaos/battlefield.js";
import { undisturbedRun } from "../chaos/campaign.js";
import { startLoad } from "../chaos/load.js";
import { growthOf, pageOf, type Soaked } from "./growth.js";
import { startLife } from "./life.js";
import { type Sample, sample } from "./sampling.js";

const USAGE = "npm run soak -- [--minutes M] [--warm-up M] [--backend embedded|services] [--out FILE]";
const EVERY_S = 20;
const SEED = 1;

function refuse(what: string): never {
	console.error(`${what}\n${USAGE}`);
	process.exit(2);
}

const { values } = parseArgs({
	options: {
		minutes: { type: "string", default: "60" },
		"warm-up": { type: "string", default: "10" },
		backend: { type: "string", default: "embedded" },
		out: { type: "string" },
	},
});
const minutes = Number(values.minutes);
const warmUp = Number(values["warm-up"]);
if (!(minutes >= 1)) refuse(`--minutes ${values.minutes}: a number from 1`);
if (!(warmUp >= 0)) refuse(`--warm-up ${values["warm-up"]}: a number from 0`);
const backend = values.backend as Backend;
if (!BACKENDS.includes(backend)) refuse(`--backend ${backend}: ${BACKENDS.join(" or ")}`);

const ended = new AbortController();
process.once("SIGINT", () => ended.abort()).once("SIGTERM", () => ended.abort());
const pause = (seconds: number) => sleep(seconds * 1000, undefined, { signal: ended.signal }).catch(() => undefined);

const field = await openBattlefield(backend, (line) => console.log(line));
const soaked: Soaked = { backend, minutes: 0, warmUp: 0, samples: [], counts: {}, wrong: [] };
field.broken.then((error) => soaked.wrong.push(`it was given up: ${error.message}`));
const all: Sample[] = [];
try {
	const { dataset } = await undisturbedRun(field);
	const load = startLoad(field.url, dataset, SEED);
	const life = await startLife(field.url, dataset);
	const started = performance.now();
	const since = () => (performance.now() - started) / 60_000;
	while (since() < warmUp + minutes && !ended.signal.aborted && soaked.wrong.length === 0) {
		await pause(EVERY_S);
		const taken = await sample(field);
		all.push(taken);
		if (since() <= warmUp) soaked.warmUp = since();
		else soaked.samples.push(taken);
		console.log(`${since().toFixed(1)} min  ${Object.values(taken).map(Math.round).join(" ")}`);
	}
	soaked.minutes = since() - soaked.warmUp;
	await Promise.all([load.stop(), life.stop()]);
	soaked.counts = { ...load.counts, ...life.counts };
	soaked.wrong.push(...load.wrong, ...life.wrong);
} catch (error) {
	soaked.wrong.push(error instanceof Error ? error.message : String(error));
} finally {
	await field.close();
}
if (soaked.wrong.length === 0) field.remove();
else console.log(`logs lie in ${field.logs}`);
const growing = growthOf(soaked.samples).filter(({ isFlat }) => !isFlat);
if (values.out) {
	const data = values.out.replace(/\.md$/, ".json");
	const before = existsSync(data) ? (JSON.parse(readFileSync(data, "utf8")) as Soaked[]) : [];
	const kept = [...before.filter((one) => one.backend !== backend), soaked];
	writeFileSync(data, `${JSON.stringify(kept)}\n`);
	writeFileSync(values.out, pageOf(kept));
}
console.log(pageOf([soaked]));
process.exit(soaked.wrong.length === 0 && growing.length === 0 && soaked.samples.length > 0 ? 0 : 1);
