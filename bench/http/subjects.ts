// What is measured: how each subject is asked, and which items its answers name.
import { post, type Question } from "./questions.js";
import type { SubjectName } from "./results.js";

export interface Person {
	user: string;
	/** By which they are known: what a guest with their history would tell. */
	items: string[];
}

export interface Subject {
	known: (person: Person) => Question;
	/** Null: it is not asked. */
	foldIn: ((person: Person) => Question) | null;
	/** What stands in an answer about one person. */
	answer: (body: unknown) => Answer;
}

export interface Answer {
	items: { id: string }[];
	answeredBy?: string;
}

const N = 20;
const likeOurs: Subject = {
	known: ({ user }) => ({ method: "GET", path: `/users/${encodeURIComponent(user)}/recommendations?n=${N}` }),
	foldIn: ({ items }) => post("/recommendations", { items, n: N }),
	answer: (body) => body as Answer,
};

export const SUBJECTS: Record<SubjectName, Subject> = {
	ours: likeOurs,
	ceiling: { ...likeOurs, foldIn: null },
	fastapi: likeOurs,
	bentoml: {
		known: ({ user }) => post("/recommend", { user, n: N }),
		foldIn: ({ items }) => post("/fold_in", { items, n: N }),
		answer: (body) => body as Answer,
	},
	"bentoml-batching": {
		known: ({ user }) => post("/recommend", { asked: [{ user, n: N }] }),
		foldIn: ({ items }) => post("/fold_in", { asked: [{ items, n: N }] }),
		answer: (body) => (body as [Answer])[0],
	},
	mlflow: {
		known: ({ user }) => post("/invocations", { dataframe_records: [{ user, n: N }] }),
		foldIn: null,
		answer: (body) => (body as { predictions: [Answer] }).predictions[0],
	},
};

/** Asks once. Throws when the answer is no 2xx. */
export async function askText(url: string, { method, path, headers, body }: Question): Promise<string> {
	const response = await fetch(`${url}${path}`, { method, headers: headers ?? {}, body: body ?? null });
	const text = await response.text();
	if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text.slice(0, 300)}`);
	return text;
}

export const ask = async (url: string, question: Question): Promise<unknown> =>
	JSON.parse(await askText(url, question));
