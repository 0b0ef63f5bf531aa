// The Helm chart rendered for each of its examples, and how to find one's way in that.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";

export const CHART = "deploy/helm/valence";
export const TOOLS = "deploy/helm/.venv/bin";
/** On other than Linux on x86-64 the one of the environment does not run. */
export const HELM = process.env.HELM ?? join(TOOLS, "helm");
/** Of operators, which Kubernetes has no schema for. */
export const FOREIGN = ["ScaledObject", "TriggerAuthentication", "ServiceMonitor"];

export interface Variable {
	name: string;
	value?: string;
	valueFrom?: { secretKeyRef?: { name: string; key: string }; fieldRef?: { fieldPath: string } };
}
export interface Probe {
	httpGet?: { path: string; port: string; httpHeaders: { name: string; value: string }[] };
	grpc?: { port: number };
	exec?: { command: string[] };
}
export interface Container {
	name: string;
	image: string;
	command?: string[];
	env: Variable[];
	ports?: { name: string; containerPort: number }[];
	startupProbe?: Probe;
	livenessProbe?: Probe;
	readinessProbe?: Probe;
	resources: { requests: Record<string, string>; limits: Record<string, string | number> };
	volumeMounts?: { name: string; mountPath: string; readOnly?: boolean }[];
	securityContext: object;
}
export interface PodSpec {
	automountServiceAccountToken: boolean;
	securityContext: { runAsNonRoot: boolean; runAsUser: number };
	containers: Container[];
	volumes?: { name: string; emptyDir?: object; persistentVolumeClaim?: { claimName: string } }[];
	tolerations?: object[];
	nodeSelector?: object;
}
export interface Resource {
	apiVersion: string;
	kind: string;
	metadata: { name: string; labels: Record<string, string>; annotations?: Record<string, string> };
	// biome-ignore lint/suspicious/noExplicitAny: each kind has another
	spec: any;
}

export const run = (command: string, ...args: string[]) => spawnSync(command, args, { encoding: "utf8" });
export const render = (...args: string[]) => run(HELM, "template", "valence", CHART, "--namespace", "rec", ...args);
const parsed = (text: string) =>
	parseAllDocuments(text, { merge: true })
		.map((document) => document.toJS() as Resource | null)
		.filter((one): one is Resource => one !== null);

export const EXAMPLES = ["trial", "external", "gpu", "everything"] as const;
type Example = (typeof EXAMPLES)[number];
export const rendered = Object.fromEntries(
	EXAMPLES.map((name) => {
		const { stdout, stderr } = render("-f", `${CHART}/examples/${name}.yaml`);
		if (stdout === null || stderr !== "") throw new Error(`${name}: ${stderr ?? `${HELM} does not run`}`);
		return [name, parsed(stdout)];
	}),
) as Record<Example, Resource[]>;

export const of = (example: Example, kind: string) => rendered[example].filter((one) => one.kind === kind);
export function one(example: Example, kind: string, name: string): Resource {
	const found = of(example, kind).find(({ metadata }) => metadata.name === `valence${name}`);
	if (!found) throw new Error(`${example} has no ${kind} valence${name}`);
	return found;
}
export const podsOf = (resources: Resource[]) =>
	resources.flatMap((each) => {
		const template = each.spec?.template as { metadata: Resource["metadata"]; spec: PodSpec } | undefined;
		return template ? [{ name: each.metadata.name, labels: template.metadata.labels, spec: template.spec }] : [];
	});
export const pods = EXAMPLES.flatMap((example) =>
	podsOf(rendered[example]).map((pod) => [`${pod.name} of ${example}`, pod] as const),
);
export const containerOf = (resource: Resource, name: string) => {
	const found = (resource.spec.template.spec as PodSpec).containers.find((each) => each.name === name);
	if (!found) throw new Error(`no container ${name}`);
	return found;
};
export const variableOf = (container: Container, name: string) =>
	container.env.find((each) => each.name === name)?.value;
export const selects = (selector: Record<string, string>, labels: Record<string, string>) =>
	Object.entries(selector).every(([name, value]) => labels[name] === value);
