// One hook per query to what is deployed: who is known, what they get, how it is served.

import { keepPreviousData, useQueries, useQuery } from "@tanstack/react-query";
import type { Deployment, Item } from "@valence/client";
import { api } from "./api";
import { keys } from "./queries";
import { type bodyOf, SHOWN } from "./steering";

const TRAFFIC_MS = 5_000;
/** They change by the hour. */
const OUTCOMES_MS = 300_000;
/** Titles change only with what is deployed. */
const TITLES_MS = 60_000;

/** A user of the data, or somebody of whom nothing is known but items they like. */
export type Person = { user: string } | { items: string[] };

/** Without what is not asked for. */
const given = <T extends object>(values: T) =>
	Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null && value !== "")) as {
		[K in keyof T]: Exclude<T[K], null>;
	};

export const useDeployments = () =>
	useQuery({
		queryKey: keys.deployments,
		queryFn: () => api.get("/deployments"),
		select: (page) => page.items,
	});

/** Those whose id begins with `q`. */
export const usersQuery = (deployment: string, q: string, cursor: string | null) => ({
	queryKey: ["found users", deployment, q, cursor],
	queryFn: () => api.get("/users", { query: given({ deployment, q, cursor, limit: SHOWN }) }),
});
export const useUsers = (...asked: Parameters<typeof usersQuery>) =>
	useQuery({ ...usersQuery(...asked), placeholderData: keepPreviousData });

export const randomUser = async (deployment: string) => {
	const { items } = await api.get("/users", { query: { deployment, random: true, limit: 1 } });
	return items[0]?.id;
};

/** Those whose id begins with `q`, or whose title has its words. */
export const itemsQuery = (deployment: string, q: string, tag: string | null, cursor: string | null) => ({
	queryKey: ["found items", deployment, q, tag, cursor],
	queryFn: () => api.get("/items", { query: given({ deployment, q, tag, cursor, limit: SHOWN }) }),
});
export const useItems = (...asked: Parameters<typeof itemsQuery>) =>
	useQuery({ ...itemsQuery(...asked), placeholderData: keepPreviousData });

const itemQuery = (deployment: string, id: string) => ({
	queryKey: ["items", id, deployment],
	queryFn: () => api.get("/items/{id}", { path: { id }, query: { deployment } }),
	staleTime: TITLES_MS,
});
export const useItem = (deployment: string, id: string) => useQuery(itemQuery(deployment, id));

/** The items with their titles; an unknown one, and one not answered yet, goes by its id. */
export const useTitled = (deployment: string, ids: string[]): Item[] =>
	useQueries({ queries: ids.map((id) => itemQuery(deployment, id)) }).map(
		({ data }, index) => data ?? { id: ids[index] ?? "", title: null },
	);

export const useSimilar = (deployment: string, item: string) =>
	useQuery({
		queryKey: ["items", item, deployment, "similar"],
		queryFn: () => api.get("/items/{id}/similar", { path: { id: item }, query: { n: SHOWN, deployment } }),
	});

/**
 * The list of a person, bent by what is asked; the one before stays while it is made. Without a body it is what they get
 * unasked, and what is looked at here is no outcome: a user with what is kept for them, a guest with a shelf an interest, since nothing else describes theirs.
 */
export const useList = (
	{ name: deployment, capabilities }: Deployment,
	person: Person,
	body: ReturnType<typeof bodyOf>,
	enabled = true,
) =>
	useQuery({
		queryKey: "user" in person ? [...keys.user(person.user, deployment), body] : ["guests", deployment, person, body],
		queryFn: () => {
			if (!("user" in person)) {
				const unasked = { n: SHOWN, ...(capabilities.includes("interests") && { shelves: true }) };
				return api.post("/recommendations", { body: { ...person, ...(body ?? unasked), deployment, record: false } });
			}
			const path = { id: person.user };
			return body === null
				? api.get("/users/{id}/recommendations", { path, query: { n: SHOWN, deployment, record: false } })
				: api.post("/users/{id}/recommendations", { path, body: { ...body, deployment, record: false } });
		},
		placeholderData: keepPreviousData,
		enabled,
	});

/** What is known of a user, from the dataset and from the feed that is served. */
export const useUser = (deployment: string, user: string, enabled: boolean) =>
	useQuery({
		queryKey: [...keys.user(user, deployment), "known"],
		queryFn: () => api.get("/users/{id}", { path: { id: user }, query: { deployment } }),
		enabled,
	});

export const useOutcomes = (name: string, inViewport: boolean) =>
	useQuery({
		queryKey: ["outcomes", name],
		queryFn: () => api.get("/deployments/{name}/outcomes", { path: { name } }),
		enabled: inViewport,
		staleTime: OUTCOMES_MS,
	});

export const useInterests = (deployment: string, user: string) =>
	useQuery({
		queryKey: [...keys.user(user, deployment), "interests"],
		queryFn: () => api.get("/users/{id}/interests", { path: { id: user }, query: { n: 8, deployment } }),
	});

/** A page of what a user has met, newest first. */
export const useHistory = (deployment: string, user: string, cursor: string | null) =>
	useQuery({
		queryKey: [...keys.user(user, deployment), "history", cursor],
		queryFn: () =>
			api.get("/users/{id}/history", {
				path: { id: user },
				query: { deployment, limit: 25, ...(cursor !== null && { cursor }) },
			}),
		placeholderData: keepPreviousData,
	});

export const steeringOf = (deployment: string, user: string) => ({ path: { id: user }, query: { deployment } });

/** Only for whom an answer said that something is kept: there is none of others. */
export const useKeptSteering = (deployment: string, user: string) =>
	useQuery({
		queryKey: keys.steering(user, deployment),
		queryFn: () => api.get("/users/{id}/steering", steeringOf(deployment, user)),
	});

export const useHidden = (deployment: string) =>
	useQuery({
		queryKey: [...keys.deployments, deployment, "hidden"],
		queryFn: () => api.get("/deployments/{name}/hidden", { path: { name: deployment } }),
	});

/** Asked again and again while somebody looks. */
export const useServing = (deployment: string, isSeen: boolean) =>
	useQuery({
		queryKey: ["serving", deployment],
		queryFn: () => api.get("/deployments/{name}/serving", { path: { name: deployment } }),
		enabled: isSeen,
		refetchInterval: TRAFFIC_MS,
	});
