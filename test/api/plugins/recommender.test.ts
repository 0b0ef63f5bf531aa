// Several recommenders: who is asked about a checkpoint, who instead, and who has loaded what.
import { BadSetting, readConfig } from "../../../services/api/src/config.js";
import { RemoteError } from "../../../services/api/src/grpc.js";
import { Addresses } from "../../../services/api/src/recommenders/addresses.js";
import { Pool } from "../../../services/api/src/recommenders/pool.js";
import { startApi, type TestApi } from "../../support/api.js";
import { type FakeRecommender, startFakeRecommender } from "../../support/fake-recommender.js";
import { refusal } from "../../support/grpc-server.js";
import { until } from "../../support/processes.js";

describe("RECOMMENDER_ADDRESS", () => {
	const read = (address: string) =>
		readConfig({ DATABASE_URL: "postgresql://x", RECOMMENDER_ADDRESS: address }).recommenders.addresses;

	test("takes one or several addresses", () => {
		expect(read("")).toEqual(["127.0.0.1:50052"]);
		expect(read("a:1, [::1]:2 ,b:3")).toEqual(["a:1", "[::1]:2", "b:3"]);
	});
	test.each(["a", "a:1,b", "a:1;b:2", "http://a:1", ","])("refuses %s and says what is allowed", (address) => {
		expect(() => read(address)).toThrow(
			new BadSetting("RECOMMENDER_ADDRESS must be host:port, or several of them separated by commas"),
		);
	});

	test("a host name is all that it stands for now, and what it stood for while nobody answers", async () => {
		let answers = [
			{ address: "10.0.0.1", family: 4 },
			{ address: "10.0.0.2", family: 4 },
			{ address: "fd00::1", family: 6 },
		];
		const addresses = new Addresses(["pods:50052", "10.0.0.2:50052", "[::1]:7"], async (host) => {
			expect(host).toBe("pods");
			if (answers.length === 0) throw new Error("ENOTFOUND");
			return answers;
		});
		expect(await addresses.look()).toEqual(["10.0.0.1:50052", "10.0.0.2:50052", "[::1]:7"]);
		answers = [];
		expect(await addresses.look()).toHaveLength(3);
		answers = [{ address: "fd00::1", family: 6 }];
		expect(await addresses.look()).toEqual(["10.0.0.2:50052", "[::1]:7", "[fd00::1]:50052"]);
	});
	test("a name that is of this machine", async () => {
		expect(await new Addresses(["localhost:50052"]).look()).toHaveLength(1);
	});
});

describe("with two of them", () => {
	let both: FakeRecommender[] = [];
	let api: TestApi;
	let checkpoint: string;
	let key: string;

	/** With a checkpoint that is deployed; the first of the two is the one that is asked about it. */
	async function start(environment: Record<string, string> = {}): Promise<void> {
		both = [await startFakeRecommender(), await startFakeRecommender()];
		const RECOMMENDER_ADDRESS = both.map(({ address }) => address).join();
		api = await startApi({ RECOMMENDER_ADDRESS, LISTS_MEMORY: "0", TIMING_SCALE: "5", ...environment });
		await up([true, true]);
		({ checkpoint, key } = await made());
		await deploy(checkpoint);
		await ask();
		if (both[0]?.requests.recommend.length === 0) both.reverse();
	}
	afterEach(async () => {
		await api.close();
		for (const each of both) await each.close();
	});
	async function made() {
		const id = await api.checkpoint((await api.experiment(["SUCCEEDED"])).runs[0] as string);
		return { checkpoint: id, ...(await api.app.prisma.checkpoint.findUniqueOrThrow({ where: { id } })) };
	}
	const deploy = (id: string, name = "default") => api.call("PUT", `/deployments/${name}`, { checkpoint: id });
	let asked = 0;
	/** A question that no other is equal to. */
	const ask = (of?: string) =>
		api.call("POST", "/users/somebody/recommendations", { n: 1, exclude: [`${asked++}`], checkpoint: of });
	const [first, second] = [() => both[0] as FakeRecommender, () => both[1] as FakeRecommender];
	const counts = () => both.map(({ requests }) => requests.recommend.length);
	const warmed = () => both.map(({ requests }) => requests.warm.map((one) => one.checkpoint?.key));
	const up = (expected: boolean[]) =>
		until(
			`they are ${expected}`,
			() => {
				const found = new Map(api.app.recommender.endpoints.map(({ address, isUp }) => [address, isUp]));
				return both.every(({ address }, place) => found.get(address) === expected[place]);
			},
			10,
		);
	const metric = async (name: string, { address }: FakeRecommender) => {
		const { body } = await api.call("GET", "/metrics");
		return Number(new RegExp(`^valence_recommender_${name}\\{address="${address}"\\} (\\d+)$`, "m").exec(body)?.[1]);
	};
	/** So many questions, all of which are asked before one is answered. */
	const askAtOnce = async (count: number) => {
		let release = () => {};
		const held = new Promise<void>((resolve) => {
			release = resolve;
		});
		for (const each of both) each.held = held;
		const calls = async () => (await metric("calls_total", first())) + (await metric("calls_total", second()));
		const before = await calls();
		const answers = Promise.all(Array.from({ length: count }, () => ask()));
		await until("all are asked", async () => (await calls()) === before + count, 5);
		release();
		return answers;
	};
	/** Another one in the place of the first. */
	const again = async () => {
		both[0] = await startFakeRecommender(first().address);
	};
	/** Started anew, the first refuses whatever it is asked. */
	const comesBack = async (refuse: FakeRecommender["refuse"]) => {
		await first().close();
		await up([false, true]);
		await again();
		first().refuse = refuse;
		await up([true, true]);
	};

	test("questions about a checkpoint go to one, those about others may go to the other; both have loaded it", async () => {
		await start();
		for (let count = 0; count < 9; count++) expect((await ask()).status).toBe(200);
		expect(counts()).toEqual([10, 0]);
		expect(warmed()).toEqual([[key], [key]]);
		for (let count = 0; counts()[1] === 0; count++) {
			expect(count).toBeLessThan(40); // by chance: 1 in 2 ** 40
			await ask((await made()).checkpoint);
		}
	});

	test("more than one has room for is shared", async () => {
		await start();
		const answers = await askAtOnce(40);
		expect(answers.map(({ status }) => status)).toEqual(Array(40).fill(200));
		// 16 are under way at the first, 16 at the second, and so on.
		expect(counts()).toEqual([25, 16]);
	});

	test("who is lost is asked no more, their calls are made elsewhere, and who comes back loads first", async () => {
		await start();
		await first().close();
		const answers = await Promise.all(Array.from({ length: 10 }, () => ask()));
		expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
		expect(second().requests.recommend).toHaveLength(10);
		expect(await metric("retries_total", first())).toBeGreaterThan(0);
		expect([await metric("up", first()), await metric("up", second())]).toEqual([0, 1]);
		const ready = await api.call("GET", "/readyz");
		expect([ready.status, ready.body.status, ready.body.checks.recommender]).toEqual([
			200,
			"ok",
			{ status: "ok", detail: "1 of 2 did not answer" },
		]);
		expect((await api.call("GET", "/system")).body.recommenders).toEqual(
			expect.arrayContaining([
				{ address: first().address, up: false },
				{ address: second().address, up: true },
			]),
		);
		// What is deployed meanwhile is loaded there, too, before anything is asked.
		const other = await made();
		expect((await deploy(other.checkpoint, "other")).status).toBe(200);
		await again();
		first().warmTakes = 1_000;
		await up([true, true]);
		await ask();
		expect(counts()).toEqual([0, 11]);
		await until("it has loaded what is deployed", () => warmed()[0]?.length === 2, 10);
		expect(warmed()[0]?.toSorted()).toEqual([key, other.key].toSorted());
		await until("it is asked again", async () => (await ask()) && counts()[0] !== 0, 10);
	});

	test("who cannot load it while the store is away is not preferred to who has it, and is told again", async () => {
		await start();
		await comesBack(refusal("UNAVAILABLE", "store_unavailable", "the store does not answer"));
		await until("it is told again", () => (warmed()[0] ?? []).length >= 2, 10);
		expect([(await ask()).status, counts()]).toEqual([200, [0, 1]]);
		first().refuse = null;
		await until("it is asked again", async () => (await ask()).status === 200 && counts()[0] !== 0, 10);
	});

	test("who refuses to load it is told once, until it is deployed anew", async () => {
		await start();
		await comesBack(refusal("DATA_LOSS", "checkpoint_corrupt", "damaged"));
		await until("it is told", () => warmed()[0]?.length === 1, 10);
		expect([(await ask()).status, counts()]).toEqual([200, [0, 1]]);
		first().refuse = null;
		expect((await deploy(checkpoint)).status).toBe(200);
		expect([(await ask()).status, counts(), warmed()[0]]).toEqual([200, [1, 1], [key, key]]);
	});

	test("what is loaded and not deployed then is not remembered", async () => {
		await start();
		const [one, other] = [await made(), await made()];
		const pool = new Pool(0, 5_000, api.app.log);
		pool.found([first().address]);
		await pool.look();
		for (const { key, sha256 } of [one, other]) await pool.warm({ key, sha256 });
		const remembered = () => [one, other].map(({ key }) => pool.endpoints[0]?.hasWarmed(key));
		pool.keep([one]);
		expect(remembered()).toEqual([true, true]);
		pool.keep([one]);
		expect(remembered()).toEqual([true, false]);
		pool.close();
	});

	test("nobody is there: 503", async () => {
		await start();
		for (const each of both) await each.close();
		expect([(await ask()).status, (await api.call("GET", "/readyz")).status]).toEqual([503, 503]);
	});

	test("a refusal is an answer, and so is being slow: neither is asked elsewhere", async () => {
		await start();
		first().refuse = refusal("INTERNAL", "internal", "wrong");
		expect([(await ask()).status, counts()]).toEqual([500, [2, 0]]);
		first().refuse = null;
		first().recommendTakes = 6_000;
		expect([(await ask()).status, counts()]).toEqual([503, [2, 0]]);
	});

	test("who is away does not hold up a deployment; who cannot load it does", async () => {
		await start();
		const [one, other] = [await made(), await made()];
		second().refuse = refusal("FAILED_PRECONDITION", "checkpoint_corrupt", "damaged");
		expect((await deploy(one.checkpoint)).body.code).toBe("checkpoint_corrupt");
		await second().close();
		expect((await deploy(other.checkpoint)).status).toBe(200);
	});

	test("with RECOMMENDER_REPLICAS=1 one loads a checkpoint, and the other takes over all the same", async () => {
		await start({ RECOMMENDER_REPLICAS: "1" });
		expect(warmed()).toEqual([[key], []]);
		await askAtOnce(40);
		expect(counts()).toEqual([41, 0]);
		await first().close();
		expect((await ask()).status).toBe(200);
		expect((await deploy(checkpoint, "other")).status).toBe(200);
	});

	test("a stream that breaks off is read anew elsewhere", async () => {
		await start();
		const { checkpoint: other } = await made();
		const { readCatalogue } = api.app.recommender;
		let begun = 0;
		api.app.recommender.readCatalogue = (request, signal, read) =>
			readCatalogue(request, signal, async (messages) => {
				const isFirst = begun++ === 0;
				return read(
					(async function* () {
						for await (const message of messages) {
							yield message;
							if (isFirst) throw new RemoteError("unavailable", "as when it is killed");
						}
					})(),
				);
			});
		expect((await deploy(other)).status).toBe(200);
		expect([begun, (await ask()).body.items]).toEqual([2, [expect.objectContaining({ id: "item/1" })]]);
		expect(both.map(({ requests }) => requests.catalogue.length).toSorted()).toEqual([1, 2]);
	});
});
