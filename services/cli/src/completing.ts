// What a shell may complete beside commands and options: names that the service knows.
import { type Client, connect } from "@valence/client";
import { harmless } from "@valence/supervisor/terminal";
import { readContexts, targetOf } from "./contexts.js";
import { BEST, LATEST, short } from "./finding.js";

/** Whoever presses Tab does not wait longer than this for a service. */
const PATIENCE_MS = 1_500;
const MOST_RUNS = 30;
const MOST_EXPERIMENTS = 5;

/**
 * The names that may stand in the place of the last word of a line, which begins with the command itself; null where the
 * place is not one of names but of commands and options, and empty where the shell's own files stand.
 */
export async function namesFor([, ...words]: string[]): Promise<string[] | null> {
	const current = words.at(-1) ?? "";
	const before = words.at(-2);
	const context = words[words.indexOf("--context") + 1];
	const asked = words.includes("--context") && before !== "--context" ? context : undefined;
	const names = words.length < 2 ? null : listFor(words, asked);
	return names && (await names.catch(() => [])).filter((name) => name.startsWith(current) && isOneLine(name));
}

/** One name a line; nor may one steer the terminal that shows it. */
const isOneLine = (name: string) => harmless(name) === name;

function listFor(words: string[], context: string | undefined): Promise<string[]> | null {
	const [command = "", first = ""] = words;
	const [before = "", current = ""] = words.slice(-2);
	const place = words.length;
	const ask = (work: (api: Client) => Promise<string[]>) => inTime(work, context);
	if (before === "--context" || (command === "contexts" && ["--use", "--remove"].includes(before)))
		return Promise.resolve([...Object.keys(readContexts().contexts), ...(command === "contexts" ? ["local"] : [])]);
	if (before === "--on") return ask(datasetNames);
	if (before === "--model") return ask(modelNames);
	if (before === "--deployment" || (command === "deploy" && before === "--as")) return ask(deploymentNames);
	if (before === "--feed") return ask(feedNames);
	if (command === "train" && before === "--class") return ask(classNames);
	if (["train", "compare"].includes(command) && before === "--metrics") return ask(metricNames);
	if (command === "compare" && before === "--baseline") return ask(modelNames);
	if (["train", "refresh"].includes(command) && ["--set", "--grid", "--space"].includes(before)) return ask(fieldNames);
	if (command === "rollback" && before === "--to")
		return ask((api) => servedBefore(api, first.startsWith("--") ? "default" : first));
	if (before.startsWith("--") || current.startsWith("-") || place < 2) return null;
	if (command === "train") return ask(modelNames);
	if (command === "models" && place === 2) return ask(modelNames);
	if (["deploy", "refit", "runs", "cancel"].includes(command) && place === 2) return ask(runNames);
	if (["outcomes", "rollback"].includes(command) && place === 2) return ask(deploymentNames);
	if (command === "machines" && ["drain", "resume"].includes(first) && place === 3) return ask(machineNames);
	if (command === "keys" && first === "revoke" && place === 3) return ask(keyNames);
	if (command === "refresh" && place === 3) return ask(deploymentNames);
	if (command === "compare" || (command === "search" && place === 2)) return ask(experimentNames);
	if (command === "feed" && place === 3) return ask(feedNames);
	if ((command === "feed" && place === 4) || ["import", "export", "backup", "restore"].includes(command))
		return Promise.resolve([]); // files: the shell's own
	return null;
}

function inTime(work: (api: Client) => Promise<string[]>, context: string | undefined): Promise<string[]> {
	const { url, key } = targetOf(context);
	const late = new Promise<string[]>((resolve) => setTimeout(() => resolve([]), PATIENCE_MS).unref());
	return Promise.race([work(connect(url, key)), late]);
}

const datasetNames = async (api: Client) => {
	const { items } = await api.get("/datasets", { query: { state: "SUCCEEDED", limit: 200 } });
	return [LATEST, ...new Set(items.map(({ name }) => name))];
};
const deploymentNames = async (api: Client) => (await api.get("/deployments")).items.map(({ name }) => name);
const servedBefore = async (api: Client, name: string) => {
	const { history, checkpoint } = await api.get("/deployments/{name}", { path: { name } });
	const there = history.flatMap(({ checkpointId }) => (checkpointId === null ? [] : [checkpointId]));
	return [...new Set(there)].filter((id) => id !== checkpoint.id).map(short);
};
const keyNames = async (api: Client) =>
	(await api.get("/keys", { query: { limit: 200 } })).items.map(({ name }) => name);
const machineNames = async (api: Client) => (await api.get("/machines")).items.map(({ name }) => name);
const classNames = async (api: Client) => (await api.get("/machines")).classes;
const feedNames = async (api: Client) =>
	(await api.get("/feeds", { query: { limit: 200 } })).items.map(({ name }) => name);
const modelNames = async (api: Client) => (await api.get("/models")).items.map(({ name }) => name);
const metricNames = async (api: Client) => (await api.get("/metric-definitions")).items.map(({ name }) => name);
const fieldNames = async (api: Client) => {
	const { items } = await api.get("/models");
	return [...new Set(items.flatMap((model) => Object.keys(model.configSchema.properties)))].map((field) => `${field}=`);
};
const experimentNames = async (api: Client) => {
	const { items } = await api.get("/experiments", { query: { limit: 200 } });
	return [LATEST, ...items.map(({ id }) => short(id))];
};
const runNames = async (api: Client) => {
	const found = [BEST, LATEST];
	const { items } = await api.get("/experiments", { query: { limit: MOST_EXPERIMENTS } });
	for (const { id } of items)
		found.push(...(await api.get("/experiments/{id}", { path: { id } })).runs.map((run) => short(run.id)));
	return found.slice(0, MOST_RUNS);
};
