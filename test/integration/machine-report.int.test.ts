import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { instrumentScript, parseReportLine } from '../../src/machine/index.js';
import type { NicExpectation } from '../../src/model/index.js';

const dhcp: NicExpectation = { index: 0, mac: '00:50:56:3A:5B:7C', ifname: 'ens192', method: 'dhcp', addresses: [] };

describe('the reporting script', () => {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'drover-report-'));
    for (const [name, mac, state] of [
      ['ens192', '00:50:56:3a:5b:7c', 'up'],
      ['eth1', '52:54:00:00:00:01', 'up'],
      ['bond0', '52:54:00:00:00:01', 'up'],
      ['lo', '00:00:00:00:00:00', 'unknown'],
    ] as const) {
      mkdirSync(join(dir, 'sys/class/net', name), { recursive: true });
      writeFileSync(join(dir, 'sys/class/net', name, 'address'), `${mac}\n`);
      writeFileSync(join(dir, 'sys/class/net', name, 'operstate'), `${state}\n`);
    }
    writeFileSync(join(dir, 'sys/class/net/bonding_masters'), 'bond0\n');
    mkdirSync(join(dir, 'sys/class/net/eth1/bonding_slave'));
    writeFileSync(join(dir, 'sys/class/net/eth1/bonding_slave/perm_hwaddr'), '52:54:00:00:00:99\n');
    symlinkSync('../bond0', join(dir, 'sys/class/net/eth1/master'));
    mkdirSync(join(dir, 'proc/sys/kernel'), { recursive: true });
    writeFileSync(join(dir, 'proc/sys/kernel/hostname'), 'web "01" \\ é\n');
    writeFileSync(join(dir, 'proc/uptime'), '12.34 20.00\n');
    mkdirSync(join(dir, 'bin'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  function tool(name: string, body: string): void {
    writeFileSync(join(dir, 'bin', name), `#!/bin/sh\n${body}\n`);
    chmodSync(join(dir, 'bin', name), 0o755);
  }

  /** Runs the script with the machine of this test around it; waiting costs no time, but moves the clock of /proc. */
  function report(nics: readonly NicExpectation[], shell: readonly string[], state = 'running') {
    tool(
      'ip',
      `case "$*" in
*"addr show dev ens192"*) [ -e ${dir}/leased ] && echo '2: ens192    inet 10.0.2.15/24 brd 10.0.2.255 scope global dynamic ens192\\       valid_lft 86000sec' ;;
*"addr show dev bond0"*) echo '4: bond0    inet 192.0.2.7/24 scope global bond0'; echo '4: bond0    inet6 2001:db8::7/64 scope global' ;;
"-4 -o route show default") echo 'default via 10.0.2.2 dev ens192 proto dhcp src 10.0.2.15' ;;
esac`,
    );
    tool(
      'systemctl',
      `case $1 in
is-system-running) echo ${state}; [ ${state} = running ] ;;
list-units) echo '● foo.service loaded failed failed A thing'; echo 'bar@1.mount loaded failed failed B' ;;
esac`,
    );
    tool(
      'sleep',
      `touch ${dir}/leased; read -r up rest < ${dir}/proc/uptime; echo "$((\${up%%.*} + 1)).00 0" > ${dir}/proc/uptime`,
    );
    tool('uname', 'echo 6.1.0-18-amd64');
    const script = instrumentScript(nics, { settleS: 6, addressS: 4 }).replace(/^PATH=.*$/m, `PATH=${dir}/bin:$PATH`);
    const path = join(dir, 'report.sh');
    writeFileSync(path, script);
    const out = join(dir, 'tty');
    execFileSync(shell[0] as string, [...shell.slice(1), path], {
      env: { PATH: process.env['PATH'], DROVER_SYS: join(dir, 'sys'), DROVER_PROC: join(dir, 'proc'), DROVER_TTY: out },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const line =
      readFileSync(out, 'utf8')
        .split('\r\n')
        .find((text) => text.startsWith('DROVER')) ?? '';
    return { line, parsed: parseReportLine(line), uptime: readFileSync(join(dir, 'proc/uptime'), 'utf8') };
  }

  const shells = [['sh'], ['bash', '--posix'], ['busybox', 'sh']].filter(
    ([name]) => existsSync(`/bin/${name}`) || existsSync(`/usr/bin/${name}`),
  );

  it.each(shells)('tells the whole truth under %s', (...shell) => {
    const { parsed } = report([dhcp], shell);
    expect(parsed).toEqual({
      hostname: 'web "01" \\ é',
      kernel: '6.1.0-18-amd64',
      interfaces: [
        { name: 'bond0', mac: '52:54:00:00:00:01', state: 'up', addresses: ['192.0.2.7/24', '2001:db8::7/64'] },
        { name: 'ens192', mac: '00:50:56:3a:5b:7c', state: 'up', addresses: ['10.0.2.15/24'] },
        { name: 'eth1', mac: '52:54:00:00:00:99', state: 'up', addresses: [], master: 'bond0' },
      ],
      defaultRoutes: [{ via: '10.0.2.2', dev: 'ens192' }],
      failedUnits: ['foo.service', 'bar@1.mount'],
      systemState: 'running',
    });
  });

  const bonded: NicExpectation = {
    index: 1,
    mac: '52:54:00:00:00:99',
    method: 'static',
    addresses: ['192.0.2.7/24', '2001:db8::7'],
  };
  const elsewhere: NicExpectation = { ...bonded, addresses: ['192.0.2.70/24'] };

  // Every sleep moves the clock of the machine by a second; five of them are between the five times that the line is sent.
  it.each([
    ['not at all when all is there', [bonded], 'running', 0],
    ['for a lease', [dhcp], 'running', 1],
    ['for nothing when nothing is expected', [], 'degraded', 0],
    ['to its end for an address that never comes', [elsewhere], 'running', 4],
    ['to its end for a system that never settles', [bonded], 'starting', 6],
    ['for both, one after the other', [elsewhere], 'starting', 10],
  ])('waits %s', (_, nics, state, waited) => {
    const { uptime } = report(nics, ['sh'], state);
    expect(Number(uptime.split('.')[0]) - 12 - 5).toBe(waited);
  });
});
