// One hook per query to refreshes. Polls quickly while one is open, and slowly while one may begin by itself.
import { useQuery } from "@tanstack/react-query";
import type { Deployment } from "@valence/client";
import { api } from "./api";
import { isOpen } from "./queries";

const OPEN_MS = 2_000;
const IDLE_MS = 10_000;
const SHOWN = 20;

export const refreshKeys = {
	/** Apart from the deployment: only what that says tells whether there is a rule to ask for. */
	of: (deployment: string) => ["refreshes", "of", deployment] as const,
	one: (id: string) => ["refreshes", id] as const,
};

/** Asked for only where the deployment says that there is one. */
export const useRefreshRule = ({ name, renews }: Pick<Deployment, "name" | "renews">) =>
	useQuery({
		queryKey: [...refreshKeys.of(name), "rule"],
		queryFn: () => api.get("/deployments/{name}/refresh", { path: { name } }),
		enabled: renews,
		refetchInterval: (query) => (isOpen(query.state.data?.last?.state) ? OPEN_MS : IDLE_MS),
	});

/** Newest first; of a deployment without a rule those it had before. */
export const useRefreshes = ({ name, renews }: Pick<Deployment, "name" | "renews">) =>
	useQuery({
		queryKey: [...refreshKeys.of(name), "list"],
		queryFn: () => api.get("/deployments/{name}/refreshes", { path: { name }, query: { limit: SHOWN } }),
		select: (page) => page.items,
		refetchInterval: (query) =>
			query.state.data?.items.some(({ state }) => isOpen(state)) ? OPEN_MS : renews ? IDLE_MS : false,
	});

export const useRefresh = (id: string) =>
	useQuery({
		queryKey: refreshKeys.one(id),
		queryFn: () => api.get("/refreshes/{id}", { path: { id } }),
		refetchInterval: (query) => (isOpen(query.state.data?.state) ? OPEN_MS : false),
	});
