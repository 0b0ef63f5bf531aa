// What a run's metrics are called and which way is better.
// Uniformity is of models with vectors of users; the others' cells stay empty.
const RANKING = /^(?:valid|test)\.(?:recall|ndcg)@(\d+)$/;

/** Whether the service measures it under a protocol with these cut-offs. */
export function measures(metric: string, cutoffs: number[]): boolean {
	if (metric === "test.uniformity") return true;
	const cutoff = RANKING.exec(metric)?.[1];
	return cutoff !== undefined && cutoffs.includes(Number(cutoff));
}

export const lowerIsBetter = (metric: string) => metric.endsWith(".uniformity");

/** test.recall@20 as the paper writes it: Recall@20. */
export function titleOf(metric: string): string {
	const name = metric.replace(/^test\./, "").replace(/^valid\./, "validation ");
	return name
		.replace("recall", "Recall")
		.replace("ndcg", "NDCG")
		.replace(/^uniformity/, "Uniformity");
}
