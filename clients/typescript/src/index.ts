// Client of Valence's HTTP API: types from the published contract, one function that connects, the body of a preview, and what several
// clients work out of an answer: the largest cause of an item, what of a test interests lead to, which trials stand for a search,
// what an estimate is made of, what a comparison has found.
export { causeOf, LINEAR } from "./cause.js";
export { type Client, connect } from "./client.js";
export { dimensionSentence, plain } from "./dimension.js";
export {
	type Against,
	againstOf,
	amountOf,
	type Finding,
	findingOf,
	isPracticallyEqual,
	leastOf,
	oneSeedSentence,
	powerSentence,
	probability,
	sentenceOf,
} from "./finding.js";
export { type Found, foundOf } from "./found.js";
export type * from "./generated/openapi.js";
export { LIKENESS } from "./likeness.js";
export { type Mark, markOf, markSentences, marksUnder, OF_RUNS } from "./marks.js";
export type { Answer, ItemOf, Operation, PathOf } from "./operations.js";
export { previewForm, roleIn, ruleFor } from "./preview.js";
export { Problem } from "./problem.js";
export { type Ending, endingOf, isPruned, standing, untoldSentence } from "./trials.js";
