import { describe, expect, it } from 'vitest';
import type { NicExpectation } from '../../model/index.js';
import { instrumentFiles, instrumentScript, withSerialConsole } from './instrumentation.js';
import { parseReportLine, posixCksum } from './report.js';

const dhcp: NicExpectation = { index: 0, mac: '00:50:56:3A:5B:7C', ifname: 'ens192', method: 'dhcp', addresses: [] };

describe('kernel arguments of the throw-away copy', () => {
  it.each([
    [
      '/boot/grub/grub.cfg',
      "menuentry 'x' {\n\tlinux\t/vmlinuz-6.1 root=UUID=1 ro quiet\n\tinitrd\t/initrd.img\n}\n",
      "menuentry 'x' {\n\tlinux\t/vmlinuz-6.1 root=UUID=1 ro quiet console=tty0 console=ttyS0,115200n8 systemd.show_status=1\n\tinitrd\t/initrd.img\n}\n",
    ],
    [
      '/boot/grub2/grub.cfg',
      '  linux16 /vmlinuz ro\n  linuxefi /vmlinuz ro  \n  linuxrc x\n',
      '  linux16 /vmlinuz ro console=tty0 console=ttyS0,115200n8 systemd.show_status=1\n  linuxefi /vmlinuz ro console=tty0 console=ttyS0,115200n8 systemd.show_status=1\n  linuxrc x\n',
    ],
    [
      '/boot/loader/entries/abc-5.14.conf',
      'title x\nlinux /vmlinuz-5.14\noptions root=UUID=1 $tuned_params\n',
      'title x\nlinux /vmlinuz-5.14\noptions root=UUID=1 $tuned_params console=tty0 console=ttyS0,115200n8 systemd.show_status=1\n',
    ],
    [
      '/boot/extlinux/extlinux.conf',
      'LABEL x\n  LINUX ../vmlinuz\n  APPEND root=UUID=1\n',
      'LABEL x\n  LINUX ../vmlinuz\n  APPEND root=UUID=1 console=tty0 console=ttyS0,115200n8 systemd.show_status=1\n',
    ],
    ['/boot/grub/grub.cfg', 'set timeout=5\n', undefined],
    ['/etc/default/grub', 'GRUB_CMDLINE_LINUX="linux "\n', undefined],
    ['/etc/modprobe.d/options.conf', 'options kvm x=1\n', undefined],
  ])('%s', (path, before, after) => expect(withSerialConsole(path, before)).toBe(after));
});

describe('the sum behind a report', () => {
  it.each([
    ['', 4294967295],
    ['hello', 3287646509],
    ['a'.repeat(1000), 145108180],
  ])('is that of cksum for %j', (text, sum) => expect(posixCksum(Buffer.from(text))).toBe(sum));
});

describe('the line of a report', () => {
  const json =
    '{"hostname":"web01","kernel":"6.1","interfaces":[{"name":"ens192","mac":"00:50:56:3A:5B:7C","state":"up","addresses":["10.0.2.15/24"]}],"defaultRoutes":[],"failedUnits":[],"systemState":"running"}';
  const line = (text: string): string =>
    `DROVER-VALIDATE ${text} ${posixCksum(Buffer.from(text))} ${Buffer.byteLength(text)}`;

  it('is read with its sum', () => {
    expect(parseReportLine(`[   12.3] ${line(json)}`)?.interfaces[0]).toEqual({
      name: 'ens192',
      mac: '00:50:56:3a:5b:7c',
      state: 'up',
      addresses: ['10.0.2.15/24'],
    });
  });

  it.each([
    ['cut', line(json).slice(0, -3)],
    ['with kernel text in its middle', line(json).replace('web01', 'we[  12.345678] usb 1-1: newb01')],
    ['without a sum', `DROVER-VALIDATE ${json}`],
    ['that is no JSON', line('{"hostname":"x"')],
    ['of another form', line('{"hostname":"x"}')],
    ['that is too long', line(`{"hostname":"${'x'.repeat(70_000)}","interfaces":[]}`)],
    ['that is something else', 'Debian GNU/Linux 12 web01 ttyS0'],
  ])('is not taken when it is %s', (_, text) => expect(parseReportLine(text)).toBeUndefined());

  it('loses control characters of the guest', () => {
    expect(parseReportLine(line('{"hostname":"a\\u001b[2Jb\\nc","interfaces":[]}'))?.hostname).toBe('a[2Jbc');
  });
});

describe('the reporting script', () => {
  it('lets no name of the plan become shell text', () => {
    const evil = { ...dhcp, mac: "x'; touch /tmp/evil; '", ifname: '$(touch /tmp/evil)' };
    const script = instrumentScript([evil, { ...dhcp, method: 'static', addresses: ['`id`', '10.0.0.1'] }], {
      settleS: 9,
      addressS: 9,
    });
    expect(script).not.toContain('evil');
    expect(script).not.toContain('`id`');
    expect(script).toContain("'00:50:56:3a:5b:7c|static|10.0.0.1'");
  });

  it('is started by a unit that does not hold up the boot', () => {
    const unit = instrumentFiles([dhcp], { settleS: 9, addressS: 9 }).find((file) => file.path.endsWith('.service'));
    expect(unit?.content).toContain('Type=simple');
    expect(unit?.content).toContain('ExecStart=/bin/sh /etc/drover-validate.sh');
  });
});
