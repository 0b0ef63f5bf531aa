// The same checkpoint, people and requests for one subject after the other.
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { PYTHON } from "../../services/supervisor/src/paths.js";
import { dim, say, step } from "../../services/supervisor/src/terminal.js";
import { stopping, using } from "./ends.js";
import { median } from "./figures.js";
import type { Generator } from "./generator.js";
import { checkSame, type Ids, idsOf, measure, memoryOf, tiersOf } from "./measure.js";
import type { Options } from "./options.js";
import { deployed, deployTrained, listsAreWarm, type Place, type Running, startOurs } from "./ours.js";
import { PYTHONPATH, serve, untilAnswered } from "./peers.js";
import { draw } from "./questions.js";
import type { Results, Row, SubjectName } from "./results.js";
import { askText, type Person, SUBJECTS } from "./subjects.js";

/** How many ask at once when everybody is asked for once. */
const ASKING = 16;
const COMPUTED = 300;
const SEEDS_A_REPEAT = 1_000;

export class Bench {
	private readonly bodies: string;
	private readonly compute: number[] = [];
	private people: Person[] = [];
	private checkpoint = { model: "", epoch: 0, key: "" };
	private data = "";
	private same: Ids = { known: [], foldIn: [] };
	private tiers: Results["tiers"] = null;
	private memory: Results["memory"] = null;

	constructor(
		private readonly options: Options,
		private readonly place: Place,
		private readonly folder: string,
		private readonly generator: Generator,
	) {
		this.bodies = join(folder, "bodies.json");
	}

	found(): Pick<Results, "data" | "checkpoint" | "tiers" | "computeP50" | "memory"> {
		const { model, epoch } = this.checkpoint;
		return {
			data: { name: this.data, users: this.people.length },
			checkpoint: { model, epoch },
			tiers: this.tiers,
			computeP50: this.compute.length > 0 ? median(this.compute) : null,
			memory: this.memory,
		};
	}

	async ours(repeat: number): Promise<Row[]> {
		const start = () => startOurs(this.place, stopping, (line) => say(`  ${line}`));
		const rows = await using(
			() => step("Start Valence", start),
			(running) => this.measureOurs(running, repeat),
		);
		if (this.options.only.includes("ours")) {
			const questions = draw(this.people, COMPUTED, repeat * SEEDS_A_REPEAT).map(({ items }) => ({ items, n: 20 }));
			const times = await step("Time the model alone", () => this.askAbout("compute", JSON.stringify(questions)));
			this.compute.push(median(times as number[]));
		}
		return rows;
	}

	private async measureOurs(running: Running, repeat: number): Promise<Row[]> {
		const { options, generator } = this;
		const { url, stack } = running;
		const broken = stack?.broken.then((error) => Promise.reject(error));
		const work = async () => {
			if (repeat === 0) await this.prepare(url);
			const target = { name: "ours", url, people: this.people } as const;
			const isWarm = await step("Wait until it is warm", () => listsAreWarm(url));
			if (repeat === 0 || !isWarm)
				await step(`Ask once for each of ${this.people.length.toLocaleString("en")} users`, () =>
					this.askEverybody(url),
				);
			if (repeat === 0) this.same = await idsOf(target);
			if (!options.only.includes("ours")) return [];
			const rows = await measure(target, options, repeat * SEEDS_A_REPEAT, generator, progress("Valence"));
			this.tiers = await tiersOf(target);
			if (options.requests > 0 && repeat === options.repeats - 1) {
				const pid = () => stack?.services.find(({ spec }) => spec.name === "api")?.pid;
				this.memory = await memoryOf(target, options.requests, () => residentOf(pid()), generator, progress("Valence"));
			}
			return rows;
		};
		return broken ? Promise.race([work(), broken]) : work();
	}

	private async prepare(url: string): Promise<void> {
		const { options } = this;
		const sample = join(this.folder, "sample");
		if (options.home === null && options.data === null)
			await step("Generate the sample", () => askPython(["-m", "trainer", "sample", "--out", sample]));
		if (options.home === null)
			await step(`Import ${options.data ?? "it"}, train VALID for ${options.epochs} epochs, deploy it`, () =>
				deployTrained(url, options.data ?? sample, options.epochs),
			);
		const { dataset, ...checkpoint } = await deployed(url);
		this.checkpoint = checkpoint;
		this.data = dataset;
		const everybody = (await this.askAbout("questions")) as Person[];
		this.people = everybody.slice(0, options.people ?? everybody.length);
	}

	/** Fills the file of bodies with what ours answers to each user. */
	private async askEverybody(url: string): Promise<void> {
		const bodies: [string, string][] = [];
		const waiting = this.people.values();
		const askOn = async () => {
			for (const person of waiting) bodies.push([person.user, await askText(url, SUBJECTS.ours.known(person))]);
		};
		await Promise.all(Array.from({ length: ASKING }, askOn));
		writeFileSync(this.bodies, JSON.stringify(bodies));
	}

	async other(name: SubjectName, repeat: number): Promise<Row[]> {
		const { options, people, folder, bodies, generator } = this;
		const what = { name, artifacts: this.place.artifacts, checkpoint: this.checkpoint.key, bodies, folder };
		return using(
			() => serve(what),
			async (served) => {
				const target = { name, url: served.url, people };
				const theirs = await step(`Start ${name}`, () => untilAnswered(served, () => idsOf(target)));
				checkSame(name, this.same, theirs);
				return Promise.race([
					measure(target, options, repeat * SEEDS_A_REPEAT, generator, progress(name)),
					served.broken,
				]);
			},
		);
	}

	private async askAbout(what: "questions" | "compute", input = ""): Promise<unknown> {
		return JSON.parse(await askPython(["-m", "peers.asked", what, this.place.artifacts, this.checkpoint.key], input));
	}
}

const progress = (name: string) => (line: string) => say(dim(`  ${name}: ${line}`));

const residentOf = (pid: number | undefined) =>
	Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;

/** What a command of the trainer's environment says. */
export async function askPython(given: string[], input = ""): Promise<string> {
	const start = () => {
		const child = spawn(PYTHON, given, { env: { ...process.env, PYTHONPATH }, stdio: ["pipe", "pipe", "pipe"] });
		const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
		return {
			child,
			ended,
			stop: () => {
				child.kill();
				return ended;
			},
		};
	};
	return using(start, async ({ child, ended }) => {
		child.stdin.on("error", () => undefined).end(input);
		const [said, complained, status] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
		if (status !== 0) throw new Error(`${given.join(" ")} ended with status ${status}:\n${complained.slice(-2_000)}`);
		return said;
	});
}
