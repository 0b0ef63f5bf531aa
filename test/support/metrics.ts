// What can be measured, as trainers in tests say it: of each kind one.
import type { MetricDescription } from "../../services/api/src/generated/proto/trainer/v1/measures.js";

const metric = (name: string, title: string, better: string, ofUser = true): MetricDescription => ({
	name,
	title,
	definition: `What ${title} is.`,
	ofUser,
	better,
});

export const METRICS = [
	metric("recall", "Recall", "higher"),
	metric("ndcg", "NDCG", "higher"),
	metric("mrr", "MRR", "higher"),
	metric("novelty", "Novelty", ""),
	metric("calibration", "Miscalibration", "lower"),
	metric("coverage", "Item coverage", "higher", false),
];
