// Where the api lays rungs and how the trainer judges at them, on planted learning curves: what does badly falls out early, and the
// best, which begins slowly, is kept in most searches.
import { randomOf } from "../../bench/http/questions.js";
import { type SearchTrial, SearchTrialState } from "../../services/api/src/generated/proto/trainer/v1/searching.js";
import { halvingOf, isRung } from "../../services/api/src/searches/pruning.js";
import { startRealTrainer } from "../support/real-trainer.js";

jest.setTimeout(120_000);
let trainer: Awaited<ReturnType<typeof startRealTrainer>>;
beforeAll(async () => {
	trainer = await startRealTrainer();
});
afterAll(() => trainer?.stop());

const TRIALS = 30;
const SEARCHES = 20;
const { SEARCH_TRIAL_STATE_RUNNING, SEARCH_TRIAL_STATE_COMPLETE, SEARCH_TRIAL_STATE_PRUNED } = SearchTrialState;

interface Planted {
	/** Validation recall by epoch, with noise of at most 0.005. */
	curves: number[][];
	/** What each comes near to in the end. */
	levels: number[];
	best: number;
}

/** Curves rise to their level exponentially. The time constant of the best is a 10th of all epochs; those of the others are a 50th to a 7th, evenly on a scale of logarithms. */
function planted(epochs: number, seed: number): Planted {
	const random = randomOf(seed);
	const best = Math.floor(random() * TRIALS);
	const levels = Array.from({ length: TRIALS }, (_, trial) => (trial === best ? 0.3 : 0.1 + 0.18 * random()));
	const curves = levels.map((level, trial) => {
		const slowness = epochs * (trial === best ? 0.1 : 0.02 * 7.5 ** random());
		const noise = () => 0.01 * (random() - 0.5);
		return Array.from({ length: epochs }, (_, epoch) => level * (1 - Math.exp(-(epoch + 1) / slowness)) + noise());
	});
	return { curves, levels, best };
}

/** How many epochs each trial gets, one after the other. */
async function search({ curves }: Planted): Promise<number[]> {
	const trials: SearchTrial[] = [];
	for (const [number, curve] of curves.entries()) {
		const trial = { number, state: SEARCH_TRIAL_STATE_RUNNING, chosenJson: "", values: [] as number[] };
		trials.push(trial);
		for (const value of curve) {
			trial.values.push(value);
			if (!isRung(trial.values.length, curve.length)) continue;
			const { prune } = await trainer.app.trainer.judgeTrial({ trials, number, halving: halvingOf(curve.length) });
			if (prune) trial.state = SEARCH_TRIAL_STATE_PRUNED;
			if (prune) break;
		}
		if (trial.state === SEARCH_TRIAL_STATE_RUNNING) trial.state = SEARCH_TRIAL_STATE_COMPLETE;
	}
	return trials.map(({ values }) => values.length);
}

test.each([10, 16, 50, 100, 300])(
	"with %i epochs the best is kept in most searches, losers fall out, and much is saved",
	async (epochs) => {
		let kept = 0;
		let losers = 0;
		let losersToTheEnd = 0;
		let spent = 0;
		for (let seed = 1; seed <= SEARCHES; seed++) {
			const plan = planted(epochs, seed);
			const trained = await search(plan);
			if (trained[plan.best] === epochs) kept++;
			const of = plan.levels.flatMap((level, trial) => (level < 0.19 ? [trained[trial] as number] : []));
			losers += of.length;
			losersToTheEnd += of.filter((count) => count === epochs).length;
			spent += trained.reduce((sum, count) => sum + count, 0) / (epochs * TRIALS * SEARCHES);
		}
		expect(kept / SEARCHES).toBeGreaterThanOrEqual(0.85);
		expect(losersToTheEnd / losers).toBeLessThan(0.1);
		expect(spent).toBeLessThan(0.6);
	},
);
