// What putting a checkpoint into service replaces, in words.
import type { Checkpoint, Deployment, ExperimentDetail, Run } from "@valence/client";

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
	`${model}, epoch ${epoch}, of ${experiment.name}, on ${dataset.name}`;

/** Null where nothing is replaced but another checkpoint of the same model and dataset, or nothing at all. */
export function replaced(
	now: Deployment | undefined,
	next: Servable,
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
	return {
		question: `Replace what ${name} serves with another ${others}?`,
		consequence: [
			`${name} serves ${servableSentence(checkpoint)} now. From then on it serves ${servableSentence(next)}.`,
			isOtherData &&
				`It then knows the users and items of ${next.dataset.name}, and no longer those of ${checkpoint.dataset.name}.`,
			"The Deployments page brings back what was served before.",
		]
			.filter(Boolean)
			.join(" "),
	};
}

/** The run whose checkpoint an experiment puts forward: the best one; the first that succeeded where none could be measured. */
export function runToDeploy({
	best,
	runs = [],
}: Pick<ExperimentDetail, "best" | "runs">): { id: string; isBest: boolean } | null {
	if (best) return { id: best.runId, isBest: true };
	const first: Run | undefined = runs.find(({ state }) => state === "SUCCEEDED");
	return first ? { id: first.id, isBest: false } : null;
}

/** Of a run's checkpoints the best, or the last where none is. */
export const toServe = <C extends Pick<Checkpoint, "isBest" | "isLast">>(checkpoints: C[]): C | undefined =>
	checkpoints.find(({ isBest }) => isBest) ?? checkpoints.find(({ isLast }) => isLast) ?? checkpoints[0];
