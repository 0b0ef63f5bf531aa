// From a file as people have it to recommendations, with nothing but the command: a real service, started by it.
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { freePort } from "../../services/supervisor/src/ports.js";
import { commandLine } from "../support/command-line.js";
import { excelCsv, movieLensZip, pandasCsv, writeDumps, writeMovieLens } from "../support/exported-files.js";
import { removeHomesIn } from "../support/homes.js";
import { until } from "../support/processes.js";

jest.setTimeout(300_000);

const cli = commandLine({ OMP_NUM_THREADS: "1" });
let service: ReturnType<typeof cli.begin>;
let said = "";
afterAll(async () => {
	if (service?.exitCode === null) {
		const gone = once(service, "exit");
		service.kill("SIGTERM");
		await gone;
	}
	removeHomesIn(cli.folder);
});

test("five lines lead from a file to recommendations, and stop ends what start began", async () => {
	movieLensZip(cli.folder, 90);
	service = cli.begin(["start"], { PORT: String(await freePort()) });
	for (const stream of [service.stdout, service.stderr]) stream?.on("data", (chunk) => (said += chunk));
	await until("it is up", () => said.includes("stops it") || service.exitCode !== null, 120);
	expect(service.exitCode).toBeNull();

	// No address is told: the commands find the service of the home.
	const valence = async (...args: string[]) => {
		const { status, stdout, stderr } = await cli.valence(args);
		expect([args, status, stderr]).toEqual([args, 0, ""]);
		return stdout;
	};
	const imported = await valence("import", "ml-latest-small.zip");
	expect(imported).toMatch(/users +90\n +items +\d+\n/);
	expect(imported).toContain("with a title");
	const trained = await valence("train", "popularity", "ease", "--watch");
	expect(trained).toMatch(/✓ ease/);
	expect(trained).toMatch(/a run takes about \d+ MB of memory\n/);
	expect(await valence("runs", "latest")).toMatch(/memory +\d+ MB, estimated about \d+ MB/);
	expect(trained).toMatch(/model +Recall@20 +Recall@50 +NDCG@20 +NDCG@50 +seeds +time a run\n +ease +[01]\.\d{4}/);
	expect(await valence("deploy", "best")).toMatch(/default answers with ease on ml-latest-small/);
	const listed = await valence("recommend", "1", "-n", "3");
	expect(listed).toMatch(/ 1\. Movie, The \d+ \(1999\) +\d+\n/);
	expect(await valence("similar", "260", "-n", "2")).toContain("Movie, The");
	expect(await valence("export", "lists.csv", "-n", "3")).toContain("270 rows of ease on ml-latest-small");
	expect(JSON.parse(await valence("compare", "--json"))).toMatchObject({ state: "SUCCEEDED", groups: [{}, {}] });

	// Names that say another part than the columns do, in a folder with what is published beside them.
	writeMovieLens(join(cli.folder, "published"), 80, { ratings: "Movies_and_TV.csv", movies: "films.csv" });
	const published = await valence("import", "published");
	expect(published).toMatch(/users +80\n/);
	expect(published).toContain("with a title");

	// Unpacked, a published dump is what its archive is.
	const unpacked = await valence("import", "ml-latest-small");
	expect(unpacked.match(/(users|items|interactions) .*/g)).toEqual(imported.match(/(users|items|interactions) .*/g));
	for (const name of ["links.csv", "tags.csv", "README.txt"])
		expect(unpacked).toContain(`! ${name}: left out: by its name nothing of it is needed`);
	writeDumps(cli.folder);
	for (const name of ["hetrec2011-lastfm-2k", "steam"]) {
		const { id, files, statistics } = JSON.parse(await valence("import", name, "--json"));
		expect([name, statistics.users, statistics.titledItems]).toEqual([name, 60, statistics.items]);
		expect(files.map((one: { name: string; role: string }) => `${one.name} ${one.role}`)).toEqual(
			name === "steam"
				? ["games.csv items", "games_metadata.json items", "recommendations.csv interactions"]
				: ["artists.dat items", "user_artists.dat interactions"],
		);
		expect(statistics.taggedItems).toBe(name === "steam" ? statistics.items : 0);
		expect(id).toBeDefined();
	}

	// Of Excel's, a lowest rating and a split by time ask for decimal commas and for days that come first.
	for (const [path, rule] of [
		[pandasCsv(cli.folder, 70), []],
		[excelCsv(cli.folder, 60), ["--min-rating", "3.5", "--split", "temporal"]],
	] as const) {
		const name = basename(path, ".csv");
		expect(await valence("import", path, ...rule)).toMatch(new RegExp(`users +${name === "frame" ? 70 : 60}\\n`));
		await valence("train", "popularity", "--watch");
		expect(await valence("deploy", "best", "--yes")).toContain(`default answers with popularity on ${name}`);
		expect(await valence("recommend", "1", "-n", "3")).toMatch(/ 1\. \d+\n/);
	}

	expect(await valence("import", "--sample")).toMatch(/sample [0-9a-f]{8}\n\n {2}users +2,000\n/);
	const refused = async (lines: string[], ...args: string[]) => {
		writeFileSync(join(cli.folder, "wrong.csv"), `${lines.join("\n")}\n`);
		return cli.valence(["import", "wrong.csv", ...args]);
	};
	const unnamed = await refused(["who,what", "ann,tea", "bob,rye"]);
	expect([unnamed.status, unnamed.stderr]).toEqual([1, expect.stringContaining("name it with --columns user=…")]);
	expect(unnamed.stderr).not.toContain("in the rule");
	const ragged = await refused(["user,item", "ann,tea", "bob"]);
	expect([ragged.status, ragged.stderr]).toEqual([
		1,
		expect.stringContaining("mend them: --skip-bad-rows leaves out at most 1%"),
	]);
	const headless = await refused(["7,tea", "8,rye"], "--preview");
	expect([headless.status, headless.stdout]).toEqual([1, expect.stringMatching(/1: --columns user=1,item=2; or add/)]);

	expect(await valence("stop")).toContain("Stopped what served");
	expect((await cli.valence(["runs"])).status).toBe(4);
});
