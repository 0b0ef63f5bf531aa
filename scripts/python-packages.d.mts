export function installPython(folder: string, requirements: string): Promise<void>;
