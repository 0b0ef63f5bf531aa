// Loaded into every Node process of the campaign before its own code: a clock that is put forward while it runs.
// Timers go on as they were, as they do when an operator sets the clock.
import { existsSync } from "node:fs";

const FILE = `${process.env.CHAOS_FOLDER}/clock-off`;
const AHEAD_MS = 3_600_000;
const LOOK_MS = 200;
const Real = Date;
let ahead = 0;

globalThis.Date = class extends Real {
	constructor(...given) {
		if (given.length === 0) super(Real.now() + ahead);
		else super(...given);
	}
	static now() {
		return Real.now() + ahead;
	}
};
setInterval(() => {
	ahead = existsSync(FILE) ? AHEAD_MS : 0;
}, LOOK_MS).unref();
