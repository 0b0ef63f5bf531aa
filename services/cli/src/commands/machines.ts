// valence machines: who does the work, and one of them drained.
import type { Machine } from "@valence/client";
import { bold, count, dim, green, say, size, table } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { short } from "../finding.js";
import { remoteOptions, withService } from "../service.js";
import { ago } from "../times.js";

const list = (line: Argv) =>
	line.command(
		["list", "$0"],
		"List the machines, by class and name",
		(yargs) => remoteOptions(yargs).example("$0 machines list", "what each has, and what it works at").strict(),
		(options) =>
			withService(options, async (api) => {
				const { items, classes } = await api.get("/machines");
				if (items.length === 0) say("  No machine is there: a worker registers once its trainer answers.");
				else
					table(
						["machine", "class", "state", "devices", "memory", "runs", "works at", "heard"],
						items.map((one) => [
							...[one.name, one.class, one.state, one.devices.map(({ name }) => name).join(", ")],
							size(one.memoryBytes),
							`${one.work.filter(({ kind }) => kind === "run").length} of ${one.slots}`,
							one.work.map(({ id, kind, about }) => `${about ?? kind} ${short(id)}`).join(", ") || "–",
							ago(one.heardAt),
						]),
						{
							left: [0, 1, 2, 3, 6],
							paint: (text, row, column) => (column === 2 ? painted(text, items[row]?.state) : text),
						},
					);
				const empty = classes.filter((name) => !items.some((one) => one.class === name));
				if (empty.length > 0) say(`  May be asked for, and have no machine now: ${empty.join(", ")}`);
				return { items, classes };
			}),
	);

const painted = (text: string, state: Machine["state"] | undefined) =>
	state === "ready" ? green(text) : state === "gone" ? dim(text) : text;

const drain = (line: Argv) =>
	line.command(
		"drain <name>",
		"Have one take no more work; its runs go on elsewhere after their next epoch",
		(yargs) =>
			remoteOptions(yargs)
				.positional("name", { type: "string", demandOption: true, describe: "valence machines lists them" })
				.example("$0 machines drain gpu-1", "before it is switched off"),
		({ name, ...options }) =>
			withService(options, async (api) => {
				const machine = await api.post("/machines/{name}/drain", { path: { name } });
				const { work } = machine;
				say(
					`  ${bold(name)} takes no more work; ${work.length === 0 ? "it does none now." : `it still does ${count(work.length, "job")}.`}`,
				);
				say(
					`\n  Next: ${bold("valence machines")} shows what is left, ${bold(`valence machines resume ${name}`)} takes it back`,
				);
				return machine;
			}),
	);

const resume = (line: Argv) =>
	line.command(
		"resume <name>",
		"Have one take work again",
		(yargs) =>
			remoteOptions(yargs)
				.positional("name", { type: "string", demandOption: true, describe: "valence machines lists them" })
				.example("$0 machines resume gpu-1", "once it is mended"),
		({ name, ...options }) =>
			withService(options, async (api) => {
				const machine = await api.post("/machines/{name}/resume", { path: { name } });
				say(`  ${bold(name)} takes work again.`);
				return machine;
			}),
	);

/** Of `valence machines`, in the order of its help. */
export const MACHINES = [list, drain, resume];

export const machines = (line: Argv) =>
	line.command("machines", "List the machines that do the work, and drain one", (yargs) =>
		MACHINES.reduce<Argv>((more, register) => register(more), yargs)
			.example("$0 machines", "what each has, and what it works at")
			.example("$0 machines drain gpu-1", "its runs go on elsewhere"),
	);
