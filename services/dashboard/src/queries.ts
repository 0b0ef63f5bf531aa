// One hook per query. Polls only while something is still moving.

import { keepPreviousData, queryOptions, useQuery } from "@tanstack/react-query";
import type { ImportRule, JobState, MetricSeries, Model, Run, RunDetail } from "@valence/client";
import { api } from "./api";
import { ANY_ROLE, type Dropped, PREVIEW_BYTES } from "./import-wizard";
import type { requestOf } from "./keep";

const POLL_MS = 2_000;
export const isOpen = (state: JobState | undefined) => state === "QUEUED" || state === "RUNNING";

export const keys = {
	datasets: ["datasets"] as const,
	deployments: ["deployments"] as const,
	disk: ["disk"] as const,
	experiments: ["experiments"] as const,
	exports: ["exports"] as const,
	feeds: ["feeds"] as const,
	feed: (name: string) => ["feeds", name] as const,
	experiment: (id: string) => ["experiments", id] as const,
	run: (id: string) => ["runs", id] as const,
	user: (id: string, deployment: string) => ["users", id, deployment] as const,
	/** Apart from what else is known of a user: it is asked for only where there is some. */
	steering: (user: string, deployment: string) => ["steering", user, deployment] as const,
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

const MOST_SHOWN = 200;
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

const datasetsQuery = (key: string, failed: boolean) =>
	queryOptions({
		queryKey: [...keys.datasets, key],
		queryFn: () => api.get("/datasets", { query: { limit: MOST_SHOWN, failed } }),
		select: (page) => page.items,
		refetchInterval: (query) =>
			query.state.data?.items.some((dataset) => isOpen(dataset.state)) ? POLL_MS / 2 : false,
	});

export const useDatasets = () => useQuery(datasetsQuery("listed", false));

export const useDataset = (id: string) =>
	useQuery({
		queryKey: [...keys.datasets, "one", id],
		queryFn: () => api.get("/datasets/{id}", { path: { id } }),
		refetchInterval: (query) => (isOpen(query.state.data?.state) ? POLL_MS / 2 : false),
	});

/** How the beginnings of files are read under a rule; the answer before stays while another is asked for. */
export const usePreview = (files: Dropped[], rule: ImportRule, enabled: boolean) =>
	useQuery({
		queryKey: ["preview", files.map(({ file, role }) => [file.name, file.size, file.lastModified, role]), rule],
		queryFn: () => {
			const form = new FormData();
			form.set("rule", JSON.stringify(rule));
			for (const { file, role } of files) form.append(role ?? ANY_ROLE, file.slice(0, PREVIEW_BYTES), file.name);
			return api.post("/datasets/preview", { body: form });
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

export const useExperiment = (id: string) =>
	useQuery({
		queryKey: keys.experiment(id),
		queryFn: () => api.get("/experiments/{id}", { path: { id } }),
		refetchInterval: (query) => (isOpen(query.state.data?.state) ? POLL_MS : false),
	});

/** The latest run of a model on a dataset that has succeeded, in an experiment of which all have; null where there is none. */
export const precedentQuery = (dataset: string | null, model: string) =>
	queryOptions({
		queryKey: ["precedent", dataset, model],
		queryFn: async (): Promise<RunDetail | null> => {
			const asked = { ...(dataset !== null && { dataset }), model, state: "SUCCEEDED", limit: 1 } as const;
			const [latest] = (await api.get("/experiments", { query: asked })).items;
			if (!latest) return null;
			const { runs } = await api.get("/experiments/{id}", { path: { id: latest.id } });
			const last = runs.filter((run) => run.model === model && run.trainSeconds !== null).at(-1);
			return last ? api.get("/runs/{id}", { path: { id: last.id } }) : null;
		},
		enabled: dataset !== null,
		staleTime: 60_000,
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
