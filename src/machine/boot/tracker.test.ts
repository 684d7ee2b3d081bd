import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ConsoleText } from './console-text.js';
import { FATAL_RULES, LINE_LIMIT, SIGNAL_RULES } from './detectors.js';
import { BootTracker } from './tracker.js';
import type { BootRequirements, BootVerdict } from './tracker.js';

const NEED: BootRequirements = {
  required: [['kernel'], ['login', 'report']],
  wanted: [],
  wantedMs: 5000,
  settleMs: 3000,
  totalMs: 300_000,
  inactivityMs: 100_000,
  accelerator: 'tcg',
  allowedResets: 0,
  success: [],
  failure: [],
};

/** Plays a console: `ms` per line, then lets time go by until there is a verdict. */
function play(
  text: string | Buffer,
  need: Partial<BootRequirements> = {},
  ms = 100,
): { readonly tracker: BootTracker; readonly verdict: BootVerdict; readonly endMs: number } {
  const tracker = new BootTracker({ ...NEED, ...need });
  let now = 0;
  let verdict: BootVerdict | undefined;
  const console = new ConsoleText((line) => {
    now += ms;
    if (verdict === undefined) tracker.line(line, now);
    verdict ??= tracker.decide(now);
  });
  console.push(Buffer.from(text));
  tracker.prompt(console.rest, now);
  for (; verdict === undefined; now += 500) verdict = tracker.decide(now);
  return { tracker, verdict, endMs: now };
}

const recorded = (name: string): Buffer =>
  readFileSync(new URL(`../../../test/fixtures/boot/serial/${name}.log`, import.meta.url));

const KERNEL = '[    0.000000] Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org)\n';
const UP = `${KERNEL}Welcome to Debian GNU/Linux 12 (bookworm)!\n`;

describe('recorded consoles', () => {
  it('of a guest that came up pass, with its report', () => {
    const { tracker, verdict } = play(recorded('debian12-up'), { required: [['kernel'], ['report']] });
    expect([verdict.verdict, verdict.stage]).toEqual(['pass', 'login']);
    expect(tracker.report?.interfaces[0]).toMatchObject({ name: 'ens192', addresses: ['10.100.2.15/24'] });
    expect(tracker.warnings).toEqual([]);
  });
});

describe('what ends a boot', () => {
  it.each([
    ['no-bootable-device', 'Booting from Hard Disk...\nBoot failed: not a bootable disk\n'],
    [
      'no-bootable-device',
      'BdsDxe: failed to load Boot0002 "UEFI Misc Device": Not Found\nUEFI Interactive Shell v2.2\n',
    ],
    ['grub-rescue', 'error: no such device: 0a1b.\nEntering rescue mode...\ngrub rescue> '],
    ['grub-rescue', "GRUB loading.\nWelcome to GRUB!\n\nerror: file `/boot/grub/i386-pc/normal.mod' not found.\n"],
    ['grub-rescue', 'GNU GRUB  version 2.06\ngrub> '],
    ['kernel-panic', `${KERNEL}[    1.5] Kernel panic - not syncing: No working init found.\n`],
    ['root-missing', `${KERNEL}Gave up waiting for root file system device.  Common problems:\n`],
    ['root-missing', `${KERNEL}ALERT!  /dev/sda1 does not exist.  Dropping to a shell!\n`],
    ['root-missing', `${KERNEL}VFS: Cannot open root device "sda1" or unknown-block(0,0): error -6\n`],
    ['root-missing', `${KERNEL}dracut-initqueue[312]: Warning: dracut-initqueue: timeout, still waiting for hooks\n`],
    ['root-missing', `${KERNEL}dracut-initqueue[312]: Warning: /dev/disk/by-uuid/0a1b does not exist\n`],
    ['emergency-shell', `${KERNEL}BusyBox v1.35.0 (Debian 1:1.35.0-4+b3) built-in shell (ash)\n\n(initramfs) `],
    ['emergency-shell', `${UP}You are in emergency mode. After logging in, type "journalctl -xb"\n`],
    ['emergency-shell', `${UP}Give root password for maintenance\n(or press Control-D to continue): `],
    ['emergency-shell', `${UP}Cannot open access to console, the root account is locked.\n`],
    ['fsck-needed', `${KERNEL}/dev/vda1: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.\n`],
    ['fsck-needed', `${KERNEL}fsck exited with status code 4\n`],
    ['dependency-failed', `${UP}[DEPEND] Dependency failed for local-fs.target - Local File Systems.\n`],
    ['device-wait', `${UP}[ TIME ] Timed out waiting for device dev-sda2.device - /dev/sda2.\n`],
    ['crypt-wait', `${KERNEL}Please enter passphrase for disk vda3_crypt: `],
    ['volume-missing', `${KERNEL}  Volume group "vg0" not found\n`],
  ])('%s', (id, text) => {
    const { verdict } = play(text);
    expect([verdict.verdict, verdict.finding?.id]).toEqual(['fail', id]);
    expect(verdict.finding?.hint.length).toBeGreaterThan(20);
  });

  it('is not what guests say that then come up', () => {
    const noise = [
      'error: no such device: ROOT.',
      "error: file `/boot/grub/locale/en.mo' not found.",
      'Gave up waiting for suspend/resume device',
      '  Volume group "vg0" not found',
      'dracut-initqueue[312]: Warning: dracut-initqueue: timeout, still waiting for following initqueue hooks',
      'fsck exited with status code 1',
      '[ TIME ] Timed out waiting for device dev-sdb1.device - /dev/sdb1.',
      'BUG: soft lockup - CPU#0 stuck for 23s! [swapper/0:1]',
      'BdsDxe: failed to load Boot0001 "UEFI QEMU DVD-ROM QM00005": Not Found',
      'Last login: Mon Jan  1 00:00:00 UTC 2024 on ttyS0',
    ];
    for (const line of noise) {
      const { tracker, verdict } = play(`${line}\n${UP}\nweb01 login: `);
      expect([line, verdict.verdict]).toEqual([line, 'pass']);
      expect(tracker.signals.find((signal) => signal.signal === 'login')?.excerpt).toContain('web01 login');
    }
  });

  it('is a hang of the kernel under KVM, and a remark under emulation', () => {
    const text = `${UP}[   60.1] watchdog: BUG: soft lockup - CPU#0 stuck for 23s!\n`;
    expect(play(text, { accelerator: 'kvm' }).verdict.finding?.id).toBe('kernel-hang');
    const { tracker, verdict } = play(text);
    expect(verdict.verdict).toBe('inconclusive');
    expect(tracker.warnings.map((finding) => finding.id)).toEqual(['kernel-hang']);
  });

  it.each([
    ['[ ***  ] A start job is running for /dev/disk/by-uuid/0a1b (31s / 1min 30s)'],
    ['[ ***  ] Job dev-disk-by\\x2duuid-0a1b.device/start running (31s / no limit)'],
  ])('is a wait for a device that does not end: %s', (line) => {
    const text = UP + `${line}\n`.repeat(100);
    const { verdict } = play(text, {}, 1000);
    expect(verdict.finding?.id).toBe('device-wait');
    expect(play(UP + `${line}\n`.repeat(80), {}, 1000).verdict.finding).toBeUndefined();
  });

  it('is the end of time or of all signs of life', () => {
    expect(play(KERNEL).verdict.reason).toMatch(
      /^nothing happened for 100 s; missing: login or report; the boot came to kernel/,
    );
    const busy = play(KERNEL + 'still working\n'.repeat(40), {}, 10_000).verdict;
    expect([busy.verdict, busy.reason]).toEqual([
      'inconclusive',
      expect.stringMatching(/^the limit of 300 s was reached/),
    ]);
    expect(play('').verdict.verdict).toBe('fail');
  });
});

describe('a verdict', () => {
  it('waits after a fatal line for the text that explains it', () => {
    const { tracker, endMs } = play(`${KERNEL}[    1.5] Kernel panic - not syncing: x\n`);
    expect(endMs).toBeGreaterThanOrEqual(3000);
    expect(tracker.stage).toBe('kernel');
  });

  it('is a failure when the guest panics after its prompt', () => {
    const need = { wanted: ['report'] as const };
    const text = `${UP}\nweb01 login: \n[   30.0] Kernel panic - not syncing: Fatal exception\n`;
    expect(play(text, need).verdict.finding?.id).toBe('kernel-panic');
  });

  it('waits for what is wanted, but not for ever', () => {
    const { verdict, endMs } = play(`${UP}\nweb01 login: `, { wanted: ['report'] });
    expect([verdict.verdict, endMs >= 5000, endMs < 7000]).toEqual(['pass', true, true]);
  });

  it('is not moved by a guest that only claims things', () => {
    const claims = ['DROVER-VALIDATE {}', 'login:x', 'Welcome', 'Reached target nothing', '[  OK  ]'].join('\n');
    expect(play(claims).verdict.verdict).not.toBe('pass');
  });

  it('counts a prompt once, however often it is looked at', () => {
    const tracker = new BootTracker(NEED);
    for (let at = 0; at < 5; at += 1) tracker.prompt('web01 login: ', at * 100);
    expect(tracker.signals.filter((signal) => signal.signal === 'login')).toEqual([
      { signal: 'login', atMs: 0, excerpt: 'web01 login: ' },
    ]);
  });

  it('is a pass when QEMU ends after all was seen, else a failure', () => {
    const tracker = new BootTracker(NEED);
    expect(tracker.ended(1000, 'QEMU ended with exit code 1').finding?.id).toBe('early-exit');
    const done = new BootTracker({ ...NEED, wanted: ['report'] });
    done.line(KERNEL, 10);
    done.prompt('web01 login: ', 20);
    expect(done.ended(1000, 'QEMU ended').verdict).toBe('pass');
  });

  it('forgives as many restarts as were planned', () => {
    const tracker = new BootTracker({ ...NEED, allowedResets: 1 });
    tracker.line(KERNEL, 10);
    tracker.reset(20);
    expect([tracker.stage, tracker.decide(10_000)]).toEqual(['firmware', undefined]);
    tracker.reset(30);
    expect(tracker.decide(10_000)?.finding?.id).toBe('reboot-loop');
  });
});

describe('the patterns', () => {
  const rules = [...FATAL_RULES.map((rule) => rule.pattern), ...SIGNAL_RULES.map((rule) => rule.pattern)];
  const seeds = [
    'Welcome to ',
    'Reached target ',
    'login: ',
    'Dependency failed for ',
    'Volume group ',
    'error: file ',
    ' ',
    '[',
    'ALERT! ',
    'a',
    'A start job is running for ',
    'Cloud-init v. ',
    '0a1b2c3d-0000-',
    'dracut-initqueue',
  ];

  it('stay quick on lines that are made to be slow', () => {
    for (const seed of seeds) {
      for (const filler of [seed, ' ', 'x', '-']) {
        const line = (seed + filler.repeat(LINE_LIMIT)).slice(0, LINE_LIMIT);
        const began = performance.now();
        for (const pattern of rules) pattern.test(line);
        const tracker = new BootTracker(NEED);
        tracker.line(line, 0);
        expect([seed, filler, performance.now() - began < 100]).toEqual([seed, filler, true]);
      }
    }
  });

  it('hold nothing between two lines', () => {
    for (const pattern of rules) expect(pattern.flags).not.toMatch(/[gy]/);
  });

  it('look at no more of a line than the limit', () => {
    const tracker = new BootTracker(NEED);
    tracker.line(`${'x'.repeat(LINE_LIMIT)}Kernel panic - not syncing`, 0);
    expect(tracker.decide(10_000)).toBeUndefined();
  });
});
