// The order of test files. In a fresh clone Jest knows only their sizes, and what takes longest may be a small file that calls others:
// begun last, it would leave a core idle for minutes.
import Sequencer from "@jest/test-sequencer";

/** Longest first; all others come after them as Jest would have them. */
const LONGEST = [
	"e2e/dashboard",
	"supervisor/start",
	"failure/refresh",
	"guides/guides",
	"supervisor/backup",
	"bench/http",
	"supervisor/homes",
	"supervisor/postgres-kills",
	"failure/child",
	"failure/trainer",
	"cli/demo",
	"cli/first-hour",
	"api/serving/changes",
	"api/serving/agreement",
	"api/plugins/deployments",
	"api/jobs/train-run",
].map((name) => `/test/${name}.test.ts`);

export default class LongestFirst extends Sequencer {
	sort(tests) {
		const place = ({ path }) => {
			const found = LONGEST.findIndex((name) => path.endsWith(name));
			return found < 0 ? LONGEST.length : found;
		};
		return super.sort(tests).toSorted((a, b) => place(a) - place(b));
	}
}
