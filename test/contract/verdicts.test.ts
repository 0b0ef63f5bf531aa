// How often the star lies: methods of which none is better, measured with seeds that vary, through the trainer's comparison and the
// api's verdict. What users say of one seed is no answer to that: it stars a third of them.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { verdictOf } from "../../services/api/src/comparisons/verdict.js";
import { TRAINER } from "../support/real-trainer.js";

type Difference = Parameters<typeof verdictOf>[0];

function rates(own: number, other: number, { isClosed = false, apart = 0 } = {}) {
	const script = join(process.cwd(), "test/contract/null_methods.py");
	const args = [script, String(own), String(other), isClosed ? "closed" : "trained", String(apart)];
	const env = { ...process.env, PYTHONPATH: TRAINER, OMP_NUM_THREADS: "1" };
	const text = execFileSync(join(TRAINER, ".venv/bin/python"), args, { env, encoding: "utf8", maxBuffer: 1 << 26 });
	const told = (JSON.parse(text) as Difference[]).map((one) => ({
		...verdictOf(one, true, () => "higher"),
		p: one.pRandomisationHolm ?? 1,
	}));
	const rate = (fits: (one: (typeof told)[number]) => boolean) => told.filter(fits).length / told.length;
	return {
		users: rate(({ p }) => p < 0.05),
		starred: rate(({ verdict }) => verdict !== "undecided"),
		unsettled: rate(({ isUnsettled }) => isUnsettled),
	};
}

test.each([
	["3 seeds against 3", 3, 3, false],
	["3 seeds against a closed form", 3, 1, true],
	["3 seeds against 1", 3, 1, false],
	["1 seed against 1", 1, 1, false],
] as const)("%s: equal methods are starred no more often than promised", (_, own, other, isClosed) => {
	const { users, starred, unsettled } = rates(own, other, { isClosed });
	expect(users).toBeGreaterThan(0.1);
	expect(starred).toBeLessThanOrEqual(0.08);
	expect(starred + unsettled).toBeCloseTo(users);
});

test("a method that is better by three deviations of a seed has its star, where three seeds stand behind it", () => {
	expect(rates(3, 3, { apart: 0.06 }).starred).toBeGreaterThan(0.6);
	expect(rates(1, 1, { apart: 0.06 })).toMatchObject({ starred: 0 });
});
