// The command line on a terminal (of util-linux's `script`), with somebody who answers its questions.
import { spawn } from 'node:child_process';
import { type Weir, binary } from './weir.js';

/** Each answer is typed when its question is on the screen; gives what the screen showed. */
export async function onTerminal(weir: Weir, command: string[], answers: [RegExp, string][]): Promise<string> {
  const child = spawn('script', ['-qefc', [binary, '-C', weir.dir, ...command].join(' '), '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  let shown = '';
  child.stdout.on('data', (part: Buffer) => {
    shown += part.toString();
    while (answers[0]?.[0].test(shown)) child.stdin.write(`${answers.shift()?.[1] ?? ''}\n`);
  });
  await ended;
  return shown;
}
