// The client of the service that this page came from, with the key of this tab; and what no client does: uploads that tell
// how far they are, and files that are saved.
import { connect, type Dataset, type FeedImport, Problem } from "@valence/client";

const KEY = "valence-api-key";
const keyInUse = () => sessionStorage.getItem(KEY);
export const storeKey = (key: string) => sessionStorage.setItem(KEY, key);
export const hasKey = () => keyInUse() !== null;
export const authorization = (): Record<string, string> => {
	const key = keyInUse();
	return key ? { authorization: `Bearer ${key}` } : {};
};

export const api = connect(window.location.origin, keyInUse);

/** Fetches a file with the key and saves it under the name that the service gives it. */
export async function download(path: string): Promise<void> {
	const response = await fetch(path, { headers: authorization() });
	if (!response.ok) throw await Problem.of(response);
	const [, name = "export"] = /filename="([^"]+)"/.exec(response.headers.get("content-disposition") ?? "") ?? [];
	const url = URL.createObjectURL(await response.blob());
	Object.assign(document.createElement("a"), { href: url, download: name }).click();
	URL.revokeObjectURL(url);
}

/** XMLHttpRequest, because fetch tells nothing of an upload's progress. */
function upload<T>(path: string, form: FormData, onProgress: (fraction: number) => void): Promise<T> {
	return new Promise((resolve, reject) => {
		const request = new XMLHttpRequest();
		request.open("POST", path);
		for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
		request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
		request.onerror = () =>
			reject(new Problem(0, "unavailable", "The service does not answer, or the upload was cut off. Is it running?"));
		request.onload = () =>
			request.status < 300
				? resolve(JSON.parse(request.responseText) as T)
				: reject(Problem.from(request.status, request.responseText));
		request.send(form);
	});
}

export const uploadDataset = (form: FormData, onProgress: (fraction: number) => void) =>
	upload<Dataset>("/datasets", form, onProgress);
export const uploadToFeed = (feed: string, form: FormData, onProgress: (fraction: number) => void) =>
	upload<FeedImport>(`/feeds/${feed}/imports`, form, onProgress);
