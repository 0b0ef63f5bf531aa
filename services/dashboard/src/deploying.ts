// What putting a checkpoint into service replaces, in words.
import type { Checkpoint, Dataset, Deployment, ExperimentDetail, Run } from "@valence/client";
import { count } from "./format";

export const NAME_RULE = "small letters, digits and hyphens, 1 to 64 of them, none at the ends a hyphen";
export const isName = (name: string) => /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/.test(name);

/** Of a checkpoint; of one that was served before only the names are known. */
export interface Servable {
	model: string;
	epoch: number;
	experiment: { name: string };
	dataset: { id?: string; name: string };
}

export const servableSentence = ({ model, epoch, experiment, dataset }: Servable) =>
	`${model}, epoch ${epoch}, of ${onDataset(experiment.name, dataset.name)}`;

/** An experiment with its dataset: the name that it has by itself ends with that already. */
export const onDataset = (experiment: string, dataset: string) =>
	experiment.endsWith(` on ${dataset}`) ? experiment : `${experiment}, on ${dataset}`;

/** With the feed that is to be served; the one that is served now where nothing is said. Null where nothing is replaced but another checkpoint of the same model and dataset, or nothing at all. */
export function replaced(
	now: Deployment | undefined,
	next: Servable,
	said?: string | null,
): { question: string; consequence: string } | null {
	if (!now) return null;
	const { name, checkpoint } = now;
	const isOtherData =
		next.dataset.id === undefined
			? checkpoint.dataset.name !== next.dataset.name
			: checkpoint.dataset.id !== next.dataset.id;
	const isOtherModel = checkpoint.model !== next.model;
	if (!isOtherData && !isOtherModel) return null;
	const others = [isOtherModel && "model", isOtherData && "dataset"].filter(Boolean).join(" and another ");
	const feed = said === undefined ? now.feed : said;
	const without = now.feed === null ? "" : `, without the feed ${now.feed}`;
	const isKept = feed !== null && feed === now.feed;
	const histories = isKept ? `, and keep the feed ${feed}` : feed === null ? without : withFeed({ feed });
	return {
		question: `Replace what ${name} serves with another ${others}${histories}?`,
		consequence: [
			`${name} serves ${servableSentence(checkpoint)}${withFeed(now)} now. From then on it serves ${servableSentence(next)}${withFeed({ feed })}.`,
			isOtherData &&
				`It then knows the users and items of ${next.dataset.name}, and no longer those of ${checkpoint.dataset.name}.`,
			isKept && isOtherData && `What people do in ${feed} still joins their histories, unless "no feed" is chosen.`,
			"The Deployments page brings back what was served before.",
		]
			.filter(Boolean)
			.join(" "),
	};
}

/** What joins people's histories, to go on a sentence. */
export const withFeed = ({ feed }: Pick<Deployment, "feed">) => (feed === null ? "" : `, with the feed ${feed}`);

/**
 * The feed to serve a dataset with unless another is chosen: the one that is served now, as without a word; where there is none the one that
 * the dataset is a snapshot of; null for none.
 */
export const feedToServe = (
	now: Pick<Deployment, "feed"> | undefined,
	dataset: Pick<Dataset, "feed"> | undefined,
	feeds: string[],
): string | null => now?.feed ?? feeds.find((feed) => feed === dataset?.feed?.name) ?? null;

/** The run whose checkpoint an experiment puts forward: the best one; the first that succeeded where none could be measured. */
export function runToDeploy({
	best,
	runs = [],
}: Pick<ExperimentDetail, "best" | "runs">): { run: Run; isBest: boolean } | null {
	const first = runs.find(({ id, state }) => (best ? id === best.runId : state === "SUCCEEDED"));
	return first ? { run: first, isBest: best !== null } : null;
}

/** What a checkpoint in service has not learnt from; null where that is nothing, or not known. */
export function leftOutSentence(leavesOut: Deployment["leavesOut"]): string | null {
	if (!leavesOut || leavesOut.interactions === 0) return null;
	const items = leavesOut.items === 0 ? "" : `, nor of ${plural(leavesOut.items, "item")} that only they have`;
	return `It knows nothing of ${plural(leavesOut.interactions, "interaction")} of validation and test${items}. A refit of its run does.`;
}

const plural = (n: number, one: string) => `${count(n)} ${n === 1 ? one : `${one}s`}`;

/** Of a run's checkpoints the best, or the last where none is. */
export const toServe = <C extends Pick<Checkpoint, "isBest" | "isLast">>(checkpoints: C[]): C | undefined =>
	checkpoints.find(({ isBest }) => isBest) ?? checkpoints.find(({ isLast }) => isLast) ?? checkpoints[0];
