// Classes of machines that may be asked for.
import type { FastifyInstance } from "fastify";
import { ApiError } from "../http/errors.js";

/** Those of the machines, also of the ones that are gone for now, and of MACHINE_CLASSES, by name. */
export async function knownClasses(app: FastifyInstance): Promise<string[]> {
	const rows = await app.prisma.machine.findMany({ distinct: ["class"], select: { class: true } });
	return [...new Set([...rows.map((row) => row.class), ...app.config.machineClasses])].sort();
}

/** Throws where no machine will ever take the work. Before the first machine is there, nobody knows. */
export async function requireClass(app: FastifyInstance, asked: string): Promise<void> {
	const known = await knownClasses(app);
	if (known.length === 0 || known.includes(asked)) return;
	const message = `is none of the classes that machines are of: ${known.join(", ")}`;
	throw new ApiError("unknown_class", `/class ${message}.`, [{ pointer: "/class", code: "unknown_class", message }]);
}
