// What an operation of the contract takes and answers, as short types.
import type { paths } from "./generated/openapi.js";

export type Method = "get" | "post" | "put" | "delete";
/** Paths that take the method. */
export type PathOf<M extends Method> = {
	[P in keyof paths]: paths[P] extends Record<M, { responses: unknown }> ? P : never;
}[keyof paths];
export type Operation<M extends Method, P extends PathOf<M>> = paths[P][M];

type Parameters<O> = O extends { parameters: infer T } ? T : never;
type Part<Name extends string, T, Key> = Key extends keyof T
	? [NonNullable<T[Key]>] extends [never]
		? unknown
		: undefined extends T[Key]
			? { [N in Name]?: NonNullable<T[Key]> }
			: { [N in Name]: T[Key] }
	: unknown;
type Content<T> = T extends { content: infer C } ? C[keyof C] : never;
type Body<O> = O extends { requestBody: infer T }
	? { body: Content<T> | FormData }
	: O extends { requestBody?: infer T }
		? [NonNullable<T>] extends [never]
			? unknown
			: { body?: Content<NonNullable<T>> | FormData }
		: unknown;
type Sent<O> = Part<"path", Parameters<O>, "path"> &
	Part<"query", Parameters<O>, "query"> &
	Part<"headers", Parameters<O>, "header"> &
	Body<O> & { signal?: AbortSignal };
/** The second argument of a call; none is needed where nothing must be sent. */
export type Options<O> = object extends Sent<O> ? [sent?: Sent<O>] : [sent: Sent<O>];

type Json<R> = R extends { content: { "application/json": infer T } } ? T : never;
type Successes<T> = { [S in keyof T & (200 | 201 | 202)]: Json<T[S]> }[keyof T & (200 | 201 | 202)];
type Found<O> = O extends { responses: infer T } ? Successes<T> : never;
/** Undefined where nothing is said. */
export type Answer<O> = [Found<O>] extends [never] ? undefined : Found<O>;

/** Lists that come in pages. */
export type PagedPath = {
	[P in PathOf<"get">]: Answer<Operation<"get", P>> extends { nextCursor: unknown } ? P : never;
}[PathOf<"get">];
export type ItemOf<P extends PagedPath> = Answer<Operation<"get", P>> extends { items: (infer T)[] } ? T : never;
