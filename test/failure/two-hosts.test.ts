// Two machines on two hosts: the other one is cut off, healed, or loses its power. Both share the volume of the artifacts; the database, the
// queue and the api are here.
import { setTimeout as sleep } from "node:timers/promises";
import { expectSound } from "../support/invariants.js";
import { mayBeMade, OtherHost } from "../support/other-host.js";
import { until } from "../support/processes.js";
import { type Stack, startStack } from "../support/stack.js";

jest.setTimeout(240_000);

// `npm test` says how many tests are not run.
(mayBeMade() ? describe : describe.skip)("two hosts", () => {
	let stack: Stack;
	let host: OtherHost;
	/** Of the other host. */
	let machine: Awaited<ReturnType<Stack["startMachineOn"]>>;

	beforeAll(async () => {
		host = OtherHost.make();
		stack = await startStack();
	});
	const endMachine = () => Promise.all(Object.values(machine ?? {}).map((each) => each.end("SIGKILL")));
	afterEach(async () => {
		await stack?.endWorkers();
		await endMachine();
		host.heal();
	});
	afterAll(async () => {
		await stack?.stop();
		host?.remove();
	});

	/** A run of which the machine there has trained so many epochs. */
	async function begunThere(epoch: number): Promise<string> {
		const run = await stack.launch();
		await stack.reaches(run, epoch);
		return run;
	}

	test("cut off for less than its lease: it goes on by itself, and no crash is counted", async () => {
		// The lease of those who are not tested: 20 s.
		machine = await stack.startMachineOn(host, { TIMING_SCALE: "1" });
		const run = await begunThere(2);
		// It would settle the run and take it over, were the lease over.
		stack.startWorker({ MACHINE_NAME: "here", TIMING_SCALE: "1" });
		await until("it is there", () => stack.prisma.machine.findUnique({ where: { name: "here" } }));
		const there = (await stack.see(run)).job.machine;
		host.cut();
		await sleep(6_000); // it looks for stale leases every 5 s
		host.heal();
		const { job } = await stack.ends(run);
		expect(job).toMatchObject({ state: "SUCCEEDED", machine: there, lease: 1, crashes: 0 });
		expect(await stack.startedFrom(run)).toEqual([0]);
		await expectSound(stack);
	});

	test("cut off for longer: the machine here takes the run over; healed, the other one lets it go, and takes the next one", async () => {
		machine = await stack.startMachineOn(host);
		const run = await begunThere(2);
		host.cut();
		const here = stack.startWorker();
		await until("it is taken over", async () => (await stack.see(run)).job.lease === 2);
		await until("it says so", () => here.log.includes('"lease":2'));
		// Over there it is still being trained, into the same volume.
		host.heal();
		await until(
			"the other one gives up",
			() => /another owner has the job|left to the reaper/.test(machine.worker.log),
			90,
		);
		expect((await stack.ends(run)).job).toMatchObject({ state: "SUCCEEDED", lease: 2, crashes: 1 });
		await expectSound(stack);

		await here.end("SIGTERM");
		const next = await stack.launch();
		expect((await stack.ends(next)).job).toMatchObject({ state: "SUCCEEDED", lease: 1, crashes: 0 });
		await expectSound(stack);
	});

	test("without power: nobody hears of its end, and the machine here takes the run over", async () => {
		machine = await stack.startMachineOn(host);
		const run = await begunThere(3);
		host.cut();
		await endMachine();
		stack.startWorker();
		expect((await stack.ends(run)).job).toMatchObject({ state: "SUCCEEDED", lease: 2, crashes: 1 });
		const [first, second = 0] = await stack.startedFrom(run);
		expect([first, second >= 3]).toEqual([0, true]);
		await expectSound(stack);
	});
});
