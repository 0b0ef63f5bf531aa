// One hook per query to keys and to the audit log.
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { api } from "./api";

const POLL_MS = 5_000;
const SHOWN = 50;
export const ACCESS = ["access"] as const;

export const useKeys = (revoked: boolean, cursor: string | null) =>
	useQuery({
		queryKey: [...ACCESS, "keys", revoked, cursor],
		queryFn: () => api.get("/keys", { query: { limit: SHOWN, revoked, ...(cursor !== null && { cursor }) } }),
		placeholderData: keepPreviousData,
	});

/** The newest are asked for again while somebody looks. */
export const useAudit = (by: string | null, cursor: string | null) =>
	useQuery({
		queryKey: [...ACCESS, "audit", by, cursor],
		queryFn: () =>
			api.get("/audit", {
				query: { limit: SHOWN, ...(by !== null && { by }), ...(cursor !== null && { cursor }) },
			}),
		placeholderData: keepPreviousData,
		refetchInterval: cursor === null ? POLL_MS : false,
	});
