// The values of single users that a run or an evaluation has left: a page of them, one of them, or all as a file.
import { type FastifyPluginAsyncTypebox, type Static, Type } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { wrong } from "../datasets/import-rule.js";
import { type Measured, measuredEvaluation, measuredRun } from "../experiments/user-values.js";
import { cursorOfNumbers, notOurs, numbersOf } from "../http/cursor.js";
import { ApiError } from "../http/errors.js";
import { contentOf, FILE_TYPES, sendBytes, withFirst } from "../http/file.js";
import { countedPage, IdParams, pageQuery, problems, Text } from "../http/schemas.js";
import { finite } from "../views/job.js";
import { UserValues } from "../views/measures.js";

const FORMATS = ["csv", "parquet"] as const;
/** What can be sorted by beside the columns of metrics. */
const FACTS = ["user", "history", "items"];

const Page = Type.Object(
	{
		...countedPage(UserValues).properties,
		columns: Type.Array(Type.String(), { description: "The metrics of single users with their cut-offs." }),
	},
	{ title: "UserValuesPage" },
);
const Query = pageQuery({
	sort: Type.Optional(
		Text(60, "`user`, `history`, `items` or one of `columns`; as the dataset has them unless given."),
	),
	order: Type.Enum(["asc", "desc"], { type: "string", default: "asc", description: "Of `sort`." }),
	user: Type.Optional(Type.String({ format: "id", description: "Only this one, by the whole id." })),
});

const routes: FastifyPluginAsyncTypebox = async (app) => {
	for (const { what, Name, find } of [
		{ what: "run", Name: "Run", find: measuredRun },
		{ what: "evaluation", Name: "Evaluation", find: measuredEvaluation },
	]) {
		const one = { tags: ["runs"], params: IdParams };
		app.get(
			`/${what}s/:id/users`,
			{
				config: { access: ["train"] },
				schema: {
					...one,
					operationId: `list${Name}Users`,
					summary: `What was measured of each user by the ${what === "run" ? "test of a run" : what}`,
					querystring: Query,
					response: { 200: Page, ...problems },
				},
			},
			async (request) => {
				const { cursor, ...query } = request.query;
				const begun = cursor === undefined ? null : numbersOf(cursor, 3).map(Number);
				return pageOf(app, await find(app, request.params.id), query, begun);
			},
		);

		app.get(
			`/${what}s/:id/users/file`,
			{
				config: { access: ["train"] },
				schema: {
					...one,
					operationId: `download${Name}Users`,
					summary: "The same of all users as a file",
					querystring: Type.Object(
						{ format: Type.Enum([...FORMATS], { type: "string", default: "csv", description: "Of the file." }) },
						{ additionalProperties: false },
					),
					response: { 200: { description: "The file", content: contentOf(FORMATS) }, ...problems },
				},
			},
			async (request, reply) => {
				const { values, datasetKey, erased, name } = await find(app, request.params.id);
				if (!values) throw new ApiError("conflict", "Nobody has an item to be measured by; there is no file.");
				const { format } = request.query;
				const headers = {
					"cache-control": "private, no-cache",
					"content-type": FILE_TYPES[format],
					"content-disposition": `attachment; filename="${name}.${format}"`,
				};
				if (request.method === "HEAD") return sendBytes(reply.headers(headers), []);
				const stop = new AbortController();
				reply.raw.on("close", () => stop.abort());
				const chunks = app.trainer.downloadUserValues({ values, datasetKey, erased, format }, stop.signal);
				const first = await chunks.next();
				return sendBytes(reply.headers(headers), bytesOf(first, chunks));
			},
		);
	}
};
export default routes;

type Chunks = ReturnType<FastifyInstance["trainer"]["downloadUserValues"]>;

async function* bytesOf(first: Awaited<ReturnType<Chunks["next"]>>, rest: Chunks): AsyncGenerator<Uint8Array> {
	for await (const { data } of withFirst(first, rest)) yield data;
}

async function pageOf(
	app: FastifyInstance,
	{ values, datasetKey, erased, columns }: Measured,
	{ limit, sort, order, user }: Omit<Static<typeof Query>, "cursor">,
	begun: number[] | null,
): Promise<Static<typeof Page>> {
	const sorts = [...FACTS, ...columns];
	if (sort !== undefined && !sorts.includes(sort)) {
		throw wrong("/query/sort", "not_allowed", `must be one of ${sorts.join(", ")}`);
	}
	// A cursor is of one order: in another the place means somebody else.
	const inOrder = [sort === undefined ? 0 : sorts.indexOf(sort) + 1, order === "asc" ? 0 : 1];
	const [offset = 0, ...its] = begun ?? [0, ...inOrder];
	if (its.some((number, place) => number !== inOrder[place])) throw notOurs();
	if (!values) return { items: [], nextCursor: null, total: 0, columns };
	const { rows, total, ...read } = await app.trainer.readUserValues({
		...{ values, datasetKey, erased, limit, offset },
		sort: sort ?? "",
		descending: order === "desc",
		user: user ?? "",
	});
	const next = offset + rows.length;
	return {
		items: rows.map((row) => ({
			...row,
			values: Object.fromEntries(read.columns.map((name, place) => [name, finite(row.values[place])])),
		})),
		nextCursor: user === undefined && next < total ? cursorOfNumbers(next, ...inOrder) : null,
		total,
		columns: read.columns,
	};
}
