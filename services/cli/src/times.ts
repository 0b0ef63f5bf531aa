// Moments as people say them.
export function ago(time: string): string {
	const seconds = Math.max(0, (Date.now() - Date.parse(time)) / 1000);
	if (seconds < 60) return "just now";
	if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
	return seconds < 129_600 ? `${Math.round(seconds / 3600)} h ago` : `${Math.round(seconds / 86_400)} days ago`;
}
