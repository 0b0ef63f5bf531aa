// The clock by which a process measures how long something takes.

/** From now on it is of a day later; returns what ends that. */
export function passADay(): () => void {
	const isNow = performance.now.bind(performance);
	Object.defineProperty(performance, "now", { configurable: true, value: () => isNow() + 86_400_000 });
	return () => void Object.defineProperty(performance, "now", { configurable: true, value: isNow });
}
