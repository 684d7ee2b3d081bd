import type { Host } from './ports.js';
import { TOOLS } from './tools.js';
import type { ToolName } from './tools.js';

/** The telling line of what a program prints about its version, at most 120 characters. */
export function versionLine(text: string): string | undefined {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const line = lines.find((l) => /\d+\.\d+/.test(l)) ?? lines.find((l) => /\d/.test(l)) ?? lines[0];
  return line?.slice(0, 120);
}

/** Asks a program for its version. Programs that cannot tell count as `installed`. */
export async function probeVersion(host: Host, tool: ToolName): Promise<string> {
  const args = TOOLS[tool].versionArgs;
  if (args.length === 0) return 'installed';
  const result = await host.exec({
    tool,
    args,
    purpose: 'ask for its version',
    mutates: false,
    timeoutMs: 20_000,
    okExitCodes: Array.from({ length: 128 }, (_, code) => code),
  });
  return versionLine(`${result.stdout}\n${result.stderr}`) ?? 'installed';
}
