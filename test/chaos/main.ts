// npm run chaos -- --minutes M --seed S [--backend embedded|services] [--faults a,b] [--out FILE]
import { parseArgs } from "node:util";
import { BACKENDS, type Backend } from "./battlefield.js";
import { runCampaign } from "./campaign.js";
import { faultsOn } from "./faults.js";
import { writeReport } from "./report.js";

const USAGE = "npm run chaos -- [--minutes M] [--seed S] [--backend embedded|services] [--faults a,b] [--out FILE]";

function refuse(what: string): never {
	console.error(`${what}\n${USAGE}`);
	process.exit(2);
}

const { values } = parseArgs({
	options: {
		minutes: { type: "string", default: "10" },
		seed: { type: "string", default: String(Date.now() % 100_000) },
		backend: { type: "string", default: "embedded" },
		faults: { type: "string" },
		out: { type: "string" },
	},
});
const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
if (!(minutes > 0)) refuse(`--minutes ${values.minutes}: a number above 0`);
if (!Number.isSafeInteger(seed) || seed < 0) refuse(`--seed ${values.seed}: a whole number`);
const backend = values.backend as Backend;
if (!BACKENDS.includes(backend)) refuse(`--backend ${backend}: ${BACKENDS.join(" or ")}`);
const known = faultsOn(backend);
const faults = values.faults?.split(",") ?? known;
for (const name of faults) if (!known.includes(name)) refuse(`--faults ${name}: one of ${known.join(", ")}`);

const interrupted = new AbortController();
process.once("SIGINT", () => interrupted.abort()).once("SIGTERM", () => interrupted.abort());
console.log(`seed ${seed}, ${backend}, ${minutes} minutes`);
const outcome = await runCampaign({
	backend,
	seconds: minutes * 60,
	seed,
	faults,
	tell: (line) => console.log(line),
	signal: interrupted.signal,
});
if (values.out) writeReport(values.out, { backend, seed, outcome });
console.log(JSON.stringify(outcome, null, 2));
process.exit(outcome.wrong.length === 0 ? 0 : 1);
