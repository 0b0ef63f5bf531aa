// valence refresh set, show, pause, resume, remove: the rule by which a deployment renews itself.
import { type Client, type ImportRule, type NewRefreshRule, Problem, type RefreshSpec } from "@valence/client";
import { bold, say } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { countOf, numberOf, perhaps, seedsOf } from "../arguments.js";
import { ask, yes } from "../asking.js";
import { machineClass, processes } from "../machine-options.js";
import { ruleFrom, sayRule } from "../refresh-rules.js";
import { ruleOf, ruleOptions } from "../rule-options.js";
import { remoteOptions, withService } from "../service.js";

const METRICS = ["recall@20", "ndcg@20", "recall@50", "ndcg@50"];
const MOST_NEW = 1_000_000_000;

export const oneDeployment = <T>(yargs: Argv<T>) =>
	yargs.positional("deployment", { type: "string", default: "default", describe: "Its name" });

export const setRule = (line: Argv) =>
	line.command(
		"set [deployment]",
		"Say how a deployment renews itself; what is not given stays as it is, or is as deployed",
		(yargs) =>
			ruleOptions(oneDeployment(remoteOptions(yargs)))
				.option("feed", { type: "string", requiresArg: true, describe: "What is trained on" })
				.option("model", { type: "string", requiresArg: true, describe: "What is trained; popularity is beside it" })
				.option("set", { type: "string", array: true, nargs: 1, describe: "FIELD=VALUE of the model" })
				.option("seeds", { type: "string", requiresArg: true, coerce: perhaps(seedsOf), describe: "As 1,2,5-8" })
				.option("processes", processes)
				.option("class", machineClass)
				.option("every", { type: "string", requiresArg: true, describe: "A number and s, m, h or d [6h]" })
				.option("cron", { type: "string", requiresArg: true, describe: "Instead of every, five fields: '0 3 * * *'" })
				.option("timezone", { type: "string", requiresArg: true, describe: "Of cron, as Europe/Berlin [UTC]" })
				.option("min-new", {
					type: "string",
					requiresArg: true,
					coerce: perhaps((text) => (text === "0" ? 0 : countOf("--min-new", text, MOST_NEW))),
					describe: "Interactions that have to be new [1]",
				})
				.option("metric", { choices: METRICS, requiresArg: true, describe: "Of the gate [recall@20]" })
				.option("tolerance", {
					type: "string",
					requiresArg: true,
					coerce: perhaps((text) => numberOf("--tolerance", text)),
					describe: "Share of the number of what is deployed that may be lost [0.02]",
				})
				.option("margin", {
					type: "string",
					requiresArg: true,
					coerce: perhaps((text) => numberOf("--margin", text)),
					describe: "Share above popularity that is needed [0]",
				})
				.option("refit", { type: "boolean", describe: "Serve it refit on everything, or --no-refit as tested [refit]" })
				.option("keep", {
					type: "string",
					requiresArg: true,
					coerce: perhaps((text) => countOf("--keep", text, 100)),
					describe: "Refreshes that keep their snapshot and experiment [3]",
				})
				.option("paused", { type: "boolean", describe: "Only on request" })
				.example("$0 refresh set --feed shop --every 6h --min-new 1000", "the model that is deployed, anew")
				.example("$0 refresh set trial --feed shop --model ease --cron '0 3 * * *'", "another one, each night"),
		({ deployment: name, ...options }) =>
			withService(options, async (api) => {
				const { rule: before, base } = await beforeIt(api, name);
				const asked = ruleOf({ ...options, columns: undefined });
				// As the service has it for a rule that says nothing of a snapshot.
				const usual = { split: { kind: "temporal" } };
				const rule =
					Object.keys(asked).length > 0 ? ({ ...usual, ...before?.rule, ...asked } as ImportRule) : undefined;
				const { items: models } = await api.get("/models");
				const { feed, model, seeds, every, cron, timezone, metric, tolerance, margin, refit, keep, paused } = options;
				const gate = { metric, tolerance, margin };
				const where = { processes: options.processes, class: options.class };
				const said = { feed, model, seeds, ...where, every, cron, timezone, ...gate, refit, keep, paused };
				const body = ruleFrom({ ...said, rule, set: options.set ?? [], minNew: options["min-new"] }, base, models);
				const set = await api.put("/deployments/{name}/refresh", { path: { name }, body });
				sayRule(set);
				say(`\n  Next: ${bold(`valence refresh now${name === "default" ? "" : ` ${name}`} --watch`)}`);
				return set;
			}),
	);

/** The rule there is, or what a new one begins as: what is deployed. */
async function beforeIt(api: Client, name: string): Promise<{ rule: RefreshSpec | null; base: Partial<RefreshSpec> }> {
	const path = { name };
	const rule = await orNull(api.get("/deployments/{name}/refresh", { path }));
	if (rule) return { rule: rule.spec, base: rule.spec };
	const deployed = await orNull(api.get("/deployments/{name}", { path }));
	if (!deployed) return { rule: null, base: {} };
	const run = await api.get("/runs/{id}", { path: { id: deployed.checkpoint.runId } });
	const feed = deployed.feed === null ? {} : { feed: deployed.feed };
	const recipe = run.model === "popularity" ? {} : { model: run.model, params: run.config, seeds: [run.seed] };
	return { rule: null, base: { ...feed, ...recipe } };
}

async function orNull<T>(answer: Promise<T>): Promise<T | null> {
	return answer.catch((error) => {
		if (error instanceof Problem && error.code === "not_found") return null;
		throw error;
	});
}

export const showRule = (line: Argv) =>
	line.command(
		"show [deployment]",
		"How a deployment renews itself, when next, and what became of it last",
		(yargs) => oneDeployment(remoteOptions(yargs)).example("$0 refresh show", "of default"),
		({ deployment: name, ...options }) =>
			withService(options, async (api) => {
				const rule = await api.get("/deployments/{name}/refresh", { path: { name } });
				sayRule(rule);
				return rule;
			}),
	);

const turn = (command: "pause" | "resume", describe: string, example: string) => (line: Argv) =>
	line.command(
		`${command} [deployment]`,
		describe,
		(yargs) => oneDeployment(remoteOptions(yargs)).example(`$0 refresh ${command}`, example),
		({ deployment: name, ...options }) =>
			withService(options, async (api) => {
				const path = { name };
				const { spec } = await api.get("/deployments/{name}/refresh", { path });
				const body = { ...spec, paused: command === "pause" } as NewRefreshRule;
				const rule = await api.put("/deployments/{name}/refresh", { path, body });
				say(`  ${bold(name)} ${command === "pause" ? "renews itself no more, but on request" : "renews itself again"}`);
				return rule;
			}),
	);
export const pause = turn("pause", "Begin no refresh by itself; on request it still does", "what is served stays");
export const resume = turn("resume", "Begin by itself again", "from now on");

export const removeRule = (line: Argv) =>
	line.command(
		"remove [deployment]",
		"Delete the rule; a refresh under way goes on, and earlier ones stay",
		(yargs) =>
			oneDeployment(remoteOptions(yargs))
				.option("yes", { ...yes, describe: "Do not ask" })
				.example("$0 refresh remove --yes", "what is served stays"),
		({ deployment: name, ...options }) =>
			withService(options, async (api) => {
				const path = { name };
				const rule = await api.get("/deployments/{name}/refresh", { path });
				if (!options.yes) await ask(`Delete the rule by which ${name} renews itself?`);
				await api.delete("/deployments/{name}/refresh", { path });
				say(`  ${bold(name)} renews itself no more`);
				return rule;
			}),
	);
