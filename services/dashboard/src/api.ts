// The only file that fetches.
const KEY = "valence-api-key";
export const storeKey = (key: string) => sessionStorage.setItem(KEY, key);
export const hasKey = () => sessionStorage.getItem(KEY) !== null;
const authorization = (): Record<string, string> => {
	const key = sessionStorage.getItem(KEY);
	return key ? { authorization: `Bearer ${key}` } : {};
};

/** An answer that is a problem (RFC 9457); `errors` point at the fields. */
export class ProblemError extends Error {
	constructor(
		readonly status: number,
		readonly code: string,
		detail: string,
		readonly errors: { pointer: string; message: string }[],
	) {
		super(detail);
	}
}

const problemFrom = (status: number, text: string): ProblemError => {
	try {
		const { code, detail, errors = [] } = JSON.parse(text);
		return new ProblemError(status, code, detail, errors);
	} catch {
		return new ProblemError(status, "internal", `The service answered ${status}.`, []);
	}
};

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
	const response = await fetch(path, {
		method,
		headers: { ...authorization(), ...(body !== undefined && { "content-type": "application/json" }) },
		...(body !== undefined && { body: JSON.stringify(body) }),
	}).catch(() => {
		throw new ProblemError(0, "unavailable", "The service does not answer. Is it running?", []);
	});
	const text = await response.text();
	if (!response.ok) throw problemFrom(response.status, text);
	return (text ? JSON.parse(text) : null) as T;
}

/** The events of a run after the given one, as they come. */
export const openEvents = (run: string, after: number, signal: AbortSignal) =>
	fetch(`/runs/${run}/events`, { headers: { ...authorization(), "last-event-id": String(after) }, signal });

export const get = <T>(path: string) => call<T>("GET", path);
export const post = <T>(path: string, body?: unknown) => call<T>("POST", path, body);
export const put = <T>(path: string, body: unknown) => call<T>("PUT", path, body);
export const remove = (path: string) => call<null>("DELETE", path);

/** XMLHttpRequest, because fetch tells nothing of an upload's progress. */
export function upload<T>(path: string, form: FormData, onProgress: (fraction: number) => void): Promise<T> {
	return new Promise((resolve, reject) => {
		const request = new XMLHttpRequest();
		request.open("POST", path);
		for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
		request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
		request.onerror = () =>
			reject(new ProblemError(0, "unavailable", "The service does not answer. Is it running?", []));
		request.onload = () =>
			request.status < 300
				? resolve(JSON.parse(request.responseText) as T)
				: reject(problemFrom(request.status, request.responseText));
		request.send(form);
	});
}
