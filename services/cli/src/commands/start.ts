// valence start and valence stop: the service of this checkout.
import type { Argv } from "yargs";

export const start = (line: Argv) =>
	line.command(
		"start",
		"Start the service on http://127.0.0.1:3000 until Ctrl-C or valence stop",
		(yargs) =>
			yargs
				.option("new", {
					type: "boolean",
					describe: "Begin empty where the home's database is gone",
				})
				.option("trust-copy", {
					type: "boolean",
					describe: "Take a copied database that was not shut down when it was copied",
				})
				.example("PORT=8080 $0 start", "on another port")
				.epilogue("Data lies in .valence/ of the checkout, or in VALENCE_HOME."),
		async ({ new: isNew, "trust-copy": trustsCopy }) => {
			const { runForever } = await import("@valence/supervisor/forever");
			await runForever({ isNew, trustsCopy });
			await new Promise(() => undefined); // it ends the process itself
		},
	);

export const stop = (line: Argv) =>
	line.command(
		"stop",
		"Stop the service that runs here, and wait until it has ended",
		(yargs) => yargs.example("$0 stop", "its data stays"),
		async () => (await import("@valence/supervisor/stop")).stopHome(),
	);
