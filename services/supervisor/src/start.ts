// npm start: the service on 127.0.0.1:3000 until Ctrl-C, its data in .valence/.
import { runForever } from "./forever.js";

await runForever();
