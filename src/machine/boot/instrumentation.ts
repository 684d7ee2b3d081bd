/**
 * What is put into the throw-away copy of a guest so that it can be proven without a serial console of its own: kernel arguments
 * for one, and a unit that reports at the end of boot. Contents only; the products never get them.
 */
import type { NicExpectation } from '../../model/index.js';

/** The serial console comes last, so that it becomes /dev/console; the screen keeps what it had. */
const CONSOLE_ARGUMENTS = 'console=tty0 console=ttyS0,115200n8 systemd.show_status=1';

export interface InstrumentFile {
  /** Absolute path in the guest. */
  readonly path: string;
  readonly content: string;
  readonly mode: number;
}

const INSTRUMENT_UNIT = 'drover-validate.service';
export const INSTRUMENT_LINK = {
  path: `/etc/systemd/system/multi-user.target.wants/${INSTRUMENT_UNIT}`,
  target: `/etc/systemd/system/${INSTRUMENT_UNIT}`,
} as const;

const SAFE_WORD = /^[A-Za-z0-9:./_%@-]{1,80}$/;

/** One word per adapter for the shell: MAC, name, method, addresses without prefix length. */
function expectationWords(nics: readonly NicExpectation[]): string {
  const words: string[] = [];
  for (const nic of nics) {
    if (nic.method !== 'dhcp' && nic.method !== 'static') continue;
    const addresses = nic.addresses.map((address) => address.split('/')[0] ?? '').filter((a) => SAFE_WORD.test(a));
    const key = nic.mac?.toLowerCase() ?? nic.ifname ?? '';
    if (!SAFE_WORD.test(key)) continue;
    words.push(`'${[key, nic.method, addresses.join(',')].join('|')}'`);
  }
  return words.join(' ');
}

export interface ReportPatience {
  /** Longest wait for systemd to finish starting, in seconds from the start of the script. */
  readonly settleS: number;
  /** Longest wait for addresses after that. */
  readonly addressS: number;
}

/**
 * The reporting script, for any POSIX shell with ip, systemctl, sed, tr and cksum. It waits until systemd has settled and the
 * adapters have their addresses, and then sends its line several times; when its patience ends it tells what is there.
 */
export function instrumentScript(nics: readonly NicExpectation[], patience: ReportPatience): string {
  return `#!/bin/sh
# Report of a boot proof. This file exists only in a throw-away copy of the machine.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
settle_s=${Math.round(patience.settleS)}
address_s=${Math.round(patience.addressS)}
net=\${DROVER_SYS:-/sys}/class/net
tty=\${DROVER_TTY:-/dev/ttyS0}
proc=\${DROVER_PROC:-/proc}

quote() {
  printf '"%s"' "$(printf '%s' "$1" | tr -d '\\000-\\037\\177' | sed 's/\\\\/\\\\\\\\/g; s/"/\\\\"/g')"
}

uptime_s() {
  read -r up rest < "$proc/uptime"
  echo "\${up%%.*}"
}

mac_of() {
  if [ -r "$net/$1/bonding_slave/perm_hwaddr" ]; then cat "$net/$1/bonding_slave/perm_hwaddr"
  elif [ -r "$net/$1/address" ]; then cat "$net/$1/address"
  fi
}

master_of() {
  if [ -L "$net/$1/master" ]; then
    link=$(readlink "$net/$1/master")
    echo "\${link##*/}"
  fi
}

addresses_of() {
  ip -o addr show dev "$1" scope global 2>/dev/null | while read -r index name family address rest; do
    case $family in inet|inet6) echo "$address" ;; esac
  done
}

# The interface for a MAC or a name.
find_interface() {
  for dir in "$net"/*; do
    name=\${dir##*/}
    [ "$name" = lo ] && continue
    if [ "$name" = "$1" ] || [ "$(mac_of "$name")" = "$1" ]; then
      echo "$name"
      return
    fi
  done
}

is_ready() {
  for want in "$@"; do
    key=\${want%%|*}
    rest=\${want#*|}
    method=\${rest%%|*}
    expected=\${rest#*|}
    name=$(find_interface "$key")
    [ -n "$name" ] || return 1
    have="$(addresses_of "$name") "
    master=$(master_of "$name")
    [ -n "$master" ] && have="$have $(addresses_of "$master") "
    case $method in
      dhcp) case $have in *[0-9].[0-9]*) ;; *) return 1 ;; esac ;;
      static)
        while [ -n "$expected" ]; do
          one=\${expected%%,*}
          case $expected in *,*) expected=\${expected#*,} ;; *) expected= ;; esac
          case " $(echo $have) " in *" $one/"*|*" $one "*) ;; *) return 1 ;; esac
        done
        ;;
    esac
  done
}

is_settled() {
  case $(systemctl is-system-running 2>/dev/null) in initializing|starting) return 1 ;; esac
}

interfaces_json() {
  first=1
  for dir in "$net"/*; do
    name=\${dir##*/}
    [ -e "$dir/address" ] || continue
    [ "$name" = lo ] && continue
    [ $first = 1 ] || printf ,
    first=0
    printf '{"name":%s,"mac":%s,"state":%s,"addresses":[' \\
      "$(quote "$name")" "$(quote "$(mac_of "$name")")" "$(quote "$(cat "$dir/operstate" 2>/dev/null)")"
    comma=
    for address in $(addresses_of "$name"); do
      printf '%s%s' "$comma" "$(quote "$address")"
      comma=,
    done
    printf ']'
    master=$(master_of "$name")
    [ -n "$master" ] && printf ',"master":%s' "$(quote "$master")"
    printf '}'
  done
}

routes_json() {
  comma=
  { ip -4 -o route show default; ip -6 -o route show default; } 2>/dev/null | while read -r line; do
    via=
    dev=
    set -- $line
    while [ $# -gt 1 ]; do
      case $1 in via) via=$2 ;; dev) dev=$2 ;; esac
      shift
    done
    printf '%s{"via":%s,"dev":%s}' "$comma" "$(quote "$via")" "$(quote "$dev")"
    comma=,
  done
}

failed_json() {
  comma=
  systemctl list-units --state=failed --plain --no-legend --no-pager --full 2>/dev/null | while read -r line; do
    set -- $line
    [ "\${1%.*}" = "$1" ] && shift
    [ -n "$1" ] || continue
    printf '%s%s' "$comma" "$(quote "$1")"
    comma=,
  done
}

set -- ${expectationWords(nics)}
end=$(($(uptime_s) + settle_s))
while ! is_settled && [ "$(uptime_s)" -lt "$end" ]; do
  sleep 1
done
end=$(($(uptime_s) + address_s))
while ! is_ready "$@" && [ "$(uptime_s)" -lt "$end" ]; do
  sleep 1
done

json="{\\"hostname\\":$(quote "$(cat "$proc/sys/kernel/hostname")"),\\"kernel\\":$(quote "$(uname -r)"),"
json="$json\\"interfaces\\":[$(interfaces_json)],\\"defaultRoutes\\":[$(routes_json)],"
json="$json\\"failedUnits\\":[$(failed_json)],\\"systemState\\":$(quote "$(systemctl is-system-running 2>/dev/null)")}"
sum=$(printf '%s' "$json" | cksum)
for turn in 1 2 3 4 5; do
  printf '\\r\\nDROVER-VALIDATE %s %s\\r\\n' "$json" "$sum" > "$tty"
  sleep 2
done
`;
}

function unitText(scriptPath: string): string {
  // Of type simple, so that the unit itself does not keep systemd in the state "starting".
  return `[Unit]
Description=Report of the boot proof

[Service]
Type=simple
ExecStart=/bin/sh ${scriptPath}
StandardInput=null
`;
}

/** The files of the reporting unit. */
export function instrumentFiles(nics: readonly NicExpectation[], patience: ReportPatience): readonly InstrumentFile[] {
  const script = '/etc/drover-validate.sh';
  return [
    { path: script, content: instrumentScript(nics, patience), mode: 0o755 },
    { path: INSTRUMENT_LINK.target, content: unitText(script), mode: 0o644 },
  ];
}

/** Boot configurations by the way in which they hold kernel arguments. */
function argumentLine(path: string): RegExp | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (name === 'grub.cfg' || name === 'grub2.cfg') return /^[ \t]*linux(?:16|efi)?[ \t]+\S.*$/gm;
  if (name.endsWith('.conf') && /\/(?:extlinux|syslinux|isolinux)\//.test(path))
    return /^[ \t]*(?:append|APPEND)[ \t]+.*$/gm;
  if (name.endsWith('.conf') && /\/loader\/entries\//.test(path)) return /^options[ \t]+.*$/gm;
  return undefined;
}

/**
 * A boot configuration whose every entry has a serial console. Undefined when the file is not of a known kind or names no kernel,
 * so that nothing is to be written.
 */
export function withSerialConsole(path: string, text: string): string | undefined {
  const pattern = argumentLine(path);
  if (pattern === undefined) return undefined;
  const changed = text.replace(pattern, (line) =>
    line.endsWith('\\') ? line : `${line.trimEnd()} ${CONSOLE_ARGUMENTS}`,
  );
  return changed === text ? undefined : changed;
}
