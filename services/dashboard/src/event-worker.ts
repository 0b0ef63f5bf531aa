// The worker that all tabs of a browser share: it holds their one stream of events.
import { EventHub, type Watcher } from "./event-hub";
import { type FromWorker, openEvents, SILENT_MS, type ToWorker } from "./event-messages";

interface Tab extends Watcher {
	heard: number;
	/** It was silent for so long that it was left out; a sleeping computer silences tabs that are still there. */
	isDropped: boolean;
}

const tabs = new Set<Tab>();
/** Those of the tab that asked last: a key that was replaced is not used again. */
let headers: Record<string, string> = {};
const hub = new EventHub((positions, signal) => openEvents(positions, headers, signal));

function connect(port: MessagePort): void {
	const say = (message: FromWorker) => port.postMessage(message);
	const tab: Tab = { heard: Date.now(), isDropped: false, onEvent: say };
	const act = (message: ToWorker) => {
		if (message.type === "follow") {
			headers = message.headers;
			tabs.add(tab);
			hub.follow(tab, message.run, message.after);
		} else if (message.type === "leave") hub.leave(tab, message.run);
		else if (message.type === "hide") {
			tabs.delete(tab);
			hub.leaveAll(tab);
		}
	};
	port.onmessage = ({ data }: MessageEvent<ToWorker>) => {
		tab.heard = Date.now();
		// A hidden one says by itself what it follows once it is seen.
		if (tab.isDropped && data.type !== "hide") say({ type: "again" });
		tab.isDropped = false;
		act(data);
	};
}

(self as unknown as { onconnect: (event: MessageEvent) => void }).onconnect = ({ ports: [port] }) => {
	if (port) connect(port);
};

setInterval(() => {
	for (const tab of tabs) {
		if (Date.now() - tab.heard < SILENT_MS) continue;
		tab.isDropped = true;
		tabs.delete(tab);
		hub.leaveAll(tab);
	}
}, SILENT_MS);
