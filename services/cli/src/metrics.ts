// What a run's metrics are called, in which order they are read, and which way is better. What the service says of them decides;
// recall, NDCG and uniformity are known without it, for results files of earlier versions and lines that show nothing else.
import type { MetricDefinition, Protocol } from "@valence/client";

type Measured = Pick<Protocol, "metrics" | "cutoffs">;
/** What has to be known of a metric to print it. */
export type Known = Pick<MetricDefinition, "name" | "title" | "better">;

/** Recall and NDCG first, which lead wherever they are measured; the others as the protocol has them; each at its cut-offs. */
export function namesOf({ metrics, cutoffs }: Measured, split: "test" | "valid"): string[] {
	const depths = [...cutoffs].sort((a, b) => a - b);
	return metrics.flatMap((name) => depths.map((cutoff) => `${split}.${name}@${cutoff}`));
}

/** Whether a run has it under this protocol. Uniformity is of models with vectors of users; the others' cells stay empty. */
export const measures = (metric: string, protocol: Measured): boolean =>
	metric === "test.uniformity" || [...namesOf(protocol, "test"), ...namesOf(protocol, "valid")].includes(metric);

const partsOf = (metric: string) => {
	const [, split, name = "", cutoff] = /^(?:(test|valid|train)\.)?([^@]*)(@\d+)?$/.exec(metric) ?? [];
	return { split, name, cutoff: cutoff ?? "" };
};

/** Null: neither is. */
export function betterOf(metric: string, known: Known[] = []): "higher" | "lower" | null {
	const { name } = partsOf(metric);
	const definition = known.find((one) => one.name === name);
	if (definition) return definition.better;
	return ["uniformity", "loss"].includes(name) ? "lower" : "higher";
}

/** test.recall@20 as the paper writes it: Recall@20. */
export function titleOf(metric: string, known: Known[] = []): string {
	const { split, name, cutoff } = partsOf(metric);
	const title = known.find((one) => one.name === name)?.title ?? TITLES[name] ?? name;
	return `${split === "valid" ? "validation " : split === "train" ? "train." : ""}${title}${cutoff}`;
}

const TITLES: Record<string, string> = { recall: "Recall", ndcg: "NDCG", uniformity: "Uniformity" };
