// A body that stops coming is given up with its connection: who has fallen asleep in the middle of one would hold the place of others,
// of which there are eight for uploads.
import fp from "fastify-plugin";

/** A stream of rows may wait for the next one as long as it likes. */
const STREAM = "application/x-ndjson";

export default fp(
	async (app) => {
		const { bodySilence } = app.config.timings;
		app.addHook("onRequest", async ({ raw, headers }) => {
			const hasBody = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
			if (!hasBody || headers["content-type"]?.startsWith(STREAM)) return;
			const { socket } = raw;
			socket.setTimeout?.(bodySilence); // where nobody listens Node destroys it
			const rest = () => {
				// A body that nobody reads ends after the answer, when the limit of idle connections holds already.
				if (socket.timeout === bodySilence) socket.setTimeout(0);
			};
			raw.once("end", rest).once("close", rest);
		});
	},
	{ name: "stalled-bodies" },
);
