// A minute and a half of `npm run chaos`; the command goes on for as long as one likes, with any seed.
import { runCampaign } from "../chaos/campaign.js";
import { ACTS } from "../chaos/load.js";
import { isOnRedis } from "../support/queue-server.js";

const SECONDS = 90;
const SEED = 1;
jest.setTimeout(900_000);

test("faults under load, one after the other, lose nothing, do nothing twice and leave nothing half-written", async () => {
	const said: string[] = [];
	const outcome = await runCampaign({
		backend: isOnRedis ? "services" : "embedded",
		seconds: SECONDS,
		seed: SEED,
		tell: (line) => said.push(line),
	});
	if (outcome.wrong.length > 0) throw new Error(`${outcome.wrong.join("\n")}\n${said.join("\n")}`);
	expect(Object.keys(outcome.struck).length).toBeGreaterThanOrEqual(5);
	for (const act of ACTS) expect([act, outcome.asked[act]]).toEqual([act, expect.any(Number)]);
});
