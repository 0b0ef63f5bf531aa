import { EventSourceParserStream } from "eventsource-parser/stream";
import createClient, { type Client as Fetcher } from "openapi-fetch";
import type { paths, RunEvent } from "./generated/openapi.js";
import type { Answer, ItemOf, Method, Operation, Options, PagedPath, PathOf } from "./operations.js";
import { Problem } from "./problem.js";

const RETRY_MS = 2_000;
/** Of a service that is starting again, or of the proxy before it; 0 where nobody answers. */
const PASSING = [0, 502, 503];

/** Resolves to the answer, or throws a Problem. */
type Call<M extends Method> = <P extends PathOf<M>>(
	path: P,
	...options: Options<Operation<M, P>>
) => Promise<Answer<Operation<M, P>>>;

export interface Client {
	get: Call<"get">;
	/** A body with Blobs is sent as a form. */
	post: Call<"post">;
	put: Call<"put">;
	delete: Call<"delete">;
	/** Every item of a list, page after page. */
	each<P extends PagedPath>(path: P, ...options: Options<Operation<"get", P>>): AsyncGenerator<ItemOf<P>>;
	/**
	 * The events of a run after the given one, until it is final; comes back by itself when it is cut off. Throws a Problem
	 * when the first request gets none, and later for all but a service that is away for a while.
	 */
	follow(run: string, options?: { after?: number; signal?: AbortSignal }): AsyncGenerator<RunEvent>;
	/** openapi-fetch itself, for files, streams and headers; it throws Problems too. */
	fetcher: Fetcher<paths>;
}

interface Sent {
	path?: object;
	query?: object;
	headers?: object;
	body?: unknown;
	signal?: AbortSignal;
}
type Anything = (path: string, init: object) => Promise<{ data?: unknown }>;

/** `key` is asked for each request when it is a function. Nothing is sent before the first call. */
export function connect(url: string, key?: string | (() => string | null | undefined)): Client {
	const fetcher = createClient<paths>({ baseUrl: url, bodySerializer: serialized });
	fetcher.use({
		onRequest({ request }) {
			const now = typeof key === "function" ? key() : key;
			if (now) request.headers.set("authorization", `Bearer ${now}`);
		},
		async onResponse({ response }) {
			if (!response.ok && response.status !== 304) throw await Problem.of(response);
		},
		onError({ error, request }) {
			if (request.signal.aborted || (error instanceof Error && error.name === "AbortError")) return;
			return away(new URL(request.url).origin, error);
		},
	});
	const caller = (method: "GET" | "POST" | "PUT" | "DELETE") => {
		const ask = fetcher[method] as unknown as Anything;
		return async (path: string, { path: inPath, query, headers, ...rest }: Sent = {}) =>
			(await ask(path, { ...rest, params: { path: inPath, query, header: headers } })).data;
	};
	const get = caller("GET");

	async function* each(path: string, sent: Sent = {}): AsyncGenerator<unknown> {
		let cursor: string | null | undefined;
		do {
			const page = await get(path, { ...sent, query: { ...sent.query, ...(cursor && { cursor }) } });
			const { items, nextCursor } = page as { items: unknown[]; nextCursor: string | null };
			yield* items;
			cursor = nextCursor;
		} while (cursor);
	}

	async function* follow(run: string, { after = 0, signal }: { after?: number; signal?: AbortSignal } = {}) {
		let isKnown = false;
		const cutOff = (error: unknown) => (signal?.aborted ? error : away(url, error));
		for (let last = after; ; ) {
			try {
				const params = { path: { id: run }, header: { "last-event-id": last } };
				const { data } = await fetcher.GET("/runs/{id}/events", {
					params,
					parseAs: "stream",
					...(signal && { signal }),
				});
				if (!data) return;
				isKnown = true;
				for await (const { id, event, data: text } of messages(data, cutOff)) {
					last = Number(id);
					yield { id: last, event, data: JSON.parse(text) } as RunEvent;
				}
				return;
			} catch (error) {
				if (signal?.aborted || !isKnown || !(error instanceof Problem && PASSING.includes(error.status))) throw error;
				await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
			}
		}
	}

	const calls = { get, post: caller("POST"), put: caller("PUT"), delete: caller("DELETE"), each, follow, fetcher };
	return calls as unknown as Client;
}

const away = (address: string, cause: unknown) =>
	new Problem(0, "unavailable", `The service does not answer at ${address}. Is it running?`, [], undefined, { cause });

/** Not every browser can iterate a stream. Throws what `cutOff` makes of the error when the stream breaks. */
async function* messages(bytes: ReadableStream<Uint8Array>, cutOff: (error: unknown) => unknown) {
	const text = bytes.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>);
	const reader = text.pipeThrough(new EventSourceParserStream()).getReader();
	try {
		const read = () =>
			reader.read().catch((error) => {
				throw cutOff(error);
			});
		for (let next = await read(); !next.done; next = await read()) yield next.value;
	} finally {
		await reader.cancel().catch(() => undefined);
	}
}

function serialized(body: unknown): FormData | string {
	if (body instanceof FormData) return body;
	const fields = Object.entries(body as object).map(([name, value]) => [name, [value].flat()] as const);
	const isFile = (value: unknown) => value instanceof Blob;
	if (!fields.some(([, values]) => values.some(isFile))) return JSON.stringify(body);
	const form = new FormData();
	// The service wants to know what files are before they come.
	const filesLast = fields.toSorted(([, a], [, b]) => Number(a.some(isFile)) - Number(b.some(isFile)));
	for (const [name, values] of filesLast) {
		for (const value of values) {
			if (value instanceof Blob) form.append(name, value, value instanceof File ? value.name : name);
			else if (value !== undefined) form.append(name, typeof value === "string" ? value : JSON.stringify(value));
		}
	}
	return form;
}
