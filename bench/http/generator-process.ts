// What the load generator runs: one load at a time, as its parent orders it; it ends with its parent.
import { closedLoop } from "./closed-loop.js";
import { figuresOf, quantile } from "./figures.js";
import type { Answer, Order } from "./generator.js";
import { openLoop } from "./open-loop.js";

async function obey({ load, ...what }: Order): Promise<Answer> {
	if (load.kind === "closed")
		return { figures: figuresOf(await closedLoop({ ...what, ...load })), isWhole: true, lateness: 0 };
	const observed = await openLoop({ ...what, ...load });
	const lateness = quantile(Float64Array.from(observed.lateness).sort(), 0.99);
	return { figures: figuresOf(observed), isWhole: observed.isWhole, lateness };
}

process.on("disconnect", () => process.exit(0));
process.on("message", (order: Order) => {
	obey(order).then(
		(answer) => process.send?.(answer),
		(error: Error) => process.send?.({ error: error.message }),
	);
});
process.send?.("ready");
