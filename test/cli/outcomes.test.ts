// What is said of all answers at once: shares only of those whose hours are over.
import type { Outcome } from "@valence/client";
import { sayTotal } from "../../services/cli/src/commands/outcomes.js";

it.each([
	[null, 0, 1, "No answer has had its 24 h yet: 1 is still open."],
	[0.5, 2, 0, "50.0 % of 2 answers had an item taken within 24 h\n"],
	[0.5, 1, 3, "50.0 % of 1 answer had an item taken within 24 h; 3 are still open"],
])("of the share %j of %i answers with %i open", (share, answers, open, told) => {
	let said = "";
	const keep = (text: unknown) => {
		said += String(text);
		return true;
	};
	const log = jest.spyOn(console, "log").mockImplementation((text) => keep(`${text}\n`));
	const out = jest.spyOn(process.stdout, "write").mockImplementation(keep as never);
	sayTotal({ share, answers, open } as Outcome, 24);
	log.mockRestore();
	out.mockRestore();
	expect(said).toContain(told);
});
