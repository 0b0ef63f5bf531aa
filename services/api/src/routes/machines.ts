import { type FastifyPluginAsyncTypebox, Type } from "@fastify/type-provider-typebox";
import { ApiError } from "../http/errors.js";
import { MachineName, problems } from "../http/schemas.js";
import { knownClasses } from "../machines/classes.js";
import { machines } from "../machines/reading.js";
import { MachineView } from "../views/machine.js";

const NameParams = Type.Object({ name: MachineName }, { additionalProperties: false });
const MachineList = Type.Object(
	{
		items: Type.Array(MachineView),
		classes: Type.Array(Type.String(), {
			description: "All that a run may ask for, by name; of some there may be no machine now.",
		}),
	},
	{ title: "MachineList" },
);

const routes: FastifyPluginAsyncTypebox = async (app) => {
	const one = { tags: ["machines"], params: NameParams };

	async function view(name: string) {
		const [machine] = await machines(app, { name });
		if (!machine) throw new ApiError("not_found", "There is no machine with this name.");
		return machine;
	}

	app.get(
		"/machines",
		{
			config: { access: ["train"] },
			schema: {
				operationId: "listMachines",
				summary: "All machines, by class and name, with what they work at",
				tags: ["machines"],
				response: { 200: MachineList, ...problems },
			},
		},
		async () => ({ items: await machines(app), classes: await knownClasses(app) }),
	);

	app.get(
		"/machines/:name",
		{
			config: { access: ["train"] },
			schema: {
				...one,
				operationId: "getMachine",
				summary: "One machine",
				response: { 200: MachineView, ...problems },
			},
		},
		async (request) => view(request.params.name),
	);

	/** It learns of that by its next heartbeat. Saying it again changes nothing. */
	const setDraining = async (name: string, data: { drainingSince: Date | null }) => {
		const unlessSaid = data.drainingSince && { drainingSince: null };
		await app.prisma.machine.updateMany({ where: { name, ...unlessSaid }, data });
		return view(name);
	};

	app.post(
		"/machines/:name/drain",
		{
			config: { access: ["train"] },
			schema: {
				...one,
				operationId: "drainMachine",
				summary: "Have a machine take no more work; its runs go on elsewhere after their next epoch, the rest it ends",
				response: { 200: MachineView, ...problems },
			},
		},
		async (request) => setDraining(request.params.name, { drainingSince: new Date() }),
	);

	app.post(
		"/machines/:name/resume",
		{
			config: { access: ["train"] },
			schema: {
				...one,
				operationId: "resumeMachine",
				summary: "Have a machine take work again",
				response: { 200: MachineView, ...problems },
			},
		},
		async (request) => setDraining(request.params.name, { drainingSince: null }),
	);
};
export default routes;
