// One hook per query. Polls only while something is still moving.

import { keepPreviousData, queryOptions, useQuery } from "@tanstack/react-query";
import {
	type Deployment,
	type ExperimentDetail,
	type ImportRule,
	type JobState,
	type MetricDefinition,
	type MetricSeries,
	type Model,
	type NewExperiment,
	previewForm,
	type Run,
	type ServedCheckpoint,
} from "@valence/client";
import { api } from "./api";
import { type ColumnChoices, type Dropped, filesToPreview } from "./import-wizard";
import type { requestOf } from "./keep";

const POLL_MS = 2_000;
export const isOpen = (state: JobState | undefined) => state === "QUEUED" || state === "RUNNING";

/** What has left values of single users. */
export interface Measured {
	kind: "runs" | "evaluations";
	id: string;
}

export const keys = {
	datasets: ["datasets"] as const,
	deployments: ["deployments"] as const,
	/** Others once something else is served. */
	served: (name: string, since: string) => ["deployments", name, "history", since] as const,
	disk: ["disk"] as const,
	experiments: ["experiments"] as const,
	exports: ["exports"] as const,
	feeds: ["feeds"] as const,
	feed: (name: string) => ["feeds", name] as const,
	feedImports: (name: string) => ["feeds", name, "imports"] as const,
	experiment: (id: string) => ["experiments", id] as const,
	run: (id: string) => ["runs", id] as const,
	users: ["users"] as const,
	user: (id: string, deployment: string) => ["users", id, deployment] as const,
	/** Apart from what else is known of a user: it is asked for only where there is some. */
	steering: (user: string, deployment: string) => ["steering", user, deployment] as const,
	userValues: (of: Measured) => [of.kind, of.id, "users"] as const,
	evaluations: (run: string) => ["runs", run, "evaluations"] as const,
};

export const useSystem = () =>
	useQuery({
		queryKey: ["system"],
		queryFn: () => api.get("/system"),
		staleTime: Number.POSITIVE_INFINITY,
		// What only the trainer knows comes once it is there.
		refetchInterval: (query) => (query.state.data?.version === null ? POLL_MS : false),
	});

/** All that a name has served; a deployment itself says the newest. */
export const useServed = ({ name, deployedAt }: Pick<Deployment, "name" | "deployedAt">, enabled: boolean) =>
	useQuery({
		queryKey: keys.served(name, deployedAt),
		queryFn: async () => {
			const all: ServedCheckpoint[] = [];
			for (let cursor: string | null | undefined; cursor !== null; ) {
				const query = { limit: MOST_SHOWN, ...(cursor && { cursor }) };
				const page = await api.get("/deployments/{name}/history", { path: { name }, query });
				all.push(...page.items);
				cursor = page.nextCursor;
			}
			return all;
		},
		enabled,
	});

const MOST_SHOWN = 200;
const USERS_SHOWN = 25;
export const measureDisk = (again: boolean) => api.get("/system/disk", { query: { limit: MOST_SHOWN, again } });
export const useDisk = () => useQuery({ queryKey: keys.disk, queryFn: () => measureDisk(false) });

/** What another rule would remove from an experiment as it is. */
export const useKeepPreview = (id: string, rule: ReturnType<typeof requestOf>, state: JobState, enabled: boolean) =>
	useQuery({
		queryKey: [...keys.experiment(id), "keep", rule, state],
		queryFn: () => api.get("/experiments/{id}/keep", { path: { id }, query: rule }),
		enabled,
	});

export const useModels = () =>
	useQuery({ queryKey: ["models"], queryFn: () => api.get("/models"), select: (page): Model[] => page.items });

/** Whether a model tells the interests of a user apart; false while that is asked for. */
export const useHasInterests = (model: string): boolean =>
	useModels().data?.some(({ name, capabilities }) => name === model && capabilities.includes("interests")) ?? false;

const NONE: MetricDefinition[] = [];
/** What can be measured; nothing while it is asked for. It changes only with a new version. */
export const useMetricDefinitions = (): MetricDefinition[] =>
	useQuery({
		queryKey: ["metric definitions"],
		queryFn: () => api.get("/metric-definitions"),
		staleTime: Number.POSITIVE_INFINITY,
	}).data?.items ?? NONE;

const datasetsQuery = (key: string, failed: boolean) =>
	queryOptions({
		queryKey: [...keys.datasets, key],
		queryFn: () => api.get("/datasets", { query: { limit: MOST_SHOWN, failed } }),
		select: (page) => page.items,
		refetchInterval: (query) =>
			query.state.data?.items.some((dataset) => isOpen(dataset.state)) ? POLL_MS / 2 : false,
	});

export const useDatasets = () => useQuery(datasetsQuery("listed", false));

/** None is asked for while `id` is empty. */
export const useDataset = (id: string) =>
	useQuery({
		queryKey: [...keys.datasets, "one", id],
		queryFn: () => api.get("/datasets/{id}", { path: { id } }),
		enabled: id !== "",
		refetchInterval: (query) => (isOpen(query.state.data?.state) ? POLL_MS / 2 : false),
	});

/** How the beginnings of files are read under a rule; the answer before stays while another is asked for. */
export const usePreview = (files: Dropped[], choices: ColumnChoices, rule: ImportRule, enabled: boolean) =>
	useQuery({
		queryKey: ["preview", files.map(({ file, role }) => [file.name, file.size, file.lastModified, role]), rule],
		queryFn: async () => {
			const sent = filesToPreview(files, choices).map(({ file, role }) => ({ file, role, name: file.name }));
			return api.post("/datasets/preview", { body: await previewForm(rule, sent) });
		},
		enabled: enabled && files.length > 0,
		placeholderData: keepPreviousData,
		retry: false,
		staleTime: Number.POSITIVE_INFINITY,
	});

/** Failed and cancelled imports among them. */
export const useImports = () => useQuery(datasetsQuery("imports", true));

export const useExperiments = (filter: URLSearchParams) =>
	useQuery({
		queryKey: [...keys.experiments, "list", filter.toString()],
		// What the address asks for, which the service looks at.
		queryFn: () => api.get("/experiments", { query: Object.fromEntries(filter) }),
		placeholderData: keepPreviousData,
		refetchInterval: (query) => (query.state.data?.items.some((one) => isOpen(one.state)) ? POLL_MS : false),
	});

/** Also while its refit is under way, or is about to begin by itself. */
const isMoving = ({ state, refit, refits, runs }: ExperimentDetail) =>
	isOpen(state) ||
	refits.some((run) => isOpen(run.state)) ||
	(refit && refits.length === 0 && runs.some((run) => run.state === "SUCCEEDED"));

export const useExperiment = (id: string) =>
	useQuery({
		queryKey: keys.experiment(id),
		queryFn: () => api.get("/experiments/{id}", { path: { id } }),
		refetchInterval: (query) => (query.state.data && isMoving(query.state.data) ? POLL_MS : false),
	});

/** What a launch would take; why it would be refused is an error of it. */
export const estimateQuery = (request: NewExperiment | null) =>
	queryOptions({
		queryKey: ["estimate", request],
		queryFn: () => api.post("/experiments/estimate", { body: request as NewExperiment }),
		enabled: request !== null,
		staleTime: 60_000,
		retry: false,
	});

export const runQuery = (id: string) =>
	queryOptions({
		queryKey: keys.run(id),
		queryFn: () => api.get("/runs/{id}", { path: { id } }),
		refetchInterval: (query) => (isOpen(query.state.data?.state) ? POLL_MS : false),
	});

export const useRun = (id: string) => useQuery(runQuery(id));

const lastEpochOf = (series: MetricSeries[] = []) =>
	Math.max(0, ...series.flatMap(({ points }) => points.map(({ epoch }) => epoch)));

/** The metrics of a run, asked for again until they reach the epoch that the run is known to have ended. */
export const seriesQuery = ({ id, epoch }: Pick<Run, "id" | "epoch">) =>
	queryOptions({
		queryKey: ["runs", id, "metrics"],
		queryFn: () => api.get("/runs/{id}/metrics", { path: { id } }),
		refetchInterval: (query) => (lastEpochOf(query.state.data?.series) < epoch ? POLL_MS / 4 : false),
	});

export const useEvaluations = (run: string) =>
	useQuery({
		queryKey: keys.evaluations(run),
		queryFn: () => api.get("/runs/{id}/evaluations", { path: { id: run } }),
		select: (answer) => answer.items,
		refetchInterval: (query) => (query.state.data?.items.some((one) => isOpen(one.state)) ? POLL_MS / 2 : false),
	});

/** The values of single users: in which order, from where, or of one of them. */
export function useUserValues(
	{ kind, id }: Measured,
	search: { sort?: string; order?: string; cursor?: string; user?: string },
) {
	const query = {
		limit: USERS_SHOWN,
		...search,
		order: search.order === "desc" ? ("desc" as const) : ("asc" as const),
	};
	return useQuery({
		queryKey: [...keys.userValues({ kind, id }), query],
		queryFn: () =>
			kind === "runs"
				? api.get("/runs/{id}/users", { path: { id }, query })
				: api.get("/evaluations/{id}/users", { path: { id }, query }),
		placeholderData: keepPreviousData,
	});
}

export const useCheckpoints = () =>
	useQuery({
		queryKey: ["checkpoints"],
		queryFn: () => api.get("/checkpoints", { query: { limit: MOST_SHOWN } }),
		select: (page) => page.items,
	});

export const checkpointsQuery = (run: string) =>
	queryOptions({
		queryKey: ["checkpoints", run],
		queryFn: () => api.get("/checkpoints", { query: { limit: MOST_SHOWN, run } }),
		select: (page) => page.items,
	});

export const useExports = (filter: URLSearchParams) =>
	useQuery({
		queryKey: [...keys.exports, filter.toString()],
		queryFn: () => api.get("/exports", { query: Object.fromEntries(filter) }),
		placeholderData: keepPreviousData,
		refetchInterval: (query) => (query.state.data?.items.some((one) => isOpen(one.state)) ? POLL_MS / 2 : false),
	});
