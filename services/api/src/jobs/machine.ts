// app.machine: this worker and the trainer beside it, as the other processes know them. While both are there the row is renewed; the
// answer says whether to drain, so that needs no second channel.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import fp from "fastify-plugin";
import { withDeadline } from "../deadline.js";
import { classOf, leave, otherHeard, renew } from "../machines/registration.js";

export interface Machine {
	readonly name: string;
	/** Of its first description: what it takes from does not change while it lives. Null before that. */
	class: string | null;
	/** Whether it is to take no work, and to hand over what it does. */
	isDraining: boolean;
}

declare module "fastify" {
	interface FastifyInstance {
		machine: Machine;
	}
}

export default fp(
	async (app) => {
		const machine: Machine = { name: app.config.machine.name, class: null, isDraining: false };
		const instance = randomUUID();
		app.decorate("machine", machine);

		async function beat(): Promise<void> {
			const described = await app.trainer.describeMachine().catch(() => null);
			// Another machine takes what waits; this one would hold it until its trainer is back.
			if (!described) return app.queue.rest();
			machine.class ??= classOf(app, described);
			// Whoever is silent for longer has lost the name; on a connection that is half open it would wait for much longer.
			const renewing = renew(app, { instance, machineClass: machine.class }, described);
			const held = await withDeadline(renewing, app.config.timings.machineSilence, "the database does not answer");
			if (!held) {
				app.log.error({ machine: machine.name }, "another worker has this machine's name; set MACHINE_NAME");
				return app.queue.rest();
			}
			machine.isDraining = held.isDraining;
			if (held.isDraining) app.queue.rest();
			else await app.queue.take(machine.class);
		}

		let beating: Promise<void> | null = null;
		const beatAlone = () => {
			beating ??= beat()
				.catch((err) => {
					app.log.warn({ err }, "the heartbeat of this machine failed");
					// What it took now it could not claim, and would hold back from machines that can.
					app.queue.rest();
				})
				.finally(() => {
					beating = null;
				});
		};
		let timer: NodeJS.Timeout | undefined;
		app.addHook("onReady", async () => {
			await refuseSecond(app);
			timer = setInterval(beatAlone, app.config.timings.heartbeat);
			beatAlone();
		});
		app.addHook("onClose", async () => {
			clearInterval(timer);
			await beating;
			await leave(app, instance).catch((err) => app.log.warn({ err }, "its row stays until it is forgotten"));
		});
	},
	{ name: "machine", dependencies: ["prisma", "trainer", "queue"] },
);

/** Whoever is alive is heard again; what was killed has left a row that ages. Throws when it is alive. */
async function refuseSecond(app: FastifyInstance): Promise<void> {
	const first = await otherHeard(app);
	for (let heard = first; heard; heard = await otherHeard(app)) {
		if (heard > (first as Date)) {
			throw new Error(
				`a worker called ${app.config.machine.name} is at work already; each needs a name of its own: set MACHINE_NAME`,
			);
		}
		await sleep(app.config.timings.heartbeat / 2);
	}
}
