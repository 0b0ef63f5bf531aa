import { useEffect, useRef } from "react";
import { Panel } from "./facts";

const NEAR_THE_END_PX = 40;

/** The last lines of a log; stays at its end unless somebody reads further up. */
export function LogBox({ lines }: { lines: string[] }) {
	const box = useRef<HTMLDivElement>(null);
	const isAtEnd = useRef(true);
	// biome-ignore lint/correctness/useExhaustiveDependencies: a new line is what moves the end
	useEffect(() => {
		if (box.current && isAtEnd.current) box.current.scrollTop = box.current.scrollHeight;
	}, [lines]);
	return (
		<Panel title="Log">
			<div
				ref={box}
				className="log"
				role="log"
				aria-live="off"
				aria-label="Log lines"
				// biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard
				tabIndex={0}
				onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
					isAtEnd.current = scrollHeight - scrollTop - clientHeight < NEAR_THE_END_PX;
				}}
			>
				{lines.length > 0 ? lines.join("\n") : "Nothing was logged yet."}
			</div>
		</Panel>
	);
}
